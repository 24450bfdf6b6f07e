"""What would be read of a folder, without its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sigel.io._anndata_files import opened_store, sizes_of
from sigel.io._folders import sources_in
from sigel.io._opened import Opened
from sigel.io._read import OPENERS
from sigel.io._sources import PLATFORMS, Options, Source, check_options
from sigel.io._spatialdata import table_named, tables_of


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `sigel.io.read` would read of one sample.

    Parameters
    ----------
    platform, sample
        Of which, and its name.
    n_obs, n_vars
        Cells or spots, and genes.
    files
        Paths by what they hold.
    n_left_out
        Rows that would not be read: spots beside the tissue, what lies outside cells.
    other_features
        Features that are no genes, by kind.
    layers, images
        Names of layers, and of pictures.
    choices
        What else could be asked for, by the name of the option.
    """

    platform: str
    sample: str
    n_obs: int
    n_vars: int
    files: Mapping[str, str] = field(default_factory=dict)
    n_left_out: int = 0
    other_features: Mapping[str, int] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"{self.sample}: {PLATFORMS[self.platform]}, {self.n_obs} cells or spots x {self.n_vars} genes",
            *(f"  {what}: {path}" for what, path in self.files.items()),
            *([f"  left out: {self.n_left_out}"] if self.n_left_out else []),
            *(f"  apart: {n} features of kind {kind}" for kind, n in self.other_features.items()),
            *([f"  layers: {', '.join(self.layers)}"] if self.layers else []),
            *([f"  pictures: {', '.join(self.images)}"] if self.images else []),
            *(f"  {name}: one of {', '.join(map(str, those))}" for name, those in self.choices.items()),
        ]
        return "\n".join(lines)


def describe(
    path: str | Path,
    *,
    platform: str | None = None,
    sample: str | Sequence[str] | None = None,
    raw: bool = False,
    off_tissue: bool = False,
    bin_size: int | None = None,
    table: str | None = None,
) -> list[Description]:
    """Say what `sigel.io.read` would read, without reading counts or pictures.

    Parameters
    ----------
    path, platform, sample, raw, off_tissue, bin_size, table
        As in `sigel.io.read`.

    Returns
    -------
    list of Description
        One for each sample; each is text that can be shown, too.

    Raises
    ------
    InputError
        As `sigel.io.read`, as far as names and places go.

    Examples
    --------
    >>> import pandas as pd, sigel, tempfile
    >>> counts = pd.DataFrame({"Mbp": [4, 0], "Gfap": [0, 2], "Blank-1": [0, 1]}, index=["11", "12"])
    >>> cells = pd.DataFrame({"center_x": [5, 3], "center_y": [6, 4]}, index=["12", "11"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     counts.to_csv(f"{folder}/cell_by_gene.csv", index_label="cell")
    ...     cells.to_csv(f"{folder}/cell_metadata.csv", index_label="EntityID")
    ...     (found,) = sigel.io.describe(folder)
    >>> found.platform, found.n_obs, found.n_vars, dict(found.other_features)
    ('merscope', 2, 2, {'Blank': 1})
    """
    options = Options(raw=raw, off_tissue=off_tissue, bin_size=bin_size, table=table)
    sources = sources_in(path, platform, sample)
    check_options(options, sources[0].platform)
    return [_described(source, options) for source in sources]


def _described(source: Source, options: Options) -> Description:
    if source.platform in OPENERS:
        return _of_opened(OPENERS[source.platform](source, options))
    if source.platform == "spatialdata":
        tables = tables_of(source.path)
        name = table_named(tables, options.table, repr(source.path.name))
        return replace(
            _of_store(replace(source, path=tables[name]), options), choices={"table": tuple(tables)}
        )
    return _of_store(source, options)


def _of_opened(opened: Opened) -> Description:
    kinds = opened.features["feature_types"][~opened.are_genes]
    return Description(
        platform=opened.source.platform,
        sample=opened.source.sample,
        n_obs=opened.n_kept,
        n_vars=int(opened.are_genes.sum()),
        files={what: str(path) for what, path in opened.files.items()},
        n_left_out=len(opened.cells) - opened.n_kept,
        other_features=dict(sorted(Counter(map(str, kinds)).items())),
        images=tuple(opened.pictures.files),
        choices=opened.choices,
    )


def _of_store(source: Source, options: Options) -> Description:
    with opened_store(source) as group:
        n_obs, n_vars = sizes_of(group, options)
        layers = tuple(sorted(group["layers"])) if "layers" in group else ()
    return Description(
        platform=source.platform,
        sample=source.sample,
        n_obs=n_obs,
        n_vars=n_vars,
        files={"counts": str(source.path)},
        layers=layers,
    )
