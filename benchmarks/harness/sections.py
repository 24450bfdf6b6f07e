"""Sections and pairs of them: neighbours in one tissue, replicates, halves of one section's counts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import anndata
import numpy as np

import sigel
from benchmarks.harness.numerics import library
from benchmarks.harness.report import SHARED, say
from sigel.images import GeneImages

ADJACENT = [
    ("st_mousebrain_hippo1", "st_mousebrain_hippo2"),
    ("st_mousebrain_hippo2", "st_mousebrain_hippo3"),
    ("st_mousebrain_hippo3", "st_mousebrain_hippo4"),
    ("st_breast_layer1", "st_breast_layer2"),
    ("st_breast_layer2", "st_breast_layer3"),
    ("st_breast_layer3", "st_breast_layer4"),
]
# One file with sections one after the other, told apart by obs["section"].
STACKS = ["st_heart_9sections"]
LEAST_SPOTS = 100
# Olfactory bulbs of one study: the same tissue, but nobody says that they lay side by side.
REPLICATES = [("mob_rep11", "mob_annot")]
# Pairs for panels of genes beside those above, by tissue.
FURTHER = [
    ("cortex", "dlpfc_151674", "dlpfc_151675"),
    ("liver", "st_mliver_CN65_D1", "st_mliver_CN65_D2"),
    ("liver", "st_mliver_CN73_C1", "st_mliver_CN73_D1"),
    ("synovia", "RA2_1", "RA2_2"),
    ("synovia", "RA3_1", "RA3_2"),
    ("synovia", "RA5_1", "RA5_2"),
    # Two planes of one embryo: files with z instead of sections are told apart by obs["z"].
    ("embryo", "seqfish_mouse_embryo2:z2", "seqfish_mouse_embryo2:z5"),
]
# How the files of `pairs` begin, and their tissue.
TISSUES = {
    "st_mousebrain_hippo": "hippocampus",
    "st_breast": "breast",
    "st_heart": "heart",
    "mob": "olfactory bulb",
}


@dataclass(frozen=True)
class Section:
    """One section as all rows of a table see it.

    Parameters
    ----------
    name
        File, and `:section` where a file holds several.
    adata
        Spots x genes, raw counts.
    images
        Gene images at the package's defaults; a representation has a row for each of `images.genes`.
    library
        Counts of each pixel over all genes, those too that have no image, `(n_pixels,)`.
    """

    name: str
    adata: anndata.AnnData
    images: GeneImages
    library: np.ndarray

    @classmethod
    def of(cls, name: str, adata: anndata.AnnData) -> Section:
        """Make the images of a section.

        Parameters
        ----------
        name
            What to call it.
        adata
            Spots x genes, raw counts.
        """
        images = GeneImages.from_anndata(adata)
        raster = images.raster
        of_pixel = np.bincount(raster.pixel_of_spot, weights=library(adata), minlength=raster.n_pixels)
        return cls(name, adata, images, of_pixel)


# Representations, a row for each of `images.genes`.
Method = Callable[[Section], np.ndarray]


def read(name: str) -> anndata.AnnData:
    """Read a file of the shared data, or one section of it.

    Parameters
    ----------
    name
        File name without its ending, or `file:section`; `file:plane` where it has planes and no sections.
    """
    file, _, part = name.partition(":")
    adata = anndata.read_h5ad(SHARED / "data" / f"{file}.h5ad")
    if not part:
        return adata
    column = adata.obs["section" if "section" in adata.obs else "z"]
    return adata[(column == part).to_numpy()].copy()


def read_plane(name: str) -> anndata.AnnData:
    """A section of the shared data, of two planes only the first, without cells that have no count.

    Parameters
    ----------
    name
        As in `read`.
    """
    adata = read(name)
    keep = library(adata) > 0
    if "z" in adata.obs:
        keep &= (adata.obs["z"] == adata.obs["z"].unique()[0]).to_numpy()
    return adata[keep].copy()


def crop(adata: anndata.AnnData, most: int | None) -> anndata.AnnData:
    """The cells nearest to the middle.

    Parameters
    ----------
    adata
        Cells x genes.
    most
        How many; None keeps all.
    """
    if most is None or adata.n_obs <= most:
        return adata
    places = np.asarray(adata.obsm["spatial"], dtype=np.float64)
    distance = np.square(places - np.median(places, axis=0)).sum(axis=1)
    return adata[np.sort(np.argsort(distance, kind="stable")[:most])].copy()


@lru_cache(maxsize=4)
def section(name: str) -> Section:
    """One section of the shared data.

    Parameters
    ----------
    name
        As in `read`.
    """
    return Section.of(name, read(name))


def there(*names: str) -> bool:
    """Whether all files are in the shared data; says so where one is not.

    Parameters
    ----------
    *names
        As in `read`.
    """
    files = dict.fromkeys(f"{name.partition(':')[0]}.h5ad" for name in names)
    missing = [file for file in files if not (SHARED / "data" / file).is_file()]
    if missing:
        say(f"left out, not in the shared data: {', '.join(missing)}")
    return not missing


def pairs() -> Iterator[tuple[str, str, str]]:
    """Kind of pair and the names of both sections; only what is in the shared data."""
    for a, b in ADJACENT:
        if there(a, b):
            yield "adjacent", a, b
    for file in filter(there, STACKS):
        size = read(file).obs["section"].value_counts()
        parts = sorted(size.index)
        for a, b in itertools.pairwise(parts):
            if min(size[a], size[b]) >= LEAST_SPOTS:
                yield "adjacent", f"{file}:{a}", f"{file}:{b}"
    for a, b in REPLICATES:
        if there(a, b):
            yield "replicates", a, b


def tissue_pairs() -> Iterator[tuple[str, str, str]]:
    """Tissue and the names of both sections: those of `pairs` and `FURTHER` that are in the shared data."""
    for _, a, b in pairs():
        yield next(tissue for start, tissue in TISSUES.items() if a.startswith(start)), a, b
    for tissue, a, b in FURTHER:
        if there(a, b):
            yield tissue, a, b


def halves(whole: Section, seed: int) -> tuple[Section, Section]:
    """Two sections from a binomial split of one section's counts, at half the depth: the noise ceiling.

    Parameters
    ----------
    whole
        The section.
    seed
        Of the split.
    """
    counts = whole.adata.X.tocsr()
    first = np.random.default_rng(seed).binomial(counts.data.astype(np.int64), 0.5)
    parts = []
    for n, data in enumerate((first, counts.data - first), start=1):
        part = counts.copy()
        part.data = data.astype(np.float32)
        part.eliminate_zeros()
        adata = anndata.AnnData(part, whole.adata.obs, whole.adata.var, obsm=dict(whole.adata.obsm))
        parts.append(Section.of(f"{whole.name}, half {n} of seed {seed}", adata))
    return parts[0], parts[1]


def simulated(seed: int, **parameters: Any) -> Section:
    """Simulated tissue with planted programmes, in `adata.var["programme"]`.

    Parameters
    ----------
    seed
        Of the simulation.
    **parameters
        Passed to `sigel.datasets.simulated_section`.
    """
    adata = sigel.datasets.simulated_section(seed=seed, **parameters)
    return Section.of(f"simulated, seed {seed}", adata)
