"""A file that lies in memory, for what asks a reader's file for bytes."""


class Memory:
    """Bytes as a file of a reader gives them."""

    url = "made"

    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def close(self) -> None:
        pass
