"""Each word of OME-XML, right, odd or missing, and what is found where nobody looks for it."""

import itertools
from typing import Any

import pytest

from tests.each import each
from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.tiff.pages.ome_xml import (
    OmeImage,
    companion_name,
    own_comment,
    parse_ome,
)

SIZES = 'SizeX="9" SizeY="8"'


def image(pixels: str = "", inside: str = "", beside: str = "", words: str = "") -> OmeImage:
    (found,) = parse_ome(
        f"<OME>{beside}<Image {words}>{inside if '<Pixels' in inside else ''}"
        f"<Pixels {SIZES} {pixels}>{'' if '<Pixels' in inside else inside}</Pixels></Image></OME>"
    )
    return found


@each("prefix", ["", "ome:"])
@each("year", ["2016-06", "2008-09", None])
def test_names_are_local_ones(prefix: str, year: str | None) -> None:
    space = f"http://www.openmicroscopy.org/Schemas/OME/{year}"
    told = "" if year is None else f' xmlns{":" if prefix else ""}{prefix[:-1]}="{space}"'
    if prefix and year is None:
        return
    p = prefix
    xml = (
        f'<{p}OME{told}><{p}Image Name="a"><{p}Pixels SizeX="9" SizeY="8"/></{p}Image>'
        f'<{p}Image Name="b"/><{p}Image Name="c"><{p}Pixels SizeX="3" SizeY="4"/></{p}Image>'
        f"</{p}OME>"
    )
    found = parse_ome(xml)
    assert [(one.name, one.sizes["X"], one.sizes["Y"]) for one in found] == [
        ("a", 9, 8), ("c", 3, 4),
    ]  # fmt: skip


@pytest.mark.parametrize("axis", ["Z", "T", "C"])
def test_sizes_of_axes(axis: str) -> None:
    cases: Any = [
        ("7", 7),
        ("7.0", 7),
        ("7,0", 7),
        ("0", 1),
        ("-3", 1),
        ("7.5", 1),
        ("x", 1),
        ("", 1),
        ("nan", 1),
        ("inf", 1),
        ("1e3", 1000),
    ]
    for text, size in cases:
        found = image(f'Size{axis}="{text}"').sizes
        if axis == "C":  # 0 is: not told
            size = {"0": 0, "-3": 0, "7.5": 0, "x": 0, "": 0, "nan": 0, "inf": 0}.get(text, size)
        assert found == {"X": 9, "Y": 8, "Z": 1, "C": 0, "T": 1} | {axis: size}


def test_channels_that_are_not_counted_are_those_that_are_there() -> None:
    channels = '<Channel SamplesPerPixel="3"/><Channel/><Channel SamplesPerPixel="0"/>'
    found = image(inside=channels)
    assert (found.samples, found.sizes["C"]) == ((3, 1, 1), 5)
    assert image('SizeC="2"', channels).sizes["C"] == 2


@each("order", ["".join(one) for one in itertools.permutations("ZCT")])
def test_orders_of_axes(order: str) -> None:
    assert image(f'DimensionOrder="XY{order}"').order == order[::-1]
    assert image(f'DimensionOrder=" xy{order.lower()} "').order == order[::-1]


@pytest.mark.parametrize("order", ["", "XYZC", "XYZZT", "XYZCTX", "nonsense"])
def test_orders_that_are_none(order: str) -> None:
    assert image(f'DimensionOrder="{order}"').order == "TCZ"


@each("color, shown", [
        ("-16776961", "#ff0000"), ("16711935", "#00ff00"), ("65535", "#0000ff"), ("-1", "#ffffff"),
        ("255", "#000000"), ("0", "#000000"), ("305419896", "#123456"), ("", None), ("red", None),
        ("1.5", None),
    ])  # fmt: skip
def test_colours(color: str, shown: str | None) -> None:
    (found,) = image(inside=f'<Channel Color="{color}"/>').channels
    assert found.color == shown


def test_names_of_channels() -> None:
    inside = '<Channel Name="a" Fluor="f"/><Channel Fluor="g"/><Channel Name=""/><Plane/><Channel/>'
    assert [one.name for one in image(inside=inside).channels] == [
        "a", "g", "Channel 2", "Channel 3",
    ]  # fmt: skip
    assert image(inside="<Channel/>").channels[0].color is None


@pytest.mark.parametrize("axis", ["X", "Y"])
def test_sizes_of_pixels(axis: str) -> None:
    cases: Any = [
        ("0.5", None, 0.0005),
        ("0,5", "µm", 0.0005),
        ("500", "nm", 0.0005),
        ("2", "mm", 2.0),
        ("1", "cm", 10.0),
        ("2", "pixel", None),
        ("2", "reference frame", None),
        ("0", "mm", None),
        ("-1", "mm", None),
        ("", "mm", None),
        ("2", "s", None),
    ]
    for size, unit, mm in cases:
        said = "" if unit is None else f'PhysicalSize{axis}Unit="{unit}"'
        found = image(f'PhysicalSize{axis}="{size}" {said}')
        due = None if mm is None else pytest.approx(mm)
        assert (found.mm_x, found.mm_y) == ((due, None) if axis == "X" else (None, due))


@each("words, values", [
        ('SizeZ="3" PhysicalSizeZ="2"', (0.0, 2.0, 4.0)), ('SizeZ="1" PhysicalSizeZ="2"', None),
        ('SizeZ="2" PhysicalSizeZ="500" PhysicalSizeZUnit="nm"', (0.0, 0.5)),
        ('SizeZ="3" PhysicalSizeZ="0"', None), ('SizeZ="3"', None),
        ('SizeZ="3" PhysicalSizeZ="2" PhysicalSizeZUnit="pixel"', None),
    ])  # fmt: skip
def test_depths_of_planes(words: str, values: tuple[float, ...] | None) -> None:
    found = image(words).z_values
    assert found == (None if values is None else pytest.approx(values))


def planes(*told: tuple[int, float, str]) -> str:
    return "".join(f'<Plane TheT="{t}" DeltaT="{d}" {unit}/>' for t, d, unit in told)


STEP = 'TimeIncrement="4"'


@each("words, inside, values", [
        ('SizeT="3" ' + STEP, "", (0.0, 4.0, 8.0)), ('SizeT="1" ' + STEP, "", None),
        ('SizeT="3" ' + STEP, planes((0, 1, ""), (1, 2, ""), (2, 9, "")), (1, 2, 9)),
        ('SizeT="3" ' + STEP, planes((0, 1, ""), (1, 2, "")), (0.0, 4.0, 8.0)),  # one is missing
        ('SizeT="2" ' + STEP, planes((0, 1, ""), (1, 1, "")), (0.0, 4.0)),  # not apart
        ('SizeT="2"', planes((0, 1, ""), (0, 7, ""), (1, 2, "")), (1, 2)),  # the first counts
        ('SizeT="2"', planes((1, 3, 'DeltaTUnit="ms"'), (0, 1, 'DeltaTUnit="min"')), (60, 0.003)),
        ('SizeT="2"', planes((0, 1, 'DeltaTUnit="mm"'), (1, 2, "")), None),
        ('SizeT="2"', "", None), ('SizeT="2" TimeIncrement="0"', "", None),
        ('SizeT="2" TimeIncrement="-1"', "", None), ('SizeT="2" TimeIncrement="x"', "", None),
    ])  # fmt: skip
def test_times(words: str, inside: str, values: tuple[float, ...] | None) -> None:
    found = image(words, inside)
    assert found.t_values == (None if values is None else pytest.approx(values))
    assert found.t_unit == "s"


def test_blocks_of_frames() -> None:
    inside = (
        '<TiffData/><TiffData FirstZ="2" IFD="0"/><TiffData FirstC="3" FirstT="4" IFD="5"'
        ' PlaneCount="6"><UUID FileName="b.tif">urn:x</UUID></TiffData>'
        '<TiffData NumPlanes="7"><UUID>urn:y</UUID></TiffData>'
        '<TiffData IFD="x" PlaneCount="-1" FirstZ="1.5"/>'
    )

    def at(z: int = 0, c: int = 0, t: int = 0) -> dict[str, int]:
        return {"Z": z, "C": c, "T": t}

    assert image(inside=inside).places == (
        (at(), None, None, None), (at(z=2), 0, None, None), (at(c=3, t=4), 5, 6, "b.tif"),
        (at(), None, 7, None), (at(), 0, 0, None),
    )  # fmt: skip


OBJECTIVES = (
    '<Instrument><Objective ID="a" NominalMagnification="10"/><Objective ID="b"'
    ' NominalMagnification="40,5"/></Instrument><Instrument><Objective ID="c"'
    ' NominalMagnification="0"/><Objective ID="d"/><Objective ID="e"'
    ' NominalMagnification="60"/></Instrument>'
)


@each(
    "name, power",
    [("a", 10), ("b", 40.5), ("c", None), ("d", None), ("e", 60), ("f", None), (None, None)],
)
def test_powers_of_objectives(name: str | None, power: float | None) -> None:
    settings = "" if name is None else f'<ObjectiveSettings ID="{name}"/>'
    xml = f"<OME>{OBJECTIVES}<Image>{settings}<Pixels {SIZES}/></Image></OME>"
    assert parse_ome(xml)[0].magnification == power


def modulos(*texts: str, refs: str = '<AnnotationRef ID="m"/>', space: str = "x/modulo") -> Any:
    xml = (
        f'<OME><Image>{refs}<Pixels {SIZES}/></Image><StructuredAnnotations><XMLAnnotation ID="n"'
        f' Namespace="{space}"><Value/></XMLAnnotation><XMLAnnotation ID="m" Namespace="{space}">'
        f"<Value>{''.join(texts)}</Value></XMLAnnotation></StructuredAnnotations></OME>"
    )
    return parse_ome(xml)[0].modulo


@pytest.mark.parametrize("along", ["Z", "C", "T"])
def test_axes_within_an_axis(along: str) -> None:
    cases: Any = [
        ('Start="5" End="9" Step="2"', (5.0, 7.0, 9.0)),
        ('Start="5" End="6"', (5.0, 6.0)),
        ('Start="0" End="0.9" Step="0.3"', (0.0, 0.3, 0.6, 0.9)),
        ('Start="5" End="5"', (5.0,)),
        ('Start="5" End="4"', (5.0,)),
        ('Start="5"', ()),
        ('End="5"', ()),
        ('Start="-2" End="0"', (-2.0, -1.0, 0.0)),
        ('Start="5" End="9" Step="-2"', ()),
        ('Start="5" End="7" Step="0"', (5.0, 6.0, 7.0)),
    ]
    for words, values in cases:
        (found,) = modulos(f'<ModuloAlong{along} Type="Lifetime" Unit="ps" {words}/>')
        assert (found.along, found.kind, found.unit) == (along.lower(), "lifetime", "ps")
        assert found.values == pytest.approx(values)


def test_axes_within_axes_are_those_that_the_image_refers_to() -> None:
    two = ("<ModuloAlongZ><Label>a</Label><Label/></ModuloAlongZ>", '<ModuloAlongT Start="1"/>')
    found = modulos(*two)
    assert [(one.along, one.kind, one.values, one.unit) for one in found] == [
        ("z", "other", ("a", ""), None), ("t", "other", (), None),
    ]  # fmt: skip
    assert modulos(*two, refs="") == ()
    assert modulos(*two, refs='<AnnotationRef ID="n"/>') == ()
    assert modulos(*two, refs='<AnnotationRef ID="no"/><AnnotationRef ID="m"/>') == found
    assert modulos(*two, space="x/other") == ()


def test_dates_and_names() -> None:
    date = "<AcquisitionDate> 2020-01-02 \n</AcquisitionDate>"
    xml = f'<OME><Image Name="n">{date}<Pixels {SIZES}/></Image><Image><AcquisitionDate/>'
    one, two = parse_ome(f"{xml}<Pixels {SIZES}/></Image></OME>")
    assert (one.name, one.properties) == ("n", {"ome.AcquisitionDate": "2020-01-02"})
    assert (two.name, two.properties) == ("", {})


def test_texts_that_are_flawed() -> None:
    """What comes before the flaw is read; of nothing there is nothing."""
    xml = f"<OME><Image><Pixels {SIZES}/></Image><Image><Pixels {SIZES} SizeZ='3'/></Image>"
    assert [one.sizes["Z"] for one in parse_ome(xml + "<broken & ")] == [1, 3]
    for bad in ("", "no xml", "<"):
        with pytest.raises(CorruptSourceError, match="can't be read"):
            parse_ome(bad)


def test_the_file_that_has_the_metadata() -> None:
    assert companion_name('<OME><BinaryOnly MetadataFile="a.ome"/></OME>') == "a.ome"
    for other in ("<OME/>", "<OME><BinaryOnly/></OME>", "<OME", ""):
        assert companion_name(other) is None


def test_a_comment_of_our_own() -> None:
    def said(*spaces: str, value: str = "<Value>{}</Value>") -> str:
        inner = "".join(
            f'<CommentAnnotation Namespace="{space}">{value.format(number)}</CommentAnnotation>'
            for number, space in enumerate(spaces)
        )
        name = "StructuredAnnotations"
        return f"<OME><{name}/><{name}>{inner}</{name}></OME>"

    assert own_comment(said("other", "ziggurat", "ziggurat")) == "1"
    for other in (
        said("other"),
        said("ziggurat/x"),
        said("ziggurat", value=""),
        "ziggurat <OME",
        "",
    ):
        assert own_comment(other) is None
