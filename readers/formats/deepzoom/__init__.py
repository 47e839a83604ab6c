"""Pictures cut into tile files for the web. To add a kind: a function in ``layouts``."""
