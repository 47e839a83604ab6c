"""Other programs' tile servers, each in its own environment: ``tile_servers.py NAME PATH KIND``.

They print their address and run until they are ended.
"""

import io
import sys
import threading


def tell(port: int) -> None:
    """Print where the server listens, and wait for the end."""
    print(f"127.0.0.1:{port}", flush=True)
    threading.Event().wait()


def deepzoom(path: str, kind: str) -> None:
    """Flask and OpenSlide, with the options of OpenSlide's example but for the tiles' size."""
    del kind
    from flask import Flask, Response
    from openslide import OpenSlide, OpenSlideCache
    from openslide.deepzoom import DeepZoomGenerator
    from werkzeug.serving import make_server

    slide = OpenSlide(path)
    slide.set_cache(OpenSlideCache(128 << 20))
    zoom = DeepZoomGenerator(slide, tile_size=256, overlap=0)
    application = Flask(__name__)

    @application.route("/slide_files/<int:level>/<int:column>_<int:row>.jpeg")
    def tile(level: int, column: int, row: int) -> Response:
        buffer = io.BytesIO()
        zoom.get_tile(level, (column, row)).save(buffer, "jpeg", quality=75)
        return Response(buffer.getvalue(), mimetype="image/jpeg")

    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    tell(server.server_port)


def reference(path: str, kind: str) -> None:
    """large_image's, on tornado."""
    import asyncio

    import large_image
    from large_image.tilesource.jupyter import launch_tile_server

    options = {"projection": "EPSG:3857"} if kind == "map" else {}

    async def serve() -> None:
        manager = launch_tile_server(large_image.open(path, **options))
        print(f"127.0.0.1:{manager.port}", flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


def localtileserver(path: str, kind: str) -> None:
    """localtileserver, on rio-tiler."""
    del kind
    from localtileserver import TileClient

    tell(TileClient(path).server_port)


if __name__ == "__main__":
    {"deepzoom": deepzoom, "reference": reference, "localtileserver": localtileserver}[sys.argv[1]](
        *sys.argv[2:4]
    )
