"""Views that a conversion puts over its source."""
