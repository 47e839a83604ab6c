"""Make the README's picture: a made-up slide, and a made-up result over it, by ``ziggurat view``.

``uv run python .ci/picture.py`` writes .docs/picture.jpg.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

import ziggurat

TARGET = Path(__file__).resolve().parent.parent / ".docs" / "picture.jpg"
WIDTH, HEIGHT, CELLS = 2400, 1000, 1500


def main() -> None:
    """Paint cells, lay them and where they are dense as two images, and look at both."""
    rng = np.random.default_rng(7)
    tissue = np.full((HEIGHT, WIDTH, 3), (232, 190, 214), np.uint8)
    noise = cv2.resize(rng.normal(0, 9, (HEIGHT // 20, WIDTH // 20)), (WIDTH, HEIGHT))
    tissue = np.clip(tissue + noise[..., None], 0, 255).astype(np.uint8)
    dense = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(CELLS):
        nest = rng.random() < 0.6
        x = int(rng.normal(1550, 260) if nest else rng.integers(0, WIDTH))
        y = int(rng.normal(480, 170) if nest else rng.integers(0, HEIGHT))
        axes = (int(rng.integers(7, 13)), int(rng.integers(5, 10)))
        color = [int(value) for value in rng.normal((98, 62, 130), 14)]
        turn = int(rng.integers(0, 180))
        cv2.ellipse(tissue, (x, y), axes, turn, 0, 360, color, -1, cv2.LINE_AA)
        cv2.circle(dense, (x, y), 40, 1.0, -1)
    heat = cv2.GaussianBlur(dense, (0, 0), 60)
    tissue = cv2.GaussianBlur(tissue, (0, 0), 1.2)
    with tempfile.TemporaryDirectory() as folder:
        slide, result = Path(folder, "slide.tiff"), Path(folder, "result.tiff")
        ziggurat.write(tissue, slide, mm_x=0.0005, options=ziggurat.WriteOptions(quality=95))
        for y in range(0, HEIGHT, 200):  # tiles that workers have still to lay
            heat[y : y + 200, : 200 * int(rng.integers(4, 7))] = 0
        ziggurat.write((heat / heat.max() * 255).astype(np.uint8), result, mm_x=0.0005)
        look = json.dumps({"palette": "plasma", "low": 0, "high": 255, "threshold": 1})
        shot = Path(folder, "shot.png")
        command = ["view", str(slide), str(result), "--snapshot", str(shot), "--width", "800"]
        more = ["--look", "{}", "--look", look, "--opacity", "0.5"]
        subprocess.run([sys.executable, "-m", "ziggurat", *command, *more], check=True)
        cv2.imwrite(str(TARGET), cv2.imread(str(shot)), [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main()
