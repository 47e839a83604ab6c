"""Words that calls of the reference share: taken by all of them; typos are told.

There every method takes any keyword, and leaves out what it has no use for: scripts hand one set
of arguments to ``getRegion``, ``tileIterator`` and ``getTile`` alike. Here the words that some
call of the family knows are taken by all, and any other is an error.
"""

import difflib
import functools
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Set
from typing import get_args, get_type_hints

# What a region, a tile or an iteration is told with; and what only says how to read or send it.
SHARED = frozenset(
    {
        "edge", "encoding", "fill", "format", "frame", "jpegQuality", "jpegSubsampling",
        "max_workers", "maxSize", "mayRedirect", "numpyAllowed", "output", "pilImageAllowed",
        "region", "resample", "scale", "sparseFallback", "style", "tiffCompression", "tile_offset",
        "tile_overlap", "tile_position", "tile_size",
    }
)  # fmt: skip
_NEAR = 0.8  # as alike as a word and its misspelling

_tolerant = False


def tolerate(on: bool = True) -> None:
    """Ignore words that are like no known one, with a debug message, from now on or no longer."""
    global _tolerant
    _tolerant = on


def shares_words[**P, T](*more: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a method take, and leave out, the shared words that its signature lacks, and ``more``."""
    return also_takes(*SHARED, *more)


def also_takes[**P, T](*more: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a method take, and leave out, words that its signature lacks."""

    def decorated(call: Callable[P, T]) -> Callable[P, T]:
        named = frozenset(_names(call))
        spare = frozenset(more) - named

        @functools.wraps(call)
        def taken(*arguments: P.args, **words: P.kwargs) -> T:
            if not words.keys() <= named:
                for word in useless_words(call.__name__, words, named, spare):
                    del words[word]
            return call(*arguments, **words)

        return taken

    return decorated


def _names(call: Callable[..., object]) -> Iterator[str]:
    """Yield the names of parameters, and those of ``**words: Unpack[…]``."""
    for name, parameter in inspect.signature(call).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (words,) = get_args(parameter.annotation)
            yield from get_type_hints(words)
        else:
            yield name


def useless_words(
    call: str, words: Mapping[str, object], named: Set[str], spare: Set[str]
) -> list[str]:
    """Return the words that a call has no use for.

    Parameters
    ----------
    call
        Its name.
    words
        What it was given.
    named
        What it uses.
    spare
        What it takes and leaves out.

    Raises
    ------
    TypeError
        Another word; the message names the nearest known one.
    """
    useless = [word for word in words if word not in named]
    for word in useless:
        if word not in spare:
            near = difflib.get_close_matches(word, sorted(named | spare), 1, _NEAR)
            if near or not _tolerant:
                advice = f"; did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"{call}() got an unexpected keyword argument {word!r}{advice}")
        logging.getLogger("ziggurat").debug("%s() has no use for %s=", call, word)
    return useless
