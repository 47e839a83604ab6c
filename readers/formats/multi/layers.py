"""A source at its place: in the pixels of a level of the whole, turned and scaled as it is told."""

import math
from dataclasses import dataclass

import numpy as np

from ziggurat.readers.formats.multi.document import Place
from ziggurat.readers.model.geometry import Rect
from ziggurat.readers.model.reader import Pixels, Plane, Reader
from ziggurat.readers.model.samples import cast_rounded
from ziggurat.readers.views.resampled import NEAREST, ResampledReader

_PIECE = 256

Matrix = np.ndarray  # of shape (2, 3): a pixel's x, y, 1 → x, y in the whole


@dataclass(frozen=True, slots=True)
class Layer:
    """What a source covers of a level, and its pixels there.

    ``matrix`` is None where a pixel of the source is one of the level, its corner at ``rect``'s.
    """

    reader: Reader
    level: int  # of the reader
    rect: Rect
    matrix: Matrix | None = None

    def read(self, frame: int, rect: Rect) -> tuple[Pixels, np.ndarray | None]:
        """Return pixels, and which of them are the source's; None: all.

        ``rect`` lies inside what it covers.
        """
        plane = self.reader.plane(self.level, frame)
        if self.matrix is None:
            return plane.read(rect.shift(-self.rect.x, -self.rect.y)), None
        pixels = np.zeros((rect.height, rect.width, self.reader.info.bands), self.reader.info.dtype)
        inside = np.zeros((rect.height, rect.width), bool)
        for y in range(0, rect.height, _PIECE):  # what a large one takes may be huge
            for x in range(0, rect.width, _PIECE):
                piece = Rect(rect.x + x, rect.y + y, _PIECE, _PIECE).intersect(rect)
                at = slice(y, y + piece.height), slice(x, x + piece.width)
                pixels[at], inside[at] = _turned(plane, self.reader, self.matrix, piece)
        return pixels, inside


def full_matrix(place: Place) -> Matrix:
    """Return the transform of a place at full resolution."""
    s11, s12, s21, s22 = place.matrix
    return np.array([[s11, s12, place.offset[0]], [s21, s22, place.offset[1]]])


def ends(place: Place, width: int, height: int) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom of a source of this size in the whole."""
    corners = np.array([(0, 0, 1), (width, 0, 1), (0, height, 1), (width, height, 1)])
    at = full_matrix(place) @ corners.T
    return at[0].min(), at[1].min(), at[0].max(), at[1].max()


def layer_of(reader: Reader, place: Place, factor: int) -> Layer:
    """Return a source in a level of which a pixel is ``factor`` pixels of the whole."""
    info = reader.info
    s11, s12, s21, s22 = (part / factor for part in place.matrix)
    x, y = (part / factor for part in place.offset)
    upright = s12 == 0 == s21 and s11 > 0 and s22 > 0
    width, height = max(1, round(info.width * s11)), max(1, round(info.height * s22))
    if upright and width <= info.width and height <= info.height:
        rect = Rect(round(x), round(y), width, height)
        for number, level in enumerate(info.levels):
            if (level.width, level.height) == (width, height):
                return Layer(reader, number, rect)
        return Layer(ResampledReader(reader, width, height), 0, rect)
    matrix = np.array([[s11, s12, x], [s21, s22, y]])
    fine = math.sqrt(abs(s11 * s22 - s12 * s21))
    steps = [min(fine, math.hypot(*matrix[:, n])) for n in (0, 1)]
    if min(steps) < 0.5:  # else most pixels of the source would be passed over
        width, height = (
            max(1, size // 2 ** max(0, int(math.log2(1 / step))))
            for size, step in zip((info.width, info.height), steps, strict=True)
        )
        matrix[:, 0] *= info.width / width
        matrix[:, 1] *= info.height / height
        reader = ResampledReader(reader, width, height)
    left, top, right, bottom = ends(place, info.width, info.height)
    rect = Rect(math.floor(left / factor), math.floor(top / factor), 1, 1)
    far = math.ceil(right / factor), math.ceil(bottom / factor)
    rect = Rect(rect.x, rect.y, max(1, far[0] - rect.x), max(1, far[1] - rect.y))
    return Layer(reader, 0, rect, matrix)


def _turned(plane: Plane, reader: Reader, matrix: Matrix, rect: Rect) -> tuple[Pixels, np.ndarray]:
    """Return the pixels of a rectangle by bilinear interpolation, and which ones there are.

    It doesn't depend on how the whole is cut into rectangles.
    """
    info = reader.info
    size = np.array([info.width, info.height])
    back = np.linalg.inv(matrix[:, :2])
    x = np.arange(rect.x, rect.right)[np.newaxis, :] + 0.5 - matrix[0, 2]
    y = np.arange(rect.y, rect.bottom)[:, np.newaxis] + 0.5 - matrix[1, 2]
    u, v = (back[n, 0] * x + back[n, 1] * y for n in (0, 1))
    inside = (u >= 0) & (v >= 0) & (u < size[0]) & (v < size[1])
    result = np.zeros((rect.height, rect.width, info.bands), info.dtype)
    if not inside.any():
        return result, inside
    u, v = u[inside], v[inside]
    left, top = (max(0, math.floor(at.min() - 0.5)) for at in (u, v))
    right, bottom = (
        min(int(most), math.floor(at.max() + 0.5) + 1) for at, most in ((u, size[0]), (v, size[1]))
    )
    pixels = plane.read(Rect(left, top, max(1, right - left), max(1, bottom - top)))
    if info.interpretation in NEAREST:
        result[inside] = pixels[np.floor(v).astype(int) - top, np.floor(u).astype(int) - left]
        return result, inside
    result[inside] = cast_rounded(_between(pixels, u - 0.5 - left, v - 0.5 - top), info.dtype)
    return result, inside


def _between(pixels: Pixels, x: np.ndarray, y: np.ndarray) -> Pixels:
    """Return the values at places between the centres of pixels, (n, band) in doubles."""
    height, width = pixels.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    across, down = (x - x0)[:, np.newaxis], (y - y0)[:, np.newaxis]
    upper = pixels[y0, x0] * (1 - across) + pixels[y0, x1] * across
    lower = pixels[y1, x0] * (1 - across) + pixels[y1, x1] * across
    mixed: Pixels = upper * (1 - down) + lower * down
    return mixed


def lay(
    base: Pixels, pixels: Pixels, inside: np.ndarray | None, *, alpha: bool, white: float
) -> None:
    """Lay pixels over others, where they are ``inside``; those with alpha let them through."""
    if not alpha:
        if inside is None:
            base[...] = pixels
        else:
            base[inside] = pixels[inside]
        return
    over = pixels[..., -1:].astype(np.float64) / white
    if inside is not None:
        over = over * inside[..., np.newaxis]
    under = base[..., -1:].astype(np.float64) / white * (1 - over)
    total = over + under
    mixed = (pixels[..., :-1] * over + base[..., :-1] * under) / np.where(total, total, 1)
    kept = total[..., 0] > 0
    base[kept, :-1] = cast_rounded(mixed, base.dtype)[kept]
    base[..., -1] = cast_rounded(total * white, base.dtype)[..., 0]
