"""Whatever object comes: a right answer or an error of ours, and the caller's object as it was."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import sigel
from odd_objects import fingerprint, odd_objects
from sigel.errors import SIGELError

# Others, and more, are drawn where somebody asks: SIGEL_EXAMPLES=1000.
EXAMPLES = int(os.environ.get("SIGEL_EXAMPLES", "12"))
QUICK = {
    "n_dims": 4,
    "max_groups": 4,
    "image": {"min_spots": 1},
    "train": {"pretrain_epochs": 1, "refine_epochs": 1},
}
FEW = {"starts": 2, "windows": (1, 6), "components": (4,)}


def embed(adata, layer):
    sigel.tl.embed(adata, preset="fast", config={"image": {"min_spots": 1}}, layer=layer, progress=False)
    for row in adata.varm["X_sigel"]:
        assert np.isfinite(row).all() or np.isnan(row).all()
    assert np.isfinite(adata.varm["X_sigel"]).any()


def trained(adata, layer):
    sigel.tl.embed(adata, config=QUICK, layer=layer, progress=False)
    assert np.isfinite(adata.varm["X_sigel"]).any()


def spatial_genes(adata, layer):
    found = sigel.tl.spatial_genes(adata, layer=layer, score=False, progress=False)
    assert set(found.index) <= set(adata.var_names)
    known = found["pval"].dropna()
    assert ((known >= 0) & (known <= 1)).all()


def domains(adata, layer):
    sigel.tl.domains(adata, 2, layer=layer, config=FEW, progress=False)
    label = adata.obs["sigel_domain"]
    assert set(label.dropna()) <= {"1", "2"}


def pattern(adata, layer):
    found = sigel.tl.pattern_genes(adata, "region", {"a": 0.9}, layer=layer, progress=False)
    assert set(found.index) <= set(adata.var_names)


def imputed(adata, layer):
    target = adata[:, : adata.n_vars // 2 + 1].copy()
    before = fingerprint(target)
    try:
        made = sigel.tl.impute(target, adata, layer=layer, reference_layer=layer, progress=False)
        assert np.isfinite(made.X).all()
    finally:
        assert fingerprint(target) == before


def as_observations(adata, layer):
    sigel.tl.embed(adata, preset="fast", config={"image": {"min_spots": 1}}, layer=layer, progress=False)
    genes = sigel.tl.genes_as_obs(adata)
    assert set(genes.obs_names) <= set(adata.var_names)


VERBS = (embed, trained, spatial_genes, domains, pattern, imputed, as_observations)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="SIGEL_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(adata=odd_objects())
def test_an_answer_or_an_error_of_ours(verb, adata):
    layer = "counts" if adata.X is None else None
    before = fingerprint(adata)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)  # a division by 0 that nobody thought of
        try:
            verb(adata, layer)
        except SIGELError as error:
            assert len(str(error)) < 1500  # noqa: PT017
            after = fingerprint(adata)
            assert after == before
        else:
            after = fingerprint(adata)
            assert {name: after[name] for name in before} == before
