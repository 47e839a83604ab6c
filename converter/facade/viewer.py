"""The viewer for other people's programs: an ASGI application, and a widget for notebooks."""

from ziggurat.converter.viewer.app import app
from ziggurat.converter.viewer.widget import view

__all__ = ["app", "view"]
