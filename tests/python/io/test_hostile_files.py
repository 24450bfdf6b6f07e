"""Files that are made to harm: refused in our words, soon, and before memory is taken for what they claim."""

from __future__ import annotations

import gzip
import json
import os
import struct
import zlib

import h5py
import numpy as np
import pandas as pd
import pytest

import sigel
from platform_folders import merscope, visium, visium_cells, write_mtx, xenium
from sigel.errors import InputError
from sigel.io._sizes import check_unpacked
from writers import within_bounds

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def refused(folder, says="", **how):
    def work():
        with pytest.raises(InputError, match=says) as told:
            sigel.io.read(folder, **how)
        assert told.value.argument in ("path", "sample", "platform")

    assert within_bounds(work) == 0


def replaced(file, name, **how):
    with h5py.File(file, "r+") as opened:
        del opened[name]
        opened.create_dataset(name, **how)


@pytest.fixture
def h5ad(tmp_path):
    path = tmp_path / "a.h5ad"
    sigel.datasets.simulated_section(8, 8, 2, 3, 5).write_h5ad(path)
    return path


HUGE = {"shape": (10**12,), "chunks": (1000,), "dtype": "f4"}


@pytest.mark.parametrize("name", ["X/data", "X/indices", "obs/region/codes", "uns/huge", "layers/more"])
def test_an_h5ad_file_that_declares_what_it_cannot_hold_is_refused(h5ad, name):
    with h5py.File(h5ad, "r+") as file:
        if name in file:
            del file[name]
        file.create_dataset(name, **HUGE, compression="gzip")
    refused(h5ad, "values of 4000.0 GB")


def test_a_chunk_that_is_larger_than_its_values_is_refused(h5ad):
    with h5py.File(h5ad, "r+") as file:
        file.create_dataset("uns/huge", (10,), chunks=(10**9,), maxshape=(None,), dtype="i1")
    refused(h5ad, "values of 1.0 GB")


def test_values_that_shrink_a_thousand_times_are_refused_before_they_are_read(h5ad):
    with h5py.File(h5ad, "r+") as file:
        made = file.create_dataset("uns/zeros", (2 * 10**9,), "i1", chunks=(10**9,), compression="gzip")
        # Twice deflated: a thousand times a thousand.
        made.id.write_direct_chunk((0,), zlib.compress(bytes(10**5)))
    refused(h5ad, "values of")


@pytest.mark.parametrize("kind", [pytest.param(h5py.HardLink, marks=pytest.mark.nightly), h5py.SoftLink])
def test_groups_that_lie_in_each_other_many_times_are_refused(h5ad, kind):
    with h5py.File(h5ad, "r+") as file:
        file.create_group("uns/g0")
        for k in range(40):
            group = file.create_group(f"uns/g{k + 1}")
            for name in "ab":
                inner = f"/uns/g{k}"
                group[name] = file[inner] if kind is h5py.HardLink else h5py.SoftLink(inner)
    refused(h5ad, "again and again|too many links")


def test_a_group_within_itself_is_refused(h5ad):
    with h5py.File(h5ad, "r+") as file:
        file["uns/me"] = h5py.SoftLink("/uns")
    refused(h5ad, "again and again|too many links")


def test_a_group_of_two_names_is_read(h5ad):
    with h5py.File(h5ad, "r+") as file:
        file["uns/alias"] = h5py.SoftLink("/obsm")
        file["uns/again"] = file["obsm"]
    assert set(sigel.io.read(h5ad).uns) >= {"alias", "again"}


def test_a_gzipped_table_may_end_in_zeros_or_go_on(tmp_path):
    text = "cell,x,y\n" + "c1,1,2\n" * 400_000
    path = tmp_path / "a.csv.gz"
    packed = gzip.compress(text.encode())
    for more in (b"", bytes(10), packed, bytes(3)):
        path.write_bytes(packed + more)
        check_unpacked(path)


def test_a_link_to_nothing_is_refused_by_what_reads_it(h5ad):
    with h5py.File(h5ad, "r+") as file:
        file["uns/lost"] = h5py.SoftLink("/nowhere")
    refused(h5ad)


@pytest.mark.parametrize(
    "name", ["matrix/barcodes", "matrix/data", "matrix/indptr", "matrix/shape", "matrix/features/name"]
)
def test_a_matrix_of_a_platform_that_declares_too_much_is_refused(tmp_path, name):
    xenium(tmp_path)
    replaced(tmp_path / "cell_feature_matrix.h5", name, **HUGE)
    refused(tmp_path, "values of 4000.0 GB")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sizes", ["5 12 1000000000000", "5 12 -4", "5 12", "a b c", "5 12 9" + "9" * 5000])
def test_a_matrix_market_file_with_absurd_sizes_is_refused(tmp_path, packed, sizes):
    visium(tmp_path)
    for one in tmp_path.glob("*matrix*"):
        one.unlink() if one.is_file() else None
    folder = tmp_path / "filtered_feature_bc_matrix"
    write_mtx(
        folder,
        np.ones((12, 5)),
        [f"c{k}" for k in range(12)],
        list("abcde"),
        ["Gene Expression"] * 5,
        packed=packed,
    )
    text = f"%%MatrixMarket matrix coordinate integer general\n{sizes}\n1 1 1\n"
    path = folder / ("matrix.mtx.gz" if packed else "matrix.mtx")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    refused(tmp_path)


def test_a_gzipped_table_that_swells_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sigel.io._sizes.SPARED", 1 << 20)
    xenium(tmp_path)
    for one in tmp_path.glob("cells.*"):
        one.unlink()
    with gzip.open(tmp_path / "cells.csv.gz", "wb") as file:
        file.write(b"cell_id,x_centroid,y_centroid\n")
        for _ in range(40):
            file.write(b"1" * 1_000_000)
    refused(tmp_path, "a table of more than")


def test_a_line_without_an_end_is_refused(tmp_path):
    merscope(tmp_path, "cell_by_gene.csv")
    with (tmp_path / "cell_by_gene.csv").open("wb") as file:
        for _ in range(80):
            file.write(b"a" * 1_000_000)
    refused(tmp_path, "a line without an end")


def test_a_parquet_file_of_one_value_many_times_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("sigel.io._sizes.SPARED", 1 << 20)
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    xenium(tmp_path)
    for one in tmp_path.glob("cells.*"):
        one.unlink()
    piece = pa.table({name: np.zeros(500_000) for name in ("cell_id", "x_centroid", "y_centroid")})
    with parquet.ParquetWriter(tmp_path / "cells.parquet", piece.schema, compression="zstd") as file:
        for _ in range(20):
            file.write_table(piece)
    refused(tmp_path, "a table of")


def test_a_picture_of_absurd_size_is_refused(tmp_path):
    visium(tmp_path)
    (picture,) = tmp_path.rglob("tissue_hires_image.png")
    head = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    made = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + made)
    refused(tmp_path, "tissue_hires_image.png")


@pytest.mark.parametrize("file", ["scalefactors_json.json", "cell_segmentations.geojson"])
@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 200_000, '{"features": [' + "[" * 200_000, "9" * 10_000]
)
def test_json_that_is_nested_without_end_is_refused(tmp_path, file, text):
    visium_cells(tmp_path) if file.endswith("geojson") else visium(tmp_path)
    (path,) = tmp_path.rglob(file)
    path.write_text(text)
    refused(tmp_path, file)


@pytest.mark.parametrize("part", ["X/data", "obs/region/codes"])
def test_a_zarr_folder_that_declares_too_much_is_refused(tmp_path, part):
    pytest.importorskip("zarr")
    place = tmp_path / "a.zarr"
    sigel.datasets.simulated_section(8, 8, 2, 3, 5).write_zarr(place)
    about = next(place / part / name for name in (".zarray", "zarr.json") if (place / part / name).is_file())
    said = json.loads(about.read_text())
    about.write_text(json.dumps({**said, "shape": [10**12]}))
    for other in (place / ".zmetadata",):
        other.unlink(missing_ok=True)
    refused(place, "arrays of")


def test_shapes_that_lie_in_each_other_without_end_are_refused(tmp_path):
    from sigel.io._centroids import centroids_in

    shape = struct.pack("<BII", 1, 6, 1) * 5000
    for one in (shape, b"", shape[:7], struct.pack("<BII", 1, 3, 2**32 - 1)):
        pd.DataFrame({"geometry": [one]}).to_parquet(tmp_path / "shapes.parquet")
        with pytest.raises(InputError, match="with shapes that cannot be read"):
            centroids_in(tmp_path / "shapes.parquet")


@pytest.mark.parametrize("where", ["/dev/zero", "pipe"])
def test_a_file_that_never_ends_is_no_file(tmp_path, where):
    xenium(tmp_path / "x")
    for one in (tmp_path / "x").glob("cell_feature_matrix.h5"):
        one.unlink()
        if where == "pipe":
            os.mkfifo(one)
        else:
            one.symlink_to(where)
    refused(tmp_path / "x")


def test_an_object_of_pickled_values_is_refused_by_what_reads_it(h5ad):
    # HDF5 knows objects of Python as opaque bytes; nothing may come to life.
    with h5py.File(h5ad, "r+") as file:
        made = file.create_dataset("uns/pickled", data=np.void(b"cos\nsystem\n(S'touch harmed'\ntR."))
        made.attrs["encoding-type"], made.attrs["encoding-version"] = "pickle", "0.1.0"
    refused(h5ad)
