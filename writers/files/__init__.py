"""Outputs that appear whole or not at all; small files; the system's calls for both."""
