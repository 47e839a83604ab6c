"""How the tests of the read API ask for pixels."""

from typing import Any


def numpy_region(source: Any, **arguments: Any) -> Any:
    pixels, kind = source.getRegion(format="numpy", **arguments)
    assert kind == "numpy"
    return pixels


def numpy_size(answer: Any) -> Any:
    return answer[0].shape[:2]
