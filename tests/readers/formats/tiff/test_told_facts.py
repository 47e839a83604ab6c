"""What descriptions of vendors and OME-XML tell, fact by fact: none is another one's."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.formats.tiff.pages.ome_xml import OmeImage, parse_ome
from ziggurat.readers.formats.tiff.vendors.akoya import akoya_facts
from ziggurat.readers.formats.tiff.vendors.aperio import aperio_facts, aperio_properties
from ziggurat.readers.formats.tiff.vendors.hamamatsu import hamamatsu_facts
from ziggurat.readers.formats.tiff.vendors.imagej import imagej_facts
from ziggurat.readers.formats.tiff.vendors.leica import leica_facts, parse_scn
from ziggurat.readers.formats.tiff.vendors.ome import ome_facts
from ziggurat.readers.formats.tiff.vendors.ome_pages import _page_numbers, frame_sizes, image_of
from ziggurat.readers.model.image import Axis


def structure(page: Any = None, **facts: Any) -> Any:
    made: Any = SimpleNamespace(page=page, text=None, axes=(), levels=((),), series=None)
    made.__dict__.update(facts)
    return made


def test_aperio() -> None:
    said = "Aperio v1 \r\n10x10|AppMag = 40|MPP = 0.2520|Formula = a=b|Empty =|no value| = x"
    assert aperio_properties(said) == {
        "aperio.AppMag": "40", "aperio.MPP": "0.2520", "aperio.Formula": "a=b", "aperio.Empty": "",
    }  # fmt: skip
    facts = aperio_facts(structure(SimpleNamespace(description=said)))
    assert (facts.magnification, facts.mm_x, facts.mm_y) == (40, 0.000252, 0.000252)
    assert facts.square_pixels
    none = aperio_facts(structure(SimpleNamespace(description="Aperio v1|AppMag = x")))
    assert (none.magnification, none.mm_x) == (None, None)


class _Tags:
    def __init__(self, **tags: Any) -> None:
        self._tags = {int(code[1:]): value for code, value in tags.items()}

    def valueof(self, code: int, default: Any = None) -> Any:
        return self._tags.get(code, default)


def _plane(height: Any) -> Any:
    return SimpleNamespace(keyframe=SimpleNamespace(tags=_Tags(_65424=height)))


def test_hamamatsu() -> None:
    page = SimpleNamespace(
        tags=_Tags(_65421=20.0, _65422=-5, _65423=7, _65449="NoFilters=1\nX = a=b\n=y\nZ=")
    )
    pages = [_plane(height) for height in (-2000, 0, 3500)]
    facts = hamamatsu_facts(structure(page, axes=(Axis("z", 3), Axis("c", 1)), levels=(pages,)))
    assert facts.magnification == 20
    assert facts.axes == (Axis("z", 3, (-2.0, 0.0, 3.5), "µm"), Axis("c", 1))
    assert facts.properties == {
        "hamamatsu.NoFilters": "1", "hamamatsu.X": "a=b", "hamamatsu.SourceLens": "20",
        "hamamatsu.XOffsetFromSlideCentre": "-5", "hamamatsu.YOffsetFromSlideCentre": "7",
    }  # fmt: skip
    alike = hamamatsu_facts(structure(page, axes=(Axis("z", 2),), levels=([_plane(1)] * 2,)))
    assert alike.axes == (Axis("z", 2),)


def test_imagej() -> None:
    """Each axis has its own unit, else that of x."""
    said: dict[str, Any] = {"unit": "um", "yunit": "mm", "zunit": "nm", "spacing": 300.0}
    for told, high, unit in ((said, 0.25, "nm"), ({"unit": "um", "spacing": 300.0}, 2.5e-4, "µm")):
        parent = SimpleNamespace(imagej_metadata=told)
        page = SimpleNamespace(tags=_Tags(_282=(2, 1), _283=(4, 1)), parent=parent)
        facts = imagej_facts(structure(page, axes=(Axis("t", 2), Axis("z", 3))))
        assert (facts.mm_x, facts.mm_y) == pytest.approx((5e-4, high))
        assert facts.axes == (Axis("t", 2), Axis("z", 3, (0.0, 300.0, 600.0), unit))
    for tunit, steps, unit in (("ms", (0.0, 5.0), "ms"), (None, (0.0, 5.0), "s"),
                               ("h", (0.0, 18000.0), "s")):  # fmt: skip
        parent = SimpleNamespace(imagej_metadata={"finterval": 5.0, "tunit": tunit})
        page = SimpleNamespace(tags=_Tags(), parent=parent)
        assert imagej_facts(structure(page, axes=(Axis("t", 2),))).axes == (
            Axis("t", 2, steps, unit),
        )


def _channel_page(name: str) -> Any:
    text = f"<PerkinElmer-QPI-ImageDescription>{name}</PerkinElmer-QPI-ImageDescription>"
    return SimpleNamespace(keyframe=SimpleNamespace(description=text), description=text)


def test_akoya_has_channels_where_each_page_names_one() -> None:
    pages = [_channel_page(f"<Name>{name}</Name>") for name in ("DAPI", "CD8", "CD3")]
    for told, count in ((pages, 3), ([pages[0], _channel_page(""), pages[2]], 0),
                        ([pages[0], None, pages[2]], 0), (pages[:1], 0)):  # fmt: skip
        facts = akoya_facts(structure(pages[0], levels=(told,)))
        assert [one.name for one in facts.channels or ()] == ["DAPI", "CD8", "CD3"][:count]


@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [("3.5", "u1", None), ("3,0", "u1", 3), ("-1", "u1", None), ("256", "u1", None),
     ("255", "u1", 255), ("nan", "i2", None), ("-32768", "i2", -32768), ("3.5", "f4", 3.5),
     ("none", "u1", None)],
)  # fmt: skip
def test_nodata_is_a_number_that_samples_can_have(
    text: str, dtype: str, value: float | None, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    plain: Any = {"metadata": None, "extratags": [(42113, 2, 0, text, True)]}
    tifffile.imwrite(path, np.zeros((20, 30), dtype), photometric="minisblack", **plain)
    with open_reader(path) as reader:
        assert reader.info.nodata == value


def _scn_image(place: str, width: int, height: int, power: int, name: str) -> str:
    return f"""<image name="{name}"><creationDate>day {power}</creationDate>
    <device model="M{power}" version="V{power}"/>
    <pixels sizeX="{width}" sizeY="{height}"><dimension sizeX="{width}"/></pixels>
    <view {place}/><scanSettings><objectiveSettings><objective>{power}</objective>
    </objectiveSettings></scanSettings></image>"""


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_leica(order: tuple[int, int]) -> None:
    """The scanned area's facts, wherever it stands beside the picture of the whole slide."""
    images = [
        _scn_image('offsetX="0" offsetY="0" sizeX="900" sizeY="300"', 90, 30, 1, "whole"),
        _scn_image('offsetX="5" offsetY="6" sizeX="400" sizeY="100"', 40, 20, 20, "area"),
    ]
    text = "".join(images[number] for number in order)
    xml = (
        f'<scn><collection sizeX="900" sizeY="300"><barcode>QUJD</barcode>{text}</collection></scn>'
    )
    found, size, barcode = parse_scn(xml)
    assert [image.name for image in found] == [("whole", "area")[n] for n in order]
    assert (size, barcode) == ((900, 300), "ABC")
    facts = leica_facts(structure(text=xml))
    assert facts.magnification == 20
    assert facts.mm_x == pytest.approx(10e-6)
    assert facts.mm_y == pytest.approx(5e-6)
    assert facts.properties == {
        "leica.objective": "20", "leica.creation-date": "day 20", "leica.device-model": "M20",
        "leica.device-version": "V20", "leica.barcode": "ABC",
    }  # fmt: skip


OME = """<OME><Instrument ID="I"><Objective ID="o1" NominalMagnification="10"/>
<Objective ID="o2" NominalMagnification="40"/></Instrument>
<Image ID="i1" Name="first"><ObjectiveSettings ID="o2"/><AnnotationRef ID="a2"/>
<AcquisitionDate> 2020-01-02 </AcquisitionDate>
<Pixels SizeX="9" SizeY="8" SizeZ="3" SizeC="2" SizeT="2" DimensionOrder="XYZTC"
 PhysicalSizeX="0,5" PhysicalSizeXUnit="mm" PhysicalSizeY="250" PhysicalSizeYUnit="nm"
 PhysicalSizeZ="2" PhysicalSizeZUnit="mm" TimeIncrement="1" TimeIncrementUnit="min">
<Channel Name="A" Fluor="F" Color="-16776961"/><Channel Fluor="G" Color="16711935"/>
<TiffData FirstZ="1" FirstC="1" FirstT="1" IFD="7" PlaneCount="2"/><TiffData/>
<Plane TheT="0" TheZ="0" DeltaT="5"/><Plane TheT="0" TheZ="1" DeltaT="6"/>
<Plane TheT="1" TheZ="0" DeltaT="20" DeltaTUnit="ms"/><Plane TheT="1" TheZ="1" DeltaT="9"/>
</Pixels></Image>
<Image ID="i2" Name="second"><ObjectiveSettings ID="none"/>
<Pixels SizeX="9" SizeY="8" SizeT="4" TimeIncrement="2" PhysicalSizeX="0.5" PhysicalSizeZ="1">
<Channel SamplesPerPixel="3"/><Channel SamplesPerPixel="2"/></Pixels></Image>
<StructuredAnnotations>
<XMLAnnotation ID="a1" Namespace="x/modulo"><Value><ModuloAlongT Type="lifetime" Start="0" End="1"/>
</Value></XMLAnnotation>
<XMLAnnotation ID="a2" Namespace="x/modulo"><Value><ModuloAlongZ Type="angle" Start="10" Step="5"
 End="20" Unit="deg"/></Value></XMLAnnotation></StructuredAnnotations></OME>"""


def test_ome_xml() -> None:
    one, two = parse_ome(OME)
    assert (one.name, two.name) == ("first", "second")
    assert one.sizes == {"X": 9, "Y": 8, "Z": 3, "C": 2, "T": 2}
    assert one.order == "CTZ"
    assert (one.mm_x, one.mm_y) == (0.5, pytest.approx(250e-6))
    assert one.z_values == (0.0, 2000.0, 4000.0)
    assert (one.t_values, one.t_unit) == ((5.0, 0.02), "s")
    assert [(c.name, c.color) for c in one.channels] == [("A", "#ff0000"), ("G", "#00ff00")]
    assert one.magnification == 40
    assert one.properties == {"ome.AcquisitionDate": "2020-01-02"}
    first, last = one.places
    assert first == ({"Z": 1, "C": 1, "T": 1}, 7, 2, None)
    assert last == ({"Z": 0, "C": 0, "T": 0}, None, None, None)
    (modulo,) = one.modulo
    assert (modulo.along, modulo.kind, modulo.values) == ("z", "angle", (10.0, 15.0, 20.0))
    assert modulo.unit == "deg"
    assert two.sizes == {"X": 9, "Y": 8, "Z": 1, "C": 5, "T": 4}
    assert two.order == "TCZ"
    assert two.samples == (3, 2)
    assert (two.mm_x, two.mm_y) == (0.0005, None)
    assert (two.z_values, two.t_values) == (None, (0.0, 2.0, 4.0, 6.0))
    assert (two.magnification, two.modulo, two.properties) == (None, (), {})
    assert [c.name for c in two.channels] == ["Channel 0", "Channel 1"]


def test_no_pixel_size_of_nothing() -> None:
    for size in ("0", "-1", "nan", "inf", "x", ""):
        xml = f'<OME><Image><Pixels SizeX="9" SizeY="8" PhysicalSizeX="{size}"/></Image></OME>'
        assert parse_ome(xml)[0].mm_x is None, size


def ome(name: str, places: tuple[Any, ...] = (), order: str = "CZT", **sizes: int) -> OmeImage:
    every = {"X": 9, "Y": 8, "Z": 1, "C": 1, "T": 1} | sizes
    samples = (every.pop("S", 1),)
    return OmeImage(
        name, every, order, places, None, None, (), samples, None, None, None, "s", ()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "frames", "found"),
    [
        ({"C": 2, "Z": 3}, 6, {"C": 2, "Z": 3, "T": 1}),
        ({"C": 2, "Z": 3}, 5, None),
        ({"C": 3, "S": 3, "T": 4}, 4, {"C": 1, "Z": 1, "T": 4}),
        ({"C": 6, "S": 3, "T": 4}, 8, {"C": 2, "Z": 1, "T": 4}),
        ({"C": 0, "Z": 3, "T": 2}, 12, {"C": 2, "Z": 3, "T": 2}),
    ],
)
def test_sizes_of_the_axes_of_frames(
    sizes: dict[str, int], frames: int, found: dict[str, int] | None
) -> None:
    assert frame_sizes(ome("x", **sizes), frames) == found


def test_which_image_the_pages_are() -> None:
    images = [ome("a", X=5), ome("b", Z=4), ome("c"), ome("b")]
    assert image_of(images, 9, 8, 1, "c") is images[2]
    assert image_of(images, 9, 8, 4, None) is images[1]
    assert image_of(images, 9, 8, 1, None) is images[2]
    assert image_of(images, 5, 8, 1, "c") is images[0]
    assert image_of(images, 9, 8, 3, None) is images[1]


def test_the_page_of_each_frame() -> None:
    """Blocks may start at any page, count backwards among themselves, or stand alone."""
    sizes = {"C": 2, "Z": 3}

    def at(c: int, z: int) -> dict[str, int]:
        return {"C": c, "Z": z, "T": 0}

    turned = ((at(0, 0), 3, 3, None), (at(1, 0), 0, 3, None))
    assert _page_numbers(ome("x", turned), sizes) == [3, 4, 5, 0, 1, 2]
    single = tuple((at(c, z), 5 - (3 * c + z), None, None) for c in (0, 1) for z in (0, 1, 2))
    assert _page_numbers(ome("x", single), sizes) == [5, 4, 3, 2, 1, 0]
    whole = ((at(0, 0), None, None, None),)
    assert _page_numbers(ome("x", whole), sizes) == [0, 1, 2, 3, 4, 5]
    assert _page_numbers(ome("x", turned[:1]), sizes) is None
    assert _page_numbers(ome("x", ((at(0, 0), 1, 6, None),)), sizes) is None


def test_axes_of_ome_have_the_values_that_are_told() -> None:
    page = SimpleNamespace(imagewidth=9, imagelength=8)
    made = structure(
        page, text=OME, series=SimpleNamespace(name="first"), levels=((None,) * 12,),
        axes=(Axis("t", 2), Axis("z", 3), Axis("c", 2)),
    )  # fmt: skip
    facts = ome_facts(made)
    assert facts.axes is not None
    t, z, c = facts.axes
    assert (t.values, t.unit) == ((5.0, 0.02), "s")
    assert z.values == (0.0, 2000.0, 4000.0)
    assert c.values is None
    assert [channel.name for channel in facts.channels] == ["A", "G"]
    assert facts.magnification == 40


def test_levels_of_images_of_one_kind_are_joined_each_for_itself(tmp_path: Path) -> None:
    """Two positions of a pyramid beside a label that is larger than either."""
    path = tmp_path / "a.ome.tif"
    rng = np.random.default_rng(1)
    positions = [rng.integers(0, 255, (64, 80), np.uint8) for _ in range(2)]
    lower = [rng.integers(0, 255, (32, 40), np.uint8) for _ in range(2)]
    label = rng.integers(0, 255, (90, 100), np.uint8)
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(label, metadata={"Name": "label image"}, tile=(16, 32))
        for number in range(2):
            name = {"Name": f"position {number}"}
            tif.write(positions[number], subifds=1, metadata=name, tile=(16, 32))
            tif.write(lower[number], subfiletype=1, tile=(16, 32))
    with open_reader(path) as reader:
        assert [(level.width, level.height) for level in reader.info.levels] == [(80, 64), (40, 32)]
        assert reader.info.frames == 2
        for frame in range(2):
            for level, due in enumerate((positions, lower)):
                found = reader.plane(level, frame).read(reader.info.levels[level].rect)
                np.testing.assert_array_equal(found[..., 0], due[frame])
        assert reader.info.associated == ("label",)
        np.testing.assert_array_equal(reader.associated("label").read()[..., 0], label)


@pytest.mark.parametrize(
    ("planes", "frames", "lost"), [((3, 3), 3, 0), ((3, 2), 1, 3), ((1, 1), 1, 0)]
)
def test_focal_planes_are_those_that_all_levels_have(
    tmp_path: Path, planes: tuple[int, int], frames: int, lost: int
) -> None:
    path = tmp_path / "a.svs"
    rng, head = np.random.default_rng(2), "Aperio Image Library v11 \r\n"
    with tifffile.TiffWriter(path) as tif:
        for size, count in zip(((64, 96), (16, 24)), planes, strict=True):
            for number in range(count):
                tif.write(
                    rng.integers(0, 255, (*size, 3), np.uint8), tile=(16, 32), photometric="rgb",
                    metadata=None, software=False, compression="zlib",
                    description=f"{head}{size[1]}x{size[0]}|OffsetZ = {number}.5",
                )  # fmt: skip
    with open_reader(path) as reader:
        assert len(reader.info.levels) == 2
        assert reader.info.frames == frames
        told = [loss for loss in reader.info.losses if "focal planes" in loss]
        assert [loss.split(" ")[0] for loss in told] == ([str(lost)] if lost else [])
        if frames > 1:
            assert reader.info.axes[0].values == (0.5, 1.5, 2.5)
