"""Designated patterns on several sections: random ones stay within sections, whatever levels are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import sigel
from sigel.errors import InputError
from sigel.images.section import Section
from sigel.tasks.pattern_genes.null_patterns import null_patterns
from sigel.tasks.pattern_genes.roughness import random_fields
from sigel.tasks.pattern_genes.search import pattern_genes

SIDE, FLAT, PLANTED = 18, 180, 20
GENES = np.array([f"flat{k}" for k in range(FLAT)] + [f"planted{k}" for k in range(PLANTED)], dtype=object)
PATTERNS = {
    "stripes": lambda x, y: np.cos(3 * np.pi * x) > 0.3,
    "disc": lambda x, y: np.hypot(x - 0.4, y - 0.6) < 0.3,
    "corner": lambda x, y: x + y > 1.3,
    "edge": lambda x, y: np.maximum(abs(x - 0.5), abs(y - 0.5)) > 0.38,
}


@pytest.fixture(scope="module")
def places():
    return np.stack(np.divmod(np.arange(SIDE**2), SIDE), axis=1).astype(float)


@pytest.fixture(scope="module")
def regions(places):
    """The regions of both sections, by pattern."""
    return {name: np.tile(inside(*(places / SIDE).T), 2) for name, inside in PATTERNS.items()}


@pytest.fixture(scope="module")
def images(places, regions):
    """Two sections whose genes have levels of their own in each; some genes follow the stripes in both."""
    rng = np.random.default_rng(0)
    sections = []
    for name, depth in (("A", 4.0), ("B", 1.0)):
        level = depth * rng.lognormal(0, 1, len(GENES))
        mean = np.tile(level, (len(places), 1)) * rng.lognormal(0, 0.3, (len(places), 1))
        mean[:, FLAT:] *= np.where(regions["stripes"][: len(places), None], 3.0, 1.0)
        sections.append((name, Section(rng.poisson(mean).astype(np.float32), GENES, places)))
    return sigel.GeneImages.from_sections(sections, sigel.ImageConfig(min_spots=1))


@pytest.fixture(scope="module")
def model(images):
    from sigel.model.section_model import section_model

    return section_model(images, seed=0, device="cpu")


def named(inside):
    return np.where(inside, "in", "out").astype(object)


@pytest.mark.parametrize("null", ["regions", pytest.param("spots", marks=pytest.mark.nightly)])
def test_p_values_of_genes_without_a_pattern_are_uniform(images, regions, model, null):
    alone, options = images.take(np.arange(FLAT)), {"null": null, "n_null": 60, "model": model}
    pval = [
        pattern_genes(alone, named(inside), {"in": 0.9}, device="cpu", **options).table["pval"].to_numpy()
        for inside in regions.values()
    ]
    assert stats.kstest(np.concatenate(pval), "uniform").statistic < 0.06
    assert (np.concatenate(pval) < 0.01).mean() < 0.03


@pytest.mark.parametrize("null", ["regions", "spots"])
def test_genes_of_the_pattern_are_called_and_no_others(images, regions, model, null):
    options = {"null": null, "n_null": 60, "model": model, "device": "cpu"}
    qval = pattern_genes(images, named(regions["stripes"]), {"in": 0.9}, **options).table["qval"].to_numpy()
    assert (qval[FLAT:] < 0.01).mean() > 0.9
    assert (qval[:FLAT] < 0.05).sum() <= 2


@pytest.mark.parametrize("null", ["regions", "spots"])
def test_every_section_keeps_its_own_values(images, null):
    rng = np.random.default_rng(0)
    first, second = images.raster.parts
    rates = np.concatenate([rng.gamma(2.0, 1.0, SIDE**2), 50 + rng.gamma(2.0, 1.0, SIDE**2)])
    drawn = null_patterns(images.raster, rates, 5, null, rng)
    for part in (first, second):
        np.testing.assert_array_equal(np.sort(drawn[:, part], axis=1), np.tile(np.sort(rates[part]), (5, 1)))
        assert not np.array_equal(drawn[0, part], drawn[1, part])


def test_random_fields_repeat_in_sections_of_one_shape(images):
    first, second = images.raster.parts
    fields = random_fields(images.raster, 4, 5.0, np.random.default_rng(0))
    np.testing.assert_allclose(fields[:, first], fields[:, second], atol=1e-4)


def test_a_section_that_stands_out_as_a_whole_is_no_pattern(images):
    name = np.repeat(["A", "B"], SIDE**2).astype(object)
    with pytest.raises(InputError, match="in every spot of each section"):
        pattern_genes(images, name, {"A": 0.9}, n_null=0, device="cpu")
    with pytest.raises(InputError, match="in every spot of each section"):
        pattern_genes(images, (name == "A").astype(float), n_null=0, device="cpu")
