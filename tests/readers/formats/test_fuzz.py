"""Damaged files: always a picture or one of our errors; never a crash, a hang or a flood.

Every seed is opened undamaged first, so that a seed that opens nowhere can't pass for a success.
A copy is reproduced by its seed and number, which a failure names.
"""

import dataclasses
import json
import math
import os
import select
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
import pyvips
import tifffile
import zarr
from osgeo import gdal
from PIL import Image
from pydicom.uid import HTJ2KLossless, JPEGBaseline8Bit, JPEGLSLossless

import ziggurat
from tests.czi_files import JPEGXR, Block, make_czi
from tests.microscope_files import make_lif, make_nd2

WORKER = Path(__file__).with_name("fuzz_worker.py")
HANG_SECONDS = 10.0  # of processor time; the machine may be busy with other things
SILENCE_SECONDS = 60.0
FLOOD_MEGABYTES = 1000
ROUND = 50  # copies of a seed, before it is the next one's turn
OUTPUTS = ("copy.tif", "copy.ome.tif", "copy.zarr.zip", "copy.zarr", "copy.dzi", "copy.szi")

# Real files, small ones of every kind: (seed below the data folder, what to open of it).
REAL = (
    ("akoya-qptiff/small_vectra.qptiff", ""),
    ("aperio-svs/CMU-1-Small-Region.svs", ""),
    ("aperio-svs/TCGA-CR-7395-01A-01-TS1.svs", ""),
    ("dicom-wsi/jcupitt-cmu-1-small-region", ""),
    ("dicom-wsi/napari-wsi-CMU-1-Small-Region", ""),
    ("dicom-wsi/wsi2dcm-jpeg2000", ""),
    ("geotiff/large_image/rgba_geotiff.tiff", ""),
    ("geotiff/rasterio/cogeo.tif", ""),
    ("geotiff/rasterio/red.tif", ""),
    ("geotiff/rasterio/shade.tif", ""),
    ("geotiff/rio-tiler/cog_gcps.tif", ""),
    ("geotiff/rio-tiler/cog_scale.tif", ""),
    ("hamamatsu-ndpi/test3-DAPI.ndpi", ""),
    ("hamamatsu-vms", "test3-DAPI.vms"),
    ("mirax", "Mirax2-Fluorescence-2-from-L2.mrxs"),
    ("ome-tiff/OS-2-ndpi.ome.tif", ""),
    ("ome-tiff/mini-spim-moduloZ.ome.tiff", ""),
    ("ome-tiff/multifile", "multifile-Z1.ome.tiff"),
    ("ome-tiff/nyxus-dim5_pyramid.ome.tif", ""),
    ("ome-tiff/xy_12bit__plant.ome.tiff", ""),
    ("ome-zarr/ez-zarr-6001240_labels_v0.5.zarr", ""),
    ("ome-zarr/ngio-v04-tczyx.zarr", ""),
    ("ome-zarr/ngio-v05-tczyx.zarr", ""),
    ("ome-zarr/sample_float32_8bit_range.zarr.zip", ""),
    ("zeiss-czi/S3_1Pos_2Mosaic_T1_Z1_CH1.czi", ""),
    ("zeiss-czi/WellD6-7_S2.czi", ""),
    ("tiff/boxes.tiff", ""),
    ("tiff/tensorstore-D75_16b.tiff", ""),
    ("tiff/wsic-CMU-1-Small-Region.jp2.tiff", ""),
    ("tiff/wsic-CMU-1-Small-Region.webp.tiff", ""),
)


@dataclasses.dataclass(frozen=True)
class Seed:
    """A file or folder that opens, and what to open of it."""

    path: Path
    inside: str  # relative to the folder that a copy of the seed is put into


@dataclasses.dataclass
class Crew:
    """One worker process at a time; a new one where the last one died or had to be killed."""

    outcomes: Counter[str] = dataclasses.field(default_factory=Counter)
    findings: list[str] = dataclasses.field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def send(self, job: dict[str, object]) -> None:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
            )
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps(job) + "\n").encode())

    def answers(self) -> Iterator[list[str]]:
        assert self.process is not None
        assert self.process.stdout is not None
        while select.select([self.process.stdout], [], [], SILENCE_SECONDS)[0]:
            line = self.process.stdout.readline().decode()
            if not line:
                return
            yield line.rstrip("\n").split(" ", 4)

    def dismiss(self) -> str:
        """Get rid of the worker, and say how it ended."""
        assert self.process is not None
        try:
            end = f"status {self.process.wait(timeout=2)}"
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            end = f"silent for {SILENCE_SECONDS} s"
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None
        return end

    def run(self, seed: Seed, first: int, last: int, convert: str = "") -> None:
        """Try the copies first … last - 1 of a seed: read them, or convert them."""
        while first < last:
            self.send(
                {
                    "convert": convert,
                    "seed": str(seed.path),
                    "open": seed.inside,
                    "first": first,
                    "last": last,
                }
            )
            current = first
            for answer in self.answers():
                if answer == ["done"]:
                    return
                if answer[0] == "begin":
                    current = int(answer[1])
                else:
                    self.judge(seed, answer)
            end = self.dismiss()
            self.findings.append(f"{seed.path.name} copy {current}: ended the process ({end})")
            first = current + 1

    def judge(self, seed: Seed, answer: Sequence[str]) -> None:
        _, number, seconds, megabytes, outcome = answer
        self.outcomes[outcome.split()[0]] += 1
        where = f"{seed.path.name} copy {number}"
        if number == "-1" and outcome != "opened":
            self.findings.append(f"{where}: the undamaged seed: {outcome}")
        if outcome.startswith("leaked"):
            self.findings.append(f"{where}: {outcome}")
        if float(seconds) > HANG_SECONDS:
            self.findings.append(f"{where}: took {seconds} s")
        if int(megabytes) > FLOOD_MEGABYTES:
            self.findings.append(f"{where}: took {megabytes} MB")


def run_all(
    seeds: Sequence[Seed], copies: int, outputs: Sequence[str] = (), first: int = -1
) -> Crew:
    """Read copies ``first`` … of all seeds, or convert them, to each kind of output in turn."""
    crew = Crew()
    try:
        for number, seed in enumerate(seeds):
            convert = outputs[number % len(outputs)] if outputs else ""
            crew.run(seed, first, copies, convert)
    finally:
        if crew.process is not None:
            assert crew.process.stdin is not None
            crew.process.stdin.close()
            crew.dismiss()
    return crew


def test_the_crew_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that crashes, hangs, leaks an error and takes too much is found out."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, sys, time\n"
        "for line in sys.stdin:\n"
        "    job = json.loads(line)\n"
        "    for n in range(job['first'], job['last']):\n"
        "        print('begin', n, flush=True)\n"
        "        if n == 0: os.kill(os.getpid(), 11)\n"
        "        if n == 1: time.sleep(60)\n"
        "        words = {2: '0 0 leaked KeyError', 3: '11 0 opened', 4: '0 2000 opened'}\n"
        "        print('end', n, words.get(n, '0 0 refused'), flush=True)\n"
        "    print('done', flush=True)\n"
    )
    monkeypatch.setitem(globals(), "WORKER", script)
    monkeypatch.setitem(globals(), "SILENCE_SECONDS", 4)
    crew = run_all([Seed(tmp_path / "seed", "seed")], 6)
    assert crew.findings == [
        "seed copy -1: the undamaged seed: refused",
        "seed copy 0: ended the process (status -11)",
        "seed copy 1: ended the process (silent for 4 s)",
        "seed copy 2: leaked KeyError",
        "seed copy 3: took 11 s",
        "seed copy 4: took 2000 MB",
    ]


def pictures(folder: Path, tissue: np.ndarray) -> Iterator[Path]:
    image = Image.fromarray(tissue[:90, :120])
    for name in ("a.png", "a.jpg", "a.webp", "a.avif", "a.bmp", "a.ppm", "a.tga", "a.jp2"):
        image.save(folder / name)
        yield folder / name
    image.save(folder / "a.gif", save_all=True, append_images=[image.rotate(90)] * 3)
    yield folder / "a.gif"
    (folder / "a.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40" viewBox="0 0 60 40">'
        '<g transform="rotate(10)"><rect width="30" height="40" fill="red"/>'
        '<path d="M1 1 L 20 30 C 1 2 3 4 5 6 Z"/><text x="3" y="20">a</text></g></svg>'
    )
    yield folder / "a.svg"


def rare_pictures(folder: Path, tissue: np.ndarray) -> Iterator[Path]:
    """Write pictures of the codecs that few programs know."""
    part = np.ascontiguousarray(tissue[:90, :120])
    gray = np.ascontiguousarray(part[..., 0]).astype(np.uint16) * 200
    streams = {
        "a.jls": imagecodecs.jpegls_encode(part),
        "gray.jls": imagecodecs.jpegls_encode(gray),
        "lossless.jpg": imagecodecs.ljpeg_encode(gray),
        "twelve.jpg": imagecodecs.jpeg8_encode(gray >> 4, bitspersample=12),
        "a.j2k": imagecodecs.jpeg2k_encode(part, level=0, codecformat="j2k"),
        "a.jxl": imagecodecs.jpegxl_encode(part),
    }
    for name, stream in streams.items():
        (folder / name).write_bytes(stream)
        yield folder / name


def tiffs(folder: Path, tissue: np.ndarray) -> Iterator[Path]:
    plain = {"tile": (64, 64), "photometric": "rgb"}
    cases: dict[str, dict[str, object]] = {
        "lzw.tif": {"compression": "lzw", "predictor": True, "rowsperstrip": 16},
        "deflate.tif": {"compression": "deflate", "predictor": True, **plain},
        "big.tif": {"compression": "zstd", "bigtiff": True, **plain},
        "jpeg.tif": {"compression": "jpeg", **plain},
        "jpeg2000.tif": {"compression": "jpeg2000", **plain},
        "webp.tif": {"compression": "webp", **plain},
        "packbits.tif": {"compression": "packbits", "byteorder": ">", **plain},
        "planar.tif": {"planarconfig": "separate", "compression": "lzma"},
    }
    for name, options in cases.items():
        pixels = np.ascontiguousarray(tissue[:150, :200])
        if name == "planar.tif":
            pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.uint16)
            options["photometric"] = "rgb"
        tifffile.imwrite(folder / name, pixels, **options)
        yield folder / name
    with tifffile.TiffWriter(folder / "stack.ome.tif", ome=True) as writer:
        stack = np.stack([tissue[:128, :128, 0].astype(np.uint16) * k for k in range(1, 7)])
        options = {"tile": (64, 64), "compression": "zlib", "metadata": {"axes": "CZYX"}}
        writer.write(stack.reshape(2, 3, 128, 128), subifds=1, **options)
        writer.write(stack[:, ::2, ::2].reshape(2, 3, 64, 64), subfiletype=1, **options)
    yield folder / "stack.ome.tif"


# How frames are encoded, and the transfer syntax.
FRAMES: dict[str, tuple[Callable[[np.ndarray], bytes], str]] = {
    "jpeg": (lambda tile: imagecodecs.jpeg8_encode(tile, level=90), JPEGBaseline8Bit),
    "jpeg-ls": (imagecodecs.jpegls_encode, JPEGLSLossless),
    "htj2k": (imagecodecs.htj2k_encode, HTJ2KLossless),
}


def czi(folder: Path, tissue: np.ndarray) -> Path:
    """Write a CZI of two scenes, one of two JPEG XR tiles and a level, and a thumbnail."""
    blocks = []
    for x in (0, 64):
        pixels = np.ascontiguousarray(tissue[:64, x : x + 64])
        data = imagecodecs.jpegxr_encode(pixels, level=0.9)
        blocks.append(Block(x, 0, pixels, position={"S": 0}, compression=JPEGXR, data=data))
    blocks.append(Block(0, 0, tissue[:64:2, :128:2], 2, position={"S": 0}))
    blocks.append(Block(500, 70, tissue[:40, :50], position={"S": 1, "M": 3}))
    stream = imagecodecs.jpeg8_encode(np.ascontiguousarray(tissue[:40, :60]), level=90)
    xml = "<ImageDocument><Metadata><Scaling><Items><Distance Id='X'><Value>2.5e-07</Value>"
    xml += "</Distance></Items></Scaling></Metadata></ImageDocument>"
    return make_czi(folder / "made.czi", blocks, xml, {"Thumbnail": ("JPG", stream)})


def dicom(folder: Path, tissue: np.ndarray, codec: str) -> Path:
    """Write a DICOM slide of two levels and a label."""
    encode, syntax = FRAMES[codec]
    root = folder / f"dicom-{codec}"
    root.mkdir()
    for number, (kind, size) in enumerate([("VOLUME", 192), ("VOLUME", 96), ("LABEL", 64)]):
        data = pydicom.Dataset()
        data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
        data.SOPInstanceUID, data.SeriesInstanceUID = f"1.2.3.{number + 1}", "1.2.3"
        data.ImageType = ["ORIGINAL", "PRIMARY", kind, "NONE"]
        data.TotalPixelMatrixColumns = data.TotalPixelMatrixRows = size
        data.Columns = data.Rows = 64
        data.SamplesPerPixel = 3
        data.PhotometricInterpretation = "YBR_FULL_422" if codec == "jpeg" else "RGB"
        data.BitsAllocated, data.PixelRepresentation, data.PlanarConfiguration = 8, 0, 0
        data.DimensionOrganizationType = "TILED_FULL"
        frames = [
            encode(np.ascontiguousarray(tissue[y : y + 64, x : x + 64]))
            for y in range(0, size, 64)
            for x in range(0, size, 64)
        ]
        data.NumberOfFrames = len(frames)
        data.PixelData = pydicom.encaps.encapsulate(frames)
        data["PixelData"].VR = "OB"
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = syntax
        data.save_as(root / f"{number}.dcm", enforce_file_format=True)
    return root


def more_tiffs(folder: Path, tissue: np.ndarray) -> Iterator[Path]:
    """Write TIFFs whose samples are not plain RGB or gray, and ImageJ's."""
    gray = np.ascontiguousarray(tissue[:70, :90, 0])
    four = np.ascontiguousarray(np.dstack([tissue[:70, :90], gray]))
    tile = {"tile": (32, 32), "compression": "zlib", "metadata": None}
    cases: dict[str, tuple[np.ndarray, dict[str, object]]] = {
        "cmyk.tif": (four, {"photometric": "separated", **tile}),
        "alpha.tif": (four, {"photometric": "rgb", "extrasamples": ["assocalpha"], **tile}),
        "lab.tif": (four[..., :3], {"photometric": "cielab", **tile}),
        "float.tif": (gray.astype(np.float32), {"predictor": True, **tile}),
        "bits.tif": (gray > 128, {"photometric": "miniswhite", "metadata": None}),
        "turned.tif": (tissue[:70, :90], {"extratags": [(274, "H", 1, 6, True)], **tile}),
        "imagej.tif": (np.stack([gray] * 4).astype(np.uint16), {"imagej": True}),
    }
    for name, (pixels, options) in cases.items():
        tifffile.imwrite(folder / name, pixels, **options)
        yield folder / name


def tile_sets(folder: Path, tissue: np.ndarray, make_svs: Callable[..., Path]) -> Iterator[Seed]:
    """Write a picture as DeepZoom in a folder and a zip, Zoomify and IIIF."""
    picture = pyvips.Image.new_from_array(np.ascontiguousarray(tissue[:90, :120]))
    for layout, inside in (("dz", "a.dzi"), ("zoomify", "a"), ("iiif", "a")):
        root = folder / layout
        root.mkdir()
        picture.dzsave(str(root / "a"), layout=layout, tile_size=64, suffix=".png")
        yield Seed(root, f"{layout}/{inside}")
    picture.dzsave(str(folder / "a.szi"), layout="dz", container="szi", tile_size=64)
    yield Seed(folder / "a.szi", "a.szi")
    parts = (
        '<DisplayRects><DisplayRect MinLevel="0" MaxLevel="7"><Rect X="0" Y="0" Width="64" '
        'Height="64"/></DisplayRect></DisplayRects></Image>'
    )
    told = (folder / "dz/a.dzi").read_text()
    size = {"Width": "120", "Height": "90"}
    image = {"Format": "png", "Overlap": 1, "TileSize": 64, "Url": "a_files/", "Size": size}
    spellings = (told.replace("</Image>", parts), json.dumps({"Image": image}))
    for name, text in zip(("parts", "json"), spellings, strict=True):
        shutil.copytree(folder / "dz", folder / name)
        (folder / name / "a.dzi").write_text(text)
        yield Seed(folder / name, f"{name}/a.dzi")
    ziggurat.convert(make_svs(folder / "of.svs"), folder / "ours.szi")  # with label and macro
    yield Seed(folder / "ours.szi", "ours.szi")


def lists(folder: Path, tissue: np.ndarray) -> Iterator[Seed]:
    """Write a list of two files, a VRT of two bands, and a set of PDF pages."""
    root = folder / "multi"
    root.mkdir()
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(root / name, np.ascontiguousarray(tissue[:64, :80]), photometric="rgb")
    sources = [{"path": "a.tif", "z": 0}, {"path": "b.tif", "z": 1, "position": {"x": 5, "y": 3}}]
    (root / "list.json").write_text(json.dumps({"sources": sources, "width": 90, "height": 70}))
    yield Seed(root, "multi/list.json")
    root = folder / "vrt"
    root.mkdir()
    tifffile.imwrite(root / "a.tif", np.ascontiguousarray(tissue[:64, :80, 0]))
    gdal.BuildVRT(str(root / "a.vrt"), [str(root / "a.tif")] * 2, separate=True).Close()
    yield Seed(root, "vrt/a.vrt")
    Image.fromarray(tissue[:60, :80]).save(folder / "a.pdf")
    yield Seed(folder / "a.pdf", "a.pdf")


def stores(folder: Path, tissue: np.ndarray) -> Iterator[Path]:
    """Write sinks' stores of each kind, and arrays by zarr itself."""
    with ziggurat.new(folder / "blended", sizeX=90, sizeY=70, blend="mean", dtype="uint8") as sink:
        sink.addTile(tissue[:64, :64, :1], x=0, y=0)
        sink.addTile(tissue[:64, :64, :1], x=20, y=6)
    yield folder / "blended"
    new = ziggurat.new(folder / "log", store="log", sizeX=90, sizeY=70)
    with new as sink, sink.task("one"):
        sink.addTile(tissue[:64, :64], x=0, y=0)
    yield folder / "log"
    for version in (2, 3):
        path = folder / f"plain{version}.zarr"
        zarr.create_array(
            path, data=tissue[:60, :70], chunks=(32, 32, 3), zarr_format=version
        )  # fmt: skip
        yield path


@pytest.fixture(scope="session")
def made_seeds(
    tmp_path_factory: pytest.TempPathFactory,
    tissue: np.ndarray,
    make_svs: Callable[..., Path],
    make_raster: Callable[..., Path],
) -> list[Seed]:
    """Small made-up files of every kind that can be made here."""
    folder = tmp_path_factory.mktemp("seeds")
    paths = [*pictures(folder, tissue), *rare_pictures(folder, tissue), *tiffs(folder, tissue)]
    paths.append(make_svs(folder / "made.svs"))
    paths += [dicom(folder, tissue, codec) for codec in FRAMES]
    paths.append(
        make_raster(
            folder / "made.tif",
            np.ascontiguousarray(tissue[:100, :120]),
            crs="EPSG:4326",
            transform=(10.0, 0.001, 0.0, 50.0, 0.0, -0.001),
        )
    )
    with ziggurat.new(folder / "store", sizeX=300, sizeY=200, dtype="uint8", bands=3) as sink:
        sink.addTile(tissue[:200, :300], x=0, y=0)
        for name in ("image.zarr", "image.zarr.zip"):
            sink.write(folder / name)
            paths.append(folder / name)
    paths.append(folder / "store")
    paths.append(czi(folder, tissue))
    gray = np.ascontiguousarray(tissue[:64, :80, :2])
    paths.append(make_nd2(folder / "made.nd2", [gray, gray[::-1]]))
    images = {"one": (gray[..., 0].copy(), "YX"), "two": (tissue[:40, :50].copy(), "YXS")}
    paths.append(make_lif(folder / "made.lif", images))
    paths += [*more_tiffs(folder, tissue), *stores(folder, tissue)]
    seeds = [Seed(path, path.name) for path in paths]
    return [*seeds, *tile_sets(folder, tissue, make_svs), *lists(folder, tissue)]


@pytest.fixture(scope="session")
def real_seeds(data_file: Callable[[str], Path]) -> list[Seed]:
    seeds = []
    for relative, inside in REAL:
        path = data_file(relative)
        seeds.append(Seed(path, f"{path.name}/{inside}" if inside else path.name))
    return seeds


def test_damaged_made_up_files(made_seeds: list[Seed]) -> None:
    crew = run_all(made_seeds, copies=5)
    assert not crew.findings, "\n".join(crew.findings)
    assert crew.outcomes["opened"] > len(made_seeds)
    assert crew.outcomes["refused"] > len(made_seeds) // 2


def test_damaged_real_files(real_seeds: list[Seed]) -> None:
    crew = run_all(real_seeds, copies=2)
    assert not crew.findings, "\n".join(crew.findings)
    assert crew.outcomes["opened"] > len(real_seeds)


def test_damaged_files_are_converted_whole_or_not_at_all(made_seeds: list[Seed]) -> None:
    crew = run_all(made_seeds, 2, OUTPUTS, first=0)
    assert not crew.findings, "\n".join(crew.findings)
    assert crew.outcomes["opened"]
    assert crew.outcomes["refused"]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_thousand_damaged_files_are_converted_whole_or_not_at_all(
    made_seeds: list[Seed], real_seeds: list[Seed]
) -> None:
    crew = run_all([*made_seeds, *real_seeds], 20, OUTPUTS, first=0)
    assert not crew.findings, "\n".join(crew.findings)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_thousand_damaged_files(
    made_seeds: list[Seed], real_seeds: list[Seed], capsys: pytest.CaptureFixture[str]
) -> None:
    """In rounds over all seeds, so that what has run by any time is a fair part of it."""
    seeds = [*made_seeds, *real_seeds]
    copies = math.ceil(int(os.environ.get("ZIGGURAT_FUZZ_FILES", "10000")) / len(seeds))
    outcomes, findings = Counter[str](), list[str]()
    for first in range(-1, copies, ROUND):
        crew = run_all(seeds, min(first + ROUND, copies), first=first)
        outcomes += crew.outcomes
        findings += crew.findings
        with capsys.disabled():
            said = "".join(f"\n  {finding}" for finding in crew.findings)
            print(f"\n{outcomes.total()} files of {len(seeds)} seeds: {outcomes}{said}", flush=True)
    assert not findings, "\n".join(findings)
