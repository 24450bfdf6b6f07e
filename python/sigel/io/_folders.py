"""Which platform a folder is of, and what samples are in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from sigel.errors import InputError, unknown_name
from sigel.io._anndata_files import find_zarr
from sigel.io._cosmx import find_cosmx
from sigel.io._merscope import find_merscope
from sigel.io._sources import PLATFORMS, Source
from sigel.io._spatialdata import find_spatialdata
from sigel.io._tables import with_contents
from sigel.io._visium import bin_of, find_visium, find_visium_hd
from sigel.io._visium_cells import find_visium_cells
from sigel.io._xenium import find_xenium

_FINDERS: dict[str, Callable[[Path], list[Source]]] = {
    "visium_hd": find_visium_hd,
    "visium_hd_cells": find_visium_cells,
    "visium": find_visium,
    "xenium": find_xenium,
    "merscope": find_merscope,
    "cosmx": find_cosmx,
    "spatialdata": find_spatialdata,
    "zarr": find_zarr,
}
# What tells a folder, in words.
LOOKED_FOR = {
    "visium": "spatial/tissue_positions*.csv, filtered_feature_bc_matrix.h5",
    "visium_hd": "binned_outputs/square_008um",
    "visium_hd_cells": "segmented_outputs/cell_segmentations.geojson",
    "xenium": "cell_feature_matrix.h5, cells.parquet, cells.csv.gz, or both as .zarr.zip",
    "merscope": "cell_by_gene.csv, cell_metadata.csv",
    "cosmx": "*_exprMat_file.csv, *_metadata_file.csv",
    "spatialdata": "tables in a zarr group",
    "zarr": "obs and var in a zarr group",
}


def sources_in(path: object, platform: str | None, sample: str | Sequence[str] | None) -> list[Source]:
    """The samples to read, at least one.

    Parameters
    ----------
    path, platform, sample
        As in `sigel.io.read`.
    """
    _check_platform(platform)
    there = _there(path)
    if there.is_file():
        found = [_file(there, platform)]
    else:
        found = _within(there, platform)
    return found if sample is None else _chosen(found, sample)


def _check_platform(platform: object) -> None:
    if platform is not None and platform not in PLATFORMS:
        wanted = f"None or one of {', '.join(PLATFORMS)}"
        raise InputError("platform", unknown_name(platform, PLATFORMS), wanted, "Leave platform out.")


def _there(path: object) -> Path:
    if not isinstance(path, str | Path):
        found = f"an object of class {type(path).__name__}"
        raise InputError("path", found, "the path of a folder or file", "Give it as text.")
    there = Path(path).expanduser()
    if not there.exists():
        raise InputError(
            "path", f"{str(path)!r}, where there is nothing", "a folder or file", "Check the path."
        )
    return there


def _file(path: Path, platform: str | None) -> Source:
    if path.suffix.lower() != ".h5ad" or platform not in (None, "h5ad"):
        wanted = (
            "an .h5ad file, or a folder"
            if platform in (None, "h5ad")
            else f"a folder of {PLATFORMS[platform]}"
        )
        fix = f"Give the folder that it lies in: {str(path.parent)!r}."
        # In a folder of no platform it is a file like any other.
        if platform in (None, "h5ad") and not _at(path.parent, platform):
            fix = "Name an .h5ad file, or the folder that an instrument's software wrote."
        raise InputError("path", f"{path.name!r}, a file", wanted, fix)
    return Source("h5ad", path.stem, path)


def _within(folder: Path, platform: str | None) -> list[Source]:
    """Samples of the folder itself, else of the folders in it."""
    found = _at(folder, platform)
    if not found:
        for one in sorted(folder.iterdir()):
            if one.is_dir():
                found += _named_after(one, _at(one, platform))
        _check_bins(found, folder)
    if not found:
        raise _nothing(folder, platform)
    kinds = sorted({source.platform for source in found})
    if len(kinds) > 1:
        found_words = f"{str(folder)!r} with files of {' and '.join(PLATFORMS[kind] for kind in kinds)}"
        raise InputError("platform", found_words, "one platform", f'Say which: platform="{kinds[0]}".')
    return found


def _named_after(folder: Path, found: list[Source]) -> list[Source]:
    """Samples by the folder that the caller sees."""
    if len(found) == 1:
        return [replace(found[0], sample=folder.name.removesuffix(".zarr"))]
    return [replace(source, sample=f"{folder.name}_{source.sample}") for source in found]


def _at(folder: Path, platform: str | None) -> list[Source]:
    for place in (folder, folder / "outs"):
        if place.is_dir():
            finders = [find for name, find in _FINDERS.items() if platform in (None, name)]
            found = [source for find in finders for source in find(place)]
            if found:
                return _bins_before_cells(found) if platform is None else found
    return []


def _bins_before_cells(found: list[Source]) -> list[Source]:
    """One of the two ways in which a section of Visium HD is stored."""
    has_bins = any(source.platform == "visium_hd" for source in found)
    return [source for source in found if not (has_bins and source.platform == "visium_hd_cells")]


def _check_bins(found: list[Source], folder: Path) -> None:
    """Refuse bins of the same tissue, which would be taken for sections."""
    bins = [source.path.name for source in found if bin_of(source.path) is not None]
    if len(bins) > 1:
        words = f"{str(folder)!r} with bins of one tissue: {', '.join(bins)}"
        fix = f"Give one of them: {str(folder / bins[0])!r}."
        raise InputError("path", words, "one size of bins", fix)


def _nothing(folder: Path, platform: str | None) -> InputError:
    there = sorted(one.name + ("/" if one.is_dir() else "") for one in folder.iterdir())
    files = [name for name in there if name.lower().endswith(".h5ad")]
    if files and platform in (None, "h5ad"):
        wanted, fix = "one file, or the folder of a platform", f"Name one: {str(folder / files[0])!r}."
        return InputError("path", with_contents(folder, there), wanted, fix)
    kinds = [platform] if platform in LOOKED_FOR else list(LOOKED_FOR)
    lines = "".join(f"\n  {PLATFORMS[kind]}: {LOOKED_FOR[kind]}" for kind in kinds)
    wanted, fix = "the folder of a platform", f"Name the folder with the files of one:{lines}"
    return InputError("path", with_contents(folder, there), wanted, fix)


def _chosen(found: list[Source], sample: str | Sequence[str]) -> list[Source]:
    wanted = [sample] if isinstance(sample, str) else list(sample)
    known = {source.sample: source for source in found}
    for name in wanted:
        if name not in known:
            words = f"one of {', '.join(known)}"
            raise InputError("sample", unknown_name(name, known), words, f'Use sample="{next(iter(known))}".')
    if not wanted:
        raise InputError("sample", "no name", "one or more", "Leave sample out.")
    return [known[name] for name in dict.fromkeys(wanted)]
