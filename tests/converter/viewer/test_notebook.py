"""The viewer in JupyterLab, in a real browser: no port of its own, no other host."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

import ziggurat
from tests.converter.viewer.test_browser import SWITCHES, pytestmark, until

if find_spec("jupyterlab") is None:  # seconds of imports, which its server alone needs
    pytest.skip("uv run --group notebook pytest -n 0 -m browser", allow_module_level=True)
webdriver = pytest.importorskip("selenium.webdriver")

__all__ = ["pytestmark"]  # where a browser is: as for the page alone

CELLS = (
    "import os, time\nimport numpy as np\nimport ziggurat\nziggurat.open('slide.svs').view()",
    "sink = ziggurat.new('s', sizeX=2048, sizeY=1024, bands=3, dtype='uint8')\n"
    "sink.addTile(np.full((512, 512, 3), 90, np.uint8), 0, 0)\n"
    "sink.view()",
    "for n in range(1, 4):\n"
    "    sink.addTile(np.full((512, 512, 3), 90 + 30 * n, np.uint8), n * 512, 0)\n"
    "while not os.path.exists('seen'):\n"
    "    time.sleep(0.1)\n",
)
VIEW = "const page = document.querySelectorAll('.ziggurat-view')[{}]?.page; if (!page) return 0; "
COLOR = (
    "const at = page.viewer.world.getItemAt(0).imageToViewerElementCoordinates("
    "new OpenSeadragon.Point({}, {})); const dot = window.devicePixelRatio;"
    "const pen = page.viewer.drawer.canvas.getContext('2d');"
    "return [...pen.getImageData(at.x * dot, at.y * dot, 1, 1).data].slice(0, 3);"
)
LOADED = "return Boolean(page.layers[0].item?.getFullyLoaded());"


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return not caller.connect_ex(("127.0.0.1", port))


@pytest.fixture
def slide(make_svs: Callable[..., Path], tmp_path: Path) -> Path:
    return make_svs(tmp_path / "slide.svs", width=2400, height=1800)


@pytest.fixture
def lab(slide: Path, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """The address of a notebook with those cells, and the process that serves it."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "execution_count": None,
         "outputs": [], "source": text}
        for n, text in enumerate(CELLS)
    ]  # fmt: skip
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {
        "cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    (slide.parent / "a.ipynb").write_text(json.dumps(notebook))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    home = {name: str(tmp_path / "home" / name.lower()) for name in places}
    for folder in home.values():
        Path(folder).mkdir(parents=True)
    server = subprocess.Popen(
        [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
            "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=t",
            f"--ServerApp.root_dir={slide.parent}",
        ],
        env={**os.environ, **home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: listens(port))
        yield f"http://127.0.0.1:{port}/lab/tree/a.ipynb?token=t", server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


@pytest.fixture
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for switch in SWITCHES:
        options.add_argument(switch)
    options.add_argument("--window-size=1300,1700")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def ports_of(server: int) -> set[int]:
    """Return the ports that the notebook's server and its kernels listen on."""
    family = [psutil.Process(server), *psutil.Process(server).children(recursive=True)]
    found = [one for process in family for one in process.net_connections("inet")]
    return {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}


def run_cell(driver: Any, number: int) -> None:
    box = driver.find_elements("css selector", ".jp-Cell")[number]
    place = box.find_element("css selector", ".cm-content")
    place.click()
    place.send_keys("\ue009" + "\ue007")  # control, enter


def test_a_notebook_shows_a_slide_and_a_sink_that_its_running_cell_fills(
    lab: tuple[str, int], browser: Any, slide: Path
) -> None:
    address, server = lab

    def ask(view: int, code: str) -> Any:
        return browser.execute_script(VIEW.format(view) + code)

    browser.get(address)
    until(lambda: len(browser.find_elements("css selector", ".jp-Cell")) >= 3)
    until(lambda: "Idle" in browser.find_element("css selector", "#jp-main-statusbar").text)
    before = ports_of(server)
    run_cell(browser, 0)
    until(lambda: ask(0, LOADED))
    with ziggurat.open(slide) as source:
        wanted = source.getPixel(region={"left": 50, "top": 50})["value"]
    color = ask(0, COLOR.format(50, 50))
    assert max(abs(a - b) for a, b in zip(color, wanted, strict=True)) <= 40
    asked = ask(0, "return page.transport.asked;")
    ask(0, "page.viewer.viewport.zoomTo(4, null, true);")
    until(lambda: ask(0, "return page.transport.asked;") > asked and ask(0, LOADED))
    run_cell(browser, 1)
    until(lambda: ask(1, LOADED))
    run_cell(browser, 2)  # it ends when the page has shown what it laid
    for n in range(4):
        until(lambda x=n * 512 + 250, value=90 + 30 * n: ask(1, COLOR.format(x, 250))[0] == value)
    (slide.parent / "seen").touch()
    assert ports_of(server) == before
    logs = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    urls = [
        log["params"]["request"]["url"]
        for log in logs
        if log["method"].endswith("requestWillBeSent")
    ]
    assert urls
    own = address[: address.index("/lab")]
    assert {url for url in urls if not url.startswith((own, "data:", "blob:"))} == set()
