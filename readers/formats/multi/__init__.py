"""Images composed of other files by a YAML or JSON text, as the reference's ``multi`` files."""
