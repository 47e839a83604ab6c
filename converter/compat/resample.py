"""The reference's names of the ways to make lower levels: ``Sink.write(resample=)`` takes them."""

from enum import Enum

from ziggurat.writers.model.options import RESAMPLE_NAMES

ResampleMethod = Enum(  # type: ignore[misc]
    "ResampleMethod", [(name, number) for number, name in enumerate(RESAMPLE_NAMES)]
)

__all__ = ["ResampleMethod"]
