"""A source that is pickled, forked, and read by many threads."""

import multiprocessing
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import ziggurat
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import DecodedPlane, Pixels, Plane, Reader
from ziggurat.readers.source.options import OpenOptions


def test_a_source_pickles_as_path_and_options(picture: Any) -> None:
    path, pixels = picture
    with ziggurat.open(path, encoding="PNG", edge="crop") as source:
        data = pickle.dumps(source)
        assert len(data) < 600
        with pickle.loads(data) as again:
            assert again._options == source._options
            np.testing.assert_array_equal(again[:], pixels)


def _sum_of(source: Any) -> Any:
    return os.getpid(), int(source[:].astype(np.int64).sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_source_goes_to_other_processes(picture: Any, method: Any) -> None:
    path, pixels = picture
    with ziggurat.open(path) as source:
        source.getRegion(format="numpy")
        context = multiprocessing.get_context(method)
        with context.Pool(2 if method == "fork" else 1) as pool:
            found = pool.map(_sum_of, [source] * 3)
        assert {total for _, total in found} == {int(pixels.astype(np.int64).sum())}
        assert os.getpid() not in {pid for pid, _ in found}


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_reads_through_the_same_object(picture: Any) -> None:
    path, pixels = picture
    source = ziggurat.open(path, noCache=True)
    reader = source._image().reader
    stop = threading.Event()

    def keep_reading() -> None:
        while not stop.is_set():
            source.getRegion(format="numpy")

    thread = threading.Thread(target=keep_reading)
    thread.start()
    try:
        children = []
        for _ in range(3):
            pid = os.fork()
            if not pid:
                good = source._image().reader is not reader and np.array_equal(source[:], pixels)
                os._exit(0 if good else 1)
            children.append(pid)
        assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    finally:
        stop.set()
        thread.join()
        source.close()


def test_many_threads_read_the_right_pixels(picture: Any) -> None:
    path, pixels = picture
    places = [(x, y) for x in range(0, 400, 37) for y in range(0, 300, 29)]
    with ziggurat.open(path) as source, ThreadPoolExecutor(8) as pool:

        def check(place: Any) -> Any:
            x, y = place
            region = {"left": x, "top": y, "width": 90, "height": 80}
            found = source.getRegion(format="numpy", region=region)[0]
            return np.array_equal(found, pixels[y : y + 80, x : x + 90])

        assert all(pool.map(check, places))


class SlowReads(Reader):
    """Stands for a decoder that lets other threads run, as all of ours do."""

    def __init__(self, reader: Reader) -> None:
        self.info, self._source, self.busy, self.most = reader.info, reader, 0, 0
        self._lock = threading.Lock()

    def plane(self, level: int, frame: int) -> Plane:
        return _SlowPlane(self._source.plane(level, frame), self)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with self._lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
        yield
        with self._lock:
            self.busy -= 1


class _SlowPlane(DecodedPlane):
    def __init__(self, source: Plane, slow: SlowReads) -> None:
        self._source, self._slow = source, slow

    def read(self, rect: Rect) -> Pixels:
        with self._slow.at_work():
            time.sleep(0.01)
        return self._source.read(rect)


def test_independent_reads_do_not_wait_for_each_other(
    made_source: Callable[..., Any], gradient: np.ndarray
) -> None:
    source = made_source(gradient, tile=16, options=OpenOptions(noCache=True))
    source.reader = slow = SlowReads(source.reader)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda x: source.getTile(x, 0, source.levels - 1), range(16)))
    assert slow.most == 4
