"""The public write API."""
