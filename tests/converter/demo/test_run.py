"""The demonstration, where something is missing."""

import sys
from pathlib import Path

import pytest

from ziggurat.converter.demo.run import run_demo
from ziggurat.readers.errors import ConversionError


def test_without_the_tissue_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ConversionError, match="scikit-image"):
        run_demo(None, tmp_path / "out")
    assert not (tmp_path / "out").exists()
