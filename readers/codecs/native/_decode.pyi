from collections.abc import Buffer, Sequence

LIBRARY: str

def decode(
    tiles: Sequence[tuple[tuple[int, int] | Buffer, Buffer, int, int]],
    prefix: Buffer,
    width: int,
    height: int,
    bands: int,
    scale: int,
    threads: int,
    descriptor: int,
    /,
) -> bytes: ...
