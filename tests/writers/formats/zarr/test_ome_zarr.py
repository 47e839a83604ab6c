"""OME-Zarr outputs, read by zarr-python and checked by ome-zarr-models, not by our own reader."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from ome_zarr_models.v04 import Image as ImageV04
from ome_zarr_models.v04.image_label import ImageLabel as ImageLabelV04
from ome_zarr_models.v04.labels import Labels as LabelsV04
from ome_zarr_models.v05 import Image as ImageV05
from ome_zarr_models.v05.image_label import ImageLabel as ImageLabelV05
from ome_zarr_models.v05.labels import Labels as LabelsV05

from tests.hooked import HookedArray
from ziggurat.readers.errors import OptionError, SourceError, TargetExistsError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.codec import Codec
from ziggurat.readers.model.encoded import EncodedLevel, Photometric, TileFormat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Axis, Channel, Interpretation
from ziggurat.readers.model.reader import Pixels
from ziggurat.readers.ngff.attributes import level_factor
from ziggurat.readers.ngff.layout import ngff_layout
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import ArrayReader, array_reader
from ziggurat.writers.formats.registry import write, write_levels
from ziggurat.writers.formats.zarr import shards as zarr_shards
from ziggurat.writers.model.levels import Copy, LevelPlan
from ziggurat.writers.model.options import PyramidStyle, WriteOptions
from ziggurat.writers.model.reducers import Reducer

IMAGE = {OmeVersion.V05: ImageV05, OmeVersion.V04: ImageV04}
LABELS = {OmeVersion.V05: LabelsV05, OmeVersion.V04: LabelsV04}
IMAGE_LABEL = {OmeVersion.V05: ImageLabelV05, OmeVersion.V04: ImageLabelV04}
VERSIONS = list(OmeVersion)
RNG = np.random.default_rng(7)


def picture(shape: tuple[int, ...], dtype: Any = np.uint8) -> np.ndarray:
    """Smooth gradients with some noise, so that means are not trivial."""
    grid = np.add.outer(np.arange(shape[-3]) * 3, np.arange(shape[-2]) * 2)[..., np.newaxis]
    noise = RNG.integers(0, 50, shape)
    values = (grid % 200 + noise + np.arange(shape[-1]) * 5) % 256
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return values > 120
    return values.astype(kind) * (np.iinfo(kind).max // 255 if kind.kind in "iu" else 1)


def halved(frame: np.ndarray) -> np.ndarray:
    """The plain reference: means of 2 x 2 blocks, what there is of them at odd edges."""
    height, width, _ = frame.shape
    even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    blocks = np.stack([even[0::2, 0::2], even[0::2, 1::2], even[1::2, 0::2], even[1::2, 1::2]])
    if frame.dtype.kind == "f":
        return blocks.astype(np.float64).mean(axis=0).astype(frame.dtype)
    total = blocks.astype(object).sum(axis=0)
    return ((total + 2) // 4).astype(frame.dtype)


def opened(path: Path) -> zarr.Group:
    if path.suffix in (".zip", ".ozx"):
        return zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r")
    return zarr.open_group(path, mode="r")


def ome(group: zarr.Group) -> dict[str, Any]:
    attributes = group.attrs.asdict()
    return attributes.get("ome", attributes)


def out(folder: Path, suffix: str = ".zarr") -> Path:
    return folder / f"out{suffix}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip", ".ozx"])
def test_an_rgb_pyramid_is_valid_and_right(
    tmp_path: Path, version: OmeVersion, suffix: str
) -> None:
    if suffix == ".ozx" and version is OmeVersion.V04:
        pytest.skip("ozx is 0.5 alone")
    pixels = picture((301, 419, 3))
    reader = array_reader(pixels)
    reader.info = replace(reader.info, mm_x=0.0005, mm_y=0.00025)
    options = WriteOptions(tile_size=64, ome_version=version)
    report = write(reader, out(tmp_path, suffix), options)
    group = opened(report.path)
    IMAGE[version].from_zarr(group)
    multiscale = ome(group)["multiscales"][0]
    assert [a["name"] for a in multiscale["axes"]] == ["c", "y", "x"]
    assert [a.get("unit") for a in multiscale["axes"]] == [None, "micrometer", "micrometer"]
    expected = pixels
    assert len(multiscale["datasets"]) == 4
    for number, dataset in enumerate(multiscale["datasets"]):
        level = group[dataset["path"]]
        np.testing.assert_array_equal(level[:].transpose(1, 2, 0), expected)
        assert level.chunks[0] == 3
        scale, *shift = dataset["coordinateTransformations"]
        assert scale["scale"] == pytest.approx([1, 0.25 * 2**number, 0.5 * 2**number])
        if number:
            half = (2**number - 1) / 2
            assert shift[0]["translation"] == pytest.approx([0, 0.25 * half, 0.5 * half])
        expected = halved(expected)
    channels = ome(group)["omero"]["channels"]
    assert [c["color"] for c in channels] == ["FF0000", "00FF00", "0000FF"]
    assert channels[0]["window"] == {"min": 0, "max": 255, "start": 0, "end": 255}
    assert ome(group)["omero"]["rdefs"]["model"] == "color"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "dtype",
    ["bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"],
)
def test_every_dtype_stays_what_it_is(tmp_path: Path, dtype: str, version: OmeVersion) -> None:
    pixels = picture((70, 90, 1), dtype)
    if dtype in ("u8", "i8", "u4", "i4"):
        pixels[0, 0] = np.iinfo(dtype).max
    options = WriteOptions(tile_size=32, ome_version=version, reducer=Reducer.NEAREST)
    group = opened(write(array_reader(pixels), out(tmp_path), options).path)
    IMAGE[version].from_zarr(group)
    expected = pixels[..., 0]
    for number in range(3):
        level = group[str(number)][:]
        assert level.dtype == pixels.dtype
        np.testing.assert_array_equal(level, expected)
        expected = expected[::2, ::2]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("compression", ["none", "blosc", "zstd", "gzip"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_codec_is_zarr_s_own(
    tmp_path: Path, compression: str, dtype: Any, version: OmeVersion
) -> None:
    pixels = picture((130, 170, 5), dtype)
    for level in (None, 7 if compression != "none" else None):
        options = WriteOptions(
            tile_size=64,
            compression=Codec(compression),
            ome_version=version,
            overwrite=True,
            level=level,
        )
        group = opened(write(array_reader(pixels), out(tmp_path), options).path)
        np.testing.assert_array_equal(group["0"][:].transpose(1, 2, 0), pixels)
        np.testing.assert_allclose(group["1"][:].transpose(1, 2, 0), halved(pixels), rtol=1e-6)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_frame_has_its_own_pyramid(tmp_path: Path, version: OmeVersion) -> None:
    """The reference's lower levels of channels and z planes are of other frames."""
    pixels = np.stack([
        np.stack([picture((100, 140, 1)) // 4 + 20 * (z * 3 + c) for c in range(3)])
        for z in range(2)
    ])  # fmt: skip
    reader = array_reader(pixels, "zcyxs")
    group = opened(
        write(reader, out(tmp_path), WriteOptions(tile_size=64, ome_version=version)).path
    )
    IMAGE[version].from_zarr(group)
    assert [a["name"] for a in ome(group)["multiscales"][0]["axes"]] == ["c", "z", "y", "x"]
    for z in range(2):
        for c in range(3):
            expected = pixels[z, c]
            for number in range(3):
                np.testing.assert_array_equal(group[str(number)][c, z], expected[..., 0])
                expected = halved(expected)


@pytest.mark.parametrize("size", [(2048, 2048), (600, 800)])
@pytest.mark.parametrize("frames", [1, 3])
def test_single_band_images_of_any_number_of_frames(
    tmp_path: Path, size: tuple[int, int], frames: int
) -> None:
    """The reference fails here, or makes levels of other shapes than the image's."""
    pixels = np.full((frames, *size, 1), 50, np.uint8)
    pixels[-1] = 70
    group = opened(write(array_reader(pixels, "tyxs"), out(tmp_path)).path)
    ImageV05.from_zarr(group)
    for number in range(len(ome(group)["multiscales"][0]["datasets"])):
        level = group[str(number)][:]
        assert level.shape == (frames, size[0] >> number, size[1] >> number)
        assert (level[0] == (50 if frames > 1 else 70)).all()
        assert (level[-1] == 70).all()


@pytest.mark.parametrize("version", VERSIONS)
def test_axes_beyond_ngff_s_are_folded_and_stay_valid(tmp_path: Path, version: OmeVersion) -> None:
    shape = {"a": 2, "t": 2, "b": 3, "c": 2, "z": 2}
    pixels = RNG.integers(0, 255, (*shape.values(), 20, 24, 3), np.uint8)
    reader = array_reader(pixels, "atbczyxs")
    group = opened(write(reader, out(tmp_path), WriteOptions(ome_version=version)).path)
    IMAGE[version].from_zarr(group)
    stored = group["0"][:]
    assert stored.shape == (2, 2 * 3 * 2 * 3, 2, 20, 24)  # t, (a b c s), z, y, x
    assert len(ome(group)["omero"]["channels"]) == 36
    unfolded = stored.reshape(2, 2, 3, 2, 3, 2, 20, 24)
    np.testing.assert_array_equal(unfolded.transpose(1, 0, 2, 3, 5, 6, 7, 4), pixels)


@pytest.mark.parametrize("version", VERSIONS)
def test_one_free_axis_keeps_its_name(tmp_path: Path, version: OmeVersion) -> None:
    pixels = RNG.integers(0, 255, (4, 2, 20, 24, 1), np.uint8)
    path = write(
        array_reader(pixels, "fcyxs"), out(tmp_path), WriteOptions(ome_version=version)
    ).path
    group = opened(path)
    IMAGE[version].from_zarr(group)
    assert [a["name"] for a in ome(group)["multiscales"][0]["axes"]] == ["f", "c", "y", "x"]
    assert "type" not in ome(group)["multiscales"][0]["axes"][0]
    np.testing.assert_array_equal(group["0"][:], pixels[..., 0])


@pytest.mark.parametrize("version", VERSIONS)
def test_channels_units_and_spacing(tmp_path: Path, version: OmeVersion) -> None:
    pixels = picture((2, 3, 40, 50, 1), np.uint16)
    reader = array_reader(pixels, "czyxs")
    reader.info = replace(
        reader.info,
        axes=(Axis("c", 2), Axis("z", 3, (0.0, 1.5, 3.0), "µm")),
        channels=(Channel("DAPI", "#0000ff", (10, 900)), Channel("Cy3", "#ff8000")),
    )
    group = opened(write(reader, out(tmp_path), WriteOptions(ome_version=version)).path)
    IMAGE[version].from_zarr(group)
    channels = ome(group)["omero"]["channels"]
    assert [c["label"] for c in channels] == ["DAPI", "Cy3"]
    assert [c["color"] for c in channels] == ["0000FF", "FF8000"]
    assert channels[0]["window"] == {"min": 0, "max": 65535, "start": 10, "end": 900}
    multiscale = ome(group)["multiscales"][0]
    assert multiscale["axes"][1] == {"name": "z", "type": "space", "unit": "micrometer"}
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 1.5, 1, 1]


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int16])
def test_channels_that_say_nothing_are_shown_by_what_is_in_them(tmp_path: Path, dtype: Any) -> None:
    pixels = np.zeros((2, 3, 600, 700, 2), dtype)
    pixels[0] = RNG.integers(100, 200, pixels.shape[1:])
    pixels[1, ..., 0] = RNG.integers(1000, 5000, pixels.shape[1:-1])
    if np.dtype(dtype).kind == "f":
        pixels[0, 0, 10, 10] = np.nan
    reader = array_reader(pixels, "czyxs")
    group = opened(write(reader, out(tmp_path)).path)
    windows = [c["window"] for c in ome(group)["omero"]["channels"]]
    high = 32767 if np.dtype(dtype).kind == "i" else 65535
    assert windows[0]["start"] == pytest.approx(100, abs=1)
    assert windows[1]["end"] == pytest.approx(199, abs=1)
    assert windows[2]["start"] == pytest.approx(1000, abs=20)
    assert windows[2]["end"] == pytest.approx(5000, abs=20)
    if np.dtype(dtype).kind == "f":
        assert (windows[3]["start"], windows[3]["end"]) == (0, 1)
    else:
        assert windows[3]["max"] == windows[3]["end"] == high
    with open_reader(out(tmp_path)) as back:
        assert back.info.channels == reader.info.channels


@pytest.mark.parametrize("version", VERSIONS)
def test_a_label_map_is_ngff_s_labels_too(tmp_path: Path, version: OmeVersion) -> None:
    pixels = RNG.integers(0, 5, (90, 70, 1), np.uint32) * 100000
    reader = array_reader(pixels, interpretation=Interpretation.LABELS)
    options = WriteOptions(tile_size=32, ome_version=version)
    group = opened(write(reader, out(tmp_path), options).path)
    IMAGE[version].from_zarr(group)
    LABELS[version].from_zarr(group["labels"])
    IMAGE_LABEL[version].from_zarr(group["labels/map"])
    assert "image-label" in ome(group["labels/map"])
    paths = [d["path"] for d in ome(group)["multiscales"][0]["datasets"]]
    for path in paths:
        assert set(np.unique(group[path][:])) <= set(np.unique(pixels))
    np.testing.assert_array_equal(group["labels/map/0"][:], pixels[..., 0])


def test_a_palette_gives_the_labels_their_colours(tmp_path: Path) -> None:
    reader = array_reader(np.ones((20, 20, 1), np.uint8), interpretation=Interpretation.LABELS)
    reader.info = replace(reader.info, palette=((0, 0, 0, 0), (255, 0, 0, 255)))
    group = opened(write(reader, out(tmp_path)).path)
    colors = ome(group["labels/map"])["image-label"]["colors"]
    assert colors[1] == {"label-value": 1, "rgba": [255, 0, 0, 255]}


@pytest.mark.parametrize("name", ["a.zarr.zip", "a.ozx", "a.zip"])
def test_the_zip_is_as_rfc_9_wants_it(tmp_path: Path, name: str) -> None:
    reader = _with_associated(array_reader(picture((200, 300, 3))))
    path = write(reader, tmp_path / name, WriteOptions(tile_size=64)).path
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        comment = json.loads(archive.comment)
    assert comment == {
        "ome": {"version": "0.5", "zipFile": {"centralDirectory": {"jsonFirst": True}}}
    }
    assert names[0] == "zarr.json"
    documents = [n for n in names if n.endswith("zarr.json")]
    assert names[: len(documents)] == documents
    depths = [n.count("/") for n in documents]
    assert depths == sorted(depths)
    assert not list(tmp_path.glob(".ziggurat*"))


def test_a_zip_of_0_4_begins_with_its_group_too(tmp_path: Path) -> None:
    options = WriteOptions(ome_version=OmeVersion.V04)
    path = write(array_reader(picture((20, 30, 3))), tmp_path / "a.zarr.zip", options).path
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()[:2] == [".zattrs", ".zgroup"]
        assert archive.comment == b""
    with pytest.raises(OptionError, match=r"ozx is OME-Zarr 0\.5 or later, not 0\.4"):
        write(array_reader(picture((20, 30, 3))), tmp_path / "a.ozx", options)
    assert not (tmp_path / "a.ozx").exists()


@pytest.mark.parametrize("suffix", [".zarr", ".ozx"])
def test_shards_where_there_are_many_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(zarr_shards, "MANY_CHUNKS", 20)
    monkeypatch.setattr(zarr_shards, "SHARD_BYTES", 8 * 16 * 16 * 3)
    pixels = picture((200, 330, 3))
    pixels[32:48] = 0  # a row of chunks that is not stored at all
    pixels[64:80, 100:200] = 0  # some in a shard
    path = write(array_reader(pixels), out(tmp_path, suffix), WriteOptions(tile_size=16)).path
    group = opened(path)
    ImageV05.from_zarr(group)
    assert group["0"].shards == (3, 16, 7 * 16)  # 21 columns in shards of 7
    assert group["0"].chunks == (3, 16, 16)
    expected = pixels
    for number in range(4):
        np.testing.assert_array_equal(group[str(number)][:].transpose(1, 2, 0), expected)
        expected = halved(expected)
    assert group["3"].shards is None
    if suffix == ".zarr":
        rows = {p.parent.name for p in (path / "0" / "c").rglob("*") if p.is_file()}
        assert rows == {str(n) for n in range(13) if n != 2}


@pytest.mark.parametrize(
    ("axes", "room", "shards"),
    [
        ("tzcyxs", 6 * 6, (1, 3, 2, 32, 48)),  # whole channels, and two z of five
        ("tzcyxs", 15 * 6 * 4, (4, 3, 5, 32, 48)),
        (
            "tzcyxs",
            5,
            (1, 1, 1, 16, 48),
        ),  # not even a frame: rows of chunks, of which a frame has one
        ("tzfgyxs", 20, (1, 1, 1, 32, 48)),  # folded axes keep frames apart
    ],
)
def test_many_small_frames_share_shards(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    axes: str,
    room: int,
    shards: tuple[int, ...],
) -> None:
    monkeypatch.setattr(zarr_shards, "MANY_CHUNKS", 20)
    monkeypatch.setattr(zarr_shards, "SHARD_BYTES", room * 16 * 16)
    sizes = {"t": 4, "z": 5, "c": 3, "f": 2, "g": 2}
    shape = [sizes[name] for name in axes[:-3]]
    pixels = RNG.integers(0, 9, (*shape, 30, 40, 1), np.uint8)
    pixels[1] = 0
    path = write(array_reader(pixels, axes), out(tmp_path, ".ozx"), WriteOptions(tile_size=16)).path
    group = opened(path)
    ImageV05.from_zarr(group)
    assert group["0"].shards == shards
    order = (0, 2, 1, 3, 4) if axes.startswith("tzc") else (0, 2, 3, 1, 4, 5)
    stored = pixels[..., 0].transpose(order)
    np.testing.assert_array_equal(group["0"][:].reshape(stored.shape), stored)
    with open_reader(path) as reader:
        last = reader.plane(0, reader.info.frames - 1).read(Rect(3, 4, 20, 21))
    np.testing.assert_array_equal(last, pixels.reshape(-1, 30, 40, 1)[-1, 4:25, 3:23])


def test_all_blank_chunks_are_absent(tmp_path: Path) -> None:
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:30, :30] = 9
    path = write(array_reader(pixels), out(tmp_path), WriteOptions(tile_size=32)).path
    files = {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}
    chunks = {name for name in files if "/c/" in name}
    assert chunks == {"0/c/0/0/0", "1/c/0/0/0", "2/c/0/0/0"}
    np.testing.assert_array_equal(opened(path)["0"][:].transpose(1, 2, 0), pixels)


def test_the_background_is_what_is_not_stored(tmp_path: Path) -> None:
    pixels = np.full((128, 128, 3), 255, np.uint8)
    pixels[:30, :30] = 9
    reader = array_reader(pixels)
    reader.info = replace(reader.info, background=(255.0, 255.0, 255.0))
    path = write(reader, out(tmp_path), WriteOptions(tile_size=32)).path
    chunks = [p for p in (path / "0").rglob("*") if p.is_file() and p.name != "zarr.json"]
    assert len(chunks) == 1
    np.testing.assert_array_equal(opened(path)["0"][:].transpose(1, 2, 0), pixels)


class _Associated(HookedArray):
    images: dict[str, np.ndarray]

    def picture(self, name: str) -> Pixels:
        if self.images[name].size == 0:
            raise SourceError("it is gone")
        return self.images[name]


def _with_associated(
    reader: ArrayReader, extra: dict[str, np.ndarray] | None = None
) -> _Associated:
    images = {
        "label": picture((100, 100, 3)),  # square: the reference drops it
        "macro": picture((40, 50, 3)),  # small: likewise
        "über/all..": picture((30, 1100, 1), np.uint16),
        **(extra or {}),
    }
    info = replace(reader.info, associated=tuple(images))
    made = _Associated(reader._frames.reshape(-1, *reader._frames.shape[-3:])[0], info)
    made.images = images
    return made


@pytest.mark.parametrize("version", VERSIONS)
def test_associated_images_are_kept_beside_the_multiscale(
    tmp_path: Path, version: OmeVersion
) -> None:
    reader = _with_associated(array_reader(picture((64, 64, 3))), {"gone": np.zeros((0, 0, 3))})
    report = write(reader, out(tmp_path), WriteOptions(ome_version=version))
    assert report.lost == ("associated image 'gone' can't be read: it is gone",)
    group = opened(report.path)
    IMAGE[version].from_zarr(group)
    paths = group.attrs.asdict()["ziggurat"]["associated"]
    assert set(paths) == {"label", "macro", "über/all.."}
    for name, path in paths.items():
        IMAGE[version].from_zarr(group[path])
        stored = group[path]["0"][:]
        shown = stored.transpose(1, 2, 0) if stored.ndim == 3 else stored[..., np.newaxis]
        np.testing.assert_array_equal(shown, reader.images[name])


def test_no_metadata_says_that_pixels_have_no_size(tmp_path: Path) -> None:
    """The reference writes a scale of 0 where it doesn't know one."""
    group = opened(write(array_reader(picture((700, 600, 3))), out(tmp_path)).path)
    multiscale = ome(group)["multiscales"][0]
    scales = [d["coordinateTransformations"][0]["scale"] for d in multiscale["datasets"]]
    assert scales == [[1, 1, 1], [1, 2, 2]]
    assert all("unit" not in axis for axis in multiscale["axes"])
    assert ome(group)["version"] == "0.5"
    assert {c["label"] for c in ome(group)["omero"]["channels"]} == {"red", "green", "blue"}


def test_writing_changes_nothing_in_the_source(tmp_path: Path) -> None:
    """The reference adds levels to the live sink, and the next output is made from them."""
    pixels = np.stack([np.full((300, 300, 1), 20 * n, np.uint8) for n in range(1, 4)])
    reader = array_reader(pixels, "cyxs")
    options = WriteOptions(tile_size=64, overwrite=True)
    first = write(reader, out(tmp_path, ".ozx"), options).path.read_bytes()
    group = opened(write(reader, out(tmp_path), options).path)
    assert [group["2"][c].mean() for c in range(3)] == [20, 40, 60]
    assert write(reader, out(tmp_path, ".ozx"), options).path.read_bytes() == first


def test_an_output_that_exists_is_left_alone(tmp_path: Path) -> None:
    path = write(array_reader(picture((20, 20, 3))), out(tmp_path)).path
    with pytest.raises(TargetExistsError, match="exists"):
        write(array_reader(picture((30, 30, 3))), path)
    assert opened(path)["0"].shape == (3, 20, 20)
    write(array_reader(picture((30, 30, 3))), path, WriteOptions(overwrite=True))
    assert opened(path)["0"].shape == (3, 30, 30)


@pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip", ".ozx"])
def test_a_source_that_fails_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    class Failing(HookedArray):
        def read(self, level: int, frame: int, rect: Any) -> Pixels:
            if rect.y > 100:
                raise SourceError("the disk is gone")
            return super().read(level, frame, rect)

    whole = array_reader(picture((3000, 700, 3)))
    reader = Failing(picture((3000, 700, 3)), whole.info)
    with pytest.raises(SourceError, match="the disk is gone"):
        write(reader, out(tmp_path, suffix), WriteOptions(tile_size=128))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (WriteOptions(compression=Codec.JPEG), "jpeg is not for OME-Zarr, which takes blosc"),
        (
            WriteOptions(compression=Codec.ZSTD, level=99),
            "levels of zstd are 1 to 22, not 99",
        ),
        (WriteOptions(compression=Codec.GZIP, level=0), "levels of gzip are 1 to 9, not 0"),
        (WriteOptions(level=10), "levels of blosc are 0 to 9, not 10"),
    ],
)
def test_what_can_t_be_is_refused_in_a_sentence(
    tmp_path: Path, options: WriteOptions, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        write(array_reader(picture((20, 20, 3))), out(tmp_path), options)
    assert list(tmp_path.iterdir()) == []


def test_full_resolution_alone(tmp_path: Path) -> None:
    options = WriteOptions(tile_size=32, pyramid=PyramidStyle.NONE)
    group = opened(write(array_reader(picture((100, 100, 3))), out(tmp_path), options).path)
    assert sorted(group.array_keys()) == ["0"]


def test_real_tissue_gains_by_zstd(tmp_path: Path, tissue: np.ndarray) -> None:
    plain = write(array_reader(tissue), out(tmp_path, ".ozx"))
    small = write(array_reader(tissue), out(tmp_path), WriteOptions(compression=Codec.ZSTD))
    assert plain.bytes < tissue.nbytes
    assert small.bytes < tissue.nbytes * 0.95


@pytest.mark.parametrize(
    ("full", "small", "factor"),
    [(301, 151, 2), (301, 150, 2), (301, 76, 4), (301, 75, 4), (1, 1, 1), (100, 33, 100 / 33)],
)
def test_level_factors_are_exact_powers_of_two(full: int, small: int, factor: float) -> None:
    assert level_factor(full, small) == pytest.approx(factor)


def test_layouts_hold_every_axis_once() -> None:
    layout = ngff_layout([Axis("z", 2), Axis("c", 3)], 4)
    assert [d.name for d in layout.dimensions] == ["c", "z", "y", "x"]
    assert layout.shape(10, 20) == (12, 2, 20, 10)
    assert layout.chunk_shape(5, 6) == (4, 1, 6, 5)


Finder = Callable[[str], Path]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_real_slide(tmp_path: Path, data_file: Finder, version: OmeVersion) -> None:

    with open_reader(data_file("aperio-svs/CMU-1-Small-Region.svs")) as slide:
        options = WriteOptions(ome_version=version)
        group = opened(write(slide, out(tmp_path, ".zarr.zip"), options).path)
        full = slide.plane(0, 0).read(slide.info.levels[0].rect)
    IMAGE[version].from_zarr(group)
    np.testing.assert_array_equal(group["0"][:].transpose(1, 2, 0), full)
    np.testing.assert_array_equal(group["1"][:].transpose(1, 2, 0), halved(full))
    assert group.attrs.asdict()["ziggurat"]["magnification"] == 20


@pytest.mark.parametrize("source", VERSIONS)
@pytest.mark.parametrize("target", VERSIONS)
@pytest.mark.parametrize("compression", ["blosc", "zstd", "gzip", "none"])
def test_chunks_are_copied_as_they_are(
    tmp_path: Path, source: OmeVersion, target: OmeVersion, compression: str
) -> None:
    pixels = picture((2, 130, 170, 3), np.uint16)
    pixels[1, :64, :64] = 7
    given = array_reader(pixels, "zyxs")
    given.info = replace(given.info, background=(7, 7, 7))
    options = WriteOptions(tile_size=64, ome_version=source, compression=Codec(compression))
    first = write(given, tmp_path / "a.zarr", options).path
    with open_reader(first) as reader:
        levels = [
            LevelPlan(v.width, v.height, v.tile_width, v.tile_height, Copy(number), None)
            for number, v in enumerate(reader.info.levels)
        ]
        options = WriteOptions(ome_version=target)
        second = write_levels(reader, tmp_path / "b.zarr", levels, options).path
    group = opened(second)
    IMAGE[target].from_zarr(group)
    np.testing.assert_array_equal(group["0"][:].transpose(1, 2, 3, 0), pixels)
    chunks = [
        sorted(p.read_bytes() for p in path.rglob("*") if p.is_file() and "z" not in p.name)
        for path in (first, second)
    ]
    assert chunks[0] == chunks[1]
    for number in range(3):
        np.testing.assert_array_equal(opened(first)[str(number)][:], group[str(number)][:])


def test_what_is_no_chunk_is_not_copied(tmp_path: Path) -> None:
    class Tiff(HookedArray):
        def encoded(self, level: int, frame: int) -> EncodedLevel:
            del level, frame
            form = TileFormat(Codec.JPEG, Photometric.RGB, 3, 8, "uint8")
            return EncodedLevel(form, 64, 64, 64, 64, 1, 1, lambda _c, _r: b"jpeg")

    pixels = picture((64, 64, 3))
    reader = Tiff(pixels, array_reader(pixels).info)
    with pytest.raises(OptionError, match="level 0 can't be copied into an OME-Zarr"):
        write_levels(
            reader, out(tmp_path), [LevelPlan(64, 64, 64, 64, Copy(0), None)], WriteOptions()
        )
    assert list(tmp_path.iterdir()) == []
