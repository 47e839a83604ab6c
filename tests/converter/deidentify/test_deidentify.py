"""The proof: nothing of the label, and none of the listed texts, is in what comes out."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from ziggurat.converter.convert import convert
from ziggurat.converter.deidentify.icc import scrub_icc
from ziggurat.converter.deidentify.leaks import find_leaks
from ziggurat.converter.deidentify.policy import Fate, Policy, is_date, load_policy
from ziggurat.converter.deidentify.scrub import scrub_jpeg, scrub_jpeg2000
from ziggurat.converter.deidentify.values import is_technical
from ziggurat.converter.deidentify.view import DeidentifiedReader, shift_date
from ziggurat.converter.plan.options import ConvertOptions
from ziggurat.readers.errors import OptionError, VerificationError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.views.views import View

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


def test_a_sites_drop_wins_over_the_built_in_table() -> None:
    assert Policy().keeps_field("aperio.StripeWidth")
    assert not Policy(drop=("aperio.stripewidth",)).keeps_field("aperio.StripeWidth")
    both = Policy(keep=("aperio.user",), drop=("aperio.user",))
    assert not both.keeps_text("aperio.User")


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


PLANTED = "JaneRoe-19480216"


def _ome(path: Path) -> Path:
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0" '
        f'Name="{PLANTED}"><Description>{PLANTED}</Description><Pixels ID="Pixels:0" '
        'DimensionOrder="XYCZT" Type="uint8" SizeX="300" SizeY="200" SizeZ="1" SizeC="2" SizeT="1">'
        f'<Channel ID="Channel:0:0" Name="{PLANTED}"/><Channel ID="Channel:0:1" Name="DAPI"/>'
        "<TiffData/></Pixels></Image></OME>"
    )
    tifffile.imwrite(path, np.zeros((2, 200, 300), np.uint8), tile=(128, 128), description=xml,
                     metadata=None, photometric="minisblack")  # fmt: skip
    return path


def _svs(path: Path) -> Path:
    fields = f"Filtered = {PLANTED}|MPP = 0.5|Exposure Time = 12|ICC Profile = {PLANTED}"
    text = f"Aperio Image Library v11 \r\n300x200 (128x128) JPEG/RGB Q=90|AppMag = 20|{fields}"
    tifffile.imwrite(path, np.zeros((200, 300, 3), np.uint8), tile=(128, 128), description=text,
                     metadata=None, photometric="rgb", compression="jpeg")  # fmt: skip
    return path


def _geo(path: Path) -> Path:
    from osgeo import gdal, osr

    gdal.UseExceptions()
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), 300, 200, 1, gdal.GDT_Byte)
    dataset.SetGeoTransform((1000, 10, 0, 2000, 0, -10))
    system = osr.SpatialReference()
    system.ImportFromEPSG(32632)
    dataset.SetProjection(system.ExportToWkt())
    dataset.GetRasterBand(1).SetDescription(PLANTED)
    dataset.SetMetadataItem("NOTE", PLANTED)
    dataset.Close()
    return path


@pytest.mark.parametrize("target", [*TARGETS, "out.zarr"])
@pytest.mark.parametrize("make", [_ome, _svs, _geo])
def test_free_text_goes_wherever_it_stands(
    make: Callable[[Path], Path], tmp_path: Path, target: str
) -> None:
    suffix = ".ome.tif" if make is _ome else ".svs" if make is _svs else ".tif"
    if make is _ome and target == "out.svs":
        pytest.skip("an SVS has one frame")
    source = make(tmp_path / f"source{suffix}")
    assert PLANTED.encode() in source.read_bytes()
    convert(source, tmp_path / target, ConvertOptions(deidentify=True))
    assert PLANTED.encode() not in bytes_of(tmp_path / target)
    with open_reader(tmp_path / target) as reader:
        names = [channel.name for channel in reader.info.channels]
        if make is _ome:
            assert names == ["channel 0", "DAPI"]
        if make is _svs:
            assert reader.info.mm_x == pytest.approx(0.0005)
        if make is _geo and target in ("out.tiff", "out.zarr"):
            assert reader.info.geo is not None


@pytest.mark.parametrize(
    "value",
    ["0.4990", "20", "0.25 mm", "1920x1080", "0.5\\0.5", "MONOCHROME2", "Cy5", "FF00AA", ""],
)
def test_numbers_and_words_of_closed_vocabularies_may_stay(value: str) -> None:
    assert is_technical(value)


@pytest.mark.parametrize(
    "value",
    [PLANTED, "Jane", "12/29/09", "09:59:15", "1234567890", "0.5 Jane", "S09-12345", "CD8 Roe"],
)
def test_free_text_dates_and_long_numbers_may_not(value: str) -> None:
    assert not is_technical(value)


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def test_no_spare_byte_of_a_jpeg_stays(tissue: np.ndarray) -> None:
    """A text in every APPn, in the padding of every segment, between markers, behind the end."""
    import imagecodecs

    plain = imagecodecs.jpeg8_encode(tissue[:64, :64], level=90)
    text = PLANTED.encode()
    told = b"".join(_segment(marker, text) for marker in (*range(0xE0, 0xF0), 0xFE, 0xF0))
    jfif = _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0" + text)
    jfxx = _segment(0xE0, b"JFXX\0" + text)
    adobe = _segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + text)
    icc = _segment(0xE2, b"ICC_PROFILE\0\1\1" + text)
    restart = _segment(0xDD, b"\0\0" + text)
    dirty = plain[:2] + jfif + b"\xff" + jfxx + adobe + icc + text + restart + told + plain[2:]
    dirty += text + b"\xff\xd9" + text
    clean = scrub_jpeg(dirty)
    assert text not in clean
    assert clean.endswith(b"\xff\xd9")
    assert np.array_equal(imagecodecs.jpeg8_decode(clean), imagecodecs.jpeg8_decode(plain))
    frame = dirty.index(b"\xff\xc0")
    length = int.from_bytes(dirty[frame + 2 : frame + 4])
    padded = _segment(0xC0, dirty[frame + 4 : frame + 2 + length] + text)
    assert text not in scrub_jpeg(dirty[:frame] + padded + dirty[frame + 2 + length :])


def test_no_spare_byte_of_a_jpeg_2000_stays(tissue: np.ndarray) -> None:
    import imagecodecs

    stream = imagecodecs.jpeg2k_encode(tissue[:64, :64], codecformat="j2k", level=0)
    text = PLANTED.encode()
    comment = b"\xff\x64" + (len(text) + 4).to_bytes(2) + b"\0\1" + text
    tile = stream.index(b"\xff\x90")
    data = stream.index(b"\xff\x93", tile)
    length = int.from_bytes(stream[tile + 6 : tile + 10]) + len(comment)
    dirty = b"".join(
        [stream[:tile], stream[tile : tile + 6], length.to_bytes(4), stream[tile + 10 : data],
         comment, stream[data:], text]
    )  # fmt: skip
    clean = scrub_jpeg2000(dirty)
    assert text not in clean
    assert b"OpenJPEG" not in clean
    assert np.array_equal(imagecodecs.jpeg2k_decode(clean), tissue[:64, :64])


def test_an_icc_profile_keeps_its_colours_and_says_nothing() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert scrub_icc(profile) == profile, "what everybody's profile says is of nobody"
    text = "Jane Roe, b. 1948".encode("utf-16-be")
    at = profile.index("sRGB built-in".encode("utf-16-be"))
    dirty = profile[:at] + text[:26] + profile[at + 26 :]
    clean = scrub_icc(dirty)
    assert clean is not None
    assert len(clean) == len(dirty)
    assert text[:26] not in clean
    for name in (b"rXYZ", b"rTRC", b"wtpt"):
        entry = dirty.index(name)
        offset, size = (int.from_bytes(dirty[entry + n : entry + n + 4]) for n in (4, 8))
        assert clean[offset : offset + size] == dirty[offset : offset + size]
    assert scrub_icc(b"no profile at all") is None
    assert scrub_icc(dirty[:-40] + b"x" * 400) != dirty


def test_texts_are_found_in_every_spelling_and_place(tmp_path: Path) -> None:
    folder = tmp_path / "store.zarr" / "0" / "c"
    folder.mkdir(parents=True)
    name = "Jörg O'Neill \\ & Söhne"
    spellings = {
        "utf-8": name.encode(),
        "utf-16-le after a letter": b"x" + name.encode("utf-16-le"),
        "utf-16-be": b"x" + name.encode("utf-16-be"),
        "latin-1": name.encode("latin-1"),
        "json": json.dumps(name).encode(),
        "json, not ascii": json.dumps(name, ensure_ascii=False).encode(),
        "xml": b"J\xc3\xb6rg O'Neill \\ &amp; S\xc3\xb6hne",
        "xml attribute": b"J\xc3\xb6rg O&#x27;Neill \\ &amp; S\xc3\xb6hne",
    }
    for spelling, data in spellings.items():
        (folder / "0").write_bytes(b"\0\1" + data + b"\0\1")
        assert find_leaks(tmp_path / "store.zarr", [name]) == (name,), spelling
    (folder / "0").write_bytes(b"nothing")
    assert find_leaks(tmp_path / "store.zarr", [name]) == ()
    (folder / "Roe-1948").touch()
    assert find_leaks(tmp_path / "store.zarr", ["Roe-1948"]) == ("Roe-1948",)


def test_a_text_that_stays_is_a_leak_even_where_a_site_keeps_it(
    slide: Path, tmp_path: Path
) -> None:
    """Two fields hold one text, and a policy keeps one of them: looking has no exceptions."""
    policy = tmp_path / "policy.toml"
    policy.write_text('[fields]\nkeep = ["aperio.one"]\n')
    fields = {"aperio.One": PLANTED, "aperio.Two": PLANTED, "aperio.MPP": "0.5"}
    with open_reader(slide) as reader:
        info = dataclasses.replace(reader.info, properties=fields)
        made = DeidentifiedReader(View(reader, info), load_policy(policy), Fate.REMOVE)
    assert PLANTED in made.secrets


def test_a_sites_channels_and_drops_win(slide: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[channels]\nkeep = ["janeroe-*"]\n[fields]\ndrop = ["aperio.MPP"]\n')
    source = _ome(tmp_path / "a.ome.tif")
    convert(source, tmp_path / "o.ome.tiff", ConvertOptions(policy=policy, deidentify=True))
    with open_reader(tmp_path / "o.ome.tiff") as reader:
        assert [channel.name for channel in reader.info.channels] == [PLANTED, "DAPI"]
    convert(slide, tmp_path / "o.tiff", ConvertOptions(policy=policy))
    with open_reader(tmp_path / "o.tiff") as reader:
        assert "aperio.MPP" not in reader.info.properties


@pytest.mark.parametrize("count", [12, pytest.param(1000, marks=pytest.mark.slow)])
def test_texts_planted_anywhere_leak_nowhere(tmp_path: Path, rng: Any, count: int) -> None:
    """In tags, fields, channels, axes and tiles of made slides, at places chosen by chance."""
    import imagecodecs

    for number in range(count):
        text = f"Zz{rng.integers(1 << 40):012x}Qq"
        tile = bytearray(
            imagecodecs.jpeg8_encode(rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
        )
        start = rng.choice([2, len(tile)])
        marker = int(rng.choice([*range(0xE0, 0xF0), 0xFE]))
        tile[start:start] = _segment(marker, text.encode())
        field = str(rng.choice(["MPP", "Filtered", "User", "Date", "Gamma", "Left", "Unheard of"]))
        said = f"Aperio Image Library v11 \r\n64x64 (64x64) JPEG/RGB|{field} = {text}"
        source = tmp_path / f"{number}.svs"
        tifffile.imwrite(
            source, iter([bytes(tile)]), shape=(64, 64, 3), dtype=np.uint8, tile=(64, 64),
            description=said, metadata=None, photometric="ycbcr", compression="jpeg",
            subsampling=(2, 2), extratags=[(315, 2, 0, text, True), (65000, 2, 0, text, True)],
        )  # fmt: skip
        target = tmp_path / f"{number}{TARGETS[number % len(TARGETS)][3:]}"
        output = target.with_name(f"out-{target.name}")
        convert(source, output, ConvertOptions(deidentify=True))
        assert text.encode() not in bytes_of(output), (field, marker, start)
