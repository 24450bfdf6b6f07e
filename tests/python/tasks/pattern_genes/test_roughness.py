"""Random patterns are as rough as the one that is asked for: drawn regions, cell types, noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import sigel
from sigel.model.section_model import section_model
from sigel.tasks.pattern_genes.null_patterns import null_patterns
from sigel.tasks.pattern_genes.roughness import (
    Roughness,
    correlogram,
    mixed_fields,
    random_fields,
    roughness,
)
from sigel.tasks.pattern_genes.search import pattern_genes


# Roughness is found by simulation, 0.4 s a pattern.
@pytest.fixture(scope="module", params=["visium", "cells"])
def section(request):
    adata = sigel.datasets.simulated_section(24, 24, 4, 20, 60, lattice=request.param, seed=5)
    images = sigel.GeneImages.from_anndata(adata)
    return images, section_model(images, seed=0, device="cpu")


def test_fields_have_variance_one_whatever_they_are_made_of(section):
    raster = section[0].raster
    for rough in (Roughness(1, 0), Roughness(4, 0.5), Roughness(2, 1)):
        fields = mixed_fields(raster, 400, rough, np.random.default_rng(0))
        assert fields.var(axis=0).mean() == pytest.approx(1, rel=0.1)


def test_noise_alone_is_no_smoother_than_chance(section):
    raster = section[0].raster
    fields = mixed_fields(raster, 100, Roughness(5, 1), np.random.default_rng(0))
    assert correlogram(raster, fields).mean() == pytest.approx(0, abs=0.02)


def test_the_noise_in_a_field_is_found(section):
    raster = section[0].raster
    found = {}
    for noise in (0.0, 0.3, 0.7, 1.0):
        fields = mixed_fields(raster, 4, Roughness(4, noise), np.random.default_rng(1))
        each = [roughness(raster, field, np.random.default_rng(2)) for field in fields]
        found[noise] = np.mean([rough.noise for rough in each])
    assert found[0.0] < 0.1
    assert found[0.3] == pytest.approx(0.3, abs=0.15)
    assert found[0.7] == pytest.approx(0.7, abs=0.15)
    assert found[1.0] > 0.9


@pytest.mark.parametrize("noise", [0.0, 0.4, 1.0])
def test_random_patterns_are_as_rough_as_labels_of_any_kind(section, noise):
    """Correlation with neighbours near and far, beside that of other patterns of the same make."""
    raster = section[0].raster
    rounds = (1, 2, 4, 8)
    make = lambda rng: (mixed_fields(raster, 1, Roughness(3, noise), rng)[0] > 0.5).astype(float)  # noqa: E731
    others = np.array([make(np.random.default_rng(seed)) for seed in range(40)])
    spread = correlogram(raster, others, rounds).std(axis=0)
    pattern = make(np.random.default_rng(100))
    random = null_patterns(raster, pattern, 60, "regions", np.random.default_rng(3))
    apart = correlogram(raster, random, rounds).mean(axis=0) - correlogram(raster, pattern[None], rounds)[0]
    assert (np.abs(apart) < 4 * spread + 0.1).all()


@pytest.mark.parametrize(
    "kind", ["numbers", *(pytest.param(kind, marks=pytest.mark.nightly) for kind in ("dealt out", "mixed"))]
)
def test_patterns_that_no_gene_follows_call_none(section, kind):
    """A share of 0.05 below 0.05 on average over patterns, each of which moves all genes together."""
    images, model = section
    pvals, called = [], 0  # patterns with a call
    for seed in range(8):
        rng = np.random.default_rng(seed)
        field = random_fields(images.raster, 1, 4, rng)[0][images.raster.pixel_of_spot]
        if kind == "numbers":
            values, levels = field + rng.normal(size=len(field)), None
        else:
            share = (
                field + 1.5 * rng.normal(size=len(field)) if kind == "mixed" else rng.normal(size=len(field))
            )
            values, levels = np.where(share > 0.3, "in", "out"), {"in": 0.9}
        table = pattern_genes(
            images, list(values), levels, model=model, seed=seed, n_null=100, device="cpu"
        ).table.dropna()
        pvals.append(table["pval"].to_numpy())
        called += bool((table["qval"] < 0.05).any())
    each = [(pval < 0.05).mean() for pval in pvals]
    # Smooth random regions as the null gave 0.13 to 0.22, and calls for half to all of the patterns.
    assert np.mean(each) < 0.05 + 3 * stats.sem(each) + 0.02
    assert np.mean(each) < 0.12
    assert called <= 2
