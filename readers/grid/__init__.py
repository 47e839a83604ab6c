"""What a caller asks for, as levels, rectangles, tile grids and frames; pure arithmetic."""
