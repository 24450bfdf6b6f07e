"""What goes into a page: results gathered, genes in their order, as many pictures as there is room for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sigel._version import __version__
from sigel.config.report import ReportConfig
from sigel.errors import warn
from sigel.keys import IMPUTATION
from sigel.pl._base import scale_label
from sigel.report import _sections
from sigel.report._calls import Calls
from sigel.report._figures import address, viridis
from sigel.report._found import Found
from sigel.report._genes import Genes, for_page, genes_of
from sigel.report._groups import Groups, groups_of
from sigel.report._page import page
from sigel.report._pictures import N_LEVELS, Frame, across, limits_over, most, sprite, tiles_of
from sigel.report._quality import quality_of
from sigel.report._run import commands_of, left_out_of, runs_of
from sigel.report._tables import number
from sigel.tasks.gene_groups.gene_sets import GeneSets
from sigel.tasks.gene_map import Method

# Bytes of a file for each of a picture: base64 has four for three.
_PER_BYTE = 4 / 3
# Of pictures that do not fit, so much of them is tried next.
_FEWER = 0.95
# Pictures whose size says what one takes.
_TRIED = 256


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a caller asked for, as in `sigel.report.write_report`.

    Parameters
    ----------
    title, gene_sets, disease_genes, method, config, seed
        As there.
    calls
        What makes each result, in the words of the door that was taken.
    """

    title: str
    gene_sets: GeneSets | None
    disease_genes: pd.DataFrame | None
    method: Method
    config: ReportConfig
    seed: int
    calls: Calls


def composed(found: Found, asked: Asked) -> str:
    """The page.

    Parameters
    ----------
    found
        What the object holds.
    asked
        What was asked for.
    """
    config, calls = asked.config, asked.calls
    frame = Frame.of(found.images.raster, config.picture_side)
    groups = groups_of(found, frame, config, asked.gene_sets)
    parts = {
        "training": _sections.training_of(found, calls),
        "spatial": _sections.spatial_of(found, config, calls),
        "stability": _sections.stability_of(found, calls),
        "domains": _sections.domains_of(found, calls),
        "disease": _sections.disease_of(asked.disease_genes, config, calls),
    }
    typical = [name for one in (groups.shown if groups else []) for name in one.typical]
    first = [name for part in parts.values() for one in part.tables for name in one.genes or ()]
    genes = genes_of(found, [*typical, *first], config, method=asked.method, seed=asked.seed)
    pictured = genes.image[genes.image >= 0]  # the first of them: genes without an image are the last
    limits = limits_over(found.images, pictured)
    given: dict[str, Any] = {
        **parts,
        "title": asked.title,
        "about": _about(found),
        "method": asked.method,
        "calls": calls,
        "terms_asked": asked.gene_sets is not None,
        "runs": runs_of(found),
        "commands": commands_of(found),
        "left_out": left_out_of(found),
        "quality": quality_of(found, genes),
        "groups": groups,
        "has_map": genes.place is not None,
        "palette": ["#{:02x}{:02x}{:02x}".format(*one) for one in viridis(N_LEVELS)],
        "scale": scale_label(found.images),
        "limits": [number(one, 2) for one in limits],
        "mean_limits": [number(one, 2) for one in groups.limits] if groups else None,
        "size": [number(one, 3) for one in frame.size],
        "max_mb": number(config.max_mb),
        "number_of": {str(name): k for k, name in enumerate(genes.names)}.get,
    }
    data = _data(genes, groups)
    of_groups = np.zeros((0, *frame.shape), dtype=np.uint8) if groups is None else groups.tiles
    bare = len(_filled(of_groups, len(pictured), given, data).encode("utf-8"))
    room = config.max_mb * 1e6 - bare
    if room <= 0:
        without = f"{bare / 1e6:.2f} MB without an image of a gene, more than max_mb={config.max_mb:g}"
        fix = "Raise max_mb, or lower n_top, n_neighbors or max_groups."
        warn(f"The report takes {without}: no gene has one. {fix}")
    within = max(most(frame.shape) - len(of_groups), 0)
    tiles = _fitting(found, frame, pictured[:within], limits, room)
    return _filled(np.concatenate([of_groups, tiles]), len(tiles), given, data)


def _about(found: Found) -> dict[str, Any]:
    adata, images = found.adata, found.images
    return {
        "version": __version__,
        "date": time.strftime("%Y-%m-%d"),
        "n_spots": adata.n_obs,
        "n_within": len(images.raster.pixel_of_spot),
        "n_genes": adata.n_vars,
        "n_images": images.n_genes,
        "n_embedded": int(found.embedded.sum()),
        "n_pixels": images.raster.n_pixels,
        "n_sections": len(images.raster.parts),
        "key": found.keys.base,
        "imputed": IMPUTATION in adata.uns,
        "n_trusted": int(adata.var["trusted"].isin([True]).sum()) if "trusted" in adata.var else None,
        "simulated": _is_true(adata.uns.get("simulated")),
    }


def _is_true(value: Any) -> bool:
    """Whether that is the one value True: others use names as common as that for tables of their own."""
    return np.ndim(value) == 0 and isinstance(np.asarray(value).item(), bool) and bool(value)


def _data(genes: Genes, groups: Groups | None) -> dict[str, Any]:
    """What the script reads, without where pictures are."""
    shown = groups.shown if groups else []
    return {
        "genes": for_page(genes),
        "groups": [
            {"number": one.number, "title": one.title, "colour": one.colour, "n": one.n_genes}
            for one in shown
        ],
    }


def _fitting(
    found: Found, frame: Frame, pictured: np.ndarray, limits: tuple[float, float], room: float
) -> np.ndarray:
    """Tiles of as many of the genes, from the first on, as a file has room for."""
    palette = viridis(N_LEVELS)
    some = tiles_of(found.images, frame, pictured[:: max(1, len(pictured) // _TRIED)], limits)
    each = len(sprite(some, palette)) * _PER_BYTE / max(len(some), 1)
    n = int(min(len(pictured), max(room / max(each, 1.0), 0.0)))
    tiles = tiles_of(found.images, frame, pictured[:n], limits)
    # The first have clearer patterns, and take more than others do.
    while len(tiles) and len(sprite(tiles, palette)) * _PER_BYTE > 0.995 * room:
        tiles = tiles[: int(_FEWER * len(tiles))]
    return tiles


def _filled(tiles: np.ndarray, n: int, given: dict[str, Any], data: dict[str, Any]) -> str:
    """The page with these tiles, those of groups first; `n` genes are taken to have theirs among them."""
    height, width = tiles.shape[1:]
    tile: dict[str, int] = {"height": height, "width": width, "first": len(data["groups"]), "n": n}
    tile["full"] = len(tiles) >= most((height, width))
    tile["across"] = min(across((height, width)), max(len(tiles), 1))
    return page(
        **given, data=data | {"tile": tile}, sprite=address(sprite(tiles, viridis(N_LEVELS))), tile=tile
    )
