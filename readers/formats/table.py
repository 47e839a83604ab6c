"""The ordered table of formats."""

import importlib
from dataclasses import dataclass

from ziggurat.readers.io.location import Location

SYNTHETIC = "large_image://test"  # a picture that is made, not read


@dataclass(frozen=True, slots=True)
class Format:
    """One row: a backend module with ``open_reader(location) -> Reader`` and what it takes.

    ``magics`` are bytes of the beginning, each with its offset; ``suffixes`` lower-case endings
    of the name. A file is tried with a row when either fits. ``usual`` endings are for listings
    only: the first bytes of such files tell more than their names. A ``lists`` row's module has
    ``endings()``, for what only its library knows: those of this machine. ``batch`` endings are
    taken out of folders of slides. ``folders_beside`` gives an ending and what the name of a
    folder that belongs to such a file has instead of it; beside files of ``pictures_beside``
    endings lie pictures that belong to them. ``keep_when_deidentified`` are names of fields
    (``VENDOR.field``, lower case, ``*`` as wildcard) that are technical.
    """

    name: str
    module: str
    suffixes: tuple[str, ...] = ()
    magics: tuple[tuple[int, bytes], ...] = ()
    directories: bool = False  # folders may be images too
    remote: bool = False  # URLs may be images too
    any_file: bool = False  # the last resorts, tried with anything
    strange: bool = False  # it is asked about kinds that are listed in ``unread``, too
    owns: bool = False  # where it says that a file is damaged, nobody else is asked
    usual: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()
    folders_beside: tuple[tuple[str, str], ...] = ()
    pictures_beside: tuple[str, ...] = ()
    keep_when_deidentified: tuple[str, ...] = ()
    lists: bool = False
    scheme: str = ""  # what URLs begin with that are no place of a file

    def endings(self) -> tuple[str, ...]:
        """Return the endings that such files usually have; none where its library is missing."""
        known = (*self.suffixes, *self.usual)
        if not self.lists:
            return known
        try:
            module = importlib.import_module(self.module)
        except ImportError:
            return known
        return (*known, *module.endings())

    def fits(self, location: Location) -> bool:
        """Return True where this backend is worth a try."""
        here = self.remote or location.made or not location.is_remote
        return here and self.recognises(location)

    def recognises(self, location: Location) -> bool:
        """Return True where name or beginning are those of this kind."""
        if location.is_directory:
            return self.directories
        if location.made:
            return bool(self.scheme) and location.url.startswith(self.scheme)
        return (
            self.any_file
            or location.name.endswith(self.suffixes)
            or any(location.head.startswith(magic, offset) for offset, magic in self.magics)
        )


TIFF_MAGICS = ((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+"))
PICTURE_MAGICS = (
    (0, b"\x89PNG"),
    (0, b"\xff\xd8\xff"),
    (8, b"WEBP"),
    (4, b"jP  \r\n\x87\n"),
)
JPEG2000_MAGICS = ((4, b"jP  \r\n\x87\n"), (0, b"\xff\x4f\xff\x51"))
DICOM_MAGIC = (128, b"DICM")
SLIDE_SUFFIXES = (".mrxs", ".vms", ".vmu", ".dcm", ".svslide", ".bif")

# What isn't here goes: nobody knows what a field of tomorrow's firmware will hold. The fields of
# vendors' TIFFs stand in the rows of their kinds.
_OPENSLIDE_FIELDS = (
    "mirax.*objective_magnification*", "mirax.*micrometer_per_pixel*",
    "mirax.*camera_image_divisions*", "mirax.*imagenumber_*", "mirax.*image_fill_color*",
    "mirax.*image_format*", "mirax.*overlap*",
    "ventana.magnification", "ventana.scanres", "ventana.scanwhitepoint", "ventana.z-layers",
    "ventana.z-spacing",
    "trestle.objective power", "trestle.background color", "trestle.white balance",
    "trestle.exposure time",
    "zeiss.*scaling*", "zeiss.*nominalmagnification*", "zeiss.*lensna*",
    "openslide.mpp-x", "openslide.mpp-y", "openslide.objective-power", "openslide.vendor",
    "openslide.level*", "openslide.bounds-*", "openslide.background-color", "openslide.icc-size",
)  # fmt: skip
_DICOM_FIELDS = (
    "dicom.pixelspacing", "dicom.*photometricinterpretation", "dicom.*samplesperpixel",
    "dicom.rows", "dicom.columns", "dicom.*objectivelenspower", "dicom.imagedvolume*",
    "dicom.*totalpixelmatrix*", "dicom.lossyimagecompression*",
)  # fmt: skip

# Order matters: the first row that accepts a file reads it. Slides whose tiles overlap, or lie
# in several files, go to OpenSlide before anybody takes their TIFF or thumbnail for the image.
_BIO_FORMATS = "ziggurat.readers.formats.fenced.bioformats"
FORMATS: tuple[Format, ...] = (
    Format(
        "store",
        "ziggurat.readers.formats.sink_store.reader",
        directories=True,
        remote=True,
        owns=True,
    ),
    Format(
        "ome-zarr",
        "ziggurat.readers.formats.zarr.reader",
        (".zip", ".ozx", ".zattrs", ".zgroup", ".zarray", "zarr.json"),
        ((0, b"PK\x03\x04"), (0, b"SQLite format 3\0")),
        directories=True,
        remote=True,
        usual=(".zarr", ".zarr.zip", ".db", ".sqlite", ".zarr.db", ".zarr.sqlite"),
        batch=(".zip", ".ozx", ".zarr"),
    ),
    Format(
        "dicom",
        "ziggurat.readers.formats.dicom.reader",
        (".dcm",),
        (DICOM_MAGIC,),
        directories=True,
        keep_when_deidentified=_DICOM_FIELDS,
    ),
    Format(
        "openslide",
        "ziggurat.readers.formats.openslide",
        SLIDE_SUFFIXES,
        (DICOM_MAGIC,),
        directories=True,
        owns=True,
        batch=(".vms", ".vmu", ".mrxs", ".bif", ".svslide"),
        folders_beside=((".mrxs", ""), (".vms", ""), (".vmu", "")),
        pictures_beside=(".vms", ".vmu"),
        keep_when_deidentified=_OPENSLIDE_FIELDS,
    ),
    Format(
        "deepzoom",
        "ziggurat.readers.formats.deepzoom.reader",
        (".dzi", ".szi", ".zip", ".xml", "info.json"),
        directories=True,
        remote=True,
        usual=(".dzi", ".szi"),
        batch=(".dzi", ".szi"),
        folders_beside=((".dzi", "_files"),),
    ),
    Format(
        "multi",
        "ziggurat.readers.formats.multi.reader",
        (".yaml", ".yml", ".json"),
        owns=True,
        scheme="multi://",
    ),
    Format("test", "ziggurat.readers.formats.synthetic", owns=True, scheme=SYNTHETIC),
    Format(
        "czi",
        "ziggurat.readers.formats.czi.reader",
        magics=((0, b"ZISRAWFILE"),),
        remote=True,
        owns=True,
        usual=(".czi",),
        batch=(".czi",),
    ),
    Format(
        "lif",
        "ziggurat.readers.formats.lif",
        (".lif", ".lof"),
        ((0, b"\x70\0\0\0"),),
        remote=True,
        owns=True,
        batch=(".lif", ".lof"),
    ),
    Format(
        "nd2",
        "ziggurat.readers.formats.nikon",
        (".nd2",),
        ((0, b"\xda\xce\xbe\x0a"),),
        remote=True,
        owns=True,
        batch=(".nd2",),
    ),
    Format("isyntax", "ziggurat.readers.formats.fenced.isyntax", (".isyntax",), owns=True),
    Format(
        "geo",
        "ziggurat.readers.formats.placed",
        magics=(*TIFF_MAGICS, *PICTURE_MAGICS),
        remote=True,
        usual=(".tif", ".tiff", ".geotiff", ".jp2"),
    ),
    Format(
        "tiff",
        "ziggurat.readers.formats.tiff.reader",
        magics=TIFF_MAGICS,
        remote=True,
        owns=True,
        usual=(
            ".tif",
            ".tiff",
            ".btf",
            ".tf2",
            ".tf8",
            ".ptif",
            ".ptiff",
            ".ome.tif",
            ".ome.tiff",
            ".svs",
            ".ndpi",
            ".qptiff",
            ".scn",
            ".lsm",
            ".stk",
            ".zif",
        ),
        batch=(".svs", ".tif", ".tiff", ".btf", ".tf2", ".tf8", ".ndpi", ".scn", ".qptiff"),
    ),
    Format("openslide-tiff", "ziggurat.readers.formats.openslide", magics=TIFF_MAGICS),
    Format(
        "pdf",
        "ziggurat.readers.formats.pictures.pdf",
        magics=((0, b"%PDF-"),),
        remote=True,
        usual=(".pdf",),
    ),
    Format(
        "jpegxl",
        "ziggurat.readers.formats.pictures.jpegxl",
        magics=((0, b"\xff\x0a"), (0, b"\0\0\0\x0cJXL ")),
        remote=True,
        usual=(".jxl",),
    ),
    Format(
        "heif",
        "ziggurat.readers.formats.pictures.heif",
        magics=((4, b"ftyphe"), (4, b"ftypmif1"), (4, b"ftypmsf1")),
        remote=True,
        usual=(".heic", ".heif", ".hif"),
    ),
    Format(
        "jpeg-kinds",
        "ziggurat.readers.formats.pictures.jpeg_kinds",
        magics=((0, b"\xff\xd8\xff"),),
        remote=True,
        usual=(".jls",),
    ),
    Format(
        "pnm",
        "ziggurat.readers.formats.pictures.pnm",
        magics=tuple((0, magic) for magic in (b"P2", b"P3", b"P5", b"P6")),
        remote=True,
        usual=(".ppm", ".pgm", ".pnm"),
    ),
    Format(
        "vips",
        "ziggurat.readers.formats.pictures.vips",
        any_file=True,
        remote=True,
        usual=(
            ".png",
            ".apng",
            ".jpg",
            ".jpeg",
            ".jpe",
            ".jfif",
            ".mpo",
            ".webp",
            ".gif",
            ".avif",
            ".avifs",
            ".svg",
        ),
        batch=(".png", ".jpg", ".jpeg"),
    ),
    Format(
        "gdal",
        "ziggurat.readers.formats.gdal.reader",
        any_file=True,
        remote=True,
        lists=True,
        batch=(".jp2",),
    ),
    Format(
        "jpeg2000",
        "ziggurat.readers.formats.pictures.jpeg2000",
        magics=JPEG2000_MAGICS,
        remote=True,
        usual=(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    ),
    Format(
        "pillow",
        "ziggurat.readers.formats.pictures.pillow",
        any_file=True,
        usual=(
            ".bmp",
            ".dib",
            ".pbm",
            ".pfm",
            ".tga",
            ".icb",
            ".vda",
            ".vst",
            ".pcx",
            ".sgi",
            ".rgb",
            ".rgba",
            ".bw",
            ".ico",
            ".psd",
        ),
    ),
    Format("bio-formats", _BIO_FORMATS, any_file=True, strange=True, lists=True),
)
