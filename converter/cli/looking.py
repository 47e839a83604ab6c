"""``ziggurat info``, and for whom commands print. What converts slides is not loaded for it."""

import sys
from dataclasses import dataclass
from json import dumps


@dataclass(frozen=True, slots=True)
class Show:
    """How much to print, and for whom."""

    quiet: bool
    json: bool

    @property
    def bar(self) -> bool:
        """Whether there is somebody to look at a progress bar."""
        return not (self.quiet or self.json) and sys.stderr.isatty()

    @property
    def talks(self) -> bool:
        """Whether people read what is printed."""
        return not (self.quiet or self.json)


def show_image(path: str, *, json: bool) -> None:
    """Print what is in an image."""
    from ziggurat.readers.formats.registry import open_reader

    with open_reader(path) as reader:
        if json:
            from ziggurat.converter.cli.describe import describe

            print(dumps(describe(reader, path), indent=2))
            return
        from ziggurat.converter.cli.tables import show_info

        show_info(path, reader)
