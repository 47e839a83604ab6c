"""Every option of every command, as the parsers know them: what it changes, and what it refuses.

A new option fails here until it has a row in both tables.
"""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import ImageCms

import ziggurat
from tests.converter.cli.running import (
    BATCH,
    CLUSTER,
    CONVERT,
    DEMO,
    EVERY,
    EXPORT,
    PLAN,
    SERVE,
    Run,
    Stub,
)
from ziggurat.converter.cli.app import main

WIDTH, HEIGHT = 288, 160  # a little more than what has no lower level
PIXELS = np.roll(
    np.random.default_rng(8)
    .integers(0, 256, (HEIGHT // 2, WIDTH // 2, 3), np.uint8)
    .repeat(2, 0)
    .repeat(2, 1),
    1,
    0,
)  # no two by two pixels of a lower level are alike


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: a slide of 0.5 µm a pixel with a profile, a stack at 20 with a label, a policy."""
    folder = tmp_path_factory.mktemp("images")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tifffile.imwrite(
        folder / "slide.tif", PIXELS, tile=(32, 32), photometric="rgb", compression="zlib",
        resolution=(20_000, 20_000), resolutionunit="CENTIMETER", iccprofile=profile,
        metadata=None,
    )  # fmt: skip
    with ziggurat.new(dtype="uint8") as sink:
        for c in (0, 1):
            sink.addTile(PIXELS[..., c], c=c)
        sink.mm_x = sink.mm_y = 0.0005
        sink.magnification = 20
        sink.addAssociatedImage(PIXELS[:32, :64], "label")
        sink.write(folder / "stack.tiff", lossy=False)
    (folder / "policy.toml").write_text('[associated]\nlabel = "keep"\n')
    return folder


@dataclass(frozen=True)
class Row:
    """A command line without an option, the option, and what is true with it alone.

    ``first`` is run before, in both cases.
    """

    plain: str
    option: str
    seen: Callable[[Run, Run], object]
    first: str = ""
    stubs: tuple[Stub, ...] = ()


TIFF = "convert IN/slide.tif OUT.tiff"
STACK = "convert IN/stack.tiff OUT.tiff"
SHOT = "view IN/slide.tif --snapshot OUT.png --width 48"
GREEN = shlex.quote('{"channels": [[1, "#00ff00", 0, 255]]}')


def of_pictures(command: str) -> dict[str, Row]:
    """Return the rows that commands have in common which make a picture of an image."""
    slide, stack = (f"{command} IN/{name} OUT.png" for name in ("slide.tif", "stack.tiff"))
    green = """--style '{"band": 2, "min": 0, "max": 255}'"""

    def is_green(made: Run, _: Run) -> bool:
        return np.array_equal(made.picture[..., 0], PIXELS[..., 1])

    rows = {
        "--width": Row(slide, "--width 144", lambda m, _: m.picture.shape == (80, 144, 3)),
        "--height": Row(slide, "--height 40", lambda m, _: m.picture.shape == (40, 72, 3)),
        "--frame": Row(stack, "--frame 1", is_green),
        "--style": Row(slide, green, is_green),
        "--overwrite": Row(slide, "--overwrite", lambda m, _: m.code == 0, first=slide),
    }
    return {f"{command} {option}": row for option, row in rows.items()}


EFFECTS = {
    "convert --format": Row(TIFF, "--format ome-tiff", lambda m, _: "<OME" in m.page().description),
    "convert --ome-version": Row(
        "convert IN/slide.tif OUT.zarr", "--ome-version 0.4",
        lambda m, _: (m.path / ".zgroup").exists(),
    ),
    "convert --levels": Row(TIFF, "--levels source", lambda m, _: len(m.levels) == 1),
    "convert --compression": Row(TIFF, "-c lzw", lambda m, _: m.page().compression.name == "LZW"),
    "convert --quality": Row(f"{TIFF} -c jpeg", "--quality 5", lambda m, b: m.size < b.size),
    "convert --effort": Row(
        f"{TIFF} -c deflate --reencode", "--effort 0", lambda m, b: m.size > b.size
    ),
    "convert --resample": Row(
        TIFF, "--resample max",
        lambda m, _: np.array_equal(m.levels[1], PIXELS.reshape(80, 2, 144, 2, 3).max((1, 3))),
    ),
    "convert --reencode": Row(TIFF, "--reencode", lambda m, _: " 0 tiles copied" in m.out),
    "convert --tile-size": Row(
        f"{TIFF} --reencode", "--tile-size 48", lambda m, _: m.page().tilewidth == 48
    ),
    "convert --predictor": Row(
        f"{TIFF} -c lzw", "--predictor none", lambda m, _: m.page().predictor == 1
    ),
    "convert --lower-levels": Row(
        TIFF, "--lower-levels subifd", lambda m, _: len(m.page().subifds or ()) == 1
    ),
    "convert --layout": Row(
        TIFF, "--layout cog",
        lambda m, _: m.page(0).dataoffsets[0] > m.page(1).dataoffsets[0] > m.page(1).offset,
    ),
    "convert --associated": Row(
        STACK, "--associated drop", lambda m, _: m.source().associated == []
    ),
    "convert --overwrite": Row(TIFF, "--overwrite", lambda m, _: m.code == 0, first=TIFF),
    "convert --region": Row(
        TIFF, "--region 32,16,48,64",
        lambda m, _: np.array_equal(m.source().pixels, PIXELS[16:80, 32:80]),
    ),
    "convert --mpp": Row(TIFF, "--mpp 1", lambda m, _: m.source().size == (144, 80)),
    "convert --magnification": Row(
        STACK, "--magnification 10", lambda m, _: m.source().size == (144, 80)
    ),
    "convert --frames": Row(
        STACK, "--frames c=1",
        lambda m, _: np.array_equal(m.source().pixels[..., 0], PIXELS[..., 1])
        and m.source().frames == 1,
    ),
    "convert --bands": Row(
        TIFF, "--bands 2,0", lambda m, _: np.array_equal(m.source().pixels, PIXELS[..., [2, 0]])
    ),
    "convert --color": Row(
        TIFF, "--color srgb", lambda m, _: 34675 not in m.page().tags and " 0 tiles cop" in m.out
    ),
    "convert --deidentify": Row(STACK, "--deidentify", lambda m, _: "label" in m.out),
    "convert --policy": Row(
        f"{STACK} --deidentify", "--policy IN/policy.toml",
        lambda m, _: m.source().associated == ["label"],
    ),
    "convert --label": Row(
        f"{STACK} --deidentify", "--label blank", lambda m, _: m.source().associated == ["label"]
    ),
    "convert --strict": Row(
        "convert IN/stack.tiff OUT.png", "--strict",
        lambda m, _: m.code == 1 and "strict, and this would be lost" in m.err and m.made == [],
    ),
    "convert --threads": Row(
        TIFF, "--threads 3", lambda m, _: "threads 3," in m.out, stubs=(CONVERT,)
    ),
    "convert --max-memory": Row(
        TIFF, "--max-memory 32MiB", lambda m, _: "max_memory 33554432," in m.out, stubs=(CONVERT,)
    ),
    "convert --verify": Row(
        f"{TIFF} --json", "--verify", lambda m, _: m.json["verification"]["problems"] == []
    ),
    "convert --full": Row(TIFF, "--full", lambda m, _: ", full" in m.out, stubs=(CONVERT,)),
    "convert --jobs": Row(
        "convert IN/slide.tif IN/stack.tiff DIR --format tiff", "-j 2",
        lambda m, _: "workers 2, resume False" in m.out, stubs=(BATCH,),
    ),
    "convert --dask": Row(
        TIFF, "--dask tcp://nowhere:1", lambda m, _: "--dask needs a package" in m.err,
        stubs=(CLUSTER,),
    ),
    "convert --resume": Row(TIFF, "--resume", lambda m, _: "resume True" in m.out, stubs=(BATCH,)),
    "convert --report": Row(
        TIFF, "--report DIR/r.jsonl",
        lambda m, _: json.loads((m.folder / "r.jsonl").read_text())["status"] == "done",
        stubs=(BATCH,),
    ),
    "convert --log": Row(
        TIFF, "--log DIR/log", lambda m, _: " done: " in (m.folder / "log").read_text(),
        stubs=(BATCH,),
    ),
    "convert --dry-run": Row(
        TIFF, "--dry-run", lambda m, _: m.made == [] and "of memory" in m.out
    ),
    "convert --plan": Row(
        TIFF, "--plan DIR/p.json", lambda m, _: "p.json" in m.made and "out.tiff" not in m.made
    ),
    "convert --json": Row(TIFF, "--json", lambda m, _: m.out[0] == "{" and m.json["plan"]),
    "convert --quiet": Row(TIFF, "-q", lambda m, _: (m.code, m.out, m.err) == (0, "", "")),
    "info --json": Row(
        "info IN/slide.tif", "--json", lambda m, _: m.out[0] == "{" and m.json["width"] == WIDTH
    ),
    "verify --full": Row(
        "verify IN/slide.tif OUT.tiff --json", "--full",
        lambda m, _: m.json["levels"][0]["checked"] == 45, first=TIFF,
    ),
    "verify --json": Row(
        "verify IN/slide.tif OUT.tiff", "--json", lambda m, _: m.out[0] == "{" and m.json["ok"],
        first=TIFF,
    ),
    "verify --quiet": Row(
        "verify IN/slide.tif OUT.tiff", "-q", lambda m, _: (m.code, m.out) == (0, ""), first=TIFF
    ),
    "emit --part": Row(
        "emit p --part 0 --of 3", "--part 2", lambda m, _: m.out[:6] == "2 of 7", stubs=(PLAN,)
    ),
    "emit --of": Row(
        "emit p --part 0 --of 3", "--of 7", lambda m, _: m.out[:6] == "1 of 7", stubs=(PLAN,)
    ),
    "emit --finish": Row(
        "emit p", "--finish",
        lambda m, _: (m.out, m.err) == ("o.tiff: 3 levels, 9 bytes\n", "lost: its colours\n"),
        stubs=(PLAN,),
    ),
    "emit --cancel": Row("emit p", "--cancel", lambda m, _: m.out == "cancelled\n", stubs=(PLAN,)),
    "emit --quiet": Row("emit p", "-q", lambda m, _: (m.code, m.out) == (0, ""), stubs=(PLAN,)),
    "view --host": Row(
        "view IN/slide.tif", "--host 127.0.0.9", lambda m, _: "'127.0.0.9'" in m.out, stubs=(SERVE,)
    ),
    "view --port": Row(
        "view IN/slide.tif", "--port 8765", lambda m, _: "port=8765" in m.out, stubs=(SERVE,)
    ),
    "view --browser": Row(
        "view IN/slide.tif", "--no-browser", lambda m, _: "browser=False" in m.out, stubs=(SERVE,)
    ),
    "view --map": Row(
        "view IN/slide.tif", "--map", lambda m, _: "on_map=True" in m.out, stubs=(SERVE,)
    ),
    "view --snapshot": Row(
        "view IN/slide.tif", "--snapshot OUT.png --width 48", lambda m, _: m.made == ["out.png"],
        stubs=(SERVE,),
    ),
    "view --region": Row(
        SHOT, "--region 32,16,48,64",
        lambda m, _: np.array_equal(m.picture, PIXELS[16:80, 32:80]),
    ),
    "view --width": Row(SHOT, "--width 144", lambda m, _: m.picture.shape == (80, 144, 3)),
    "view --opacity": Row(
        f"view IN/slide.tif IN/stack.tiff --snapshot OUT.png --width {WIDTH}", "--opacity 0",
        lambda m, _: np.array_equal(m.picture, PIXELS),
    ),
    "view --look": Row(
        SHOT, f"--width {WIDTH} --look {GREEN}",
        lambda m, _: np.array_equal(m.picture, PIXELS * np.uint8([0, 1, 0])),
    ),
    "view --export": Row(
        "view IN/slide.tif --no-browser", "--export DIR/web",
        lambda m, _: m.made == ["web"] and "web: 7 tiles" in m.out, stubs=(SERVE, EXPORT),
    ),
    "view --overwrite": Row(SHOT, "--overwrite", lambda m, _: m.code == 0, first=SHOT),
    **of_pictures("thumbnail"),
    **of_pictures("region"),
    "region --region": Row(
        "region IN/slide.tif OUT.png", "--region 32,16,48,64",
        lambda m, _: np.array_equal(m.picture, PIXELS[16:80, 32:80]),
    ),
    "region --mpp": Row(
        "region IN/slide.tif OUT.png", "--mpp 1", lambda m, _: m.picture.shape == (80, 144, 3)
    ),
    "region --magnification": Row(
        "region IN/stack.tiff OUT.png", "--magnification 10",
        lambda m, _: m.picture.shape == (80, 144, 3),
    ),
    "associated --overwrite": Row(
        "associated IN/stack.tiff label OUT.png", "--overwrite", lambda m, _: m.code == 0,
        first="associated IN/stack.tiff label OUT.png",
    ),
    "demo --slide": Row(
        "demo DIR", "--slide IN/slide.tif", lambda m, _: "slide.tif to " in m.out, stubs=(DEMO,)
    ),
}  # fmt: skip


def test_every_option_has_a_row() -> None:
    assert [name for name, _ in EVERY if name not in EFFECTS] == []
    assert EFFECTS.keys() - dict(EVERY).keys() == set()


def do(words: str, images: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process."""
    for name, place in (("IN/", f"{images}/"), ("OUT.", f"{folder}/out."), ("DIR", str(folder))):
        words = words.replace(name, place)
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(words))
    out, err = capsys.readouterr()
    return Run(ended.value.code, out, err, folder)


@pytest.mark.parametrize("command", sorted({name.split()[0] for name in EFFECTS}))
def test_an_option_has_its_effect(
    command: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plains: dict[object, Run] = {}

    def run(row: Row, words: str, folder: Path) -> Run:
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            for owner, word, instead in row.stubs:
                if isinstance(owner, str):
                    patch.setattr(f"{owner}.{word}", instead)
                else:
                    patch.setattr(owner, word, instead)
            if row.first:
                do(row.first, images, folder, capsys)
            return do(words, images, folder, capsys)

    for number, (name, row) in enumerate(EFFECTS.items()):
        if name.split()[0] != command:
            continue
        given = run(row, f"{row.plain} {row.option}", tmp_path / f"{number}")
        key = (row.plain, row.first, row.stubs)
        if key not in plains:
            plains[key] = run(row, row.plain, tmp_path / f"{number}plain")
        assert row.seen(given, plains[key]), (name, given)
        assert not _or_false(row, plains[key]), f"{name}: the row is right without it, too"


def _or_false(row: Row, plain: Run) -> object:
    try:
        return row.seen(plain, plain)
    except (ValueError, OSError, KeyError, TypeError):
        return False  # there is nothing of the kind


@pytest.mark.parametrize(("width", "height"), [(60, 40), (7, 31), (1, 5), (1030, 9)])
def test_a_thumbnail_without_a_size_is_at_most_as_large_as_the_image(
    width: int, height: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And within 1024 pixels."""
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    made = do("thumbnail IN/a.tif OUT.png", tmp_path, tmp_path, capsys).picture
    if width > 1024:
        assert made.shape == (8, 1024, 3)
    else:
        assert np.array_equal(made, pixels)
