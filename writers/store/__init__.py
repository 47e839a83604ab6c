"""The mapped chunk store behind `interface`: tiles in, locks, journal, keys, growth, blending."""
