"""Speed and memory, measured so that a sceptic can repeat it: ``python -m benchmarks run``."""
