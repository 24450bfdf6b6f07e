"""Tiny folders as platforms leave them, with counts that are known."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.io import mmwrite

GENES = ["Mbp", "Gfap", "Slc17a7", "Snap25", "Plp1"]
SPOT_COLUMNS = ["barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"]
SCALES = {"tissue_hires_scalef": 0.5, "tissue_lowres_scalef": 0.25, "spot_diameter_fullres": 8.0}


def counts_of(n_cells: int, n_features: int, seed: int = 0) -> np.ndarray:
    """Counts, `(n_cells, n_features)`, some of them 0."""
    return np.random.default_rng(seed).poisson(1.5, (n_cells, n_features)).astype(np.float32)


def barcodes(n: int) -> list[str]:
    letters = np.array(list("ACGT"))
    digits = (np.arange(n)[:, None] // 4 ** np.arange(8)) % 4
    return ["".join(letters[row]) + "-1" for row in digits]


def write_h5(path: Path, counts: np.ndarray, cells: list[str], names: list[str], kinds: list[str]) -> None:
    """Counts, cells x features, as Space Ranger and Xenium write them."""
    matrix = sparse.csr_matrix(counts.astype(np.int32))
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array(cells, dtype="S")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"] = np.array(matrix.shape[::-1], dtype=np.int32)
        features = group.create_group("features")
        features["id"] = np.array([f"ENS{k}" for k in range(len(names))], dtype="S")
        features["name"] = np.array(names, dtype="S")
        features["feature_type"] = np.array(kinds, dtype="S")
        features["genome"] = np.array(["mm10"] * len(names), dtype="S")


def write_mtx(
    folder: Path, counts: np.ndarray, cells: list[str], names: list[str], kinds: list[str], *, packed: bool
) -> None:
    """The same as a folder with a Matrix Market file, gzipped or plain."""
    folder.mkdir(parents=True)
    mmwrite(folder / "matrix.mtx", sparse.coo_matrix(counts.T.astype(np.int32)))
    lines = [f"ENS{k}\t{name}\t{kind}" for k, (name, kind) in enumerate(zip(names, kinds, strict=True))]
    (folder / "features.tsv").write_text("\n".join(lines) + "\n")
    (folder / "barcodes.tsv").write_text("\n".join(cells) + "\n")
    if packed:
        for path in list(folder.iterdir()):
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()


def spots(n_rows: int = 4, n_cols: int = 3) -> pd.DataFrame:
    """Positions; every fifth spot lies beside the tissue."""
    row, col = (a.ravel() for a in np.mgrid[:n_rows, :n_cols])
    names = barcodes(len(row))
    inside = (np.arange(len(row)) % 5 != 0).astype(int)
    return pd.DataFrame(dict(zip(SPOT_COLUMNS, (names, inside, row, col, row * 10, col * 20), strict=True)))


def write_spatial(folder: Path, table: pd.DataFrame, positions: str, *, pictures: bool = True) -> None:
    """A folder `spatial`; positions with a line of names unless the file is version 1's."""
    folder.mkdir(parents=True)
    if positions.endswith(".parquet"):
        table.to_parquet(folder / positions)
    else:
        table.to_csv(folder / positions, index=False, header=positions != "tissue_positions_list.csv")
    (folder / "scalefactors_json.json").write_text(json.dumps(SCALES))
    if pictures:
        from PIL import Image

        for name, side in (("hires", 20), ("lowres", 10)):
            values = np.full((side, side + 2, 3), 51, dtype=np.uint8)
            Image.fromarray(values).save(folder / f"tissue_{name}_image.png")


def visium(
    folder: Path,
    *,
    positions: str = "tissue_positions.csv",
    matrix: str = "h5",
    raw: bool = True,
    pictures: bool = True,
    kinds: list[str] | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """A section of Space Ranger; gives its positions, and the counts of all spots."""
    table = spots()
    counts = counts_of(len(table), len(GENES))
    kinds = kinds or ["Gene Expression"] * len(GENES)
    write_spatial(folder / "spatial", table, positions, pictures=pictures)
    inside = (table["in_tissue"] == 1).to_numpy()
    for name, rows in (("filtered", inside), ("raw", np.ones(len(table), dtype=bool))):
        if name == "filtered" or raw:
            cells = table["barcode"][rows].tolist()
            where = folder / f"{name}_feature_bc_matrix"
            if matrix == "h5":
                write_h5(where.with_suffix(".h5"), counts[rows], cells, GENES, kinds)
            else:
                write_mtx(where, counts[rows], cells, GENES, kinds, packed=matrix == "mtx.gz")
    return table, counts


CONTROLS = {
    "NegControlProbe_00042": "Negative Control Probe",
    "NegControlCodeword_0500": "Negative Control Codeword",
    "BLANK_0006": "Blank Codeword",
    "UnassignedCodeword_0009": "Unassigned Codeword",
    "DeprecatedCodeword_0321": "Deprecated Codeword",
}


def xenium(
    folder: Path, *, cells: str = "cells.csv.gz", matrix: str = "h5", kinds: bool = True
) -> np.ndarray:
    """A section of Xenium; gives its counts, of genes and then of controls."""
    names = [f"aaab{letter}aaa-1" for letter in "abcdefg"]
    features = GENES + list(CONTROLS)
    counts = counts_of(len(names), len(features), 1)
    told = ["Gene Expression"] * len(GENES)
    told += list(CONTROLS.values()) if kinds else ["Gene Expression"] * len(CONTROLS)
    table = pd.DataFrame(
        {"cell_id": names, "x_centroid": np.arange(7) * 2.5, "y_centroid": np.arange(7)[::-1]}
    )
    table = table.assign(cell_area=10.0).iloc[::-1]  # another order than the matrix
    folder.mkdir(parents=True, exist_ok=True)
    if cells.endswith(".parquet"):
        table.assign(cell_id=[name.encode() for name in table["cell_id"]]).to_parquet(folder / cells)
    else:
        table.to_csv(folder / cells, index=False)
    where = folder / "cell_feature_matrix"
    if matrix == "h5":
        write_h5(where.with_suffix(".h5"), counts, names, features, told)
    else:
        write_mtx(where, counts, names, features, told, packed=True)
    return counts


MERSCOPE_CELLS = ["112824700230101249", "112824700230101250", "112824700230101251", "9"]


def merscope(folder: Path, counts_file: str = "cell_by_gene.csv", seed: int = 2) -> np.ndarray:
    """A section of MERSCOPE, whose cells have names that no float can tell apart; gives its counts."""
    names = [*GENES, "Blank-1", "Blank-17"]
    counts = counts_of(len(MERSCOPE_CELLS), len(names), seed)
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(counts.astype(int), index=MERSCOPE_CELLS, columns=names)
    table.to_csv(folder / counts_file, index_label="cell")
    cells = pd.DataFrame({"fov": 1, "volume": 2.5, "center_x": [1.0, 2, 3, 4], "center_y": [5.0, 6, 7, 8]})
    cells = cells.set_axis(MERSCOPE_CELLS).iloc[[2, 0, 3, 1]]
    cells.to_csv(folder / counts_file.replace("cell_by_gene", "cell_metadata"), index_label="EntityID")
    return counts


def cosmx(folder: Path, *, packed: bool = False, with_global: bool = True, stem: str = "Run1_") -> np.ndarray:
    """Two fields of view of CosMx, with what lies outside cells; gives counts of the cells."""
    names = [*GENES, "NegPrb3", "SystemControl12"]
    ids = pd.DataFrame({"fov": [1, 1, 1, 2, 2, 2], "cell_ID": [0, 1, 2, 0, 1, 2]})
    counts = counts_of(6, len(names), 3)
    folder.mkdir(parents=True, exist_ok=True)
    end = ".csv.gz" if packed else ".csv"
    table = pd.concat([ids, pd.DataFrame(counts.astype(int), columns=names)], axis=1)
    table.to_csv(folder / f"{stem}exprMat_file{end}", index=False)
    cells = ids[ids["cell_ID"] > 0].assign(
        Area=7, CenterX_local_px=[1, 2, 1, 2], CenterY_local_px=[3, 4, 3, 4]
    )
    corner = np.where(cells["fov"] == 1, 0, 1000)
    if with_global:
        cells["CenterX_global_px"] = cells["CenterX_local_px"] + corner
        cells["CenterY_global_px"] = cells["CenterY_local_px"]
    cells.iloc[::-1].to_csv(folder / f"{stem}metadata_file{end}", index=False)
    fields = pd.DataFrame({"fov": [1, 2], "x_global_px": [0, 1000], "y_global_px": [0, 0]})
    fields.to_csv(folder / f"{stem}fov_positions_file{end}", index=False)
    return counts[[1, 2, 4, 5]]


def visium_cells(folder: Path, *, matrix: str = "h5", raw: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Cells of Visium HD as Space Ranger 4 leaves them; gives counts, and centres of squares and a ring."""
    numbers = [3, 1, 12, 100000007]
    names = [f"cellid_{number:09d}-1" for number in numbers]
    counts = counts_of(len(names), len(GENES), 4)
    kinds = ["Gene Expression"] * len(GENES)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("filtered", "raw") if raw else ("filtered",):
        where = folder / f"{name}_feature_cell_matrix"
        if matrix == "h5":
            write_h5(where.with_suffix(".h5"), counts, names, GENES, kinds)
        else:
            write_mtx(where, counts, names, GENES, kinds, packed=True)
    centres = np.array([[10.0, 7.0], [20.5, 3.0], [6.0, 12.0], [30.0, 30.0]])
    features = []
    for number, (x, y) in list(zip(numbers, centres, strict=True))[::-1]:
        square = [[[x - 2, y - 1], [x + 2, y - 1], [x + 2, y + 1], [x - 2, y + 1], [x - 2, y - 1]]]
        shape = {"type": "Polygon", "coordinates": square}
        if number == 12:  # two parts of one size
            other = [[[x, y + 4 * way] for x, y in square[0]] for way in (-1, 1)]
            shape = {"type": "MultiPolygon", "coordinates": [[ring] for ring in other]}
        features.append({"type": "Feature", "geometry": shape, "properties": {"cell_id": number}})
    said = {"type": "FeatureCollection", "features": features}
    (folder / "cell_segmentations.geojson").write_text(json.dumps(said))
    write_spatial(folder / "spatial", spots(), "tissue_positions.csv")
    (folder / "spatial" / "tissue_positions.csv").unlink()
    return counts, centres


def xenium_zarr(
    folder: Path, *, matrix: bool = True, cells: bool = True, within: str = "", cells_of: object = None
) -> None:
    """What `xenium` writes as zarr stores in zip files, with sums over genes; takes the others away.

    `cells_of`: from the cells of the counts to those that are written.
    """
    import warnings

    import zarr

    counts = xenium(folder)
    # Those of `aaabaaaa-1`, `aaabbaaa-1`, ...
    ids = np.array([[0x00010000 + 0x1000 * k, 1] for k in range(len(counts))], dtype=np.uint32)
    newer = {} if zarr.__version__.startswith("2.") else {"zarr_format": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if matrix:
            (folder / "cell_feature_matrix.h5").unlink()
            with zarr.storage.ZipStore(str(folder / "cell_feature_matrix.zarr.zip"), mode="w") as store:
                group = zarr.open_group(store, mode="w", path=f"{within}cell_features", **newer)
                zarr.open_group(store, mode="a", path=within or None, **newer)
                rows = sparse.csr_matrix(np.column_stack([counts, counts.sum(axis=1)]).T.astype(np.uint32))
                kinds = ["gene"] * len(GENES)
                kinds += [kind.lower().replace(" ", "_") for kind in CONTROLS.values()]
                group.attrs["feature_keys"] = [*GENES, *CONTROLS, "Total transcripts"]
                group.attrs["feature_ids"] = [f"ENS{k}" for k in range(len(kinds))] + ["total"]
                group.attrs["feature_types"] = [*kinds, "aggregate_gene"]
                group.attrs.update({"number_cells": len(counts), "number_features": len(kinds) + 1})
                for name in ("data", "indices", "indptr"):
                    values = getattr(rows, name).astype(np.uint32)
                    changed = cells_of is not None and name == "indices"
                    _zarr_array(group, name, cells_of(values) if changed else values)
                _zarr_array(group, "cell_id", ids)
        if cells:
            (folder / "cells.csv.gz").unlink()
            with zarr.storage.ZipStore(str(folder / "cells.zarr.zip"), mode="w") as store:
                group = zarr.open_group(store, mode="w", path=within or None, **newer)
                order = np.arange(len(counts))[::-1]
                _zarr_array(group, "cell_id", ids[order])
                values = np.column_stack([order * 2.5, order[::-1], np.full(len(order), 10.0)])
                _zarr_array(group, "cell_summary", values)
                names = ["cell_centroid_x", "cell_centroid_y", "cell_area"]
                group["cell_summary"].attrs["column_names"] = names


def _zarr_array(group: object, name: str, values: np.ndarray) -> None:
    make = getattr(group, "create_array", None) or group.create_dataset
    made = make(name, shape=values.shape, dtype=values.dtype, chunks=tuple(max(n, 1) for n in values.shape))
    made[:] = values
