"""Outputs whose name is as long as the file system takes: 255 bytes."""

from pathlib import Path

import pytest

from ziggurat.writers.files.atomic import atomic_directory, atomic_file, sweep

# from where the name of a folder beside it has no room for the whole name, up to the longest
NAMES = (*("n" * length + ".tif" for length in range(224, 236)), "n" * 251 + ".tif",
         "é" * 125 + ".tif")  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_a_long_name(name: str, tmp_path: Path) -> None:
    with atomic_file(tmp_path / name) as staged:
        staged.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_of_a_long_name(tmp_path: Path) -> None:
    with atomic_directory(tmp_path / ("z" * 255)) as staged:
        (staged / "part").touch()
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]


def test_what_a_killed_write_leaves_is_swept_for_its_own_target_only(tmp_path: Path) -> None:
    """Another long name with the same beginning is another target."""
    one, other = (tmp_path / ("n" * 250 + last) for last in "ab")
    with atomic_file(one) as staged:
        staged.touch()
    left = tmp_path / staged.parent.name
    left.mkdir()
    (left / ".lock").touch()
    sweep(other)
    assert left.exists()
    sweep(one)
    assert not left.exists()
