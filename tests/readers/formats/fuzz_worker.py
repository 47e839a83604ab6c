"""Open damaged files, one after another, and say what came of it.

Run as a script by fuzz_crew.py: damaged copies may crash the process, so it isn't the tests' own.
It reads jobs from stdin, one JSON object a line ({"seed": path, "first": n, "last": n, "open":
relative path, "convert": name of an output or "", "seconds": of processor time after which the
rest is left, or null}), and answers with one line before ("begin n") and one after each copy
("end n seconds megabytes outcome …"), and with "done". The copy with number n of a seed is the
same on every machine.
"""

import json
import os
import random
import re
import resource
import shutil
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path

MEMORY_LIMIT = 6 * 1024**3  # of address space: a runaway allocation fails instead of the machine
LEAST = 5  # copies of a job that are tried however long they take
ROOM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # copies needn't touch a disk
NUMBERS = (0, 1, 2, 7, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def flip(data: bytearray, rng: random.Random, low: int, high: int) -> None:
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        data[rng.randrange(low, high)] ^= 1 << rng.randrange(8)


def flip_anywhere(data: bytearray, rng: random.Random) -> None:
    flip(data, rng, 0, len(data))


def flip_head(data: bytearray, rng: random.Random) -> None:
    flip(data, rng, 0, min(len(data), 512))


def flip_tail(data: bytearray, rng: random.Random) -> None:
    flip(data, rng, max(0, len(data) - 2048), len(data))


def overwrite(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    stop = min(len(data), start + rng.choice((1, 4, 64, 1024)))
    data[start:stop] = rng.randbytes(stop - start)


def forge(data: bytearray, rng: random.Random) -> None:
    """Put an awkward number where a length, count or offset may be."""
    order, width = rng.choice("<>"), rng.choice("HIQ")
    number = rng.choice((*NUMBERS, len(data), len(data) - 1, len(data) + 1))
    word = struct.pack(order + width, number & (256 ** struct.calcsize(width) - 1))
    reach = len(data) if rng.random() < 0.3 else min(len(data), 4096)
    at = rng.randrange(max(1, reach - len(word))) & ~1
    data[at : at + len(word)] = word[: max(0, len(data) - at)]


def truncate(data: bytearray, rng: random.Random) -> None:
    reach = len(data) if rng.random() < 0.6 else min(len(data), 2048)
    del data[rng.randrange(1, max(2, reach)) :]


def blank(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    stop = min(len(data), start + rng.choice((16, 256, 4096)))
    data[start:stop] = bytes([rng.choice((0, 255))]) * (stop - start)


def move(data: bytearray, rng: random.Random) -> None:
    """Copy a block elsewhere, in place or pushing the rest away."""
    start, to, size = (rng.randrange(len(data)) for _ in range(3))
    block = data[start : start + size % 512 + 1]
    data[to : to + (len(block) if rng.random() < 0.5 else 0)] = block


def forge_directory(data: bytearray, rng: random.Random) -> None:
    """Forge an entry of a TIFF's first directory; other files get :func:`forge`."""
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
    if order is None or len(data) < 64:
        return forge(data, rng)
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    size, entry = (8, 20) if big else (2, 12)
    if at + size + entry * 4 > len(data):
        return forge(data, rng)
    count = min(64, struct.unpack_from(order + ("Q" if big else "H"), data, at)[0])
    row = at + size + entry * rng.randrange(max(1, count))
    field = rng.choice((0, 2, 4, entry - 4))  # tag, type, count, value
    number = rng.choice((*NUMBERS, len(data), rng.randrange(65536)))
    form = "H" if field in (0, 2) else "I"
    if row + field + 4 <= len(data):
        struct.pack_into(order + form, data, row + field, number & (0xFFFF if form == "H" else -1))
    return None


def forge_picture(data: bytearray, rng: random.Random) -> None:
    """Let a code stream inside of the file claim another size; others get :func:`forge`."""
    # where the sizes are after the marker: JPEG frame header, JPEG 2000 SIZ, PNG IHDR, WebP VP8X
    for marker, skip, form in rng.sample(
        [(b"\xff\xc0", 5, ">H"), (b"\xff\x51", 6, ">I"), (b"IHDR", 4, ">I"), (b"VP8X", 12, "<I")], 4
    ):
        found = [match.start() for match in re.finditer(re.escape(marker), data)][:200]
        if found:
            at = rng.choice(found) + skip
            size = struct.calcsize(form)
            for place in (at, at + size):
                if place + size <= len(data) and rng.random() < 0.8:
                    limit = 256**size - 1
                    number = rng.choice((1, 3, 5000, 30000, 65500, limit, rng.randrange(limit)))
                    struct.pack_into(form, data, place, min(number, limit))
            return None
    return forge(data, rng)


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip_anywhere,
    flip_head,
    flip_tail,
    overwrite,
    forge,
    forge,
    forge_directory,
    forge_directory,
    forge_picture,
    truncate,
    blank,
    move,
)


def damage(data: bytes, number: int, rng: random.Random) -> bytes:
    damaged = bytearray(data)
    if number < 0:
        return data
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if damaged:
            rng.choice(MUTATIONS)(damaged, rng)
    return bytes(damaged)


def damaged_copy(seed: Path, number: int, folder: Path) -> None:
    """Fill a folder with a copy of a seed (a file or a folder), one file of it damaged.

    Copy -1 is not damaged.
    """
    rng = random.Random(zlib.crc32(f"{seed.name} {number}".encode()))
    if seed.is_file():
        (folder / seed.name).write_bytes(damage(seed.read_bytes(), number, rng))
        return
    files = sorted(path for path in seed.rglob("*") if path.is_file())
    victim = rng.choice(files)
    for path in files:
        target = folder / seed.name / path.relative_to(seed)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path == victim:
            target.write_bytes(damage(path.read_bytes(), number, rng))
        else:
            target.symlink_to(path)


def exercise_reader(path: Path) -> None:
    """Use what a backend answers, in small: the format that opens it, pixels, stored tiles."""
    from ziggurat.readers.formats.registry import open_reader
    from ziggurat.readers.model.geometry import Rect

    with open_reader(path) as reader:
        info = reader.info
        for level in {0, len(info.levels) // 2, len(info.levels) - 1}:
            whole = info.levels[level].rect
            middle = Rect(whole.width // 3, whole.height // 3, 256, 256).intersect(whole)
            pixels = reader.plane(level, info.frames - 1).read(middle)
            assert pixels.shape == (middle.height, middle.width, info.bands), pixels.shape
            assert pixels.dtype == info.dtype, pixels.dtype
            encoded = reader.plane(level, 0).encoded()
            if encoded is not None:
                encoded.tile(encoded.columns // 2, encoded.rows // 2)
        for name in info.associated[:3]:
            reader.associated(name).read()
            reader.associated(name).encoded()
            reader.associated(name).stored()


def exercise_source(path: Path) -> None:
    """Use what a caller calls, in small: facts, a region, a thumbnail, associated images."""
    import ziggurat

    with ziggurat.open(path) as source:
        facts = source.getMetadata()
        width, height = facts["sizeX"], facts["sizeY"]
        source.getInternalMetadata()
        source.getRegion(
            region={
                "left": width // 3,
                "top": height // 3,
                "width": min(256, width),
                "height": min(256, height),
                "units": "base_pixels",
            },
            format="numpy",
        )
        if width * height < 10**8:  # of honest files, those that are quick
            source.getThumbnail(width=64, height=64)
        for name in source.getAssociatedImagesList()[:3]:
            source.getAssociatedImage(name)


def exercise_convert(path: Path, output: Path) -> None:
    """Convert; what isn't a whole file at the end is nothing at all."""
    import ziggurat
    from ziggurat.readers.errors import ZigguratError

    output.parent.mkdir()
    try:
        ziggurat.convert(path, output)
    except ZigguratError:
        left = sorted(item.name for item in output.parent.iterdir())
        assert not left, f"a failed conversion left {left}"
        raise
    with ziggurat.open(output) as copy:
        copy.getThumbnail(width=64, height=64)


def attempt(path: Path, output: Path | None = None) -> str:
    from ziggurat.readers.errors import ZigguratError

    try:
        if output is not None:
            exercise_convert(path, output)
        else:
            exercise_reader(path)
            exercise_source(path)
    except ZigguratError as error:
        return f"refused {type(error).__name__}: {str(error)[:200]!r}"
    except BaseException as error:  # noqa: BLE001  that is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        ours = [f for f in traceback.extract_tb(error.__traceback__) if "ziggurat" in f.filename]
        near = ours[-1] if ours else where
        return f"leaked {type(error).__name__} at {near.filename}:{near.lineno}: {error!s:.200}"
    return "opened"


def resident(field: str) -> int:
    """Memory of this process in KiB, of now (VmRSS) or at most (VmHWM) since :func:`forget`."""
    found = re.search(field + r":\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def forget() -> None:
    """Begin the peak of memory anew, so that no copy hides behind an earlier one's."""
    Path("/proc/self/clear_refs").write_text("5")


def run(job: dict[str, str | int]) -> None:
    seed, inside = Path(str(job["seed"])), str(job["open"])
    limit = float(job.get("seconds") or "inf")
    begun = time.process_time()
    for number in range(int(job["first"]), int(job["last"])):
        if number - int(job["first"]) >= LEAST and time.process_time() - begun > limit:
            return
        print(f"begin {number}", flush=True)
        folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=ROOM))
        try:
            damaged_copy(seed, number, folder)
            forget()
            before = resident("VmRSS")
            start = time.process_time()
            output = folder / "converted" / str(job["convert"]) if job.get("convert") else None
            outcome = attempt(folder / inside, output)
            seconds = time.process_time() - start
            grown = resident("VmHWM") - before
            print(
                f"end {number} {seconds:.2f} {grown // 1024} {outcome}".splitlines()[0], flush=True
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries' own chatter
    os.dup2(2, 1)
    sys.stdout = os.fdopen(answers, "w")
    for line in sys.stdin:
        run(json.loads(line))
        print("done", flush=True)


if __name__ == "__main__":
    main()
