"""Many slides in one run."""
