"""Genes without a pattern are told by what their own pixels look like in random order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sigel
from sigel.images.section import Section
from sigel.images.tensors import ImageViews
from sigel.stats.flat_images import flat_images

SIDE, FLAT, PATTERN = 16, 120, 60
GENES = np.array([f"g{k}" for k in range(FLAT + PATTERN)], dtype=object)


def section(seed, levels):
    """Some genes without a pattern, then stripes, half of them the other way round: the library is even."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.divmod(np.arange(SIDE**2), SIDE), axis=1).astype(float)
    mean = np.tile(levels, (SIDE**2, 1))
    here = (places[:, :1] % 8 < 4) == (np.arange(PATTERN) % 2 == 0)
    mean[:, FLAT:] *= np.where(here, 3.0, 1.0)
    return Section(rng.poisson(mean).astype(np.float32), GENES, places)


def found_in(images):
    return flat_images(ImageViews(images), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n_sections", [1, 2])
def test_the_share_of_genes_without_a_pattern_is_found_whatever_their_levels(n_sections):
    levels = np.random.default_rng(0).lognormal(1, 0.7, (2, FLAT + PATTERN))
    levels[1, ::3] = 0  # no image in the other section
    sections = [(str(k), section(k, levels[k])) for k in range(n_sections)]
    found = found_in(sigel.GeneImages.from_sections(sections, sigel.ImageConfig(min_spots=1)))
    # Half of 120 genes, give or take 5.5, counted twice among 180.
    assert found.share == pytest.approx(FLAT / (FLAT + PATTERN), abs=0.17)
    assert not found.flat[FLAT:].any()


@pytest.mark.parametrize("n_genes", [24, 2 * PATTERN])
def test_images_smoother_than_all_shuffled_ones_have_a_pattern(n_genes):
    levels = np.random.default_rng(1).lognormal(1, 0.5, FLAT + PATTERN)
    whole = section(3, levels)
    take = np.r_[: n_genes // 2, FLAT : FLAT + n_genes // 2]
    part = Section(whole.counts[:, take], GENES[take], whole.coordinates)
    found = found_in(sigel.GeneImages.from_section(part, sigel.ImageConfig(min_spots=1)))
    assert found.patterned[n_genes // 2 :].all()
    assert int(found.patterned[: n_genes // 2].sum()) <= 1
    assert not (found.patterned & found.flat).any()
