"""The process that draws: strips of one drawing to the standard output, within limits.

Its arguments: the path, or nothing where the drawing comes in at the standard input; seconds of
processor time a strip; bytes of memory; each strip as "top:rows".
"""

import os
import resource
import struct
import sys

import pyvips


def main(place: str, seconds: int, memory: int, strips: list[str]) -> None:
    """Write a length and the samples of each strip; a length below zero, and what is wrong."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, memory)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no pixels
    try:
        for strip in strips:
            top, rows = map(int, strip.split(":"))
            used = resource.getrusage(resource.RUSAGE_SELF)
            _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds)
            if strip is strips[0]:
                image = _load(place)
                region = pyvips.Region.new(image)
            data = region.fetch(0, top, image.width, rows)
            answers.write(struct.pack("<q", len(data)) + data)
            answers.flush()
    except pyvips.Error as error:
        lines = (error.detail or error.message).splitlines()
        said = "; ".join(line.strip() for line in lines if line.strip()).encode()
        answers.write(struct.pack("<q", -len(said)) + said)
        answers.flush()


def _limit(kind: int, most: int) -> None:
    """Limit this process, who may be within narrower limits already."""
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _load(place: str) -> pyvips.Image:
    if not place:
        return pyvips.Image.svgload_buffer(sys.stdin.buffer.read(), fail_on="error")
    return pyvips.Image.svgload(os.fsencode(place), fail_on="error")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
