"""Sections from the folders that platforms leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sigel.errors import InputError
from sigel.io._anndata_files import read_h5ad, read_zarr
from sigel.io._cosmx import open_cosmx
from sigel.io._folders import sources_in
from sigel.io._merscope import open_merscope
from sigel.io._opened import Opened, assembled
from sigel.io._pictures import Pictures
from sigel.io._several import joined
from sigel.io._sources import Options, Source, check_options
from sigel.io._spatialdata import read_object, read_spatialdata
from sigel.io._visium import open_visium, open_visium_hd
from sigel.io._visium_cells import open_visium_cells
from sigel.io._xenium import open_xenium

if TYPE_CHECKING:
    from anndata import AnnData

# Platforms whose names and places are read before their counts, and the others, which AnnData itself reads.
OPENERS: dict[str, Callable[[Source, Options], Opened]] = {
    "visium": open_visium,
    "visium_hd": open_visium_hd,
    "visium_hd_cells": open_visium_cells,
    "xenium": open_xenium,
    "merscope": open_merscope,
    "cosmx": open_cosmx,
}
_READERS: dict[str, Callable[[Source, Options], AnnData]] = {
    "h5ad": read_h5ad,
    "zarr": read_zarr,
    "spatialdata": read_spatialdata,
}


def read(
    path: str | Path | Any,
    *,
    platform: str | None = None,
    sample: str | Sequence[str] | None = None,
    layer: str | None = None,
    raw: bool = False,
    off_tissue: bool = False,
    bin_size: int | None = None,
    table: str | None = None,
    images: bool = True,
) -> AnnData:
    """Read a section, or several, from what a platform left on disk.

    Parameters
    ----------
    path
        A folder of Space Ranger (Visium, Visium HD), Xenium, MERSCOPE or CosMx, of one sample or of several;
        an .h5ad file; an AnnData or a SpatialData store in zarr; or a SpatialData object.
    platform
        `"visium"`, `"visium_hd"`, `"visium_hd_cells"`, `"xenium"`, `"merscope"`, `"cosmx"`, `"h5ad"`,
        `"zarr"` or `"spatialdata"`; None: told from the files. Of Visium HD bins are read where there are
        some, and the cells of Space Ranger 4 where they are asked for, or their folder `segmented_outputs`
        is given.
    sample
        Of a folder with several samples, the names of those to read; None: all.
    layer
        Of AnnData and SpatialData, the layer that holds the counts; None: `X`.
    raw
        Read Space Ranger's unfiltered matrix, or `raw` of an AnnData.
    off_tissue
        Keep the spots that lie beside the tissue. They are in Space Ranger's unfiltered matrix, which is read
        where there is one.
    bin_size
        Of Visium HD, in micrometres; None: 8, or that of the folder where it is one bin's.
    table
        Of SpatialData, the table; None: the only one, or that of the name `"table"`.
    images
        Whether to read Space Ranger's pictures of the tissue, which needs Pillow.

    Returns
    -------
    AnnData
        Counts in `X`, sparse; x and y in `obsm["spatial"]`, in the platform's unit: pixels of the full
        picture (Space Ranger, CosMx; cells of Visium HD at the centres of their outlines) or micrometres
        (Xenium, MERSCOPE). `obs` has what the platform says of cells, such as `in_tissue`, `array_row` and
        `array_col`; `var` is named by symbols and has `gene_ids`, `feature_types` and `gene_symbols`.
        Controls and other features that are no genes are apart, in `obsm["other_features"]`;
        `uns["other_features"]` names its columns. `uns["spatial"]` has pictures and scale factors as scanpy
        keeps them. Of several samples `obs["sample"]` says which, for `section_key`.

    Raises
    ------
    InputError
        When the folder is of no platform, lacks a file, or a file is damaged or does not go with another.
    MissingPackageError
        When pyarrow is missing, and a parquet file must be read.

    Notes
    -----
    What is read of a `.h5ad` file or of a SpatialData table is all that is in it. Centres of shapes are in
    the shapes' own coordinates.

    Examples
    --------
    >>> import pandas as pd, sigel, tempfile
    >>> counts = pd.DataFrame({"Mbp": [4, 0], "Gfap": [0, 2], "Blank-1": [0, 1]}, index=["11", "12"])
    >>> cells = pd.DataFrame({"center_x": [5, 3], "center_y": [6, 4]}, index=["12", "11"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     counts.to_csv(f"{folder}/cell_by_gene.csv", index_label="cell")
    ...     cells.to_csv(f"{folder}/cell_metadata.csv", index_label="EntityID")
    ...     adata = sigel.io.read(folder)
    >>> adata.to_df().astype(int)
        Mbp  Gfap
    11    4     0
    12    0     2
    >>> adata.obsm["spatial"].tolist(), adata.uns["other_features"].index.tolist()
    ([[3.0, 4.0], [5.0, 6.0]], ['Blank-1'])
    """
    options = Options(
        layer=layer, raw=raw, off_tissue=off_tissue, bin_size=bin_size, table=table, images=images
    )
    if hasattr(path, "tables"):
        check_options(options, "spatialdata")
        return read_object(path, options)
    return joined(by_name(read_samples(path, platform, sample, options)))


class Sample(NamedTuple):
    """One sample that was read."""

    source: Source
    adata: AnnData
    pictures: Pictures


def by_name(samples: Sequence[Sample]) -> dict[str, AnnData]:
    """What was read, by the names of the samples.

    Parameters
    ----------
    samples
        Of `read_samples`.
    """
    return {one.source.sample: one.adata for one in samples}


def read_samples(
    path: object, platform: str | None, sample: str | Sequence[str] | None, options: Options
) -> list[Sample]:
    """Each sample by itself.

    Parameters
    ----------
    path, platform, sample
        As in `read`.
    options
        The rest.
    """
    sources = sources_in(path, platform, sample)
    check_options(options, sources[0].platform)
    names = [source.sample for source in sources]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(
            "path", f"two samples named {twice!r}", "names of their own", "Read them one by one."
        )
    return [_one(source, options) for source in sources]


def _one(source: Source, options: Options) -> Sample:
    if source.platform not in OPENERS:
        return Sample(source, _READERS[source.platform](source, options), Pictures())
    opened = OPENERS[source.platform](source, options)
    return Sample(source, assembled(opened, images=options.images), opened.pictures)
