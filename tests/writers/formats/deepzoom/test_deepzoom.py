"""DeepZoom as an output: held against libvips' dzsave, and read by Pillow and by our own reader."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import pyvips
import tifffile

import ziggurat
from tests.faults import Disk
from ziggurat.converter.batch.jobs import find_sources
from ziggurat.converter.batch.proof import output_hash
from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.converter.verify.verify import verify
from ziggurat.readers.errors import ConversionError, OptionError, TargetExistsError, WriteError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, ImageInfo, Interpretation, Level
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.files import atomic
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.reducers import Reducer

Array = np.ndarray[Any, np.dtype[Any]]
EXACT = WriteOptions(lossy=False, overwrite=True)
SIZES = [(500, 300), (254, 254), (255, 509), (508, 20), (20, 508), (1, 1), (3, 260), (300, 1)]


def tiles_of(folder: Path) -> dict[str, Array]:
    """Return all tiles by name as Pillow decodes them."""
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".png", ".jpeg"))
    return {
        path.relative_to(folder).as_posix(): np.asarray(PIL.Image.open(path))
        for path in files
        if path.parent.name.isdigit()
    }


def whole(path: Path, level: int = 0) -> Array:
    with open_reader(path) as reader:
        return reader.plane(level, 0).read(reader.info.levels[level].rect)


@pytest.mark.parametrize("size", SIZES)
def test_the_same_tiles_as_libvips_makes(
    size: tuple[int, int], tissue: Array, tmp_path: Path
) -> None:
    pixels = np.ascontiguousarray(tissue[: size[1], : size[0]])
    pyvips.Image.new_from_array(pixels).dzsave(str(tmp_path / "theirs"), suffix=".png")
    write(array_reader(pixels), tmp_path / "ours.dzi", EXACT)
    ours, theirs = tiles_of(tmp_path / "ours_files"), tiles_of(tmp_path / "theirs_files")
    assert list(ours) == list(theirs)
    for name, tile in theirs.items():
        np.testing.assert_array_equal(ours[name], tile, err_msg=name)
    np.testing.assert_array_equal(whole(tmp_path / "ours.dzi"), pixels)


@pytest.mark.parametrize("size", [256, 64])
def test_tiles_of_an_asked_size_do_not_overlap(size: int, tissue: Array, tmp_path: Path) -> None:
    pixels = np.ascontiguousarray(tissue[:300, :500])
    image = pyvips.Image.new_from_array(pixels)
    image.dzsave(str(tmp_path / "theirs"), suffix=".png", tile_size=size, overlap=0)
    options = WriteOptions(lossy=False, tile_size=size)
    write(array_reader(pixels), tmp_path / "ours.dzi", options)
    ours, theirs = tiles_of(tmp_path / "ours_files"), tiles_of(tmp_path / "theirs_files")
    assert list(ours) == list(theirs)
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_jpeg_is_as_close_as_that_of_libvips(tissue: Array, tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(tissue)
    image.dzsave(str(tmp_path / "theirs"), suffix=".jpeg[Q=90,subsample_mode=on]")
    write(array_reader(tissue), tmp_path / "ours.dzi", WriteOptions(quality=90))
    exact = tissue[:255, :255].astype(int)
    errors = [
        np.abs(tiles_of(tmp_path / name)["9/0_0.jpeg"] - exact).mean()
        for name in ("ours_files", "theirs_files")
    ]
    assert errors[0] < 1.05 * errors[1]


@pytest.mark.parametrize("reducer", [Reducer.LANCZOS3, Reducer.CUBIC, Reducer.NEAREST])
def test_levels_do_not_depend_on_what_tiles_overlap(
    reducer: Reducer, tissue: Array, tmp_path: Path
) -> None:
    reader = array_reader(np.ascontiguousarray(tissue[:511, :301]))
    for name, size in (("a.dzi", None), ("b.dzi", 32)):
        options = WriteOptions(lossy=False, reducer=reducer, tile_size=size, max_memory=1 << 20)
        write(reader, tmp_path / name, options)
    np.testing.assert_array_equal(whole(tmp_path / "a.dzi", 1), whole(tmp_path / "b.dzi", 1))


@pytest.mark.parametrize("size", [None, 128])
def test_a_sink_that_is_empty_in_parts(size: int | None, tissue: Array, tmp_path: Path) -> None:
    """Blank tiles are not looked at: they still have what lies beyond their border."""
    expected = np.zeros((660, 780, 3), np.uint8)
    known: dict[str, Any] = {"sizeX": 780, "sizeY": 660, "bands": 3, "dtype": "uint8"}
    with ziggurat.new(tmp_path / "store", tileSize=128, **known) as sink:
        for x, y in ((508, 254), (520, 400), (0, 600)):
            part = np.ascontiguousarray(tissue[: min(254, 660 - y), :254])
            sink.addTile(part, x=x, y=y)
            expected[y : y + part.shape[0], x : x + 254] = part
        sink.write(tmp_path / "a.dzi", lossy=False, tileSize=size)
    setting = {} if size is None else {"tile_size": size, "overlap": 0}
    image = pyvips.Image.new_from_array(expected)
    image.dzsave(str(tmp_path / "b"), suffix=".png", **setting)
    ours, theirs = tiles_of(tmp_path / "a_files"), tiles_of(tmp_path / "b_files")
    assert list(ours) == list(theirs)
    for name, tile in theirs.items():
        np.testing.assert_array_equal(ours[name], tile, err_msg=name)


def jpeg_tiff(path: Path, pixels: Array, **more: Any) -> Path:
    tifffile.imwrite(path, pixels, tile=(64, 64), compression="jpeg", **more)
    return path


def test_tiles_inside_are_copied_and_those_at_the_edge_are_cut(
    tissue: Array, tmp_path: Path
) -> None:
    source = tmp_path / "source.tiff"
    write(array_reader(tissue[:200, :300]), source, WriteOptions(tile_size=64, quality=80))
    report = convert(source, tmp_path / "a.dzi", ConvertOptions(verify="full"))
    assert [step.action for step in report.plan.steps[:2]] == ["copy", "copy"]
    assert report.losses == (
        "exact values of the tiles at the edges of level 0, 1, 2, 3: cut there, and encoded anew",
    )
    assert 'TileSize="64"' in (text := (tmp_path / "a.dzi").read_text())
    assert 'Overlap="0"' in text
    with open_reader(source) as reader:
        stored = reader.plane(0, 0).encoded()
        assert stored is not None
        for place in ((0, 0), (2, 1), (3, 2)):
            data = stored.tile(*place)
            assert data is not None
            file = (tmp_path / f"a_files/9/{place[0]}_{place[1]}.jpeg").read_bytes()
            scan = data[data.index(b"\xff\xda") :]
            assert file.endswith(scan), "the code stream is the source's, the tables are added"
        exact = reader.plane(0, 0).read(reader.info.levels[0].rect)
    ours = tiles_of(tmp_path / "a_files")
    assert ours["9/4_3.jpeg"].shape == (8, 44, 3)
    assert np.abs(ours["9/2_1.jpeg"].astype(int) - exact[64:128, 128:192]).max() <= 2
    assert np.abs(ours["9/4_3.jpeg"].astype(int) - exact[192:, 256:]).mean() < 4
    with pytest.raises(ConversionError, match="edges of level 0"):
        convert(source, tmp_path / "b.dzi", ConvertOptions(strict=True))


def test_copied_tiles_keep_their_colours_in_a_browser(tissue: Array, tmp_path: Path) -> None:
    """Streams that hold RGB say so nowhere but in their TIFF."""
    pixels = np.ascontiguousarray(tissue[:192, :192])
    source = jpeg_tiff(
        tmp_path / "rgb.tiff", pixels, photometric="rgb",
        compressionargs={"level": 95, "outcolorspace": "rgb"},
    )  # fmt: skip
    report = convert(source, tmp_path / "a.dzi")
    assert report.plan.steps[0].action == "copy"
    tile = tiles_of(tmp_path / "a_files")["8/1_1.jpeg"].astype(int)
    assert np.abs(tile - pixels[64:128, 64:128]).mean() < 4


def test_gray_tiles_are_copied(tissue: Array, tmp_path: Path) -> None:
    pixels = np.ascontiguousarray(tissue[:128, :192, 0])
    convert(jpeg_tiff(tmp_path / "gray.tiff", pixels), tmp_path / "a.dzi")
    with open_reader(tmp_path / "gray.tiff") as reader:
        exact = reader.plane(0, 0).read(reader.info.levels[0].rect)[..., 0]
    np.testing.assert_array_equal(tiles_of(tmp_path / "a_files")["8/2_1.jpeg"], exact[64:, 128:])


@pytest.mark.parametrize(
    ("options", "action"),
    [
        ({"reencode": True}, "encode"), ({"tile_size": 128}, "encode"),
        ({"compression": "png"}, "encode"), ({"tile_size": 64}, "copy"),
    ],
)  # fmt: skip
def test_copying_follows_what_is_asked(
    options: dict[str, Any], action: str, tissue: Array, tmp_path: Path
) -> None:
    source = jpeg_tiff(tmp_path / "source.tiff", np.ascontiguousarray(tissue[:128, :128]))
    plan = plan_conversion(source, tmp_path / "a.dzi", ConvertOptions(**options))
    assert plan.steps[0].action == action
    convert(source, tmp_path / "a.dzi", ConvertOptions(**options, verify="full"))


def test_tiles_that_the_source_lacks_are_there(tissue: Array, tmp_path: Path) -> None:
    source = jpeg_tiff(tmp_path / "source.tiff", np.ascontiguousarray(tissue[:256, :256]))
    with tifffile.TiffFile(source, mode="r+b") as tif:
        counts = list(tif.pages.first.databytecounts)
        counts[5] = 0
        tif.pages.first.tags["TileByteCounts"].overwrite(counts)
    convert(source, tmp_path / "a.dzi")
    np.testing.assert_array_equal(
        whole(tmp_path / "a.dzi")[64:128, 64:128], whole(source)[64:128, 64:128]
    )


def full(pixels: Array) -> ArrayReader:
    """An image with all facts that DeepZoom has a place for."""
    info = ImageInfo(
        format="made up", levels=(Level(pixels.shape[1], pixels.shape[0], 64, 64),), bands=3,
        dtype=pixels.dtype, interpretation=Interpretation.RGB, mm_x=0.00025, mm_y=0.000252,
        magnification=40.0, description="A <slide> & more\x01", associated=(),
        icc_profile=bytes(pyvips.Image.profile_load("srgb")),
        properties={"aperio.AppMag": "40", "openslide.vendor": "aperio"},
    )  # fmt: skip
    return ArrayReader(pixels, info)


@pytest.mark.parametrize("suffix", [".dzi", ".szi"])
def test_facts_come_back(suffix: str, tissue: Array, tmp_path: Path) -> None:
    write(full(tissue), tmp_path / f"a{suffix}")
    with open_reader(tmp_path / f"a{suffix}") as reader:
        info = reader.info
    assert (info.mm_x, info.mm_y, info.magnification) == pytest.approx((0.00025, 0.000252, 40))
    assert info.icc_profile == bytes(pyvips.Image.profile_load("srgb"))
    assert info.description == "A <slide> & more\N{REPLACEMENT CHARACTER}"
    assert info.properties["aperio.AppMag"] == "40"


@pytest.mark.parametrize("suffix", [".dzi", ".szi"])
def test_label_and_macro_come_back(suffix: str, make_svs: Any, tmp_path: Path) -> None:
    source = make_svs(tmp_path / "slide.svs", width=300, height=200)
    convert(source, tmp_path / f"a{suffix}", ConvertOptions(verify="sample"))
    with open_reader(source) as theirs, open_reader(tmp_path / f"a{suffix}") as ours:
        assert sorted(ours.info.associated) == sorted(theirs.info.associated) != []
        for name in theirs.info.associated:
            exact = theirs.associated(name).read().astype(int)
            assert np.abs(ours.associated(name).read() - exact).max() <= 2


def test_szi_is_a_stored_zip_with_one_folder(tissue: Array, tmp_path: Path) -> None:
    write(full(tissue), tmp_path / "Ä b.szi", EXACT)
    with zipfile.ZipFile(tmp_path / "Ä b.szi") as archive:
        names = archive.namelist()
        assert names[0] == "Ä b/Ä b.dzi"
        assert {name.split("/")[0] for name in names} == {"Ä b"}
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert archive.testzip() is None
        facts = archive.read("Ä b/scan-properties.xml").decode()
        tile = PIL.Image.open(io.BytesIO(archive.read("Ä b/Ä b_files/9/0_0.png")))
    assert '<name>MicronsPerPixelX</name><value type="gdouble">0.25</value>' in facts
    assert "http://www.pathozoom.com/szi" in facts
    np.testing.assert_array_equal(np.asarray(tile), tissue[:255, :255])
    assert verify(tmp_path / "Ä b.szi", full=True).ok
    os.rename(tmp_path / "Ä b.szi", os.fsencode(tmp_path) + b"/\xff.szi")
    write(full(tissue), Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfe.szi")), EXACT)


@pytest.mark.parametrize("bands", [1, 2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_png_holds(bands: int, dtype: Any, rng: np.random.Generator, tmp_path: Path) -> None:
    pixels = rng.integers(0, 255, (90, 300, bands)).astype(dtype)
    report = ziggurat.write(pixels, tmp_path / "a.dzi", options=EXACT)
    assert report.levels == 2
    np.testing.assert_array_equal(whole(tmp_path / "a.dzi"), pixels)


def several() -> ArrayReader:
    info = ImageInfo(
        format="made up", levels=(Level(60, 40, 16, 16),), bands=1, dtype=np.dtype(np.uint8),
        interpretation=Interpretation.GRAY, axes=(Axis("c", 2),),
        channels=(Channel("DAPI"), Channel("Cy5")),
    )  # fmt: skip
    return ArrayReader(np.arange(4800, dtype=np.uint8).reshape(2, 40, 60, 1), info)


def test_one_frame_is_chosen(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"one frame, not 2.*--frames"):
        write(several(), tmp_path / "a.dzi")
    write(several(), tmp_path / "a.ome.tiff", EXACT)
    with pytest.raises(OptionError, match="--frames"):
        convert(tmp_path / "a.ome.tiff", tmp_path / "a.dzi")
    report = convert(tmp_path / "a.ome.tiff", tmp_path / "a.dzi", ConvertOptions(frames={"c": [1]}))
    np.testing.assert_array_equal(
        whole(tmp_path / "a.dzi"), several().plane(0, 1).read(Rect(0, 0, 60, 40))
    )
    assert "the names of the channels" in report.losses


@pytest.mark.parametrize(
    ("pixels", "options", "said"),
    [
        (np.zeros((9, 9, 5), np.uint8), EXACT, "5 bands of uint8"),
        (np.zeros((9, 9, 1), np.float32), EXACT, "1 bands of float32"),
        (np.zeros((9, 9, 4), np.uint8), WriteOptions(compression=Codec.JPEG), "jpeg takes"),
        (np.zeros((9, 9, 3), np.uint8), WriteOptions(compression=Codec.WEBP), "jpeg or png"),
        (np.zeros((9, 9, 3), np.uint8), WriteOptions(pyramid=PyramidStyle.NONE), "all levels"),
    ],
)
def test_what_it_does_not_hold_is_refused(
    pixels: Array, options: WriteOptions, said: str, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=said):
        write(array_reader(pixels), tmp_path / "a.dzi", options)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_belongs_to_nothing_stays(tissue: Array, tmp_path: Path) -> None:
    (tmp_path / "a_files").mkdir()
    (tmp_path / "a_files/precious").write_text("mine")
    with pytest.raises(TargetExistsError, match="not replaced"):
        write(array_reader(tissue), tmp_path / "a.dzi", EXACT)
    assert [path.name for path in tmp_path.rglob("*")] == ["a_files", "precious"]


def test_a_new_image_replaces_all_tiles_of_the_old_one(tissue: Array, tmp_path: Path) -> None:
    write(array_reader(tissue), tmp_path / "a.dzi")
    write(array_reader(tissue[:20, :20]), tmp_path / "a.dzi", EXACT)
    assert len(tiles_of(tmp_path / "a_files")) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.dzi", "a_files"]


def test_the_description_appears_last_and_all_is_flushed_before(
    tissue: Array, tmp_path: Path, disk: Disk
) -> None:
    write(array_reader(tissue), tmp_path / "a.dzi")
    steps = [(c.kind, c.path.name) for c in disk.calls if c.kind in ("syncfs", "rename")]
    lock, flush, *appearing = steps  # the lock gets its name before anything is staged
    assert lock == ("rename", atomic._LOCK_NAME)
    assert flush[0] == "syncfs"
    assert appearing == [("rename", "a_files"), ("rename", "a.dzi")]


@pytest.mark.parametrize("failing", range(4))
def test_what_was_there_comes_back_where_a_step_fails(
    failing: int, tissue: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(array_reader(tissue[:30, :30]), tmp_path / "a.dzi", EXACT)
    before, count, real = output_hash(tmp_path / "a.dzi"), iter(range(9)), atomic._rename_new

    def rename(old: Path, new: Path) -> None:
        if next(count) == failing:
            raise OSError(5, "no")
        real(old, new)

    monkeypatch.setattr(atomic, "_rename_new", rename)
    with pytest.raises(WriteError, match="could not be written"):
        write(array_reader(tissue), tmp_path / "a.dzi", EXACT)
    assert output_hash(tmp_path / "a.dzi") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.dzi", "a_files"]


def test_the_hash_of_an_output_is_of_its_tiles_too(tissue: Array, tmp_path: Path) -> None:
    write(array_reader(tissue[:30, :30]), tmp_path / "a.dzi", EXACT)
    before = output_hash(tmp_path / "a.dzi")
    (tmp_path / "a_files/0/0_0.png").write_bytes(b"other")
    assert output_hash(tmp_path / "a.dzi") != before


def test_texts_are_looked_for_in_all_files_of_an_output(make_svs: Any, tmp_path: Path) -> None:
    source = make_svs(tmp_path / "Jane Doe.svs", width=300, height=200)
    report = convert(source, tmp_path / "a.dzi", ConvertOptions(deidentify=True))
    assert report.searched
    texts = b"".join(p.read_bytes() for p in tmp_path.glob("a*/**/*") if p.is_file())
    assert b"Jane" not in texts
    assert not (tmp_path / "a_files/associated_images/label.jpg").exists()


def test_tiles_in_a_folder_of_slides_are_no_slides(tissue: Array, tmp_path: Path) -> None:
    write(array_reader(tissue), tmp_path / "a.dzi")
    write(array_reader(tissue), tmp_path / "b.szi")
    assert [path.name for path in find_sources([tmp_path])] == ["a.dzi", "b.szi"]


@pytest.mark.parametrize("size", [(20, 600), (600, 20), (10, 10)])
def test_small_images_of_a_conversion_have_squares_too(
    size: tuple[int, int], tissue: Array, tmp_path: Path
) -> None:
    pixels = np.ascontiguousarray(np.tile(tissue, (2, 2, 1))[: size[1], : size[0]])
    write(array_reader(pixels), tmp_path / "a.tiff", EXACT)
    convert(tmp_path / "a.tiff", tmp_path / "a.dzi", ConvertOptions(verify="full"))
    assert 'TileSize="254"' in (tmp_path / "a.dzi").read_text()
    np.testing.assert_array_equal(whole(tmp_path / "a.dzi"), pixels)
