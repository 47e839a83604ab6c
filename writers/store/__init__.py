"""The mapped chunk store: tiles in, locks, journal, growth, blending."""
