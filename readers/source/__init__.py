"""The public read API. To add a public method: the file of its subject here."""
