"""What earlier versions left on disk is read, and gives the numbers that it gave then."""

from __future__ import annotations

import shutil
from pathlib import Path

import anndata
import numpy as np
import pytest
from safetensors import safe_open

import sigel
from sigel.errors import InputError
from sigel.training.checkpoint import SAME_STEPS

ARCHIVES = sorted((Path(__file__).parents[2] / "archives").iterdir())
# Another BLAS or processor adds in another order; the numbers themselves are of order 1.
CLOSE = 1e-4


@pytest.fixture(params=ARCHIVES, ids=lambda folder: folder.name)
def archive(request):
    return request.param


@pytest.fixture
def images(archive):
    return sigel.GeneImages.from_anndata(anndata.read_h5ad(archive / "section.h5ad"))


def test_a_model_loads_and_transforms_as_it_did(archive, images):
    expected = np.load(archive / "expected.npz")
    model = sigel.SIGEL.load(archive / "model", device="cpu")
    assert np.array_equal(model.representations, expected["representations"])
    assert np.abs(model.transform(images) - expected["transformed"]).max() < CLOSE
    assert np.abs(model.predict_groups(expected["representations"]) - expected["posterior"]).max() < CLOSE


def test_an_interrupted_fit_goes_on_to_the_same_numbers_or_is_refused(archive, images, tmp_path):
    state = shutil.copytree(archive / "interrupted", tmp_path / "state")
    if archive.name not in (*SAME_STEPS, sigel.__version__):  # a version that takes other steps
        model = sigel.SIGEL.load(archive / "model", device="cpu")
        with pytest.raises(InputError, match="version"):
            sigel.SIGEL(model.config, seed=2, device="cpu").fit(images, checkpoint=state)
        return
    model = sigel.SIGEL.load(archive / "model", device="cpu")
    with safe_open(next(state.iterdir()), "numpy") as kept:
        assert len(list(kept.keys())) > 10  # the state of a fit that had begun
    seen = []
    resumed = sigel.SIGEL(model.config, seed=2, device="cpu")
    resumed.fit(
        images, checkpoint=state, progress=lambda stage, step, total, text: seen.append((stage, step))
    )
    assert ("pretrain", 1) not in seen
    assert ("refine", 1) not in seen
    assert ("refine", 3) in seen
    expected = np.load(archive / "expected.npz")
    assert np.abs(resumed.representations - expected["representations"]).max() < CLOSE
    assert np.abs(resumed.posterior - expected["posterior"]).max() < 10 * CLOSE


def test_keys_of_an_earlier_version_are_taken_up(archive):
    adata = anndata.read_h5ad(archive / "asked.h5ad")
    similar = sigel.tl.similar_genes(adata, adata.var_names[0], n=3)
    assert len(similar) == 3
    # Since 0.7.0 domains have other settings; earlier ones are to be found again.
    with pytest.raises(InputError, match=r"`key`.*another version.*domains\(adata, n_domains\) again"):
        sigel.tl.domain_stability(adata, n_seeds=1, progress=False, device="cpu")
    sigel.tl.domains(adata, adata.obs["sigel_domain"].nunique(), progress=False, device="cpu")
    stability = sigel.tl.domain_stability(adata, n_seeds=1, progress=False, device="cpu")
    assert stability["n_spots"].sum() == adata.n_obs
    table = sigel.tl.gene_groups(adata)
    assert (adata.var["sigel_status"] == "embedded").sum() == table["n_genes"].sum()
