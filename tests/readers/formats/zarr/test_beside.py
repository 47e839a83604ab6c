"""What an OME-Zarr holds beside one image: carried over, or told."""

import gc
import json
import os
import sqlite3
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

import ziggurat
from ziggurat.readers.errors import CorruptSourceError, UnsupportedFormatError, ZigguratError
from ziggurat.readers.formats.registry import open_reader
from ziggurat.readers.model.image import Interpretation
from ziggurat.readers.ngff.version import OmeVersion
from ziggurat.readers.views.array import array_reader
from ziggurat.writers.formats.registry import write
from ziggurat.writers.model.options import WriteOptions

Array = np.ndarray[Any, np.dtype[Any]]
PIXELS = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80)


def tell(group: zarr.Group, facts: dict[str, Any], version: str) -> None:
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", **facts}
    else:
        group.attrs.update(facts)


def image(
    group: zarr.Group, pixels: Array, version: str, *transforms: dict[str, Any], **more: Any
) -> None:
    """Write one image of a group, (y, x) or (c, y, x)."""
    array = group.create_array("0", shape=pixels.shape, chunks=pixels.shape, dtype=pixels.dtype)
    array[...] = pixels
    names = "cyx"[-pixels.ndim :]
    kinds = {"c": "channel"}
    entry = {
        "version": version,
        "axes": [{"name": n, "type": kinds.get(n, "space")} for n in names],
        "datasets": [
            {
                "path": "0",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0] * pixels.ndim},
                    *transforms,
                ],
            }
        ],
    }
    tell(group, {"multiscales": [entry], **more}, version)


def new_group(path: Path, version: str) -> zarr.Group:
    return zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)


def losses_of(path: Path) -> str:
    with open_reader(path) as reader:
        return "; ".join(reader.info.losses)


VERSIONS = pytest.mark.parametrize("version", ["0.4", "0.5"])


@VERSIONS
def test_labels_and_tables_are_told_by_name(tmp_path: Path, version: str) -> None:
    group = new_group(tmp_path / "a.zarr", version)
    image(group, PIXELS, version)
    assert losses_of(tmp_path / "a.zarr") == ""
    labels = group.create_group("labels")
    tell(labels, {"labels": ["cells", "nuclei"]}, version)
    for name in ("cells", "nuclei"):
        image(labels.create_group(name), PIXELS.astype("i4"), version, **{"image-label": {}})
    tables = group.create_group("tables")
    tell(tables, {"tables": ["measured"]}, version)
    said = losses_of(tmp_path / "a.zarr")
    assert "labels of the image (cells, nuclei)" in said
    assert "tables of the image (measured)" in said
    report = ziggurat.convert(tmp_path / "a.zarr", tmp_path / "out.tiff")
    assert any("cells, nuclei" in loss for loss in report.losses)
    with open_reader(tmp_path / "a.zarr/labels/nuclei") as reader:
        assert reader.info.interpretation is Interpretation.LABELS


@VERSIONS
def test_a_translation_is_told(tmp_path: Path, version: str) -> None:
    for number, shift in enumerate(([100.0, 50.0], [0.0, 0.0], [0.0, 50.0])):
        group = new_group(tmp_path / f"{number}.zarr", version)
        image(group, PIXELS, version, {"type": "translation", "translation": shift})
    assert "translation" in losses_of(tmp_path / "0.zarr")
    assert "translation" in losses_of(tmp_path / "2.zarr")
    assert losses_of(tmp_path / "1.zarr") == ""


def test_what_we_write_has_nothing_beside_it(tmp_path: Path) -> None:
    pixels = np.arange(1, 100 * 120 + 1, dtype="u4").reshape(100, 120)
    for kind in (Interpretation.GRAY, Interpretation.LABELS):
        for version in OmeVersion:
            path = tmp_path / f"{kind.value}-{version.value}.zarr"
            options = WriteOptions(ome_version=version, tile_size=32)
            write(array_reader(pixels, "yx", interpretation=kind), path, options)
            assert losses_of(path) == ""


@VERSIONS
def test_colours_and_properties_of_labels_are_carried(tmp_path: Path, version: str) -> None:
    group = new_group(tmp_path / "a.zarr", version)
    label = {
        "colors": [
            {"label-value": 7, "rgba": [1, 2, 3, 255]},
            {"label-value": 90000, "rgba": [9, 8, 7, 255]},
        ],
        "properties": [{"label-value": 7, "class": "tumour", "area": 12.5}],
    }
    image(group, PIXELS.astype("i4"), version, **{"image-label": label})
    ziggurat.convert(tmp_path / "a.zarr", tmp_path / "out.zarr")
    for path in ("out.zarr", "out.zarr/labels/map"):
        kept = dict(zarr.open_group(tmp_path / path, mode="r").attrs)["ome"]["image-label"]
        assert kept["colors"] == label["colors"]
        assert kept["properties"] == label["properties"]


def test_colours_that_are_none_are_left_out(tmp_path: Path) -> None:
    group = new_group(tmp_path / "a.zarr", "0.5")
    label = {
        "colors": [7, {"rgba": [1, 2, 3, 4]}, {"label-value": 3, "rgba": [1, 2, 3000, 4]}],
        "properties": {"label-value": 7},
    }
    image(group, PIXELS.astype("i4"), "0.5", **{"image-label": label})
    ziggurat.convert(tmp_path / "a.zarr", tmp_path / "out.zarr")
    kept = dict(zarr.open_group(tmp_path / "out.zarr", mode="r").attrs)["ome"]["image-label"]
    assert kept["colors"] == [{"label-value": 0, "rgba": [0, 0, 0, 0]}]


def plate(path: Path, version: str, size: int = 64) -> dict[str, Array]:
    """Write a plate of two wells and two fields each, two channels; return fields by path."""
    group = new_group(path, version)
    wells = [{"path": f"A/{n}", "rowIndex": 0, "columnIndex": n - 1} for n in (1, 2)]
    tell(group, {"plate": {"wells": wells, "rows": [{"name": "A"}], "field_count": 2}}, version)
    fields: dict[str, Array] = {}
    for well in ("A/1", "A/2"):
        node = group.create_group(well)
        tell(node, {"well": {"images": [{"path": "0"}, {"path": "1"}]}}, version)
        for number in "01":
            pixels = np.stack([PIXELS, PIXELS + 1]) + np.uint16(1000 * len(fields))
            last = (well, number) == ("A/2", "1")
            fields[f"{well}/{number}"] = pixels[:, : size if last else 64]
            image(node.create_group(number), fields[f"{well}/{number}"], version)
    return fields


@VERSIONS
def test_all_fields_of_a_plate_are_frames(tmp_path: Path, version: str) -> None:
    fields = plate(tmp_path / "p.zarr", version)
    with open_reader(tmp_path / "p.zarr") as reader:
        assert [(axis.name, axis.size) for axis in reader.info.axes] == [("xy", 4), ("c", 2)]
        assert reader.info.axes[0].values == tuple(fields)
        for number, pixels in enumerate(fields.values()):
            for channel in (0, 1):
                got = reader.plane(0, 2 * number + channel).read(reader.info.levels[0].rect)
                np.testing.assert_array_equal(got[..., 0], pixels[channel])
    options = ziggurat.ConvertOptions(verify="full")
    for name in ("out.zarr", "out.zarr.zip", "out.tiff"):
        report = ziggurat.convert(tmp_path / "p.zarr", tmp_path / name, options)
        assert report.verification.ok
        with open_reader(tmp_path / name) as reader:
            got = reader.plane(0, 7).read(reader.info.levels[0].rect)[..., 0]
            np.testing.assert_array_equal(got, fields["A/2/1"][1])
    with open_reader(tmp_path / "p.zarr/A/2") as reader:
        assert reader.info.axes[0].values == ("0", "1")
    with open_reader(tmp_path / "p.zarr/A/2/0") as reader:
        assert reader.info.frames == 2


def test_fields_of_another_size_and_missing_ones_are_told(tmp_path: Path) -> None:
    plate(tmp_path / "p.zarr", "0.5", size=32)
    with open_reader(tmp_path / "p.zarr") as reader:
        assert reader.info.axes[0].size == 3
        assert any("another size" in loss and "A/2/1" in loss for loss in reader.info.losses)
    (tmp_path / "p.zarr/A/1/1/zarr.json").unlink()
    with open_reader(tmp_path / "p.zarr") as reader:
        assert reader.info.axes[0].size == 2
        assert any("can't be read (A/1/1)" in loss for loss in reader.info.losses)


def test_what_any_field_of_a_plate_loses_is_told(tmp_path: Path) -> None:
    fields = plate(tmp_path / "p.zarr", "0.5")
    moved = {"type": "translation", "translation": [0.0, 3.0, -5.0]}
    image(new_group(tmp_path / "p.zarr/A/2/0", "0.5"), fields["A/2/0"], "0.5", moved)
    assert "the translation of the image" in losses_of(tmp_path / "p.zarr")


def test_fields_of_another_sample_type_are_told(tmp_path: Path) -> None:
    plate(tmp_path / "p.zarr", "0.5")
    node = new_group(tmp_path / "p.zarr/A/1/1", "0.5")
    image(node, np.stack([PIXELS, PIXELS]).astype("f4"), "0.5")
    with open_reader(tmp_path / "p.zarr") as reader:
        assert reader.info.axes[0].values == ("A/1/0", "A/2/0", "A/2/1")
        assert any("sample type (A/1/1)" in loss for loss in reader.info.losses)


def test_a_plate_without_a_field_is_refused(tmp_path: Path) -> None:
    for number, facts in enumerate(({}, {"wells": []}, {"wells": [{"path": "B/1"}]})):
        group = new_group(tmp_path / f"{number}.zarr", "0.5")
        tell(group, {"plate": facts}, "0.5")
        with pytest.raises((CorruptSourceError, UnsupportedFormatError), match="image"):
            open_reader(tmp_path / f"{number}.zarr")


def test_further_series_and_multiscales_are_told(tmp_path: Path) -> None:
    group = new_group(tmp_path / "a.zarr", "0.4")
    group.attrs["bioformats2raw.layout"] = 3
    for number in range(3):
        image(group.create_group(str(number)), np.stack([PIXELS, PIXELS]), "0.4")
    (tmp_path / "a.zarr/OME").mkdir()
    (tmp_path / "a.zarr/OME/METADATA.ome.xml").write_text("<OME/>")
    said = losses_of(tmp_path / "a.zarr")
    assert "further series of the file (1, 2)" in said
    assert "OME-XML" in said
    attributes = tmp_path / "a.zarr/1/.zattrs"
    facts = json.loads(attributes.read_text())
    facts["multiscales"] += [{"datasets": [{"path": "other"}]}]
    attributes.write_text(json.dumps(facts))
    assert "further multiscales of the group (other)" in losses_of(tmp_path / "a.zarr/1")


def database(path: Path, folder: Path, table: str = "zarrs") -> Path:
    """Put a hierarchy into a table, as the SQLiteStore of zarr 2 does."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE {table} (k TEXT PRIMARY KEY, v BLOB)")
        for file in folder.rglob("*"):
            if file.is_file():
                row = (file.relative_to(folder).as_posix(), file.read_bytes())
                connection.execute(f"INSERT INTO {table} VALUES (?, ?)", row)
    connection.close()
    return path


@pytest.mark.parametrize("name", ["a.db", "a.sqlite", "a.zarr.db"])
def test_a_store_in_sqlite_is_read(tmp_path: Path, name: str) -> None:
    options = WriteOptions(ome_version=OmeVersion.V04, tile_size=16)
    write(array_reader(PIXELS, "yx"), tmp_path / "a.zarr", options)
    path = database(tmp_path / name, tmp_path / "a.zarr")
    with open_reader(path) as reader:
        rect = reader.info.levels[0].rect
        np.testing.assert_array_equal(reader.plane(0, 0).read(rect)[..., 0], PIXELS)
        sizes = [(level.width, level.height) for level in reader.info.levels]
        assert sizes == [(80, 64), (40, 32), (20, 16), (10, 8)]
        found: list[bool] = []

        def look() -> None:
            same = np.array_equal(reader.plane(0, 0).read(rect)[..., 0], PIXELS)
            found.append(same)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [True] * 4
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(reader.plane(0, 0).read(rect)[..., 0], PIXELS) else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_sqlite_is_written_as_zarr_2_opens_it(tmp_path: Path) -> None:
    pixels = np.arange(1, 90 * 70 * 3 + 1, dtype="u2").reshape(90, 70, 3)
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", tile=(32, 32))
    for name in ("a.db", "a.sqlite", "a.zarr.db"):
        report = ziggurat.convert(
            tmp_path / "in.tif", tmp_path / name, ziggurat.ConvertOptions(verify="full")
        )
        assert report.verification is not None
        assert report.verification.ok
        connection = sqlite3.connect(tmp_path / name)
        rows = connection.execute("SELECT k, v FROM zarrs").fetchall()
        connection.close()
        folder = tmp_path / f"{name}.folder"
        for key, value in rows:
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(value)
        array = zarr.open_array(folder / "0", mode="r", zarr_format=2)
        np.testing.assert_array_equal(np.moveaxis(np.squeeze(array[...]), 0, -1), pixels)
    with pytest.raises(ziggurat.errors.TargetExistsError):
        ziggurat.convert(tmp_path / "in.tif", tmp_path / "a.db")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["p.zarr.zip", "p.db"])
def test_a_path_goes_on_within_an_archive(tmp_path: Path, name: str) -> None:
    fields = plate(tmp_path / "p.zarr", "0.4")
    if name.endswith(".db"):
        path = database(tmp_path / name, tmp_path / "p.zarr")
    else:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted((tmp_path / "p.zarr").rglob("*")):
                archive.write(file, file.relative_to(tmp_path / "p.zarr"))
    with ziggurat.open(path / "A/2/0") as source:
        pixels = source.getRegion(format="numpy", frame=1)[0]
        np.testing.assert_array_equal(pixels[..., 0], fields["A/2/0"][1])
    with open_reader(path / "A/1") as reader:
        assert reader.info.axes[0].values == ("0", "1")
    for wrong in ("A/9", "../x", "A/1/0/0/0.0"):
        with pytest.raises(ZigguratError):
            open_reader(f"{path}/{wrong}")


def test_databases_of_others_are_not_zarr(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnsupportedFormatError, match="zarrs"):
        open_reader(database(tmp_path / "b.db", tmp_path / "empty", "others"))
    path = database(tmp_path / "c.db", tmp_path / "empty")
    with pytest.raises(UnsupportedFormatError, match="no zarr metadata"):
        open_reader(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises((CorruptSourceError, UnsupportedFormatError)):
        open_reader(path)
    gc.collect()  # from Python 3.13 on, a connection that was left open says so here
