"""AnnData and SpatialData on disk and in memory: counts, places, and what is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from types import SimpleNamespace

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import sigel
from sigel.errors import InputError
from sigel.io._centroids import centroids


@pytest.fixture
def adata() -> anndata.AnnData:
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.0, (6, 4)).astype(np.float32)
    made = anndata.AnnData(sparse.csr_matrix(counts))
    made.obs_names, made.var_names = [f"c{k}" for k in range(6)], list("ABCD")
    made.obsm["spatial"] = rng.uniform(size=(6, 2))
    made.layers["counts"] = sparse.csr_matrix(counts + 1)
    return made


def store(adata: anndata.AnnData, path: Path) -> Path:
    if path.suffix == ".zarr":
        pytest.importorskip("zarr")
        adata.write_zarr(path)
    else:
        adata.write_h5ad(path)
    return path


@pytest.fixture(params=["one.h5ad", "one.zarr"])
def where(request, tmp_path) -> Path:
    return tmp_path / request.param


def test_what_was_written_is_read(adata, where):
    raw = adata[:, ["B", "A"]].copy()
    adata.raw = raw
    path = store(adata, where)
    read = sigel.io.read(path)
    assert (read.X != adata.X).nnz == 0
    assert (read.obsm["spatial"] == adata.obsm["spatial"]).all()
    assert (adata.layers["counts"] != sigel.io.read(str(path), layer="counts").X).nnz == 0
    whole = sigel.io.read(path, raw=True)
    assert whole.var_names.tolist() == ["B", "A"]
    assert (whole.X != raw.X).nnz == 0
    (found,) = sigel.io.describe(path)
    assert (found.platform, found.sample, found.n_obs, found.n_vars) == (where.suffix[1:], "one", 6, 4)
    assert found.layers == ("counts",)
    assert sigel.io.describe(path, raw=True)[0].n_vars == 2


def test_dense_counts_become_sparse_and_places_are_looked_for(adata, where):
    adata.X = adata.X.toarray()
    places = adata.obsm.pop("spatial")
    adata.obs = adata.obs.assign(x_centroid=places[:, 0], y_centroid=places[:, 1])
    read = sigel.io.read(store(adata, where))
    assert read.X.format == "csr"
    assert (read.X.toarray() == adata.X).all()
    np.testing.assert_allclose(read.obsm["spatial"], places)


def test_a_reference_without_places_is_read_without(adata, where):
    del adata.obsm["spatial"]
    assert not len(sigel.io.read(store(adata, where)).obsm)


def test_what_is_not_there_is_refused(adata, where):
    store(adata, where)
    with pytest.raises(InputError, match=r"`layer`: found 'Counts', unknown here \(nearest: 'counts'\)"):
        sigel.io.read(where, layer="Counts")
    with pytest.raises(InputError, match=r"`raw`: found True for an AnnData without raw"):
        sigel.io.read(where, raw=True)
    with pytest.raises(InputError, match=r"`raw`: found raw=True and a layer"):
        sigel.io.read(where, raw=True, layer="counts")
    with pytest.raises(InputError, match=r"`bin_size`: found 8 .*Leave bin_size out"):
        sigel.io.read(where, bin_size=8)


def test_counts_that_lie_in_a_layer_alone_are_asked_for(adata, where):
    adata.X = None
    path = store(adata, where)
    with pytest.raises(InputError, match=r"without X.*Name their layer; there are: 'counts'"):
        sigel.io.read(path)
    assert sigel.io.read(path, layer="counts").shape == (6, 4)


def test_a_broken_file_is_named(adata, tmp_path):
    path = store(adata, tmp_path / "one.h5ad")
    whole = path.read_bytes()
    for made in (b"", b"no file of this kind", whole[: len(whole) // 2]):
        path.write_bytes(made)
        for ask in (sigel.io.read, sigel.io.describe):
            with pytest.raises(InputError, match=r"'one.h5ad', which cannot be read"):
                ask(path)
    with h5py.File(path, "w") as file:
        file["matrix"] = [1]
    with pytest.raises(InputError, match=r"'one.h5ad' without obs and var \(it has matrix\)"):
        sigel.io.read(path)


@pytest.mark.parametrize("kind", ["link", "external", "virtual"])
def test_a_file_that_points_at_others_is_refused(adata, tmp_path, kind):
    path = store(adata, tmp_path / "one.h5ad")
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["values"] = np.ones((6, 2))
    with h5py.File(path, "r+") as file:
        if kind == "link":
            file["obsm/other"] = h5py.ExternalLink(str(secret), "values")
        elif kind == "external":
            file.create_dataset("obsm/other", (2, 2), "f8", external=[(str(secret), 0, 32)])
        else:
            layout = h5py.VirtualLayout((6, 2), "f8")
            layout[:] = h5py.VirtualSource(str(secret), "values", (6, 2))
            file.create_virtual_dataset("obsm/other", layout)
    with pytest.raises(InputError, match=r"'obsm/other' lies in another file"):
        sigel.io.read(path)


def test_a_broken_zarr_folder_is_named(adata, tmp_path):
    path = store(adata, tmp_path / "one.zarr")
    (path / ".zattrs").write_text("{")
    with pytest.raises(InputError, match=r"zattrs', which cannot be read"):
        sigel.io.read(path)


def test_a_zarr_folder_that_lost_counts_is_no_folder_of_zeros(adata, tmp_path):
    path = store(adata, tmp_path / "one.zarr")
    pieces = [one for one in (path / "X" / "data").rglob("*") if one.name[0].isdigit()]
    for one in pieces:
        one.unlink()
    with pytest.raises(InputError, match=r"'one.zarr', which lacks 1 of 1 pieces of X"):
        sigel.io.read(path)
    assert sigel.io.read(path, layer="counts").shape == (6, 4)


# --- SpatialData -----------------------------------------------------------------------------------------


def point(x: float, y: float) -> bytes:
    return struct.pack("<BIdd", 1, 1, x, y)


def polygon(*rings: list[tuple[float, float]], order: str = "<") -> bytes:
    made = struct.pack(f"{order}BII", order == "<", 3, len(rings))
    for ring in rings:
        closed = [*ring, ring[0]]
        made += struct.pack(f"{order}I{2 * len(closed)}d", len(closed), *np.ravel(closed))
    return made


SQUARE = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
HOLE = [(0.0, 0.0), (0.0, 2.0), (2.0, 2.0), (2.0, 0.0)]


def test_centres_of_shapes():
    far = [(x + 1e7, y - 1e7) for x, y in SQUARE]
    pair = struct.pack("<BII", 1, 6, 2) + polygon(SQUARE) + polygon([(x + 8, y) for x, y in SQUARE])
    shapes = [point(3, 5), polygon(SQUARE), polygon(SQUARE[::-1]), polygon(SQUARE, order=">"), polygon(far)]
    shapes += [polygon(SQUARE, HOLE), polygon(SQUARE, HOLE[::-1]), pair, polygon([(1.0, 1.0), (3.0, 3.0)])]
    hole = (16 * 2 - 4 * 1) / 12
    wanted = [(3, 5), (2, 2), (2, 2), (2, 2), (1e7 + 2, -1e7 + 2), (hole, hole), (hole, hole), (6, 2)]
    found = centroids(shapes)
    np.testing.assert_allclose(found[:-1], wanted, rtol=1e-12)
    assert (found[-1] >= 1).all()  # of a shape without an area, some place on it
    for broken in (point(1, 2)[:-1], point(1, 2) + b"0", struct.pack("<BI", 1, 2), polygon()):
        with pytest.raises((ValueError, struct.error)):
            centroids([broken])


def spatialdata(folder: Path, adata: anndata.AnnData, **change: object) -> Path:
    """A store of one table whose cells are shapes of two regions."""
    pytest.importorskip("zarr")
    pytest.importorskip("pyarrow")
    table = adata.copy()
    del table.obsm["spatial"]
    table.obs["region"] = pd.Categorical(["left"] * 3 + ["right"] * 3)
    table.obs["cell_id"] = [1, 2, 3, 1, 2, 3]
    keys = {"region": ["left", "right"], "region_key": "region", "instance_key": "cell_id"}
    table.uns["spatialdata_attrs"] = keys
    (folder / "tables").mkdir(parents=True)
    for group in (folder, folder / "tables"):
        (group / ".zgroup").write_text('{"zarr_format": 2}')
    table.write_zarr(folder / "tables" / "cells")
    for name, x in (("left", 0.0), ("right", 100.0)):
        shapes = [polygon([(a + x + 10 * k, b) for a, b in SQUARE]) for k in (3, 2, 1)]
        frame = pd.DataFrame({"geometry": shapes}, index=pd.Index([3, 2, 1], name="cell_id"))
        (folder / "shapes" / name).mkdir(parents=True)
        frame.to_parquet(folder / "shapes" / name / "shapes.parquet")
    return folder


CENTRES = [[12, 2], [22, 2], [32, 2], [112, 2], [122, 2], [132, 2]]


def test_a_store_of_spatialdata(adata, tmp_path):
    path = spatialdata(tmp_path / "brain.zarr", adata)
    read = sigel.io.read(path, layer="counts")
    assert (adata.layers["counts"] != read.X).nnz == 0
    np.testing.assert_allclose(read.obsm["spatial"], CENTRES)
    (found,) = sigel.io.describe(path)
    assert (found.platform, found.sample, found.n_obs) == ("spatialdata", "brain", 6)
    assert found.choices == {"table": ("cells",)}
    assert "one of cells" in str(found)
    with pytest.raises(InputError, match=r"`table`: found 'cell', unknown here \(nearest: 'cells'\)"):
        sigel.io.read(path, table="cell")
    adata.write_zarr(path / "tables" / "bins")
    with pytest.raises(InputError, match=r'`table`: found 2 tables; wanted one of bins, cells.*table="bins"'):
        sigel.io.read(path)
    # Places that a table has go before shapes.
    assert (sigel.io.read(path, table="bins").obsm["spatial"] == adata.obsm["spatial"]).all()


def test_broken_stores_of_spatialdata(adata, tmp_path):
    path = spatialdata(tmp_path / "brain.zarr", adata)
    shapes = path / "shapes" / "left" / "shapes.parquet"
    frame = pd.read_parquet(shapes)
    frame.iloc[:2].to_parquet(shapes)
    with pytest.raises(InputError, match=r"1 cell of the table without a shape among 'left'"):
        sigel.io.read(path)
    frame.assign(geometry=[b"\x01"] * 3).to_parquet(shapes)
    with pytest.raises(InputError, match=r"shapes that cannot be read"):
        sigel.io.read(path)
    shapes.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"'shapes.parquet', which cannot be read"):
        sigel.io.read(path)
    shapes.unlink()
    with pytest.raises(InputError, match=r"'left', of which there are no shapes; wanted one of right"):
        sigel.io.read(path)
    column = path / "tables" / "cells" / "obs" / "region"
    for part in sorted(column.rglob("*"), reverse=True):
        part.rmdir() if part.is_dir() else part.unlink()
    column.rmdir()
    with pytest.raises(InputError, match=r"cannot be read"):
        sigel.io.read(path)


def test_names_in_a_table_lead_nowhere_else(adata, tmp_path):
    path = spatialdata(tmp_path / "brain.zarr", adata)
    table = anndata.read_zarr(path / "tables" / "cells")
    table.obs["region"] = "../../elsewhere"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "shapes.parquet").write_bytes((path / "shapes" / "left" / "shapes.parquet").read_bytes())
    table.write_zarr(path / "tables" / "cells")
    with pytest.raises(InputError, match=r"'../../elsewhere', of which there are no shapes"):
        sigel.io.read(path)


def test_an_object_of_spatialdata(adata):
    table = adata.copy()
    del table.obsm["spatial"]
    table.obs["region"], table.obs["cell_id"] = "cells", [f"n{k}" for k in range(6)]
    table.uns["spatialdata_attrs"] = {"region": "cells", "region_key": "region", "instance_key": "cell_id"}
    centre = SimpleNamespace(x=pd.Series(range(6)), y=pd.Series(range(6)) + 10.0)
    shapes = SimpleNamespace(geometry=SimpleNamespace(centroid=centre), index=pd.Index(table.obs["cell_id"]))
    sdata = SimpleNamespace(tables={"table": table}, shapes={"cells": shapes})
    read = sigel.io.read(sdata, layer="counts")
    assert read.obsm["spatial"].tolist() == [[k, k + 10.0] for k in range(6)]
    assert (adata.layers["counts"] != read.X).nnz == 0
    assert "spatial" not in table.obsm
    with pytest.raises(InputError, match="`table`"):
        sigel.io.read(sdata, table="bins")
    with pytest.raises(InputError, match="without a table"):
        sigel.io.read(SimpleNamespace(tables={}, shapes={}))


def test_a_zarr_group_that_is_something_else(tmp_path):
    (tmp_path / "zarr.json").write_text(json.dumps({"node_type": "group", "attributes": {"a": 1}}))
    with pytest.raises(InputError, match=r"with zarr.json; wanted the folder of a platform"):
        sigel.io.read(tmp_path)
