"""Halving pixels. To add a reducer: ``filters``."""
