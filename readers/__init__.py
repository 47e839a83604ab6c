"""The read side: backends, the registry that chooses one, and the whole read API on top."""
