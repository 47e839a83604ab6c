"""Pictures without a browser: what lies where, and in which colours."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ziggurat
from ziggurat.converter.cli.app import main
from ziggurat.converter.viewer.looks import parse_look
from ziggurat.converter.viewer.render import label_colors
from ziggurat.converter.viewer.shown import Shown
from ziggurat.converter.viewer.snapshot import snapshot
from ziggurat.readers.errors import OptionError
from ziggurat.readers.model.geometry import Rect


def test_the_base_alone_is_its_region(slide: Path) -> None:
    seen = snapshot([Shown(slide)], region=Rect(100, 50, 300, 200), width=300)
    with ziggurat.open(slide) as source:
        wanted, _ = source.getRegion(
            "numpy", region={"left": 100, "top": 50, "width": 300, "height": 200}
        )
    np.testing.assert_array_equal(seen, wanted)


def test_labels_lie_where_they_belong(slide: Path, labels: Path) -> None:
    images = [Shown(slide), Shown(labels)]
    looks = [parse_look({}), parse_look({"look": '{"labels": true}'})]
    seen = snapshot(images, region=Rect(0, 0, 700, 500), width=700, opacity=1, looks=looks)
    bare = snapshot(images[:1], region=Rect(0, 0, 700, 500), width=700)
    np.testing.assert_array_equal(seen[:100, :100], bare[:100, :100])  # number 0 hides nothing
    np.testing.assert_array_equal(seen[450, 650], label_colors()[34][:3])


def test_overlays_are_fitted_by_millimetres(make_svs: Callable[..., Path], tmp_path: Path) -> None:
    base = make_svs(tmp_path / "a.svs", width=400, height=400)
    with ziggurat.open(base) as source:
        mm = source.getMetadata()["mm_x"]
    with ziggurat.new(bands=1, dtype="uint8") as sink:
        sink.addTile(np.full((50, 50, 1), 3, np.uint8), 0, 0)
        sink.interpretation = "labels"
        sink.mm_x = sink.mm_y = mm * 4
        sink.write(tmp_path / "small.tiff")
    images = [Shown(base), Shown(tmp_path / "small.tiff")]
    seen = snapshot(images, width=400, opacity=1)
    color = label_colors()[3][:3]
    np.testing.assert_array_equal(seen[100, 100], color)
    assert (seen[100, 210] != color).any()  # 50 pixels of four times the size end at 200


def test_a_region_outside_is_refused(slide: Path) -> None:
    with pytest.raises(OptionError, match="must lie in the image"):
        snapshot([Shown(slide)], region=Rect(7000, 0, 10, 10))


def test_the_command_writes_a_png_and_keeps_what_is_there(slide: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    with pytest.raises(SystemExit) as ended:
        main(["view", str(slide), "--snapshot", str(target), "--width", "200"])
    assert ended.value.code in (0, None)
    with Image.open(target) as picture:
        assert picture.size == (200, round(200 * 500 / 700))
    with pytest.raises(SystemExit) as ended:
        main(["view", str(slide), "--snapshot", str(target)])
    assert ended.value.code == 1
