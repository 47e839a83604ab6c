"""The proof: nothing of the label, and none of the listed texts, is in what comes out."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.converter.deidentify.outputs import TARGETS, bytes_of, stored_pieces
from tests.each import each
from ziggurat.converter.convert import convert
from ziggurat.converter.deidentify.policy import Fate, Policy, is_date, load_policy
from ziggurat.converter.deidentify.view import shift_date
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError, VerificationError
from ziggurat.readers.formats.registry import open_reader

SECRETS = (
    b"DOE_JANE", b"4711-surgeon", b"12/29/09", b"09:59:15", b"S09-12345", b"SS-998877",
    b"Jane Doe", b"Secretparms", b"slide-of-jane-doe",
)  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_of_the_patient_is_left(slide: Path, tmp_path: Path, target: Any) -> None:
    source = slide.read_bytes()
    assert all(secret in source or secret == b"slide-of-jane-doe" for secret in SECRETS)
    report = convert(slide, tmp_path / target, ConvertOptions(deidentify=True))
    output = bytes_of(tmp_path / target)
    for secret in SECRETS:
        assert secret not in output
        assert secret.decode().encode("utf-16-le") not in output
    for name in ("label", "macro"):
        pieces, pixels = stored_pieces(slide, name)
        pieces.append(pixels.tobytes())
        for piece in pieces:
            head = max(0, piece.find(b"\xff\xda"))  # tables are anybody's
            for start in range(head, len(piece) - 64, max(64, len(piece) // 50)):
                assert piece[start : start + 64] not in output
    assert any("label" in words for words in report.removed)
    assert any("aperio.Barcode" in words for words in report.removed)


def test_what_is_not_of_the_patient_stays(slide: Path, tmp_path: Path) -> None:
    convert(slide, tmp_path / "out.tiff", ConvertOptions(deidentify=True, verify="full"))
    with open_reader(slide) as theirs, open_reader(tmp_path / "out.tiff") as ours:
        assert ours.info.associated == ("thumbnail",)
        assert ours.info.icc_profile == theirs.info.icc_profile
        assert ours.info.mm_x == theirs.info.mm_x
        assert ours.info.magnification == 20
        box = ours.info.levels[0].rect
        assert np.array_equal(ours.plane(0, 0).read(box), theirs.plane(0, 0).read(box))
        first, second = (reader.plane(0, 0).encoded() for reader in (theirs, ours))
        assert first.tile(1, 1) == second.tile(1, 1)
        assert b"Jane" in first.tile(0, 0)
        assert b"Jane" not in second.tile(0, 0)


def test_blank_label_of_the_same_size(slide: Path, tmp_path: Path) -> None:
    convert(slide, tmp_path / "out.tiff", ConvertOptions(deidentify=True, label="blank"))
    with open_reader(tmp_path / "out.tiff") as reader:
        label = reader.associated("label").read()
        assert label.shape == (160, 120, 3)
        assert (label == 255).all()
        assert (reader.associated("macro").read() == 255).all()
        assert reader.associated("thumbnail").read().std() > 5


def test_a_policy_of_ones_own(slide: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[fields]\nkeep = ["aperio.Parmset"]\ndrop = ["aperio.StripeWidth"]\n'
        '[associated]\nthumbnail = "remove"\nmacro = "keep"\n'
        "[dates]\nshift_days = -10\n"
        '[strings]\nforbidden = ["Jane Doe"]\n'
    )
    convert(slide, tmp_path / "out.tiff", ConvertOptions(policy=policy))
    with open_reader(tmp_path / "out.tiff") as reader:
        assert reader.info.associated == ("macro",)
        assert reader.info.properties["aperio.Parmset"] == "Secretparms"
        assert reader.info.properties["aperio.Date"] == "12/19/09"
        assert "aperio.User" not in reader.info.properties


@pytest.mark.parametrize(
    ("name", "shifted"),
    [("aperio.Date", True), ("dicom.StudyDate", True), ("dicom.PatientBirthDate", False)],
)
def test_days_of_birth_are_never_shifted_but_go(name: str, shifted: bool) -> None:
    assert is_date(name) is shifted


def test_a_forbidden_text_that_stays_is_an_error_and_no_output(slide: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[fields]\nkeep = ["aperio.user"]\n[strings]\nforbidden = ["4711-surgeon"]\n')
    with pytest.raises(VerificationError, match="not de-identified"):
        convert(slide, tmp_path / "out.tiff", ConvertOptions(policy=policy))
    assert not (tmp_path / "out.tiff").exists()


@pytest.mark.parametrize(
    "text",
    ["[nonsense]\n", "[fields]\nhold = []\n", '[dates]\nshift_days = "x"\n', "[fields\n",
     '[associated]\nlabel = "shred"\n', "[fields]\nkeep = 3\n"],
)  # fmt: skip
def test_a_policy_that_nobody_understands(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(OptionError, match=re.escape(str(path))):
        load_policy(path)


@each(
    "name",
    ["aperio.MPP", "aperio.AppMag", "openslide.mpp-x", "mirax.GENERAL.OBJECTIVE_MAGNIFICATION",
     "hamamatsu.SourceLens", "leica.objective"])  # fmt: skip
def test_technical_fields_stay(name: str) -> None:
    assert Policy().keeps_field(name)


@each(
    "name",
    ["aperio.User", "aperio.Date", "hamamatsu.Reference", "leica.barcode", "mirax.GENERAL.SLIDE_ID",
     "dicom.PatientName", "philips.PIM_DP_UFS_BARCODE", "unheard.Of", "plain",
     "tiff.ImageDescription", "ventana.UserName"])  # fmt: skip
def test_all_other_fields_go(name: str) -> None:
    assert not Policy().keeps_field(name)


def test_labels_go_whatever_they_are_called() -> None:
    for name in ("label", "macro", "overview", "map", "image3", "label2"):
        assert Policy().fate(name, Fate.REMOVE) is Fate.REMOVE
    assert Policy().fate("thumbnail", Fate.REMOVE) is Fate.KEEP


@each(
    "text, moved",
    [("12/29/09", "01/08/10"), ("2009-12-29T09:59:15", "2010-01-08"), ("20091229", "20100108"),
     ("2009/12/29 09:59", "2010/01/08"), ("some day", None), ("99/99/9999", None)])  # fmt: skip
def test_shifted_dates(text: str, moved: Any) -> None:
    assert shift_date(text, 10) == moved


def test_dates_are_known_by_name() -> None:
    assert is_date("aperio.Date")
    assert is_date("leica.creation-date")
    assert not is_date("aperio.MPP")
    assert not is_date("dicom.PatientBirthDate")


def test_a_sites_drop_wins_over_the_built_in_table() -> None:
    assert Policy().keeps_field("aperio.StripeWidth")
    assert not Policy(drop=("aperio.stripewidth",)).keeps_field("aperio.StripeWidth")
    both = Policy(keep=("aperio.user",), drop=("aperio.user",))
    assert not both.keeps_text("aperio.User")


@pytest.mark.parametrize(
    "name",
    ["mirax/Mirax2-Fluorescence-2-from-L2.mrxs", "hamamatsu-ndpi/test3-DAPI.ndpi",
     "dicom-wsi/napari-wsi-CMU-1-Small-Region"],
)  # fmt: skip
def test_other_vendors(data_file: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    source = data_file(name)
    part = {"left": 300, "top": 200, "width": 500, "height": 400}
    options = ConvertOptions(deidentify=True, levels="source", tile_size=256, region=part)
    convert(source, tmp_path / "out.tiff", options)
    output = (tmp_path / "out.tiff").read_bytes()
    with open_reader(source) as theirs, open_reader(tmp_path / "out.tiff") as ours:
        assert "label" not in ours.info.associated
        assert "macro" not in ours.info.associated
        gone = set(theirs.info.properties) - set(ours.info.properties)
        assert gone
        for field in gone:
            value = theirs.info.properties[field]
            if len(value) > 12 and not value.replace(".", "").isdigit():
                kept = [*ours.info.properties, *ours.info.properties.values()]
                assert value.encode() not in output or any(value in text for text in kept)
