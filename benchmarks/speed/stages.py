"""The timed stages, one a process.

Usage: python -m benchmarks.speed.stages STAGE '{"settings": ...}'; the last line that it prints is JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anndata
import numpy as np

import sigel
from benchmarks.harness.processes import Result, best, last_line, memory_gb

if TYPE_CHECKING:
    from sigel.images.raster import Raster


def images(path: str, times: int = 3) -> Result:
    """Gene images from the CSR matrix of an h5ad file.

    Parameters
    ----------
    path
        The file; reading it is not timed.
    times
        How often; the shortest counts.
    """
    from sigel.images import GeneImages

    adata, before = anndata.read_h5ad(path), memory_gb("VmRSS")
    seconds = best(lambda: GeneImages.from_anndata(adata), times)
    made = GeneImages.from_anndata(adata)
    raster = made.raster
    size = {"n_genes": made.n_genes, "n_pixels": raster.n_pixels, "shape": list(raster.shape)}
    return {"seconds": seconds, "before_gb": before, "entries": made.counts.nnz, **size}


def n_patches(raster: Raster, side: int) -> int:
    """Number of square patches that hold tissue.

    Parameters
    ----------
    raster
        Of a section.
    side
        Of a patch in pixels.
    """
    return len(np.unique(np.stack([raster.rows // side, raster.cols // side]), axis=1).T)


def embed(path: str, config: dict[str, Any], seed: int, *, encode: bool = True) -> Result:
    """`tl.embed` in all, its stages, and encoding all genes once more.

    Parameters
    ----------
    path
        h5ad file; reading it is not timed.
    config
        All settings.
    seed
        Of the fit.
    encode
        Whether to save the model, load it and encode all genes by it.
    """
    from benchmarks.harness.large_sections import SMALL

    small = sigel.datasets.simulated_section(**SMALL)
    quick = {"train": {"pretrain_epochs": 1, "refine_epochs": 1}}
    sigel.tl.embed(small, n_groups=4, config=quick, progress=False)
    adata = anndata.read_h5ad(path)
    before, settings = memory_gb("VmRSS"), sigel.SIGELConfig.from_dict(config)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        save = folder if encode else None
        sigel.tl.embed(adata, config=settings, seed=seed, progress=False, save=save)
        result: Result = {"seconds": time.perf_counter() - started}
        result |= {"peak_gb": memory_gb("VmHWM"), "before_gb": before}
        history = adata.uns["sigel"]["history"]
        result["stages"] = {
            str(stage): float(np.nansum(history["seconds"][history["stage"] == stage]))
            for stage in dict.fromkeys(history["stage"])
        }
        result["epochs"] = {stage: int((history["stage"] == stage).sum()) for stage in result["stages"]}
        result["n_groups"] = int(adata.var["sigel_group"].nunique())
        result["config"] = json.loads(adata.uns["sigel"]["params"])
        raster = sigel.GeneImages.from_anndata(adata, settings.image).raster
        result["n_patches"] = n_patches(raster, result["config"]["encoder"]["patch_size"])
        if encode:
            model = sigel.SIGEL.load(folder)
            made = sigel.GeneImages.from_anndata(adata, model.config.image)
            result["encode_seconds"] = best(lambda: model.transform(made), 1)
    return result


def components(path: str, seed: int, n_dims: int = 32) -> Result:
    """scikit-learn's randomised PCA of the dense z-scored images, made from the counts: a baseline of time.

    Parameters
    ----------
    path
        h5ad file; reading it is not timed.
    seed
        Of the randomised solver.
    n_dims
        How many components.
    """
    from sklearn.decomposition import PCA

    from benchmarks.harness.pixels import zscored
    from benchmarks.harness.sections import Section

    adata, before = anndata.read_h5ad(path), memory_gb("VmRSS")
    started = time.perf_counter()
    dense = zscored(Section.of("section", adata))
    PCA(min(n_dims, min(dense.shape) - 1), svd_solver="randomized", random_state=seed).fit_transform(dense)
    return {"seconds": time.perf_counter() - started, "before_gb": before}


def filtered(path: str, n_dims: int = 32) -> Result:
    """PCA of the Wiener-filtered residuals, the strongest baseline of the representations.

    Parameters
    ----------
    path
        h5ad file; reading it is not timed.
    n_dims
        How many components.
    """
    from benchmarks.harness.pixels import pca, wiener
    from benchmarks.harness.sections import Section

    adata, before = anndata.read_h5ad(path), memory_gb("VmRSS")
    started = time.perf_counter()
    pca(wiener(Section.of("section", adata)), n_dims)
    return {"seconds": time.perf_counter() - started, "before_gb": before}


def cells(n_cells: int, n_genes: int, counts: float, seed: int) -> Result:
    """Gene images of scattered cells held in memory as CSR.

    Parameters
    ----------
    n_cells, n_genes, counts, seed
        As in `large_sections.scattered_cells`.
    """
    from benchmarks.harness.large_sections import scattered_cells
    from sigel.images import GeneImages

    matrix, places = scattered_cells(n_cells, n_genes, counts, seed=seed)
    genes, before = [f"Gene{n}" for n in range(n_genes)], memory_gb("VmRSS")
    started = time.perf_counter()
    made = GeneImages.from_arrays(matrix, genes, places)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "before_gb": before, "entries": matrix.nnz, "shape": list(made.raster.shape)}


def write_cells(path: str, n_cells: int, n_genes: int, counts: float, seed: int) -> Result:
    """Write scattered cells to an h5ad file, for `streamed`.

    Parameters
    ----------
    path
        Of the file.
    n_cells, n_genes, counts, seed
        As in `large_sections.cell_blocks`.
    """
    from benchmarks.harness.large_sections import write_cells

    started = time.perf_counter()
    entries = write_cells(Path(path), n_cells, n_genes, counts, seed=seed)
    return {"seconds": time.perf_counter() - started, "entries": entries}


def streamed(path: str) -> Result:
    """Gene images of an h5ad file whose counts stay on disk; opening it is timed as well.

    Parameters
    ----------
    path
        The file.
    """
    from sigel.images import GeneImages

    before, started = memory_gb("VmRSS"), time.perf_counter()
    adata = anndata.read_h5ad(path, backed="r")
    made = GeneImages.from_anndata(adata)
    seconds = time.perf_counter() - started
    entries = len(adata.X.group["data"])
    return {"seconds": seconds, "before_gb": before, "entries": entries, "shape": list(made.raster.shape)}


def verb(name: str, path: str, n_domains: int, seed: int) -> Result:
    """A verb of `sigel.tl` at its defaults, from whichever checkout this process has its engine.

    Only what every version of the package has is called.

    Parameters
    ----------
    name
        Key of `VERBS`.
    path
        h5ad file; reading it is not timed.
    n_domains
        Given to `domains`.
    seed
        Of the verb.
    """
    from benchmarks.harness.large_sections import SMALL

    call = VERBS[name]
    call(sigel.datasets.simulated_section(**SMALL), 2, 0)  # what a first call loads and compiles
    adata, before = anndata.read_h5ad(path), memory_gb("VmRSS")
    clock, cpu = time.perf_counter(), time.process_time()
    call(adata, n_domains, seed)
    marks = {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - cpu}
    return marks | {"before_gb": before, "engine": sigel.__file__}


VERBS: dict[str, Callable[[anndata.AnnData, int, int], object]] = {
    "embed": lambda adata, _, seed: sigel.tl.embed(adata, seed=seed, progress=False),
    "spatial_genes": lambda adata, _, seed: sigel.tl.spatial_genes(adata, seed=seed, progress=False),
    "domains": lambda adata, n, seed: sigel.tl.domains(adata, n, seed=seed, progress=False),
}
STAGES: dict[str, Callable[..., Result]] = {
    "images": images,
    "embed": embed,
    "verb": verb,
    "components": components,
    "filtered": filtered,
    "cells": cells,
    "write_cells": write_cells,
    "streamed": streamed,
}


def measure(
    stage: str, *, alone: bool = True, environment: dict[str, str] | None = None, **settings: Any
) -> Result:
    """Run a stage in a child process.

    Parameters
    ----------
    stage
        Key of `STAGES`.
    alone
        False runs it in this process, within which a peak of memory may be that of another stage.
    environment
        Variables beside those of this process.
    **settings
        Passed to the stage; fit for JSON.

    Returns
    -------
    dict
        What the stage returned, with `peak_gb`, the largest memory that its process held.

    Raises
    ------
    RuntimeError
        When the stage fails; with what it said.
    """
    if not alone:
        outcome = STAGES[stage](**settings)
        return {"peak_gb": memory_gb("VmHWM")} | outcome
    command = [sys.executable, "-m", "benchmarks.speed.stages", stage, json.dumps(settings)]
    return last_line(f"stage {stage}", command, environment)


if __name__ == "__main__":
    outcome = STAGES[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps({"peak_gb": memory_gb("VmHWM")} | outcome))
