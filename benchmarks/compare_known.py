"""Differences from the reference whose reason is known."""


def reason(name, kind, source, verdict, case):
    """Return why an answer differs, or None."""
    return None
