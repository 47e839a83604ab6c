"""Files of every kind to be damaged."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pyvips
import tifffile
import zarr
from osgeo import gdal
from PIL import Image
from pydicom.uid import HTJ2KLossless, JPEGBaseline8Bit, JPEGLSLossless

import ziggurat
from tests.czi_files import JPEGXR, Block, make_czi
from tests.readers.formats.fuzz_crew import Seed

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

# For the long runs: half a second and more each to decode JPEG 2000, and what is much like others.
SLOW = {
    "wsi2dcm-jpeg2000", "wsic-CMU-1-Small-Region.jp2.tiff", "TCGA-CR-7395-01A-01-TS1.svs",
    "jcupitt-cmu-1-small-region", "OS-2-ndpi.ome.tif", "cogeo.tif", "cog_scale.tif",
    "xy_12bit__plant.ome.tiff", "ngio-v05-tczyx.zarr", "WellD6-7_S2.czi", "red.tif", "shade.tif",
    "rgba_geotiff.tiff", "mini-spim-moduloZ.ome.tiff", "nyxus-dim5_pyramid.ome.tif", "boxes.tiff",
    "ez-zarr-6001240_labels_v0.5.zarr", "sample_float32_8bit_range.zarr.zip",
    "tensorstore-D75_16b.tiff",
}  # fmt: skip


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


# Sources turned, enlarged, styled, cropped, named by a pattern and made up, in channels and planes.
LAYERS = """
name: layers
axes: [q]
channels: [one, two]
scale: {mm_x: 0.5, mm_y: 0.5, magnification: 10}
backgroundColor: [9, 200, 30]
dtype: uint16
width: 150
height: 120
sources:
  - &first
    path: a.tif
    channel: one
    zValues: [0.5, 1.5]
    position: {x: 4, y: 3, s11: 0.8, s12: 0.3, s21: -0.2, s22: 1.1, crop: {left: 5, right: 70}}
  - {<<: *first, z: 1, position: {x: 20, y: 9, scale: 0.4}, sampleScale: 2, sampleOffset: 7}
  - {path: ., pathPattern: '^(?P<n>[ab]).tif$', channel: two, zStep: 1, position: {scale: 1.5}}
  - path: b.tif
    q: 1
    style: {bands: [{band: 1, palette: [black, lime], min: 10, max: 240}]}
  - {path: x, sourceName: test, q: 1, frames: [1, 3], framesAsAxes: {c: 1, z: 2},
     params: {sizeX: 90, sizeY: 70, frames: 4}}
"""


def lists(folder: Path, tissue: np.ndarray) -> Iterator[Seed]:
    """Write two lists of files, one of all that lists can say, a VRT of two bands and a PDF."""
    root = folder / "multi"
    root.mkdir()
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(root / name, np.ascontiguousarray(tissue[:64, :80]), photometric="rgb")
    sources = [{"path": "a.tif", "z": 0}, {"path": "b.tif", "z": 1, "position": {"x": 5, "y": 3}}]
    (root / "list.json").write_text(json.dumps({"sources": sources, "width": 90, "height": 70}))
    yield Seed(root, "multi/list.json")
    root = folder / "layers"
    root.mkdir()
    for name in ("a.tif", "b.tif"):
        shutil.copy(folder / "multi" / name, root / name)
    (root / "list.yaml").write_text(LAYERS)
    yield Seed(root, "layers/list.yaml")
    root = folder / "vrt"
    root.mkdir()
    tifffile.imwrite(root / "a.tif", np.ascontiguousarray(tissue[:64, :80, 0]))
    gdal.BuildVRT(str(root / "a.vrt"), [str(root / "a.tif")] * 2, separate=True).Close()
    yield Seed(root, "vrt/a.vrt")
    Image.fromarray(tissue[:60, :80]).save(folder / "a.pdf")
    yield Seed(folder / "a.pdf", "a.pdf")


def picture_chunks(folder: Path, tissue: np.ndarray, make_svs: Callable[..., Path]) -> list[Path]:
    """Write OME-Zarr of JPEG and JPEG 2000 chunks, plain and in shards."""
    part = np.ascontiguousarray(tissue[:130, :150])
    tile = {"tile": (64, 64), "photometric": "rgb"}
    tifffile.imwrite(folder / "flat.tif", part, compression="jpeg2000", **tile)
    svs = make_svs(folder / "chunks.svs", width=300, height=200, tile=64, ycbcr=True)
    paths = []
    for name, source, encoding in (
        ("jpeg", svs, "jpeg"),
        ("jpeg2000", folder / "flat.tif", "jpeg2000"),
    ):
        paths.append(folder / f"{name}.zarr")
        ziggurat.convert(source, paths[-1], ziggurat.ConvertOptions(compression=encoding))
    return paths


def planes(folder: Path, tissue: np.ndarray) -> Path:
    """Write an SVS of two focal planes, each with a lower level."""
    path = folder / "planes.svs"
    words = "Aperio Image Library v11.2.1 \r\n{}|AppMag = 20|MPP = 0.5|OffsetZ = {}"
    with tifffile.TiffWriter(path) as tif:
        for step in (1, 2):
            for plane, height in enumerate((-1.5, 2.0)):
                tif.write(
                    np.ascontiguousarray(tissue[plane : 256 + plane : step, :256:step]),
                    tile=(64, 64), compression="jpeg", photometric="rgb", metadata=None,
                    software=False, description=words.format("256x256", height),
                )  # fmt: skip
    return path


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
