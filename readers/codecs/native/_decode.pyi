from collections.abc import Buffer, Sequence

LIBRARY: str

_Stream = tuple[int, int] | Buffer

def decode(
    tiles: Sequence[
        tuple[_Stream, Buffer, int, int] | tuple[_Stream, Buffer, int, int, Buffer, int, int]
    ],
    prefix: Buffer,
    width: int,
    height: int,
    bands: int,
    scale: int,
    threads: int,
    descriptor: int,
    /,
) -> bytes: ...
