"""Ways to group the genes of a section: ours, and those that spatial genes are grouped by elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import torch
from sklearn.cluster import KMeans

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.leiden import communities, communities_at
from benchmarks.harness.processes import python_with
from benchmarks.harness.report import say
from benchmarks.harness.sections import Section
from benchmarks.harness.sigel_rows import engine_images
from benchmarks.representations import hotspot_modules
from sigel.keys import NO_PATTERN
from sigel.nn.mixture.n_groups import select_n_groups

OURS = "SIGEL"
KMEANS = (10, 20, 40)
RESOLUTIONS = (1.0, 2.0)
# As until 0.5.0 widths as the data have them, no place for genes without a pattern; the number as now.
FREE = sigel.MixtureConfig(pooling=0, flat=False, lens=1, sharpness=1)


@dataclass(frozen=True)
class Fit:
    """A section and what the default makes of it.

    Parameters
    ----------
    section
        The section.
    genes
        Its genes with an image, `(n_genes,)`.
    spatial
        Which of them are spatial, q < 0.05.
    model
        Fitted.
    """

    section: Section
    genes: np.ndarray
    spatial: np.ndarray
    model: sigel.SIGEL

    @classmethod
    def of(cls, section: Section, job: Job) -> Fit:
        """Fit the default to a section.

        Parameters
        ----------
        section
            The section.
        job
            The call.
        """
        config = job.config()
        assert config is not None
        images = engine_images(section, config)
        table = sigel.tl.spatial_genes(section.adata.copy(), progress=False)
        if "gene" in table:
            table = table.set_index("gene")
        spatial = table["qval"].reindex(images.genes).to_numpy() < 0.05
        model = sigel.SIGEL(config, seed=job.seed).fit(images)
        return cls(section, np.asarray(images.genes), spatial, model)


def grouped(fit: Fit, job: Job, *, slow: bool = True) -> dict[str, np.ndarray]:
    """Group of each gene by method, `(n_genes,)` text; the peers group spatial genes alone.

    Parameters
    ----------
    fit
        The section.
    job
        The call.
    slow
        Whether Hotspot, which takes half an hour for 3,000 genes of 3,600 spots, is among them.
    """
    spatial, z = fit.spatial, fit.model.representations
    own = set(fit.model.group_labels) - {NO_PATTERN}
    numbers = sorted({len(own), *KMEANS})
    found = {OURS: np.asarray(fit.model.group_labels)}

    def add(name: str, make: Callable[[], np.ndarray]) -> None:
        """Labels of the spatial genes; -1: none."""
        made = np.asarray(make())
        labels = np.full(len(z), NO_PATTERN, dtype=object)
        labels[spatial] = np.where(made < 0, NO_PATTERN, made.astype(str))
        found[name] = labels

    if spatial.sum() < 2:
        return found
    add("mixture, widths free", lambda: _free_mixture(z, job.seed)[spatial])
    for k in numbers:
        if 1 < k <= spatial.sum():
            add(
                f"k-means {k}", lambda k=k: KMeans(k, n_init=3, random_state=job.seed).fit_predict(z[spatial])
            )
    if find_spec("leidenalg") is None:
        say("  left out: Leiden, as leidenalg is not installed")
    elif spatial.sum() > 3 * len(own):
        if len(own) > 3:
            add(f"Leiden {len(own)}", lambda: communities(z[spatial], len(own), 1)[0])
        for resolution in RESOLUTIONS:
            add(f"Leiden, resolution {resolution:g}", partial(communities_at, z[spatial], resolution))
    python = python_with(hotspot_modules.PACKAGE) if slow else None
    if python is not None:
        chosen = fit.genes[spatial]
        add("Hotspot", lambda: hotspot_modules.hotspot_modules(fit.section.adata, chosen, python))
    return found


def _free_mixture(z: np.ndarray, seed: int) -> np.ndarray:
    known, generator = torch.from_numpy(np.asarray(z, float)), torch.Generator().manual_seed(seed)
    mixture, _ = select_n_groups(known, 64, FREE, generator)
    with torch.no_grad():
        return mixture.calibrated(known).argmax(dim=1).numpy()
