"""The page in a real browser, with every other host shut off."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import tifffile

import ziggurat
from ziggurat.converter.viewer.answers import VENDORED, page

uvicorn = pytest.importorskip("uvicorn")
webdriver = pytest.importorskip("selenium.webdriver")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")), reason="no chromium here"
    ),
    pytest.mark.skipif(page(VENDORED).status != 200, reason="built without the library"),
]
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--disable-component-update",
    "--disable-background-networking",
    "--window-size=1100,760",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
PAGE = "const page = document.querySelector('#view').page; "


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for switch in SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    yield browser
    browser.quit()


@pytest.fixture
def show(driver: Any) -> Iterator[Callable[..., str]]:
    """Return a function that serves images, opens their page and waits until tiles are drawn."""
    from ziggurat.converter.viewer.app import app

    servers: list[tuple[Any, threading.Thread]] = []

    def shown(*paths: Path) -> str:
        config = uvicorn.Config(
            app(list(paths)), port=0, log_level="error", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        servers.append((server, thread))
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}/"
        driver.get(address)
        until(lambda: run(driver, "return page.layers.every(l => l.item?.getFullyLoaded())"))
        return address

    yield shown
    driver.get("about:blank")
    for server, thread in servers:
        server.should_exit = True
        thread.join(20)


def until(holds: Callable[[], Any], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def run(driver: Any, code: str) -> Any:
    script = "if (!document.querySelector('#view')?.page) return null; " + PAGE + code
    return driver.execute_script(script)


def color_at(driver: Any, x: float, y: float) -> list[int]:
    """Return what is drawn at a place of the base image, in its pixels."""
    code = (
        "const item = page.viewer.world.getItemAt(0); const dot = window.devicePixelRatio;"
        f"const at = item.imageToViewerElementCoordinates(new OpenSeadragon.Point({x}, {y}));"
        "const canvas = page.viewer.drawer.canvas;"
        "return [...canvas.getContext('2d').getImageData(at.x * dot, at.y * dot, 1, 1).data];"
    )
    found = run(driver, code)
    assert found is not None
    return [int(value) for value in found]


def complaints(driver: Any) -> list[str]:
    return [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]


def test_a_slide_with_labels_over_it(
    driver: Any, show: Callable[..., str], slide: Path, labels: Path
) -> None:
    address = show(slide, labels)
    run(driver, "page.layers[1].opacity = 1; page.arrange();")
    time.sleep(1)
    bare, named = color_at(driver, 50, 50), color_at(driver, 650, 450)
    from ziggurat.converter.viewer.render import label_colors

    assert np.abs(np.array(named[:3]) - label_colors()[34][:3].astype(int)).max() <= 3
    with ziggurat.open(slide) as source:
        wanted = source.getPixel(region={"left": 50, "top": 50})["value"]
    assert np.abs(np.array(bare[:3]) - wanted).max() <= 40
    # the curtain hides results left of it
    run(driver, "page.toggleCurtain(); page.curtain.move(0.99);")
    until(lambda: color_at(driver, 350, 450)[:3] != label_colors()[31][:3].tolist())
    # labels and macros are fetched on a click only
    assert run(driver, "return page.root.querySelectorAll('.associated img').length") == 0
    # a link brings the view back
    run(driver, "page.viewer.viewport.zoomTo(3, null, true); page.remember();")
    until(lambda: '"zoom":3,' in unquote(driver.current_url) and "curtain" in driver.current_url)
    link = driver.current_url
    driver.get("about:blank")
    driver.get(link)
    until(lambda: run(driver, "return page.layers[0].item?.getFullyLoaded()"))
    until(lambda: abs(run(driver, "return page.viewer.viewport.getZoom()") - 3) < 0.01)
    assert run(driver, "return page.curtain.on")
    assert address in link
    assert not complaints(driver)


def test_channels_of_16_bits_and_their_frames(
    driver: Any, show: Callable[..., str], tmp_path: Path
) -> None:
    stack = np.zeros((2, 4, 256, 256), np.uint16)
    stack[0, 0, :, :128], stack[1, 0, :, 128:] = 4000, 4000
    stack[:, 1, ::2], stack[:, 2] = 500, np.arange(256)
    tifffile.imwrite(
        tmp_path / "c.ome.tif", stack, tile=(64, 64), ome=True, metadata={"axes": "TCYX"}
    )
    show(tmp_path / "c.ome.tif")
    run(
        driver,
        "const l = page.layers[0]; l.touched = true;"
        "const green = { color: '#00ff00', low: 0, high: 4000 };"
        "l.channels.forEach((c, i) => Object.assign(c, green, { on: i === 0 }));"
        "page.reload(l);",
    )
    until(lambda: color_at(driver, 40, 100)[:3] == [0, 255, 0])
    assert color_at(driver, 200, 100)[:3] == [0, 0, 0]
    run(driver, "page.position.t = 1; page.reload(page.layers[0]);")
    until(lambda: color_at(driver, 200, 100)[:3] == [0, 255, 0])
    assert color_at(driver, 40, 100)[:3] == [0, 0, 0]
    assert not complaints(driver)


def test_a_sink_is_seen_growing(driver: Any, show: Callable[..., str], tmp_path: Path) -> None:
    with ziggurat.new(tmp_path / "s", sizeX=4096, sizeY=4096, bands=3, dtype="uint8") as sink:
        sink.addTile(np.full((512, 512, 3), 90, np.uint8), 0, 0)
        show(Path(sink.path))
        until(lambda: color_at(driver, 250, 250)[0] == 90)
        for number in range(1, 8):
            sink.addTile(np.full((512, 512, 3), 90 + number * 20, np.uint8), number * 512, 512)
        for number in range(1, 8):
            place = number * 512 + 250
            until(lambda x=place, n=number: color_at(driver, x, 760)[0] == 90 + n * 20)
        assert color_at(driver, 3800, 3800)[0] == 0
        assert run(driver, "return page.layers[0].version") == 8
    assert not complaints(driver)


def test_real_images_are_shown_and_nothing_else_is_asked_for(
    driver: Any, show: Callable[..., str], data_file: Callable[[str], Path]
) -> None:
    names = (
        "dicom-wsi/jcupitt-cmu-1-small-region",
        "geotiff/rasterio/RGB.byte.tif",
        "ome-tiff/multi-channel-z-series.ome.tif",
    )
    for name in names:
        show(data_file(name))
        shot = json.loads(run(driver, "return JSON.stringify(page.viewer.world.getItemCount())"))
        assert shot == 1
        assert not complaints(driver)
