"""A lens whose power is said to be nothing tells no magnification."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.dicom_files import make_dicom
from ziggurat.readers.formats.registry import open_reader


@pytest.mark.parametrize(("power", "told"), [("0", None), ("-1", None), ("1e5", None), ("40", 40)])
def test_the_power_of_a_lens(tmp_path: Path, power: str, told: float | None) -> None:
    lens = Dataset()
    lens.ObjectiveLensPower = power
    frames = [bytes(64 * 48 * 3)] * 25
    path = make_dicom(tmp_path / "a.dcm", frames, OpticalPathSequence=Sequence([lens]))
    with open_reader(path) as reader:
        assert reader.info.magnification == told
