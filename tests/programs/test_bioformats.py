"""Bio-Formats finds in our outputs what went in: ``pytest -m bioformats``, which needs Java."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.programs import bioformats
from tests.programs.matrix import asked, verdict
from tests.programs.outputs import KINDS
from tests.programs.readers import bio_formats

pytestmark = [
    pytest.mark.bioformats,
    pytest.mark.skipif(bioformats.lacking() is not None, reason=str(bioformats.lacking())),
]
# what this Bio-Formats has no codec for, as the conversion's notes say
LACKING = {".tiff WebP", ".tiff JPEG XL", ".tiff LZMA"}
READ = [name for name, kind in KINDS.items() if asked("Bio-Formats", kind) and name not in LACKING]
NAMES = {"label": ("label", "label image"), "macro": ("macro", "macro image")}

Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tissue: np.ndarray) -> Made:
    """Return a function that writes an output of a kind."""
    folder = tmp_path_factory.mktemp("outputs")

    def make(name: str) -> Path:
        path = folder / KINDS[name].file
        if not path.exists():
            KINDS[name].make(path, tissue)
        return path

    return make


@pytest.mark.parametrize("name", READ)
def test_pixels_are_those_that_went_in(name: str, made: Made, tissue: np.ndarray) -> None:
    found, _ = bio_formats(made(name))
    assert verdict(KINDS[name], KINDS[name].truth(tissue), found, 0) == "right"


@pytest.mark.parametrize("name", [name for name in READ if name.startswith((".svs", ".ome"))])
def test_it_sees_all_levels_and_names(name: str, made: Made) -> None:
    kind = KINDS[name]
    with bioformats.Opened(made(name)) as opened:
        first, *others = opened.series()
    assert first.sizes == kind.levels
    assert first.microns == (kind.microns, kind.microns)
    if kind.channels:
        assert first.channels == kind.channels
    assert len(others) == len(kind.associated)
    for other in others:
        assert any(other.name in NAMES[image] for image in kind.associated)


@pytest.mark.parametrize("name", [name for name in READ if name.startswith(".tiff")])
def test_it_sees_the_size_of_pixels_in_a_plain_tiff(name: str, made: Made) -> None:
    with bioformats.Opened(made(name)) as opened:
        first = opened.series()[0]
    assert first.sizes[0] == KINDS[name].levels[0]
    assert first.microns == (KINDS[name].microns, KINDS[name].microns)


@pytest.mark.parametrize("name", ["ome.tiff", "tiff", "svs"])
def test_no_size_is_made_up_where_none_is_known(
    name: str, tmp_path: Path, tissue: np.ndarray
) -> None:
    import ziggurat

    path = tmp_path / f"unknown.{name}"
    with ziggurat.new() as sink:
        sink.addTile(tissue)
        sink.write(path)
    with bioformats.Opened(path) as opened:
        assert opened.series()[0].microns == (None, None)


@pytest.mark.parametrize("name", sorted(LACKING))
def test_what_it_can_not_read_is_refused_not_shown_wrongly(name: str, made: Made) -> None:
    with pytest.raises(Exception, match="TiffCompresssion"):
        bio_formats(made(name))


def test_real_slides_keep_their_levels(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    from ziggurat.converter.convert import convert

    source = data_file("aperio-svs/TCGA-CR-7395-01A-01-TS1.svs")
    convert(source, tmp_path / "out.svs")
    with bioformats.Opened(tmp_path / "out.svs") as opened:
        (image,) = opened.series()
    assert image.sizes[:2] == ((4443, 3567), (2221, 1783))
