"""What a reader is told: where a sample lies, and how it shall be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from sigel.errors import InputError

# Names of platforms as a caller gives them, and as they are in sentences.
PLATFORMS = {
    "visium": "Space Ranger (Visium)",
    "visium_hd": "Space Ranger (Visium HD)",
    "visium_hd_cells": "Space Ranger (Visium HD, cells)",
    "xenium": "Xenium",
    "merscope": "MERSCOPE",
    "cosmx": "CosMx",
    "h5ad": ".h5ad",
    "zarr": "AnnData in zarr",
    "spatialdata": "SpatialData in zarr",
}
# The kind of features that are genes; what is of another kind is set apart.
GENE = "Gene Expression"


@dataclass(frozen=True)
class Source:
    """One sample on disk.

    Parameters
    ----------
    platform
        A key of `PLATFORMS`.
    sample
        Its name.
    path
        The folder, or the file.
    files
        Those that the platform's rule of names found, where names tell samples of one folder apart.
    """

    platform: str
    sample: str
    path: Path
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to read of a sample; see `sigel.io.read`."""

    layer: str | None = None
    raw: bool = False
    off_tissue: bool = False
    bin_size: int | None = None
    table: str | None = None
    images: bool = True
    # Whether many counts may stay where they are, to be read a piece at a time.
    on_disk: bool = False


# Platforms that have what an option speaks of.
_APPLY = {
    "layer": ("h5ad", "zarr", "spatialdata"),
    "raw": ("visium", "visium_hd", "visium_hd_cells", "h5ad", "zarr", "spatialdata"),
    "off_tissue": ("visium", "visium_hd"),
    "bin_size": ("visium_hd",),
    "table": ("spatialdata",),
}


def check_options(options: Options, platform: str) -> None:
    """Refuse an option that says nothing of a platform.

    Parameters
    ----------
    options
        As given.
    platform
        A key of `PLATFORMS`.
    """
    for one in fields(options):
        value = getattr(options, one.name)
        lawful = _APPLY.get(one.name, tuple(PLATFORMS))
        if value != one.default and platform not in lawful:
            found = f"{value!r} for {PLATFORMS[platform]}"
            wanted = f"{one.default!r}: it speaks of {', '.join(lawful)} alone"
            raise InputError(one.name, found, wanted, f"Leave {one.name} out.")


def whole_path(folder: Path) -> Path:
    """A folder by its name, those that are called by dots too; links keep theirs.

    Parameters
    ----------
    folder
        A folder.
    """
    folder = folder.absolute()
    return folder.resolve() if folder.name in ("", "..") else folder


def name_of(folder: Path) -> str:
    """Name of a sample by its folder; that of the folder around it where this one is `outs`.

    Parameters
    ----------
    folder
        A folder of one sample.

    Examples
    --------
    >>> name_of(Path("/data/brain/outs")), name_of(Path("/data/brain"))
    ('brain', 'brain')
    """
    folder = whole_path(folder)
    return (folder.parent.name if folder.name == "outs" else folder.name) or "sample"
