"""What is shown of every frame, band and image of a gallery, against arithmetic."""

import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ziggurat
from ziggurat.converter.viewer import overview
from ziggurat.converter.viewer.answers import VENDORED, Answer, Gallery, page
from ziggurat.converter.viewer.export import export
from ziggurat.converter.viewer.looks import Look, parse_look
from ziggurat.converter.viewer.pixels import shrunk
from ziggurat.converter.viewer.render import colorize, label_colors
from ziggurat.converter.viewer.shown import Shown
from ziggurat.converter.viewer.snapshot import snapshot

SIDE, FRAMES, BANDS = 32, 2, 3


def values(image: int, frame: int, band: int) -> np.ndarray:
    """Stored values (y, x): no two of image, frame and band have the same range."""
    number = 1 + band + BANDS * (frame + FRAMES * image)
    return np.arange(SIDE)[None, :] * np.full((SIDE, 1), number * 7) + 100 * number


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("frames")
    for image in (0, 1):
        with ziggurat.new(bands=BANDS, dtype="uint16") as sink:
            for frame in range(FRAMES):
                bands = [values(image, frame, band) for band in range(BANDS)]
                sink.addTile(np.stack(bands, axis=-1).astype(np.uint16), 0, 0, z=frame)
            sink.write(folder / f"{image}.tiff", lossy=False)
    return [folder / "0.tiff", folder / "1.tiff"]


@pytest.fixture
def gallery(paths: list[Path]) -> Iterator[Gallery]:
    made = Gallery([Shown(path) for path in paths])
    yield made
    made.close()


def colors(answer: Answer) -> np.ndarray:
    assert answer.status == 200, answer.body
    return np.asarray(Image.open(io.BytesIO(answer.body))).astype(int)


EVERY = list(itertools.product((0, 1), range(FRAMES), range(BANDS)))


def test_a_palette_runs_over_the_range_of_each_frame_and_band(gallery: Gallery) -> None:
    for image, frame, band in EVERY:
        look = json.dumps({"palette": "white", "band": band})
        seen = colors(gallery.answer(f"tile/{image}/0/0/0", {"look": look, "frame": str(frame)}))
        wanted = np.linspace(0, 255, SIDE)[None, :].repeat(SIDE, axis=0)
        np.testing.assert_allclose(seen[..., 0], wanted, atol=1)


def test_a_window_shows_the_values_of_each_image_frame_and_band(gallery: Gallery) -> None:
    """With one look for all: what differs are the values."""
    for kind, (image, frame, band) in itertools.product(("palette", "channels"), EVERY):
        words = {
            "palette": {"palette": "white", "band": band, "low": 0, "high": 4000},
            "channels": {"channels": [[band, "#ffffff", 0, 4000]]},
        }[kind]
        query = {"look": json.dumps(words), "frame": str(frame)}
        seen = colors(gallery.answer(f"tile/{image}/0/0/0", query))
        np.testing.assert_allclose(
            seen[..., 0], values(image, frame, band) * 255 / 4000, atol=1.1, err_msg=kind
        )


def test_every_number_but_none_has_a_colour_and_numbers_are_never_mixed() -> None:
    numbers = np.array([[0, 1, 2, 4095, 4096, 4097, 8192, 8193]])[..., None].astype(np.uint32)
    seen = colorize(numbers, Look(labels=True), (0, 1))[0]
    assert seen[:, 3].tolist() == [0] + [255] * 7
    for place, same in ((4, 4096), (5, 1), (6, 4096), (7, 1)):
        np.testing.assert_array_equal(seen[place], label_colors()[same])
    far = np.arange(64).reshape(8, 8, 1).astype(np.uint16) * 100
    for factor in (1, 2, 4):
        np.testing.assert_array_equal(
            shrunk(far, factor, nearest=True), far[::factor, ::factor], err_msg=str(factor)
        )
        means = far.reshape(8 // factor, factor, 8 // factor, factor).mean(axis=(1, 3)).round()
        np.testing.assert_array_equal(shrunk(far, factor, nearest=False)[..., 0], means)


def test_a_histogram_is_of_its_frame_and_band_and_leaves_out_one_in_a_hundred(
    gallery: Gallery,
) -> None:
    for image, frame, band in EVERY:
        found = json.loads(
            gallery.answer(
                f"histogram/{image}", {"look": "{}", "frame": str(frame), "band": str(band)}
            ).body
        )
        due = values(image, frame, band)
        assert (found["min"], found["max"]) == (due.min(), due.max())
        assert [found["low"], found["high"]] == pytest.approx(np.percentile(due, [1, 99]))
        assert sum(found["counts"]) == due.size


def test_what_is_as_large_as_the_threshold_is_seen() -> None:
    pixels = np.array([[1.0, 2.0, 3.0, np.nan]])[..., None]
    for threshold, seen in ((None, 3), (1.0, 3), (2.0, 2), (2.5, 1), (3.0, 1), (3.5, 0)):
        look = Look(palette="white", low=0, high=9, threshold=threshold)
        assert (colorize(pixels, look, (0, 1))[..., 3] > 0).sum() == seen, threshold


@pytest.mark.parametrize("opacity", [0.0, 0.25, 1.0])
def test_results_are_laid_over_as_dense_as_asked(paths: list[Path], opacity: float) -> None:
    images = [Shown(path) for path in paths]
    looks = [parse_look({"look": json.dumps({"channels": [[0, color, 0, 4000]]})})
             for color in ("#ff0000", "#0000ff")]  # fmt: skip
    one, other = (snapshot([image], width=SIDE, looks=[look]).astype(float)
                  for image, look in zip(images, looks, strict=True))  # fmt: skip
    seen = snapshot(images, width=SIDE, opacity=opacity, looks=looks)
    np.testing.assert_allclose(seen, one * (1 - opacity) + other * opacity, atol=1)
    for image in images:
        image.close()


@pytest.mark.skipif(page(VENDORED).status != 200, reason="built without the library")
def test_a_folder_has_the_tiles_of_every_frame(
    gallery: Gallery, paths: list[Path], tmp_path: Path
) -> None:
    export(paths, tmp_path / "web")
    for image, frame in itertools.product((0, 1), range(FRAMES)):
        found = (tmp_path / f"web/tiles/{image}/{frame}/0/0_0").read_bytes()
        assert found == gallery.answer(f"tile/{image}/0/0/0", {"frame": str(frame)}).body


def test_ranges_and_news_are_of_the_sink_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tile of a look that has no window is brighter or darker when larger values come in."""
    with ziggurat.new(tmp_path / "s", bands=1, dtype="uint16") as sink:
        sink.addTile(np.arange(64 * 64).reshape(64, 64, 1).astype(np.uint16), 0, 0)
        shown = Gallery([Shown(sink.path)])
        look = {"look": '{"palette": "white"}'}
        assert colors(shown.answer("tile/0/0/0/0", look)).max() == 255
        assert colors(shown.answer("tile/0/0/0/0", look))[63, 63, 0] == 255
        sink.addTile(np.full((64, 64, 1), 4 * 4095, np.uint16), 64, 0)
        assert colors(shown.answer("tile/0/0/0/0", look))[63, 63, 0] == pytest.approx(64, abs=1)
        news = json.loads(shown.answer("news/0", {"since": "5"}).body)
        assert news["everything"]  # another sink has taken the place of one of more tiles
        assert not json.loads(shown.answer("news/0", {"since": "2"}).body)["everything"]
        shown.close()
    with ziggurat.new(
        tmp_path / "large", sizeX=8192, sizeY=64, bands=3, dtype="uint8", expectedCoverage=0.1
    ) as sink:
        sink.addTile(np.full((64, 64, 3), 9, np.uint8), 0, 0)
        shown = Gallery([Shown(sink.path)])
        monkeypatch.setattr(overview, "_PATIENCE", -1.0)
        assert shown.answer("tile/0/0/0/0", {}).status == 203  # asked for again
        monkeypatch.undo()
        assert shown.answer("tile/0/0/0/0", {}).status == 200
        shown.close()
