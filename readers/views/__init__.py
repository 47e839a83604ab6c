"""Readers over a reader: crop, pad, frames, bands, scales; arrays as images."""
