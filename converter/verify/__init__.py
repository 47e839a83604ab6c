"""Whether an output is what it should be."""
