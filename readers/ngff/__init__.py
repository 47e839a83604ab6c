"""OME-NGFF metadata, both ways; pure."""
