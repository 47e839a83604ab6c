"""The proof: nothing of the label, and none of the listed texts, is in what comes out."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.converter.deidentify.leaks import find_leaks
from ziggurat.converter.deidentify.policy import Fate, Policy, is_date, load_policy
from ziggurat.converter.deidentify.scrub import scrub_jpeg, scrub_jpeg2000
from ziggurat.converter.deidentify.view import shift_date
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError, VerificationError
from ziggurat.readers.formats.registry import open_reader

SECRETS = (
    b"DOE_JANE", b"4711-surgeon", b"12/29/09", b"09:59:15", b"S09-12345", b"SS-998877",
    b"Jane Doe", b"Secretparms", b"slide-of-jane-doe",
)  # fmt: skip
TARGETS = ["out.tiff", "out.ome.tiff", "out.svs", "out.zarr.zip"]


@pytest.fixture
def slide(make_svs: Callable[..., Path], tmp_path: Path) -> Any:
    return make_svs(tmp_path / "slide-of-jane-doe.svs", width=900, height=700)


def bytes_of(path: Path) -> Any:
    if path.is_file():
        return path.read_bytes()
    return b"".join(p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file())


def stored_pieces(path: Path, name: str) -> Any:
    """The bytes of a page's strips, as the source file holds them."""
    with tifffile.TiffFile(path) as tif, path.open("rb") as file:
        page = next(p for p in tif.pages if f"\n{name} " in p.description.replace("\r", ""))
        pieces = []
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            file.seek(offset)
            pieces.append(file.read(count))
        return pieces, page.asarray()


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


@pytest.mark.parametrize(
    "name",
    ["aperio.MPP", "aperio.AppMag", "openslide.mpp-x", "mirax.GENERAL.OBJECTIVE_MAGNIFICATION",
     "hamamatsu.SourceLens", "leica.objective"],
)  # fmt: skip
def test_technical_fields_stay(name: str) -> None:
    assert Policy().keeps_field(name)


@pytest.mark.parametrize(
    "name",
    ["aperio.User", "aperio.Date", "hamamatsu.Reference", "leica.barcode", "mirax.GENERAL.SLIDE_ID",
     "dicom.PatientName", "philips.PIM_DP_UFS_BARCODE", "unheard.Of", "plain",
     "tiff.ImageDescription", "ventana.UserName"],
)  # fmt: skip
def test_all_other_fields_go(name: str) -> None:
    assert not Policy().keeps_field(name)


def test_labels_go_whatever_they_are_called() -> None:
    for name in ("label", "macro", "overview", "map", "image3", "label2"):
        assert Policy().fate(name, Fate.REMOVE) is Fate.REMOVE
    assert Policy().fate("thumbnail", Fate.REMOVE) is Fate.KEEP


@pytest.mark.parametrize(
    ("text", "moved"),
    [("12/29/09", "01/08/10"), ("2009-12-29T09:59:15", "2010-01-08"), ("20091229", "20100108"),
     ("2009/12/29 09:59", "2010/01/08"), ("some day", None), ("99/99/9999", None)],
)  # fmt: skip
def test_shifted_dates(text: str, moved: Any) -> None:
    assert shift_date(text, 10) == moved


def test_dates_are_known_by_name() -> None:
    assert is_date("aperio.Date")
    assert is_date("leica.creation-date")
    assert not is_date("aperio.MPP")
    assert not is_date("dicom.PatientBirthDate")


def test_scrubbing_jpeg_keeps_what_decoders_need(tissue: np.ndarray) -> None:
    import imagecodecs

    plain = imagecodecs.jpeg8_encode(tissue, level=90)
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01"
    icc = b"\xff\xe2\x00\x14ICC_PROFILE\x00\x01\x01abcd"
    said = b"\xff\xfe\x00\x0aJane Doe"
    exif = b"\xff\xe1\x00\x0eExif\x00\x00secret"
    dirty = plain[:2] + said + adobe + exif + icc + plain[2:] + b"trailing Jane Doe"
    clean = scrub_jpeg(dirty)
    assert clean == plain[:2] + adobe + icc + plain[2:]
    assert scrub_jpeg(clean) == clean
    progressive = imagecodecs.jpeg8_encode(tissue, level=90)
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(tissue).save(buffer, "JPEG", progressive=True)
    progressive = buffer.getvalue()
    scan = progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 2)
    assert scrub_jpeg(progressive[:scan] + said + progressive[scan:]) == scrub_jpeg(progressive)


def test_scrubbing_jpeg_2000(tissue: np.ndarray) -> None:
    import imagecodecs

    stream = imagecodecs.jpeg2k_encode(tissue, codecformat="j2k", level=0)
    assert b"\xff\x64" in stream[:200]  # OpenJPEG signs its work
    clean = scrub_jpeg2000(stream)
    assert b"OpenJPEG" not in clean
    assert np.array_equal(imagecodecs.jpeg2k_decode(clean), tissue)


def test_finding_texts_in_any_spelling(tmp_path: Path) -> None:
    folder = tmp_path / "store.zarr"
    folder.mkdir()
    (folder / "a.json").write_text('{"x": "Jane \\"J\\" Doe & Sons"}')
    (folder / "b").write_bytes(b"\0" * ((1 << 24) - 3) + "Dr. Who".encode("utf-16-le"))
    (folder / "c").write_text("<a>Tom &amp; Jerry</a>")
    secrets = ['Jane "J" Doe', "Dr. Who", "Tom & Jerry", "nobody", "store"]
    assert find_leaks(folder, secrets) == ("Dr. Who", 'Jane "J" Doe', "Tom & Jerry")


@pytest.mark.parametrize(
    "name",
    ["mirax/Mirax2-Fluorescence-2-from-L2.mrxs", "hamamatsu-ndpi/test3-DAPI.ndpi",
     "dicom-wsi/napari-wsi-CMU-1-Small-Region"],
)  # fmt: skip
def test_other_vendors(data_file: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    source = data_file(name)
    options = ConvertOptions(deidentify=True, levels="source", tile_size=512)
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
