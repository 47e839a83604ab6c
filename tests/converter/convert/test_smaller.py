"""An image that is made smaller weighs less, its label, macro and thumbnail too; all of it told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert, plan_conversion
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import ConversionError
from ziggurat.readers.formats.registry import open_reader

_MPP = 0.002  # millimetres: a quarter of the made slide's sides


@pytest.fixture(scope="module")
def slide(tissue: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide with a noisy label without loss, and a thumbnail of a third of its sides."""
    path = tmp_path_factory.mktemp("slide") / "a.svs"
    head = "Aperio Image Library v11.2.1 \r\n"
    picture = np.tile(tissue, (2, 2, 1))
    with tifffile.TiffWriter(path) as tif:
        lossy = {"compression": "jpeg", "photometric": "rgb", "metadata": None, "software": False}
        text = f"{head}1024x1024 (256x256) JPEG/RGB Q=30|AppMag = 20|MPP = 0.5"
        tif.write(picture, tile=(256, 256), description=text, **lossy)
        tif.write(
            picture[::3, ::3], description=f"{head}1024x1024 -> 342x342 - |AppMag = 20", **lossy
        )
        tif.write(
            tissue[:300, :200], description=f"{head}label 200x300", subfiletype=1,
            compression="lzw", photometric="rgb", metadata=None, software=False,
        )  # fmt: skip
        tif.write(tissue[:200, :400], description=f"{head}macro 400x200", subfiletype=9, **lossy)
    return path


@pytest.mark.parametrize(
    "name", ["o.tiff", pytest.param("o.ome.tiff", marks=pytest.mark.slow), "o.svs"]
)
def test_pictures_shrink_with_their_image_and_the_plan_says_what_each_weighs(
    slide: Path, tmp_path: Path, name: str
) -> None:
    options = ConvertOptions(mm_per_pixel=_MPP, verify="full")
    report = convert(slide, tmp_path / name, options)
    steps = {step.name: step for step in report.plan.pictures}
    assert {n: (s.action, s.codec) for n, s in steps.items()} == {
        "thumbnail": ("encode", "jpeg"), "label": ("encode", "jpeg"), "macro": ("copy", "jpeg"),
    }  # fmt: skip
    assert any("'label'" in loss and "quality 90" in loss for loss in report.losses)
    assert any("'thumbnail'" in note and "256 x 256" in note for note in report.plan.notes)
    with open_reader(slide) as theirs, open_reader(tmp_path / name) as ours:
        assert set(ours.info.associated) == {"label", "macro", "thumbnail"}
        assert ours.associated("thumbnail").read().shape == (256, 256, 3)
        stream = ours.associated("label").encoded()
        assert stream is not None
        assert stream.codec.value == "jpeg"
        assert len(stream.data) == pytest.approx(steps["label"].expected_bytes, rel=0.7)
        label = theirs.associated("label").read().astype(int)
        assert np.abs(ours.associated("label").read() - label).mean() < 3
        assert np.array_equal(ours.associated("macro").read(), theirs.associated("macro").read())


def test_without_loss_a_label_keeps_every_value(slide: Path, tmp_path: Path) -> None:
    options = ConvertOptions(mm_per_pixel=_MPP, compression="deflate", strict=True)
    convert(slide, tmp_path / "o.tiff", options)
    with open_reader(slide) as theirs, open_reader(tmp_path / "o.tiff") as ours:
        assert np.array_equal(ours.associated("label").read(), theirs.associated("label").read())
    with pytest.raises(ConversionError, match="'label'"):
        convert(slide, tmp_path / "p.tiff", ConvertOptions(mm_per_pixel=_MPP, strict=True))


def test_an_image_of_its_own_size_keeps_its_pictures(slide: Path, tmp_path: Path) -> None:
    plan = plan_conversion(slide, tmp_path / "o.tiff", ConvertOptions(mm_per_pixel=0.0005))
    assert [(step.name, step.action) for step in plan.pictures] == [
        ("thumbnail", "copy"), ("label", "copy"), ("macro", "copy"),
    ]  # fmt: skip
    assert plan.losses == ()
    none = plan_conversion(slide, tmp_path / "o.tiff", ConvertOptions(associated="drop"))
    assert none.pictures == ()
    assert plan_conversion(slide, tmp_path / "o.png").pictures == ()


@pytest.mark.parametrize(
    ("part", "most"),
    [
        ({"left": 0, "top": 0, "width": 1110, "height": 1480}, 300_000),
        pytest.param(None, 600_000, marks=pytest.mark.slow),
    ],
)
def test_a_real_slide_of_a_quarter_of_the_pixels_is_light(
    data_file: Callable[[str], Path], tmp_path: Path, part: dict[str, float] | None, most: int
) -> None:
    source = data_file("aperio-svs/CMU-1-Small-Region.svs")
    options = ConvertOptions(mm_per_pixel=0.001, region=part)
    assert convert(source, tmp_path / "o.tiff", options).bytes_written < most
