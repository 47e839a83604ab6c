"""The one-pass engine that makes every level while the pixels pass once."""
