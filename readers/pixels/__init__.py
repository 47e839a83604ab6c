"""The one path from a window to pixels: cache, threads, scaling, statistics."""
