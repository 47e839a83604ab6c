"""Functions that a style runs on pixels: given by code as callables, never by a name in data.

The two that are bundled (:func:`mask_pixel_values`, :func:`median_filter`) may be named, because
nothing but this module's own code runs then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from ziggurat.readers.errors import StyleError
from ziggurat.readers.model.reader import Pixels


class Stage(Enum):
    """When a function is run: around the whole style, or around one of its bands."""

    PRE = "pre"
    PRE_BAND = "preband"
    BAND = "band"
    POST_BAND = "postband"
    MAIN = "main"
    POST = "post"


@dataclass(frozen=True, slots=True)
class StyleFunction:
    """A callable ``f(image, context, **parameters) -> image`` and the stages that it runs at.

    ``image`` is (y, x, band); ``context`` is None, or the style's own facts where asked for.
    """

    call: Callable[..., Pixels]
    stages: tuple[Stage, ...] = (Stage.MAIN, Stage.BAND)
    parameters: Mapping[str, Any] = field(default_factory=dict)


def mask_pixel_values(
    image: Pixels,
    context: object = None,
    values: Sequence[float | Sequence[float]] = (),
    negative: float | Sequence[float] | None = None,
    positive: float | Sequence[float] | None = None,
) -> Pixels:
    """Set the pixels that match one of ``values`` to ``positive``, all others to ``negative``."""
    del context
    match = np.zeros(image.shape[:2], bool)
    for value in values:
        wanted = np.atleast_1d(np.asarray(value))[: image.shape[2]]
        match |= (image[..., : len(wanted)] == wanted).all(axis=2)
    result = image.copy()
    for mask, fill in ((match, positive), (~match, negative)):
        if fill is not None:
            color = np.atleast_1d(np.asarray(fill))[: image.shape[2]]
            result[mask, : len(color) if len(color) > 1 else None] = color
    return result


def median_filter(
    image: Pixels, context: object = None, kernel: int = 5, weight: float = 1.0
) -> Pixels:
    """Blend the image with its median over ``kernel`` x ``kernel`` pixels; weight 1: median only.

    The median is libvips's rank filter.
    """
    del context
    import pyvips

    source = pyvips.Image.new_from_array(np.ascontiguousarray(image))
    median = np.asarray(source.median(kernel).numpy()).reshape(image.shape)
    return np.asarray(image + (median.astype(np.float32) - image) * weight, image.dtype)


BUNDLED: dict[str, Callable[..., Pixels]] = {
    "maskPixelValues": mask_pixel_values,
    "medianFilter": median_filter,
}


def parse_functions(value: object) -> tuple[StyleFunction, ...]:
    """Parse a style's ``function``: a callable, a dict with ``name``, or a list of these.

    Raises
    ------
    StyleError
        A name that isn't bundled (code does not come from data), or an unknown stage or key.
    """
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        if len(value) > 16:
            raise StyleError(f"a style may have up to 16 functions, not {len(value)}")
        return tuple(function for item in value for function in parse_functions(item))
    if isinstance(value, Mapping):
        return (_from_dict(value),)
    return (StyleFunction(_callable(value)),)


def _from_dict(value: Mapping[str, object]) -> StyleFunction:
    unknown = set(value) - {"name", "stage", "parameters", "context"}
    if unknown:
        raise StyleError(f"unknown key {sorted(map(str, unknown))[:3]} in a style's function")
    stages = value.get("stage", ("main", "band"))
    names = (stages,) if isinstance(stages, str) else stages
    known = [stage.value for stage in Stage]
    if not isinstance(names, list | tuple) or not all(name in known for name in names):
        raise StyleError(f"the stage of a style's function must be one of {', '.join(known)}")
    parameters = value.get("parameters", {})
    if not isinstance(parameters, Mapping):
        raise StyleError("the parameters of a style's function must be a dict")
    return StyleFunction(
        _callable(value.get("name")), tuple(Stage(name) for name in names), dict(parameters)
    )


def _callable(value: object) -> Callable[..., Pixels]:
    if isinstance(value, str):
        bundled = BUNDLED.get(value.rpartition(".")[2])
        if bundled is None:
            raise StyleError(
                f"{value[:60]!r} is not a bundled style function ({', '.join(BUNDLED)}); code is "
                "never looked up by name: give the function itself"
            )
        return bundled
    if not callable(value):
        raise StyleError("a style's function must be a callable, or the name of a bundled one")
    return value


def run_functions(
    functions: Sequence[StyleFunction], stage: Stage, image: Pixels, context: object = None
) -> Pixels:
    """Run the functions of one stage in turn."""
    for function in functions:
        if stage in function.stages:
            image = np.asarray(function.call(image, context, **function.parameters))
    return image
