"""Whoever takes or gives arrays says their shape and dtype: what a caller can't see in types."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from types import FunctionType

import ziggurat
from tests.each import each

# Parameters that take arrays among other things, whatever their annotations say.
ARRAYS = {"array", "image", "levels", "mask", "places", "tile", "weight"}
# What gives arrays: by type, and the pairs and dictionaries that have them within.
TYPES = {"ndarray", "ArrayLike", "Array", "LevelArray", "LazyTileDict", "TileIterator", "Pixels"}
WITHIN = ("tuple[typing.Any, str]", "tuple[object, str]")
BY_NAME = {"getTile", "histogram"}

SHAPE = re.compile(
    r"\((?:(?:y|patch|batch|axes …|frame axes …|rows|bands?|bins(?: \+ 1)?),? ?)[^()]*\)"
)
DTYPE = re.compile(
    r"\b(?:dtype|bool|u?int\d+|float\d+|floats|integers|whole numbers|object array)\b"
)
UNIT = re.compile(r"\b(?:pixels|positions?|units)\b")
REFERENCE = re.compile(
    r"\b[Aa]s (?:of|in|a tile's in)? ?:meth:`~?(?:ziggurat\.)?(?:(\w+)\.)?(\w+)`"
)

type Member = tuple[str, Callable[..., object]]


def public() -> Iterator[Member]:
    """Every public function, and every public method and property of a public class."""
    for name in ziggurat.__all__:
        thing = getattr(ziggurat, name)
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            for member in (one for one in dir(thing) if not one.startswith("_")):
                found = inspect.getattr_static(thing, member)
                found = found.fget if isinstance(found, property) else found
                if isinstance(found, FunctionType):
                    yield f"{name}.{member}", found


def names_in(annotation: object) -> set[str]:
    """The last words of all types that an annotation names."""
    text = inspect.formatannotation(annotation).strip("'")
    nodes = list(ast.walk(ast.parse(text, mode="eval")))
    named = {node.id for node in nodes if isinstance(node, ast.Name)}
    return named | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def section(text: str, *titles: str) -> str:
    """The text below a title of a docstring, "" where there is none."""
    for title in titles:
        found = re.search(
            rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE
        )
        if found:
            return found[1]
    return ""


def parameter(text: str, name: str) -> str:
    """What a docstring says of a parameter, "" where it says nothing."""
    entries = re.split(r"^(?=\S)", section(text, "Parameters"), flags=re.MULTILINE)
    for entry in entries:
        head, _, said = entry.partition("\n")
        if name in re.split(r",\s*", head.strip()):
            return said
    return ""


def taken(function: Callable[..., object]) -> list[str]:
    found = inspect.get_annotations(function)
    return [
        name
        for name, kind in found.items()
        if name != "return" and (name in ARRAYS or names_in(kind) & TYPES)
    ]


def gives(name: str, function: Callable[..., object]) -> bool:
    kind = inspect.get_annotations(function).get("return")
    text = inspect.formatannotation(kind)
    return (
        bool(names_in(kind) & TYPES)
        or text.startswith(WITHIN)
        or name.rpartition(".")[2] in BY_NAME
    )


def documented(name: str) -> str:
    """The docstring of a member; of one that a sink overrides, the source's."""
    owner, _, member = name.rpartition(".")
    text = inspect.getdoc(
        getattr(getattr(ziggurat, owner), member) if owner else getattr(ziggurat, member)
    )
    if owner == "Sink" and f"``Source.{member}``" in (text or ""):
        return documented(f"Source.{member}")
    return text or ""


PUBLIC = dict(public())
TAKEN = [(name, one) for name, function in PUBLIC.items() for one in taken(function)]
GIVEN = [name for name, function in PUBLIC.items() if gives(name, function)]


def of_others(owner: str, text: str) -> Iterator[str]:
    """The members that a text sends its reader to."""
    for named, member in REFERENCE.findall(text):
        places = (f"{named or owner}.{member}", f"Sink.{member}", f"Source.{member}")
        yield next(place for place in places if place in PUBLIC)


def lacking(said: str) -> list[str]:
    rules = {"shape": SHAPE, "dtype": DTYPE}
    return [what for what, rule in rules.items() if not rule.search(said)]


def parameter_of(name: str, word: str) -> str:
    """What is said of a parameter, there or where its reader is sent to."""
    owner, text = name.rpartition(".")[0], documented(name)
    said = parameter(text, word)
    return said + "".join(parameter(documented(other), word) for other in of_others(owner, said))


@each("name, word", TAKEN)
def test_an_array_that_is_taken_has_a_shape_and_a_dtype(name: str, word: str) -> None:
    said = parameter_of(name, word)
    assert not lacking(said), said
    for place in {"x", "y"} & inspect.get_annotations(PUBLIC[name]).keys():
        assert UNIT.search(parameter_of(name, place)), place


@each("name", GIVEN)
def test_an_array_that_is_given_has_a_shape_and_a_dtype(name: str) -> None:
    text = documented(name)
    said = section(text, "Returns", "Yields") or text
    others = of_others(name.rpartition(".")[0], said)
    said += "".join(section(documented(other), "Returns", "Yields") for other in others)
    assert not lacking(said), said


def test_the_finder_of_arrays_finds_them() -> None:
    assert {("Sink.addTile", "weight"), ("Source.patches", "places"), ("write", "array")} <= set(
        TAKEN
    )
    given = {"Source.getRegion", "Source.tileIterator", "Source.to_dask", "Sink.coverage"}
    assert given | {"Source.getAssociatedImage", "Sink.getThumbnail"} <= set(GIVEN)
