"""CZI files made for the purpose: overlaps, gaps, scenes, levels, copied tiles, damage."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

import ziggurat
from tests.czi_files import JPEGXR, Block, make_czi
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.czi.file import CziBytes, Subblock
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.io.bytes import LocalBytes
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.image import Channel
from ziggurat.readers.model.reader import Pixels


def flat(value: int, width: int = 40, height: int = 30) -> np.ndarray:
    return np.full((height, width), value, np.uint16)


def test_later_subblocks_of_a_mosaic_lie_over_earlier_ones_and_gaps_are_zero(
    tmp_path: Path,
) -> None:
    path = make_czi(
        tmp_path / "a.czi",
        [
            Block(-20, -70, flat(2), position={"M": 4}),
            Block(-50, -70, flat(1), position={"M": 1}),
            Block(50, -30, flat(3), position={"M": 9}),
        ],
    )
    with open_reader(path) as reader:
        plane = reader.plane(0, 0)
        pixels = plane.read(reader.info.levels[0].rect)[..., 0]
        assert pixels.shape == (70, 140)
        assert (pixels[0, 29], pixels[0, 30], pixels[0, 39]) == (1, 2, 2)
        assert not pixels[:40, 70:].any()
        assert pixels[69, 139] == 3
        assert plane.is_blank(Rect(80, 0, 20, 20))
        assert not plane.is_blank(Rect(60, 0, 20, 20))


def test_what_a_mask_leaves_out_shows_what_lies_below(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    mask = rng.random((30, 41)) > 0.4
    below, above = flat(1, 41), flat(2, 41)
    blocks = [
        Block(0, 0, below, position={"M": 0}),
        Block(20, 10, above, position={"M": 1}, mask=mask),
    ]
    expected = np.zeros((40, 61), np.uint16)
    expected[:30, :41] = 1
    expected[10:, 20:][mask] = 2
    with open_reader(make_czi(tmp_path / "a.czi", blocks)) as reader:
        found = reader.plane(0, 0).read(reader.info.levels[0].rect)[..., 0]
        np.testing.assert_array_equal(found, expected)
        part = reader.plane(0, 0).read(Rect(25, 13, 17, 21))[..., 0]
        np.testing.assert_array_equal(part, expected[13:34, 25:42])


def test_tiles_with_masks_are_not_copied(tmp_path: Path, tissue: np.ndarray) -> None:
    tile = np.ascontiguousarray(tissue[:208, :256])
    data = bytes(imagecodecs.jpegxr_encode(tile, level=0.9))
    mask = np.broadcast_to(np.arange(256) < 128, (208, 256))

    def masked(*which: bool) -> Path:
        masks = [mask if one else None for one in which]
        blocks = [
            Block(256 * n, 0, tile, compression=JPEGXR, data=data, mask=one)
            for n, one in enumerate(masks)
        ]
        return make_czi(tmp_path / "a.czi", blocks)

    keep = ConvertOptions(compression="keep", levels="source", overwrite=True)
    with pytest.raises(UnsupportedFormatError, match="masks can't be copied"):
        ziggurat.convert(masked(False, True, False), tmp_path / "a.tiff", keep)
    ziggurat.convert(masked(True, False), tmp_path / "b.tiff", keep)
    with open_reader(tmp_path / "b.tiff") as reader:
        found = reader.plane(0, 0).read(Rect(0, 0, 256, 208))
    assert found[:, 144:].max() < 10  # JPEG, by blocks of sixteen
    assert found[:, :128].mean() > 100


def test_colours_are_turned(tmp_path: Path) -> None:
    pixels = np.zeros((8, 9, 3), np.uint8)
    pixels[...] = (200, 100, 50)
    with open_reader(make_czi(tmp_path / "a.czi", [Block(0, 0, pixels)])) as reader:
        np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 9, 8)), pixels)


def scenes(path: Path) -> Path:
    return make_czi(
        path,
        [
            Block(5000, 10, flat(7), position={"S": 0, "C": 0}),
            Block(5000, 10, flat(8).astype(np.uint8), position={"S": 0, "C": 2}),
            Block(-10, 900, flat(9, 16, 50).astype(np.uint8), position={"S": 2, "C": 2}),
        ],
    )


def test_scenes_are_frames_or_one_alone(tmp_path: Path) -> None:
    path = scenes(tmp_path / "a.czi")
    with open_reader(path) as reader:
        assert [(axis.name, axis.size) for axis in reader.info.axes] == [("xy", 2), ("c", 2)]
        assert (reader.info.width, reader.info.height) == (40, 50)
        assert reader.info.axes[0].values == ("upper", "lower")
        assert reader.info.dtype == np.uint16  # which holds the channel of 8 bits, too
        assert reader.info.channels == (
            Channel("Cy5", "#c08040"),
            Channel("FITC", "#30e060", (0.25 * 65535, 0.75 * 65535)),
        )
        corners = [int(reader.plane(0, k).read(Rect(0, 0, 1, 1))[0, 0, 0]) for k in range(4)]
        assert corners == [7, 8, 0, 9]
        told = " ".join(reader.info.losses)
        assert "1 planes have no pixels" in told
        assert "40 x 30" in told
    with open_reader(path / "2") as reader:
        assert (reader.info.width, reader.info.height, reader.info.frames) == (16, 50, 1)
        assert (reader.info.mm_x, reader.info.mm_y) == pytest.approx((5e-4, 7.5e-4))
        assert reader.info.magnification == 40
    with pytest.raises(SourceError, match="no scene 1; there are 0, 2"):
        open_reader(path / "1")
    with pytest.raises(SourceError, match="by its number"):
        open_reader(path / "first")


def test_rows_may_lie_further_apart_than_columns(tmp_path: Path) -> None:
    sizes = "".join(
        f'<Distance Id="{axis}"><Value>{size}</Value></Distance>'
        for axis, size in (("X", 5e-7), ("Y", 2e-6))
    )
    items = f"<Metadata><Scaling><Items>{sizes}</Items></Scaling></Metadata>"
    xml = f"<ImageDocument>{items}</ImageDocument>"
    with open_reader(make_czi(tmp_path / "a.czi", [Block(0, 0, flat(1))], xml)) as reader:
        assert (reader.info.mm_x, reader.info.mm_y) == pytest.approx((5e-4, 2e-3))


def test_a_subblock_of_no_scene_is_in_all_of_them(tmp_path: Path) -> None:
    blocks = [Block(0, 0, flat(3, 10, 10))]
    blocks += [Block(20 * scene, 0, flat(7 + scene), position={"S": scene}) for scene in (1, 2)]
    with open_reader(make_czi(tmp_path / "a.czi", blocks)) as reader:
        for frame, (left, value) in enumerate(((20, 8), (40, 9))):
            row = reader.plane(0, frame).read(Rect(0, 0, 80, 1))[0, :, 0].tolist()
            assert row[:left] == [3] * 10 + [0] * (left - 10)
            assert row[left : left + 40] == [value] * 40


def test_subblocks_of_a_level_lie_over_one_another_in_their_order(tmp_path: Path) -> None:
    full = [Block(0, 0, flat(1, 128, 64))]
    for small, large in ((0, 1), (1, 0)):
        half = [Block(0, 0, flat(5, 32, 32), 2, position={"M": small}),
                Block(0, 0, flat(6, 64, 32), 2, position={"M": large})]  # fmt: skip
        with open_reader(make_czi(tmp_path / f"{small}.czi", [*full, *half])) as reader:
            pixels = reader.plane(1, 0).read(Rect(0, 0, 64, 32))[..., 0]
        assert (pixels[:, :32] == (6 if large else 5)).all()
        assert (pixels[:, 32:] == 6).all()


def test_a_level_that_does_not_show_all_of_the_image_is_left_out(tmp_path: Path) -> None:
    full = [Block(0, 0, flat(1, 64, 64)), Block(64, 0, flat(2, 64, 64))]
    half = [Block(0, 0, flat(1, 32, 32), 2), Block(64, 0, flat(2, 32, 32), 2)]
    quarter = [Block(0, 0, flat(1, 16, 16), 4)]
    with open_reader(make_czi(tmp_path / "a.czi", [*full, *half, *quarter])) as reader:
        assert [(one.width, one.height) for one in reader.info.levels] == [(128, 64), (64, 32)]
        pixels = reader.plane(1, 0).read(Rect(0, 0, 64, 32))[..., 0]
        assert (pixels[:, :32] == 1).all()
        assert (pixels[:, 32:] == 2).all()
        assert any("1/4" in loss for loss in reader.info.losses)


def test_the_rounded_size_of_a_last_tile_makes_no_level_of_its_own(tmp_path: Path) -> None:
    full = [Block(0, 0, flat(1, 325, 7))]
    half = [Block(0, 0, flat(1, 163, 4), 2, size=(325, 7))]
    quarter = [
        Block(320, 0, flat(1, 2, 2), 4, size=(5, 7)),
        Block(0, 0, flat(1, 80, 2), 4, size=(320, 7)),
    ]
    with open_reader(make_czi(tmp_path / "a.czi", [*full, *half, *quarter])) as reader:
        sizes = [(one.width, one.height) for one in reader.info.levels]
        assert sizes == [(325, 7), (163, 4), (82, 2)]
        assert (reader.plane(2, 0).read(Rect(0, 0, 82, 2)) == 1).all()


def test_a_picture_that_is_nearly_all_gap_is_damage(tmp_path: Path) -> None:
    blocks = [Block(0, 0, flat(1, 8, 8)), Block(500_000, 500_000, flat(2, 8, 8))]
    with pytest.raises(CorruptSourceError, match="claims 500008 x 500008 pixels and stores 128"):
        open_reader(make_czi(tmp_path / "a.czi", blocks))


def jpegxr(path: Path, tissue: np.ndarray) -> tuple[Path, list[list[bytes]]]:
    """Write tiles of 128 x 96: eight, and two of half the size; return them as they are stored."""
    levels: list[list[Block]] = []
    for factor in (1, 2):
        small = tissue[:192:factor, ::factor]
        levels.append([])
        for y in range(0, small.shape[0], 96):
            for x in range(0, small.shape[1], 128):
                pixels = np.ascontiguousarray(small[y : y + 96, x : x + 128])
                data = imagecodecs.jpegxr_encode(pixels, level=0.9)
                place = (factor * x, factor * y)
                levels[-1].append(Block(*place, pixels, factor, compression=JPEGXR, data=data))
    stored = [[block.stored for block in blocks] for blocks in levels]
    return make_czi(path, [block for blocks in levels for block in blocks]), stored


def test_jpeg_xr_tiles_are_copied_byte_for_byte(tmp_path: Path, tissue: np.ndarray) -> None:
    path, stored = jpegxr(tmp_path / "a.czi", tissue)
    ziggurat.convert(path, tmp_path / "a.ome.tif", ConvertOptions(compression="keep"))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tif:
        page = tif.pages[0]
        offsets = zip(page.dataoffsets, page.databytecounts, strict=True)
        found = [(tmp_path / "a.ome.tif").read_bytes()[at : at + size] for at, size in offsets]
        assert found == stored[0]
        copied = page.asarray()
    with open_reader(path) as reader:
        np.testing.assert_array_equal(reader.plane(0, 0).read(Rect(0, 0, 512, 192)), copied)
        half = reader.plane(1, 0).encoded()
        assert half is not None
        assert (half.width, half.height, half.columns, half.rows) == (256, 96, 2, 1)
        assert [half.tile(column, 0) for column in range(2)] == stored[1]
    assert np.abs(copied.astype(int) - tissue[:192]).mean() < 8


def test_attached_pictures_are_label_macro_and_thumbnail(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    stream = imagecodecs.jpeg8_encode(np.ascontiguousarray(tissue[:40, :60]), level=95)
    inner = make_czi(tmp_path / "inner.czi", [Block(0, 0, tissue[:50, :70])]).read_bytes()
    path = make_czi(
        tmp_path / "a.czi",
        [Block(0, 0, flat(1))],
        attachments={
            "Label": ("CZI", inner),
            "SlidePreview": ("JPG", stream),
            "Thumbnail": ("JPG", stream[:30]),
            "EventList": ("CZEVL", b"12345678"),
        },
    )
    with open_reader(path) as reader:
        assert set(reader.info.associated) == {"label", "macro", "thumbnail"}
        np.testing.assert_array_equal(reader.associated("label").read(), tissue[:50, :70])
        copied = reader.associated("macro").encoded()
        assert copied is not None
        assert copied.data == stream
        shown = reader.associated("macro").read().astype(int)
        assert np.abs(shown - imagecodecs.jpeg8_decode(stream)).max() <= 2
        with pytest.raises(CorruptSourceError, match="attached picture"):
            reader.associated("thumbnail").read()


def test_a_large_sparse_mosaic_is_read_by_what_a_region_touches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 64
    places = [(x * 4096, y * 4096) for y in range(4) for x in range(70)]
    places.append((288_764 - size, 18_764 - size))
    blocks = [
        Block(x, y, flat(number + 1, size, size), position={"M": number})
        for number, (x, y) in enumerate(places)
    ]
    path = make_czi(tmp_path / "a.czi", blocks)
    read: list[int] = []
    decoded: list[int] = []
    really_read, really_decode = LocalBytes.read, CziBytes._decoded

    def reading(self: LocalBytes, offset: int, length: int) -> bytes:
        read.append(length)
        return really_read(self, offset, length)

    def decoding(self: CziBytes, block: Subblock, data: object) -> Pixels:
        decoded.append(block.mosaic)
        return really_decode(self, block, data)

    monkeypatch.setattr(LocalBytes, "read", reading)
    monkeypatch.setattr(CziBytes, "_decoded", decoding)
    with open_reader(path) as reader:
        assert (reader.info.width, reader.info.height) == (288_764, 18_764)
        assert len(read) < 20  # not one a subblock
        pixels = reader.plane(0, 0).read(Rect(4096, 0, 4200, 4200))[..., 0]
        assert decoded == [1, 2, 71, 72]
        assert (pixels[0, 0], pixels[4096, 4096], pixels[64, 64]) == (2, 73, 0)
        assert reader.plane(0, 0).read(Rect(288_763, 18_763, 1, 1))[0, 0, 0] == len(places)


def forged(path: Path, offset: int, layout: str, *numbers: int) -> Path:
    data = bytearray(path.read_bytes())
    struct.pack_into(layout, data, offset, *numbers)
    path.write_bytes(data)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return make_czi(tmp_path / "a.czi", [Block(0, 0, flat(1)), Block(40, 0, flat(2))])


def directory_of(path: Path) -> int:
    return path.read_bytes().index(b"ZISRAWDIRECTORY")


@pytest.mark.parametrize(
    ("offset", "layout", "number"),
    [
        (32, "<i", 2**30),  # entries
        (32 + 128 + 28, "<i", 2**31 - 1),  # dimensions of the first
        (32 + 128 + 28, "<i", -5),
        (32 + 128 + 32 + 8, "<i", -3),  # its width
        (32 + 128 + 2, "<i", 77),  # its type of pixels
        (32 + 128 + 18, "<i", 55),  # its compression
        (32 + 128 + 32 + 4, "<i", -(2**31)),  # its column: far from the other
        (24, "<q", 2**62),  # bytes of the directory
    ],
)
def test_a_forged_directory_is_refused_before_room_is_made(
    plain: Path, offset: int, layout: str, number: int
) -> None:
    with pytest.raises(SourceError):
        open_reader(forged(plain, directory_of(plain) + offset, layout, number))


@pytest.mark.parametrize(
    ("at", "layout", "told"),
    [(8, "<q", "claims 1073741824 bytes"), (0, "<i", "claims 2400 bytes"), (0, "<q", "claims")],
)
def test_a_forged_subblock_is_refused_when_it_is_read(
    plain: Path, at: int, layout: str, told: str
) -> None:
    first = plain.read_bytes().index(b"ZISRAWSUBBLOCK")
    with open_reader(forged(plain, first + 32 + at, layout, 2**30)) as reader:
        with pytest.raises(CorruptSourceError, match=told):
            reader.plane(0, 0).read(Rect(0, 0, 5, 5))
        assert reader.plane(0, 0).read(Rect(40, 0, 1, 1))[0, 0, 0] == 2  # the others are there


def test_a_file_that_was_never_finished_says_so(plain: Path) -> None:
    plain.write_bytes(plain.read_bytes()[: directory_of(plain)])
    with pytest.raises(CorruptSourceError, match="truncated, damaged, or never finished"):
        open_reader(plain)


def test_pixels_in_other_files_are_not_made_up(plain: Path) -> None:
    with pytest.raises(UnsupportedFormatError, match="another file"):
        open_reader(forged(plain, directory_of(plain) + 32 + 128 + 14, "<i", 1))
