"""Write what this version leaves on disk, so that later versions can be held to read it.

Usage, once a release: python tools/make_archive.py tests/archives/VERSION, then tools/make_archive.R, which
adds objects of R. A fitted model, the state of an interrupted fit, and an AnnData with the keys of several
tasks, on a small simulated section.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import sigel

SETTINGS = {
    "train": {"pretrain_epochs": 3, "refine_epochs": 3, "tolerance": 0.0},
    "encoder": {"depth": 1, "dim": 8, "rank": 16},
}
SIZE = {
    "n_rows": 14,
    "n_cols": 14,
    "n_programmes": 3,
    "genes_per_programme": 15,
    "n_background_genes": 15,
}


class Stopped(Exception):
    """Ends a fit where its state has just been kept."""


def stop_in_refinement(stage: str, step: int, total: int, text: str) -> None:
    """Progress that ends the fit in the second epoch of the second stage, when the first has been kept."""
    if stage == "refine" and step == 2:
        raise Stopped


def main(folder: Path) -> None:
    """Write the archive of this version.

    Parameters
    ----------
    folder
        tests/archives/VERSION.
    """
    folder.mkdir(parents=True, exist_ok=True)
    adata = sigel.datasets.simulated_section(**SIZE, seed=3)
    adata.write_h5ad(folder / "section.h5ad", compression="gzip")
    images = sigel.GeneImages.from_anndata(adata)
    config = sigel.SIGELConfig.from_dict({"n_dims": 8, "n_groups": 4, **SETTINGS})
    model = sigel.SIGEL(config, seed=2, device="cpu").fit(images)
    model.save(folder / "model")
    np.savez_compressed(
        folder / "expected.npz",
        representations=model.representations,
        posterior=model.posterior,
        transformed=model.transform(images),
    )
    try:
        again = sigel.SIGEL(config, seed=2, device="cpu")
        again.fit(images, checkpoint=folder / "interrupted", progress=stop_in_refinement)
    except Stopped:
        pass
    quiet = {"progress": False, "device": "cpu"}
    sigel.tl.embed(adata, n_dims=8, n_groups=4, config=SETTINGS, seed=2, **quiet)
    sigel.tl.spatial_genes(adata, **quiet)
    sigel.tl.domains(adata, 3, **quiet)
    adata.write_h5ad(folder / "asked.h5ad", compression="gzip")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
