"""Lists of sources: where their frames and pixels go, and what becomes of their values."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError

RGB = {"photometric": "rgb", "tile": (48, 64)}


def listed(folder: Path, said: Any) -> ziggurat.Source:
    (folder / "list.json").write_text(json.dumps(said))
    return ziggurat.open(folder / "list.json")


def values(source: ziggurat.Source) -> list[int]:
    frames = range(source.frames)
    return [int(source.getRegion(format="numpy", frame=n)[0][0, 0, 0]) for n in frames]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in (("a", 10), ("b", 20)):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full((60, 80, 3), value, np.uint8), **RGB)
    tifffile.imwrite(tmp_path / "gray.tif", np.full((60, 80), 50, np.uint8), tile=(48, 64))
    tifffile.imwrite(tmp_path / "wide.tif", np.full((60, 80, 3), 5000, np.uint16), **RGB)
    with tifffile.TiffWriter(tmp_path / "pages.tif") as tif:
        for page in range(4):
            tif.write(np.full((60, 80), 10 * page + 1, np.uint8), tile=(48, 64), metadata=None,
                      contiguous=False)  # fmt: skip
    return tmp_path


CASES: list[tuple[Any, dict[str, int] | None, list[int]]] = [
    # what does not say where it is comes behind what is there
    ([{"path": "a.tif"}, {"path": "b.tif"}], {"IndexZ": 2}, [10, 20]),
    ([{"path": "a.tif", "zValues": [2]}, {"path": "b.tif", "z": 0}], {"IndexZ": 3}, [20, 0, 10]),
    (
        [{"path": "a.tif", "z": 3}, {"path": "b.tif", "z": 1}, {"path": "b.tif"}],
        {"IndexZ": 5},
        [0, 20, 0, 10, 20],
    ),
    ([{"path": "a.tif", "zSet": 1}, {"path": "b.tif", "z": 0}], {"IndexZ": 2}, [20, 10]),
    # a list goes on by its last step, from where the file begins
    (
        [{"path": "pages.tif", "framesAsAxes": {"z": 1}, "zValues": [0, 1, 3], "z": 1}],
        {"IndexZ": 7},
        [0, 1, 11, 0, 21, 0, 31],
    ),
    (
        [{"path": "pages.tif", "framesAsAxes": {"z": 1}, "zValues": [3, 2]}],
        {"IndexZ": 4},
        [31, 21, 11, 1],
    ),
    ([{"path": "pages.tif"}], None, [1, 11, 21, 31]),
    ([{"path": "pages.tif", "frames": [1, 2]}], None, [0, 11, 21]),
    ([{"path": "pages.tif", "frame": 1}], None, [0, 1, 11, 21, 31]),
    ([{"path": "pages.tif"}, {"path": "pages.tif"}], None, [1, 11, 21, 31] * 2),
    (
        [{"path": "pages.tif", "framesAsAxes": {"c": 1, "z": 2}}],
        {"IndexZ": 2, "IndexC": 2},
        [1, 11, 21, 31],
    ),
    (
        {"axes": ["q"], "sources": [{"path": "a.tif", "q": 1}, {"path": "b.tif", "q": 0}]},
        {"IndexQ": 2},
        [20, 10],
    ),
    (
        [{"path": "a.tif", "channel": "x", "z": 0}, {"path": "b.tif", "channel": "y", "z": 0}],
        {"IndexC": 2},
        [10, 20],
    ),
]


@pytest.mark.parametrize(("said", "sizes", "due"), CASES, ids=range(len(CASES)))
def test_frames(folder: Path, said: Any, sizes: dict[str, int] | None, due: list[int]) -> None:
    with listed(folder, said) as source:
        assert source.getMetadata().get("IndexRange") == sizes
        shown = values(source)
        assert shown == due


def test_frames_that_lie_on_one_another_are_told(folder: Path) -> None:
    with listed(folder, [{"path": "pages.tif", "z": 1}]) as source:
        assert values(source) == [0, 31]
        assert "pages.tif" in source.getInternalMetadata()["losses"][0]


def test_strides_without_a_place_for_all_frames_say_what_is_left_out(folder: Path) -> None:
    with listed(folder, [{"path": "pages.tif", "framesAsAxes": {"c": 1, "z": 3}}]) as source:
        assert values(source) == [1, 11, 21]
        assert "1 frames" in source.getInternalMetadata()["losses"][0]


def test_values_are_shifted_scaled_and_of_another_type(folder: Path) -> None:
    with listed(folder, [{"path": "a.tif", "sampleOffset": 4, "sampleScale": 2}]) as source:
        assert source.getRegion(format="numpy")[0][0, 0].tolist() == [7, 7, 7]
    with listed(folder, {"dtype": "uint16", "sources": [{"path": "a.tif"}]}) as source:
        pixels = source.getRegion(format="numpy")[0]
        assert (pixels.dtype, pixels[0, 0, 0]) == (np.uint16, 10 * 257)
    ramp = np.linspace(0, 7, 4800, dtype=np.float32).reshape(60, 80)
    tifffile.imwrite(folder / "float.tif", ramp, tile=(48, 64))
    with listed(folder, {"dtype": "uint8", "sources": [{"path": "float.tif"}]}) as source:
        due = np.round(ramp / 8 * 255)
        assert np.abs(source.getRegion(format="numpy")[0][..., 0] - due).max() <= 1


def test_other_bands_and_types_beside_each_other_keep_their_numbers(folder: Path) -> None:
    said = [{"path": "a.tif", "z": 0}, {"path": "wide.tif", "z": 1}, {"path": "gray.tif", "z": 2}]
    with listed(folder, said) as source:
        assert (source.dtype, source.bandCount) == ("uint16", 3)
        assert values(source) == [10, 5000, 50]
        assert source.getRegion(format="numpy", frame=2)[0][0, 0].tolist() == [50] * 3


def test_a_style_and_one_band(folder: Path) -> None:
    style = {"bands": [{"band": 1, "min": 0, "max": 20, "palette": ["#000", "#f00"]}]}
    with listed(folder, [{"path": "a.tif", "style": style}]) as source:
        assert source.dtype == "uint8"
        assert source.getRegion(format="numpy")[0][0, 0].tolist() == [127, 0, 0, 255]
    with listed(folder, {"singleBand": True, "sources": [{"path": "a.tif"}]}) as source:
        assert source.getRegion(format="numpy")[0].shape == (60, 80, 1)


def test_turned_sources_are_where_gdal_would_put_them(folder: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (40, 60, 3), np.uint8)
    tifffile.imwrite(folder / "p.tif", picture.repeat(4, 0).repeat(4, 1), **RGB)
    quarter = {"x": 160, "y": 0, "s11": 0, "s12": -1, "s21": 1, "s22": 0}
    with listed(folder, [{"path": "p.tif", "position": quarter}]) as source:
        turned = np.rot90(picture.repeat(4, 0).repeat(4, 1), -1)
        assert (source.sizeX, source.sizeY) == (160, 240)
        np.testing.assert_array_equal(source.getRegion(format="numpy")[0], turned)
        part = source.getRegion(region={"left": 33, "top": 50, "width": 70}, format="numpy")[0]
        np.testing.assert_array_equal(part, turned[50:, 33:103])
    sheared = {"x": 20, "y": 5, "s11": 1.5, "s12": 0.3, "s21": -0.2, "s22": 0.7}
    said = {"width": 400, "height": 120, "sources": [{"path": "p.tif", "position": sheared}]}
    with listed(folder, said) as source:
        whole = source.getRegion(format="numpy")[0]
        y, x = np.mgrid[0:120, 0:400] + 0.5
        back = np.linalg.inv([[1.5, 0.3], [-0.2, 0.7]])
        u, v = (back[n, 0] * (x - 20) + back[n, 1] * (y - 5) for n in (0, 1))
        near_it = (u > -0.01) & (v > -0.01) & (u < 240.01) & (v < 160.01)
        assert not whole[~near_it].any()
        inside = (u > 0) & (v > 0) & (u < 240) & (v < 160)
        near = picture[np.clip(v / 4, 0, 39).astype(int), np.clip(u / 4, 0, 59).astype(int)]
        middle = inside & (abs(u % 4 - 2) < 1) & (abs(v % 4 - 2) < 1)  # away from its edges
        assert middle.sum() > 1000
        np.testing.assert_array_equal(whole[middle], near[middle])
        part = source.getRegion(region={"left": 31, "top": 17, "width": 99, "height": 50},
                                format="numpy")[0]  # fmt: skip
        np.testing.assert_array_equal(part, whole[17:67, 31:130])


def test_sources_may_be_enlarged_and_reach_over_the_corner(folder: Path) -> None:
    said = {
        "width": 200,
        "height": 100,
        "backgroundColor": [1, 2, 3],
        "sources": [
            {"path": "a.tif", "z": 0, "position": {"x": -30, "y": -20}},
            {"path": "b.tif", "z": 0, "position": {"x": 100, "y": 10, "scale": 1.5}},
        ],
    }
    with listed(folder, said) as source:
        pixels = source.getRegion(format="numpy")[0]
        due = np.zeros((100, 200, 3), np.uint8) + np.array([1, 2, 3], np.uint8)
        due[:40, :50], due[10:, 100:] = 10, 20
        np.testing.assert_array_equal(pixels, due)
        small = source.getRegion(format="numpy", output={"maxWidth": 100})[0]
        assert small[:19, :24].max() == 10
        assert (small[6:, 51:] == 20).all()


def test_lower_levels_are_read_at_their_own_size(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ziggurat.new() as sink:
        sink.addTile(np.random.default_rng(2).integers(0, 255, (1024, 1024, 3), np.uint8))
        sink.write(folder / "large.tiff", lossy=False)
    said = [{"path": "large.tiff", "z": 0}, {"path": "large.tiff", "z": 0, "position": {"x": 1024}}]
    with listed(folder, said) as source:
        assert (source.sizeX, source.levels) == (2048, 4)
        stored = source._image().reader.info.levels
        assert [level.width for level in stored] == [2048, 1024, 512, 256]
        half = source._image().reader.plane(1, 0).read(stored[1].rect)
    with ziggurat.open(folder / "large.tiff") as one:
        size = {"maxWidth": 512}
        np.testing.assert_array_equal(half[:, 512:], one.getRegion(format="numpy", output=size)[0])


def test_transparent_sources_let_through_what_lies_below(folder: Path) -> None:
    over = np.full((60, 80, 4), 100, np.uint8)
    over[:, :40, 3], over[:, 40:, 3] = 0, 255
    tifffile.imwrite(folder / "over.tif", over, photometric="rgb", extrasamples=[2], tile=(48, 64))
    with listed(folder, [{"path": "a.tif", "z": 0}, {"path": "over.tif", "z": 0}]) as source:
        pixels = source.getRegion(format="numpy")[0]
        assert pixels[5, 5].tolist() == [10, 10, 10, 255]
        assert pixels[5, 60].tolist() == [100, 100, 100, 255]


def test_alike_sources_are_opened_as_they_are_needed(folder: Path) -> None:
    for t in range(600):
        (folder / f"t_{t:03d}.tif").symlink_to(folder / ("a.tif" if t % 2 else "b.tif"))
    pattern = {"path": ".", "pathPattern": r"t_(?P<t>\d+)\.tif"}
    with pytest.raises(UnsupportedFormatError, match="uniformSources"):
        listed(folder, [pattern])
    with listed(folder, {"uniformSources": True, "sources": [pattern]}) as source:
        assert source.frames == 600
        for frame in (0, 1, 599):
            assert source.getRegion(format="numpy", frame=frame)[0][0, 0, 0] == (20, 10)[frame % 2]


def test_sources_that_are_not_alike_after_all_are_told(folder: Path) -> None:
    said = [{"path": name, "t": t} for t, name in enumerate(("a.tif", "b.tif", "wide.tif"))]
    with (
        listed(folder, {"uniformSources": True, "sources": said}) as source,
        pytest.raises(CorruptSourceError, match="not like the second"),
    ):
        source.getRegion(frame=2)


def test_lists_of_lists_and_made_pictures(folder: Path) -> None:
    made = {"sourceName": "test", "path": "__none__", "params": {"sizeX": 80, "sizeY": 60}}
    (folder / "inner.yml").write_text(json.dumps([{"path": "a.tif"}, made]))
    with listed(folder, [{"path": "inner.yml", "z": 1}, {"path": "b.tif", "z": 0}]) as source:
        assert source.metadata["IndexRange"] == {"IndexZ": 3}
        assert values(source)[:2] == [20, 10]
    text = json.dumps({"sources": [made]})
    assert ziggurat.open("multi://" + text).sizeX == 80
    (folder / "inner.yml").write_text(json.dumps([{"path": "list.json"}]))
    with pytest.raises(SourceError, match="leads back to itself"):
        listed(folder, [{"path": "inner.yml"}])


def test_associated_images_of_all_files(folder: Path) -> None:
    for name in ("one", "two"):
        with ziggurat.new() as sink:
            sink.addTile(np.zeros((60, 80, 3), np.uint8))
            sink.addAssociatedImage(np.full((20, 30, 3), len(name), np.uint8), "label")
            sink.write(folder / f"{name}.tiff")
    with listed(folder, [{"path": "one.tiff"}, {"path": "two.tiff"}]) as source:
        assert source.getAssociatedImagesList() == ["label", "label-1"]
        image, _ = source.getAssociatedImage("label-1", format="numpy")
        assert image.shape == (20, 30, 3)
    with listed(folder, [{"path": "one.tiff"}, {"path": "one.tiff", "z": 1}]) as source:
        assert source.getAssociatedImagesList() == ["label"]
    assert "sources" in ziggurat.open(folder / "list.json").getInternalMetadata()["frames"][0]
