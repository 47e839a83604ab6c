"""OME-TIFF: what the XML says of images, frames, channels, scales, and where pixels are."""

import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from ziggurat.readers.errors import CorruptSourceError
from ziggurat.readers.formats.tiff.pages.ome_xml import companion_name, own_comment, parse_ome
from ziggurat.readers.formats.tiff.reader import TiffReader, open_reader
from ziggurat.readers.formats.tiff.vendors.ome import mended_xml
from ziggurat.readers.formats.tiff.vendors.ome_files import absent_files
from ziggurat.readers.io.location import locate
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, Level

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
SPACE = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'


def opened(path: Path) -> TiffReader:
    return open_reader(locate(path))


def ome(body: str, identity: str = "") -> str:
    return f'{HEAD}<OME {SPACE} UUID="{identity}">{body}</OME>'


def image(pixels: str, inside: str = "", name: str = "a", around: str = "") -> str:
    return (
        f'<Image ID="Image:0" Name="{name}">{around}<Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        f'Type="uint8" SizeX="4" SizeY="3" {pixels}>{inside}</Pixels></Image>'
    )


def test_physical_sizes_in_every_unit() -> None:
    sizes = 'SizeC="1" SizeZ="1" SizeT="1" '
    for unit, mm in {"nm": 250e-6, "µm": 0.25, "mm": 250.0, "pixel": None, "": None}.items():
        attributes = f'PhysicalSizeX="250" PhysicalSizeXUnit="{unit}"'
        (found,) = parse_ome(ome(image(sizes + attributes)))
        assert found.mm_x == (None if mm is None else pytest.approx(mm))
        assert found.mm_y is None
    (found,) = parse_ome(ome(image(sizes + 'PhysicalSizeY="2"')))
    assert found.mm_y == pytest.approx(0.002)  # micrometres by default


def test_channels_and_colours() -> None:
    channels = (
        '<Channel ID="c0" Name="DAPI" Color="65535" SamplesPerPixel="1"/>'
        '<Channel ID="c1" Color="-16776961"/><Channel ID="c2" Fluor="Cy5" Color="nonsense"/>'
    )
    (found,) = parse_ome(ome(image('SizeC="3" SizeZ="1" SizeT="1"', channels)))
    assert found.channels == (
        Channel("DAPI", "#0000ff"),
        Channel("Channel 1", "#ff0000"),
        Channel("Cy5", None),
    )


def test_times_and_depths() -> None:
    pixels = 'SizeC="1" SizeZ="3" SizeT="2" PhysicalSizeZ="500" PhysicalSizeZUnit="nm" '
    (steps,) = parse_ome(ome(image(pixels + 'TimeIncrement="1.5" TimeIncrementUnit="min"')))
    assert steps.z_values == pytest.approx((0, 0.5, 1))
    assert (steps.t_values, steps.t_unit) == ((0, 1.5), "min")
    planes = '<Plane TheZ="0" TheC="0" TheT="0" DeltaT="3"/><Plane TheT="1" DeltaT="7.5"/>'
    (exact,) = parse_ome(ome(image(pixels + 'TimeIncrement="1.5"', planes)))
    assert exact.t_values == (3, 7.5)


def test_magnification_and_date() -> None:
    body = '<Instrument ID="i"><Objective ID="o" NominalMagnification="40"/></Instrument>' + image(
        'SizeC="1" SizeZ="1" SizeT="1"',
        around='<AcquisitionDate>2020-01-02T03:04:05</AcquisitionDate><ObjectiveSettings ID="o"/>',
    )
    (found,) = parse_ome(ome(body))
    assert found.magnification == 40
    assert found.properties == {"ome.AcquisitionDate": "2020-01-02T03:04:05"}


@pytest.mark.parametrize("text", ["", "<OME", "\x00"])
def test_bad_xml_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(CorruptSourceError, match="OME-XML"):
        parse_ome(text)


def test_annotations_of_our_own() -> None:
    comment = (
        '<StructuredAnnotations><CommentAnnotation ID="a" Namespace="ziggurat">'
        "<Value>{}</Value></CommentAnnotation></StructuredAnnotations>"
    )
    assert own_comment(ome(comment)) == "{}"
    assert own_comment(ome(comment.replace('"ziggurat"', '"other/ziggurat"'))) is None
    assert own_comment("ziggurat <") is None


def test_frames_of_a_real_series_with_subaxes(data_file: Callable[[str], Path]) -> None:
    with opened(data_file("ome-tiff/mini-spim-moduloZ.ome.tiff")) as reader:
        sizes = [(axis.name, axis.size) for axis in reader.info.axes]
        assert sizes == [("t", 3), ("tile", 4), ("z", 2), ("angle", 4), ("c", 2)]
        assert reader.info.properties["ome.AcquisitionDate"] == "2011-08-30T16:06:00"


def test_pixels_without_physical_units_have_no_scale(data_file: Callable[[str], Path]) -> None:
    with opened(data_file("ome-tiff/2048x2048_ome6_tiled.ome.tif")) as reader:
        assert reader.info.mm_x is None
        assert [axis.name for axis in reader.info.axes] == ["c"]
        assert len(reader.info.levels) == 2


def test_scale_and_objective_of_a_real_file(data_file: Callable[[str], Path]) -> None:
    with opened(data_file("ome-tiff/xy_12bit__plant.ome.tiff")) as reader:
        assert reader.info.mm_x == pytest.approx(0.0024859, rel=1e-4)
        assert reader.info.magnification == 10


@pytest.fixture
def stack(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 60_000, (3, 2, 64, 80), dtype=np.uint16)


def described(identities: list[str], own: str) -> str:
    planes = "".join(
        f'<TiffData FirstZ="{z}" FirstC="{c}" FirstT="0" IFD="{c}" PlaneCount="1">'
        f'<UUID FileName="p{z}.ome.tif">{identity}</UUID></TiffData>'
        for z, identity in enumerate(identities)
        for c in range(2)
    )
    pixels = (
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="80" SizeY="64" '
        'SizeC="2" SizeZ="3" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.25" PhysicalSizeZ="2">'
        '<Channel ID="Channel:0:0" SamplesPerPixel="1" Name="DAPI" Color="65535"/>'
        '<Channel ID="Channel:0:1" SamplesPerPixel="1" Name="FITC" Color="16711935"/>'
        f"{planes}</Pixels>"
    )
    return ome(f'<Image ID="Image:0" Name="x">{pixels}</Image>', own)


def write_parts(folder: Path, stack: np.ndarray, texts: list[str]) -> None:
    for z, text in enumerate(texts):
        order: Any = "<>"[z % 2]  # a set may mix byte orders
        with tifffile.TiffWriter(folder / f"p{z}.ome.tif", byteorder=order, ome=False) as tif:
            for c in range(2):
                tif.write(
                    stack[z, c],
                    tile=(32, 48),
                    compression="zlib",
                    photometric="minisblack",
                    metadata=None,
                    description=text if c == 0 else None,
                )


def check_stack(reader: TiffReader, stack: np.ndarray) -> None:
    info = reader.info
    assert info.axes == (Axis("z", 3, (0, 2, 4), "µm"), Axis("c", 2))
    assert info.channels == (Channel("DAPI", "#0000ff"), Channel("FITC", "#00ff00"))
    assert info.levels == (Level(80, 64, 48, 32),)
    assert (info.mm_x, info.mm_y) == pytest.approx((0.0005, 0.00025))
    for frame, plane in enumerate(stack.reshape(-1, 64, 80)):
        np.testing.assert_array_equal(
            reader.plane(0, frame).read(Rect(0, 0, 80, 64))[..., 0], plane
        )


def test_sets_of_several_files(tmp_path: Path, stack: np.ndarray) -> None:
    identities = [f"urn:uuid:{uuid.uuid4()}" for _ in range(3)]
    write_parts(tmp_path, stack, [described(identities, own) for own in identities])
    for number in range(3):
        with opened(tmp_path / f"p{number}.ome.tif") as reader:
            check_stack(reader, stack)


def test_sets_with_a_companion_file(tmp_path: Path, stack: np.ndarray) -> None:
    identities = [f"urn:uuid:{uuid.uuid4()}" for _ in range(3)]
    companion = f"urn:uuid:{uuid.uuid4()}"
    only = f'<BinaryOnly MetadataFile="x.companion.ome" UUID="{companion}"/>'
    write_parts(tmp_path, stack, [ome(only, own) for own in identities])
    with opened(tmp_path / "p1.ome.tif") as reader:  # not there yet: the file is all there is
        assert (reader.info.frames, reader.info.format) == (2, "ome-tiff")
    (tmp_path / "x.companion.ome").write_text(described(identities, companion))
    with opened(tmp_path / "p1.ome.tif") as reader:
        check_stack(reader, stack)
        assert reader.info.format == "ome-tiff"


def test_companions_elsewhere_are_not_followed() -> None:
    assert companion_name(ome('<BinaryOnly MetadataFile="x.ome" UUID="u"/>')) == "x.ome"
    assert companion_name(ome("")) is None
    assert companion_name("no xml") is None


def test_a_missing_part_is_named_when_it_is_read(tmp_path: Path, stack: np.ndarray) -> None:
    identities = [f"urn:uuid:{uuid.uuid4()}" for _ in range(3)]
    write_parts(tmp_path, stack, [described(identities, own) for own in identities])
    everything = Rect(0, 0, 80, 64)
    for gone, frames in (("p2.ome.tif", (4, 5)), ("p0.ome.tif", (0, 1))):
        (tmp_path / gone).rename(tmp_path / "away")
        with opened(tmp_path / "p1.ome.tif") as reader:
            assert reader.info.frames == 6
            assert [channel.name for channel in reader.info.channels] == ["DAPI", "FITC"]
            for frame, plane in enumerate(stack.reshape(-1, 64, 80)):
                if frame in frames:
                    assert not reader.plane(0, frame).is_blank(everything)
                    assert reader.plane(0, frame).encoded() is None
                    with pytest.raises(CorruptSourceError, match=gone):
                        reader.plane(0, frame).read(everything)
                else:
                    np.testing.assert_array_equal(
                        reader.plane(0, frame).read(everything)[..., 0], plane
                    )
        (tmp_path / "away").rename(tmp_path / gone)
    with opened(tmp_path / "p1.ome.tif") as reader:
        check_stack(reader, stack)


def test_a_part_of_another_size_is_an_error_where_it_is_read(
    tmp_path: Path, stack: np.ndarray
) -> None:
    identities = [f"urn:uuid:{uuid.uuid4()}" for _ in range(3)]
    texts = [described(identities, own) for own in identities]
    write_parts(tmp_path, stack[:, :, :40, :48], texts)
    (tmp_path / "p2.ome.tif").rename(tmp_path / "small")
    write_parts(tmp_path, stack, texts)
    (tmp_path / "small").rename(tmp_path / "p2.ome.tif")
    with opened(tmp_path / "p0.ome.tif") as reader:
        everything = reader.info.levels[0].rect
        np.testing.assert_array_equal(reader.plane(0, 3).read(everything)[..., 0], stack[1, 1])
        with pytest.raises(CorruptSourceError, match="a frame of 48 x 40 pixels"):
            reader.plane(0, 4).read(everything)


def test_frames_of_missing_files_are_counted_through_all_positions() -> None:
    def image(name: str, gone: int | None) -> str:
        blocks = "".join(
            f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName='
            f'"{"gone.tif" if z == gone else "here.tif"}">u</UUID></TiffData>'
            for z in range(3)
        )
        return (
            f'<Image ID="{name}" Name="{name}"><Pixels DimensionOrder="XYZCT" SizeX="8" SizeY="6" '
            f'SizeC="1" SizeZ="3" SizeT="1">{blocks}</Pixels></Image>'
        )

    handle = SimpleNamespace(name="here.tif", dirname="/nowhere", is_file=True)
    text = ome("".join(image(name, gone) for name, gone in (("a", None), ("b", 1), ("c", 2))), "u")
    tif: Any = SimpleNamespace(ome_metadata=text, filehandle=handle)
    size = SimpleNamespace(imagewidth=8, imagelength=6)
    every = [SimpleNamespace(name=name, keyframe=size) for name in "abc"]
    assert absent_files(tif, every, every) == {4: "gone.tif", 8: "gone.tif"}
    assert absent_files(tif, every, every[1:]) == {1: "gone.tif", 5: "gone.tif"}


def test_planes_that_are_in_no_file_are_blank(tmp_path: Path, stack: np.ndarray) -> None:
    identities = [f"urn:uuid:{uuid.uuid4()}" for _ in range(2)]
    write_parts(tmp_path, stack, [described(identities, own) for own in identities])
    with opened(tmp_path / "p0.ome.tif") as reader:
        assert reader.info.frames == 6
        assert reader.plane(0, 5).is_blank(Rect(0, 0, 80, 64))
        assert not reader.plane(0, 5).read(Rect(0, 0, 80, 64)).any()


def test_label_and_macro_are_beside_the_image(tmp_path: Path, tissue: np.ndarray) -> None:
    path, tissue = tmp_path / "a.ome.tif", tissue[:384]
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(tissue, photometric="rgb", tile=(96, 128), subifds=1, metadata={"Name": "scan"})
        tif.write(tissue[::2, ::2], photometric="rgb", tile=(96, 128), subfiletype=1)
        tif.write(tissue[:50, :60], photometric="rgb", metadata={"Name": "label image"})
        tif.write(tissue[:70, :90], photometric="rgb", metadata={"Name": "macro image"})
    with opened(path) as reader:
        assert reader.info.associated == ("label", "macro")
        assert reader.info.levels == (Level(512, 384, 128, 96), Level(256, 192, 128, 96))
        np.testing.assert_array_equal(reader.associated("macro").read(), tissue[:70, :90])
        np.testing.assert_array_equal(reader.associated("label").read(), tissue[:50, :60])
        np.testing.assert_array_equal(
            reader.plane(1, 0).read(Rect(0, 0, 256, 192)), tissue[::2, ::2]
        )


def test_images_of_one_kind_are_positions(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        for number in range(3):
            part = np.ascontiguousarray(tissue[number * 100 : number * 100 + 90, :80])
            tif.write(part, photometric="rgb", metadata={"Name": f"field {number}"})
    with opened(path) as reader:
        assert reader.info.axes == (Axis("xy", 3, ("field 0", "field 1", "field 2")),)
        np.testing.assert_array_equal(
            reader.plane(0, 2).read(Rect(0, 0, 80, 90)), tissue[200:290, :80]
        )


def test_bands_that_lie_one_after_the_other(tmp_path: Path, tissue: np.ndarray) -> None:
    path = tmp_path / "a.ome.tif"
    stored = np.ascontiguousarray(np.moveaxis(tissue[:100, :120], -1, 0))
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig="separate", tile=(32, 48))
    with opened(path) as reader:
        assert reader.info.bands == 3
        assert reader.info.frames == 1
        np.testing.assert_array_equal(
            reader.plane(0, 0).read(Rect(0, 0, 120, 100)), tissue[:100, :120]
        )


def modulo(along: str) -> str:
    return (
        image('SizeC="1" SizeZ="6" SizeT="1"', "<TiffData/>").replace(
            "</Pixels>", '</Pixels><AnnotationRef ID="A:0"/>'
        )
        + '<StructuredAnnotations><XMLAnnotation ID="A:0" Namespace="openmicroscopy.org/omero/'
        f'dimension/modulo"><Value><Modulo>{along}</Modulo></Value></XMLAnnotation>'
        "</StructuredAnnotations>"
    )


@pytest.mark.parametrize(
    ("attributes", "values"),
    [
        ('Start="0" End="10" Step="5"', (0, 5, 10)),
        ('Start="0.1" End="0.3" Step="0.1"', (0.1, 0.2, 0.3)),
        ('Start="3" End="4"', (3, 4)),
        ('Start="3" End="3"', (3,)),
        ('Start="3" Step="1"', ()),
    ],
)
def test_the_positions_of_a_further_axis_are_those_from_start_to_end(
    attributes: str, values: tuple[float, ...]
) -> None:
    (found,) = parse_ome(ome(modulo(f'<ModuloAlongZ Type="Angle" Unit="deg" {attributes}/>')))
    (axis,) = found.modulo
    assert axis.values == pytest.approx(values)
    assert (axis.along, axis.kind, axis.unit) == ("z", "angle", "deg")


def test_the_positions_of_a_further_axis_are_its_labels() -> None:
    labels = "<Label>dark</Label><Label/><Label>488</Label>"
    (found,) = parse_ome(ome(modulo(f'<ModuloAlongZ Type="Other">{labels}</ModuloAlongZ>')))
    (axis,) = found.modulo
    assert (axis.along, axis.kind, axis.values) == ("z", "other", ("dark", "", "488"))


def test_a_further_axis_of_forged_length_takes_no_memory() -> None:
    (found,) = parse_ome(ome(modulo('<ModuloAlongZ Start="0" End="1e300" Step="1e-3"/>')))
    assert len(found.modulo[0].values) <= 1 << 20


def test_planes_of_an_image_of_another_size_are_told(tmp_path: Path, tissue: np.ndarray) -> None:
    """An associated image is one plane."""
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        stack = np.stack([tissue[:90, :80, 0]] * 4)
        tif.write(stack, photometric="minisblack", metadata={"axes": "ZYX"})
        small = stack[:3, :30, :20]
        tif.write(small, photometric="minisblack", metadata={"axes": "ZYX", "Name": "second"})
    with opened(path) as reader:
        assert reader.info.frames == 4
        assert reader.info.associated == ("second",)
        assert "2 of 3 planes of second" in reader.info.losses[0]


@pytest.mark.parametrize("tail", ["<!-- made by me -->", "\n\n            \njunk", "<x/>"])
def test_what_follows_the_xml_costs_nothing_of_it(tail: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    pixels = np.zeros((4, 3, 4), np.uint8)
    text = ome(image('SizeC="2" SizeZ="2" SizeT="1" PhysicalSizeX="0,25"', "<TiffData/>"))
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, description=text + tail)
    with opened(path) as reader:
        assert [axis.name for axis in reader.info.axes] == ["z", "c"]
        assert reader.info.mm_x == pytest.approx(0.00025)
        assert not reader.info.losses


def test_a_text_that_quotes_ome_xml_is_none() -> None:
    """As our own description of a TIFF does, that was made of an OME-TIFF."""
    quoted = '{"source": "<?xml version=\\"1.0\\"?><OME xmlns=\\"x\\"><Image/></OME>"}'
    assert mended_xml(quoted) is None
    assert mended_xml('\ufeff\n<OME xmlns="x"></OME> more') == '\ufeff\n<OME xmlns="x"></OME>'
