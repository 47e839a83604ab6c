"""iSyntax: the reader against a stub that does what the library's page says, and its own errors.

No file of a scanner can be had or made here.
"""

import io
import os
import pickle
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import psutil
import pytest

import ziggurat
from ziggurat.readers.errors import CorruptSourceError, SourceError, UnsupportedFormatError
from ziggurat.readers.formats.fenced import fence
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.geometry import Rect

STUB = """
import io, os, signal, time
import numpy as np

def level(number):
    y, x = np.mgrid[0:300 >> number, 0:500 >> number]
    return np.stack([x % 251, y % 241, 0 * x + number, 0 * x + 255], axis=2).astype(np.uint8)

class ISyntax:
    tile_width = tile_height = 256
    mpp_x, mpp_y = 0.25, 0.26
    barcode = "B-17"
    level_dimensions = [(500, 300), (250, 150), (125, 75)]

    @classmethod
    def open(cls, path):
        slide = cls()
        slide.path = path
        if open(path).read() == "unreadable":
            raise RuntimeError("libisyntax: fatal")
        return slide

    def read_region(self, x, y, width, height, level=0):
        word = open(self.path).read()
        if x >= 256:
            if word == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            if word == "hang":
                open(self.path + ".busy", "w").close()
                time.sleep(1000)
            if word == "short":
                width -= 1
            if word == "error":
                raise RuntimeError("libisyntax: a tile is damaged")
        pixels = globals()["level"](level)[y : y + height, x : x + width].copy()
        if word == "holes":
            pixels[:10] = 0
        return pixels

    def read_label_image_jpeg(self):
        return None

    def read_macro_image_jpeg(self):
        import PIL.Image
        file = io.BytesIO()
        PIL.Image.new("RGB", (40, 30), (200, 10, 10)).save(file, "JPEG")
        return memoryview(file.getvalue())

    def read_icc_profile(self):
        return memoryview(b"profile")
"""


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub/isyntax.py").write_text(STUB)
    monkeypatch.syspath_prepend(str(tmp_path / "stub"))
    return tmp_path


def slide(folder: Path, word: str) -> Path:
    path = folder / f"{word}.isyntax"
    path.write_text(word)
    return path


def level(number: int) -> np.ndarray:
    y, x = np.mgrid[0 : 300 >> number, 0 : 500 >> number]
    return np.stack([x % 251, y % 241, 0 * x + number], axis=2).astype(np.uint8)


def test_levels_facts_and_pictures(stub: Path) -> None:
    path = slide(stub, "whole")
    with open_reader(path) as reader:
        info = reader.info
        assert (info.mm_x, info.mm_y) == pytest.approx((0.00025, 0.00026))
        assert (info.backend, info.icc_profile, info.associated) == (
            "isyntax", b"profile", ("macro",)
        )  # fmt: skip
        assert info.properties == {"philips.barcode": "B-17"}
        for number, one in enumerate(info.levels):
            np.testing.assert_array_equal(reader.plane(number, 0).read(one.rect), level(number))
        part = reader.plane(1, 0).read(Rect(30, 20, 50, 40))
        np.testing.assert_array_equal(part, level(1)[20:60, 30:80])
        macro = reader.associated("macro")
        stream = macro.encoded()
        assert stream is not None
        exact = np.asarray(PIL.Image.open(io.BytesIO(stream.data)))
        assert np.abs(macro.read().astype(int) - exact).max() <= 1
        path.write_text("holes")
        assert (reader.plane(0, 0).read(Rect(0, 0, 5, 5)) == 255).all()


def test_it_is_converted(stub: Path) -> None:
    options = ziggurat.ConvertOptions(compression="deflate", verify="full")
    report = ziggurat.convert(slide(stub, "whole"), stub / "out.tiff", options)
    assert report.verification is not None
    assert report.verification.ok


def test_what_goes_wrong_in_the_library_is_our_error(
    stub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = slide(stub, "whole")
    wrong = (
        ("short", "came back"), ("error", "a tile is damaged"), ("crash", "killed by SIGSEGV"),
    )  # fmt: skip
    with open_reader(path) as reader:
        for word, said in wrong:
            path.write_text(word)
            with pytest.raises(CorruptSourceError, match=said):
                reader.plane(0, 0).read(Rect(300, 0, 9, 9))
            np.testing.assert_array_equal(
                reader.plane(0, 0).read(Rect(0, 0, 9, 9)), level(0)[:9, :9]
            )
        path.write_text("hang")
        monkeypatch.setattr(fence, "READ_SECONDS", 0.2)
        with pytest.raises(SourceError, match="no answer within"):
            reader.plane(0, 0).read(Rect(300, 0, 9, 9))


def test_what_can_not_be_opened_is_damaged(stub: Path) -> None:
    with pytest.raises(CorruptSourceError, match="libisyntax: fatal"):
        open_reader(slide(stub, "unreadable"))


def test_a_process_is_left_with_its_reader(stub: Path) -> None:
    reader: Any = open_reader(slide(stub, "whole"))
    process = reader.fence._worker().process
    assert process.poll() is None
    reader.close()
    reader.close()
    assert process.returncode == 0
    reader = open_reader(slide(stub, "whole"))
    process = reader.fence._worker().process
    del reader
    assert process.returncode == 0


def test_a_library_that_is_busy_goes_with_a_program_that_is_killed(stub: Path) -> None:
    path = slide(stub, "hang")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            reader: Any = open_reader(path)
            os.write(write, str(reader.fence._worker().process.pid).encode())
            reader.plane(0, 0).read(Rect(300, 0, 9, 9))
        finally:
            os._exit(1)
    worker = psutil.Process(int(os.read(read, 100)))
    os.close(read)
    os.close(write)
    while not os.path.exists(f"{path}.busy"):
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with suppress(psutil.NoSuchProcess):
        for _ in range(200):
            if worker.status() == psutil.STATUS_ZOMBIE:  # nobody here waits for it
                return
            time.sleep(0.1)
        worker.kill()
        pytest.fail("it is still at work")


def test_a_forked_child_and_a_copy_have_processes_of_their_own(stub: Path) -> None:
    path = slide(stub, "whole")
    with ziggurat.open(path) as source:
        part = {"left": 0, "top": 0, "width": 9, "height": 9}
        child = os.fork()
        if not child:
            done = 1
            try:
                pixels = np.asarray(source.getRegion(region=part, format="numpy")[0])
                done = 0 if (pixels == level(0)[:9, :9]).all() else 2
            finally:
                os._exit(done)
        assert os.waitpid(child, 0)[1] == 0
        again = pickle.loads(pickle.dumps(source))
        for one in (source, again):
            pixels = np.asarray(one.getRegion(region=part, format="numpy")[0])
            np.testing.assert_array_equal(pixels, level(0)[:9, :9])
        again.close()


def test_without_the_library_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ziggurat.readers.formats.fenced import isyntax

    monkeypatch.setattr(isyntax.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedFormatError, match=r"ziggurat\[isyntax\]"):
        open_reader(slide(tmp_path, "any"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"x", marks=pytest.mark.slow),
        pytest.param(b"<DataObject" * 9, marks=pytest.mark.slow),
        pytest.param(bytes(5000), marks=pytest.mark.slow),
        b"<DataObject>\x04" + bytes(range(256)) * 9,
    ],
)
def test_the_library_itself_refuses_what_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.isyntax").write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.isyntax"):
        open_reader(tmp_path / "a.isyntax")
