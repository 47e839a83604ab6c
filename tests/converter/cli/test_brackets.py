"""Names in square brackets are shown as they are: they are no markup of the terminal's."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ziggurat.converter.cli.app import main

pytestmark = pytest.mark.usefixtures("quick_workers")


@pytest.mark.parametrize("name", ["[red]a.svs", "x[.svs", "b [link=c] d.svs"])
def test_names_in_brackets(
    name: str,
    tmp_path: Path,
    make_svs: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    folder = tmp_path / "of [green] and [" / "x["
    folder.mkdir(parents=True)
    made = make_svs(tmp_path / "made.svs", width=300, height=200)
    shutil.copy(made, folder / name)
    for command in (
        ["info", str(folder / name)],
        ["convert", str(folder / name), str(tmp_path / "o.tiff"), "--dry-run"],
        ["convert", str(folder / name), str(tmp_path / "o.tiff")],
        ["verify", str(folder / name), str(tmp_path / "o.tiff")],
        ["convert", str(folder), str(tmp_path / "[out]"), "--format", "tiff"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)
        said = capsys.readouterr()
        assert ended.value.code == 0, said.err
        if command[0] == "info":
            assert name in said.out


def test_an_error_names_the_file_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x[/b].svs"
    with pytest.raises(SystemExit):
        main(["info", str(path)])
    assert "[/b]" in capsys.readouterr().err
