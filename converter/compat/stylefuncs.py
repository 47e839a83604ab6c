"""The bundled functions of styles under the reference's names."""

from ziggurat.readers.style.functions import BUNDLED

globals().update(BUNDLED)

__all__ = [*BUNDLED]
