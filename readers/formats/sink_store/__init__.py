"""A sink's store as an image, and how it lies on disk (the writers use the layout)."""
