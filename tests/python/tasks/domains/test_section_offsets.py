"""Offsets of sections: what sets sections apart as a whole, and not what they are made of."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

import sigel
from sigel.config.domains import DomainConfig
from sigel.tasks.domains.section_offsets import offsets_of_views, section_offsets

CONFIG = DomainConfig()


def sections(shares, shift, *, n=300, n_dims=5, apart=6.0, seed=0):
    """Scores of sections that hold two domains in given shares, each section moved by its own vector."""
    rng = np.random.default_rng(seed)
    domain = np.concatenate([np.arange(n) < share * n for share in shares]).astype(int)
    section = np.repeat(np.arange(len(shares)), n)
    centre = np.zeros((2, n_dims))
    centre[1, 0] = apart
    # Far below half of the distance between domains, beyond which one is taken for the other.
    move = np.clip(shift * rng.normal(size=(len(shares), n_dims)), -1, 1)
    scores = centre[domain] + move[section] + rng.normal(size=(len(domain), n_dims))
    return scores - scores.mean(axis=0), domain, section, move - move.mean(axis=0)


def found(scores, section, config=CONFIG, seed=0):
    return section_offsets(scores, section, config, np.random.default_rng(seed))


# The same examples at every run: one draw in some hundreds ends 0.4 off, and luck must not choose.
@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.integers(2, 5), st.floats(0.3, 1.0), st.integers(0, 999))
def test_planted_offsets_are_found(n_sections, shift, seed):
    scores, _, section, move = sections([0.5] * n_sections, shift, seed=seed)
    # Standard error of a section's mean: 1 / sqrt(300) = 0.06 in each dimension; a tenth more by the domains.
    np.testing.assert_allclose(found(scores, section, seed=seed), move, atol=0.35)


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.nightly) for k in (1, 2))])
def test_composition_is_no_offset(seed):
    """Sections of 90 % and of 10 % of a domain differ by 4.8 in their means, and by nothing else."""
    scores, _, section, _ = sections([0.9, 0.1], 0.0, seed=seed)
    means = np.array([scores[section == one].mean(axis=0) for one in (0, 1)])
    assert abs(means[0, 0] - means[1, 0]) > 4
    assert abs(found(scores, section, seed=seed)).max() < 0.5


@pytest.mark.parametrize("shared", [0.0, 0.1])
@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.nightly) for k in (1, 2))])
def test_sections_without_a_domain_in_common_stay_apart(shared, seed):
    """Two domains in each of two sections, 8 standard deviations from one another: none moves to another."""
    rng = np.random.default_rng(seed)
    section = np.repeat([0, 1], 400)
    own = 2 * section + rng.integers(2, size=800)
    domain = np.where(rng.random(800) < shared, rng.integers(4, size=800), own)
    centre = np.eye(4, 8) * 8 / np.sqrt(2)
    scores = centre[domain] + rng.normal(size=(800, 8))
    scores -= scores.mean(axis=0)
    means = np.array([scores[section == one].mean(axis=0) for one in (0, 1)])
    moved = np.diff(found(scores, section, seed=seed), axis=0)
    assert np.linalg.norm(moved) < 0.2 * np.linalg.norm(np.diff(means, axis=0))


def test_offsets_have_mean_zero_and_vanish_for_one_section():
    scores, _, section, _ = sections([0.2, 0.5, 0.8], 0.7)
    section = np.where(np.arange(len(section)) < 100, 1, section)  # sections of unlike size
    offsets = found(scores, section)
    np.testing.assert_allclose(offsets[section].mean(axis=0), 0, atol=1e-9)
    assert abs(found(scores, np.zeros(len(scores), int))).max() < 1e-9


@pytest.mark.nightly
def test_the_guide_tells_what_sections_share_where_a_view_is_too_clear_to():
    """Without noise each section has components of its own; the noise of the guide lets them overlap."""
    scores, domain, section, move = sections([0.4, 0.6], 0.8)
    # The same domains and moves in other dimensions, with a tenth of the noise.
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    centre = np.array([scores[domain == one].mean(axis=0) for one in (0, 1)])
    clear = 0.9 * (centre[domain] - centre[domain].mean(axis=0)) @ turn + move[section] @ turn
    clear += 0.1 * np.random.default_rng(2).normal(size=clear.shape)
    clear -= clear.mean(axis=0)
    own, guided = offsets_of_views(scores, [scores, clear], section, CONFIG, np.random.default_rng(0))
    np.testing.assert_array_equal(own, found(scores, section))
    np.testing.assert_allclose(guided, move @ turn, atol=0.35)
    alone = found(clear, section)
    assert np.linalg.norm(alone - move @ turn) > 2 * np.linalg.norm(guided - move @ turn)


def test_many_spots_are_sampled():
    scores, _, section, move = sections([0.5, 0.5], 0.8, n=400)
    offsets = found(scores, section, DomainConfig(max_spots=300))
    np.testing.assert_allclose(offsets, move, atol=0.5)
    assert not np.array_equal(offsets, found(scores, section))


def test_the_same_generator_gives_the_same_offsets_and_changes_nothing():
    scores, _, section, _ = sections([0.3, 0.6], 0.5)
    before = scores.copy()
    np.testing.assert_array_equal(found(scores, section, seed=3), found(scores, section, seed=3))
    np.testing.assert_array_equal(scores, before)


@pytest.mark.nightly
def test_domains_are_shared_by_sections_that_were_stained_apart():
    """Every gene of the second section is caught at a rate of its own: domains, not sections, come back."""
    halves = [sigel.datasets.simulated_section(16, 16, 3, 30, 40, seed=4) for _ in range(2)]
    rng = np.random.default_rng(0)
    rate = np.exp(rng.normal(0, 0.5, halves[0].n_vars))
    thinned = halves[1].X.copy().tocoo()
    thinned.data = rng.binomial(thinned.data.astype(int), (rate / rate.max())[thinned.col]).astype(np.float32)
    halves[1].X = thinned.tocsr()
    halves[1].X.eliminate_zeros()
    both = anndata.concat(dict(zip("ab", halves, strict=True)), label="slide", index_unique="-")
    region = both.obs["region"].astype(str).to_numpy()
    slide = both.obs["slide"].astype(str).to_numpy()
    ari, apart = {}, {}
    for corrected in (True, False):
        config = {"section_offsets": corrected, "starts": 4}
        sigel.tl.domains(both, 3, section_key="slide", config=config, device="cpu", progress=False)
        ari[corrected] = adjusted_rand_score(region, both.obs["sigel_domain"])
        apart[corrected] = adjusted_rand_score(slide, both.obs["sigel_domain"])
    assert apart[True] < 0.05 < 0.5 < apart[False]
    assert ari[True] > ari[False] + 0.3


@pytest.mark.parametrize("seed", range(3))
def test_a_small_section_beside_many_spots_has_an_offset_too(seed):
    """Sixty of 3,060 spots, of which some 150 are looked at: at random there would be two or three."""
    scores, _, section, move = sections([0.5] * 4, 0.8, n=1000, seed=seed)
    kept = np.concatenate([np.flatnonzero(section == 0)[:60], np.flatnonzero(section > 0)])
    few = found(scores[kept], section[kept], DomainConfig(max_spots=150), seed)
    # Standard error of a mean of 20 spots: 0.22; of the others' 50: 0.14.
    size = np.bincount(section[kept])
    expected = move - size @ move / size.sum()
    np.testing.assert_allclose(few, expected, atol=1.0)
    assert np.corrcoef(few.ravel(), expected.ravel())[0, 1] > 0.7


def test_a_section_of_twenty_spots_stops_nothing():
    rng = np.random.default_rng(0)
    place = rng.uniform(0, 45, (2000, 2))
    band = (place[:, 0] > 15) + 1 * (place[:, 0] > 30)
    counts = rng.poisson(rng.gamma(2, 1, (3, 120))[band]).astype(np.float32)
    adata = anndata.AnnData(sparse.csr_matrix(counts), obsm={"spatial": place})
    adata.obs["section"] = np.where(np.arange(2000) < 20, "small", "large")
    sigel.tl.domains(
        adata,
        3,
        section_key="section",
        genes=list(adata.var_names),
        config={"max_spots": 100, "starts": 2},
        device="cpu",
        progress=False,
    )
    large = (adata.obs["section"] == "large").to_numpy()
    assert adjusted_rand_score(band[large], adata.obs["sigel_domain"][large]) > 0.8
