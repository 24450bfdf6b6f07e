"""One gene in the sections of a cohort: its depth, its levels in domains, its pictures and their means."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images.section import Section
from sigel.images.tensors import SHOWN
from sigel.tasks.cohorts.find import Sections
from sigel.tasks.cohorts.gene_by_domain import gene_by_domain
from sigel.tasks.cohorts.gene_panels import gene_panels
from sigel.tasks.cohorts.one_gene import see_gene
from sigel.tasks.cohorts.shared_frame import mean_images

# The second section has no c, the first no d; a spot of each has no counts of what they share.
FIRST = np.array([[3, 1, 9], [0, 4, 9], [0, 0, 5], [2, 6, 0]])
SECOND = np.array([[7, 5, 2], [1, 0, 8], [9, 0, 0]])


def section(counts, genes, places=None):
    places = np.arange(2.0 * len(counts)).reshape(-1, 2) if places is None else places
    return Section(sparse.csr_matrix(counts.astype(np.float32)), np.array(list(genes), dtype=object), places)


def sections(*, joined=False):
    # The second has its genes in another order: d, a, b.
    return Sections(("s1", "s2"), (section(FIRST, "abc"), section(SECOND, "dab")), joined=joined)


def lattice(side, *, step=1.0, at=(0.0, 0.0)):
    row, col = np.divmod(np.arange(side * side), side)
    return step * np.stack([col, row], axis=1) + np.asarray(at)


def by_name(*values):
    return pd.Series(values, [f"s{k + 1}" for k in range(len(values))])


def test_a_library_counts_the_genes_that_all_sections_measured():
    seen = see_gene(sections(), "a")
    np.testing.assert_array_equal(seen.library[0], FIRST[:, :2].sum(axis=1))
    np.testing.assert_array_equal(seen.library[1], SECOND[:, 1:].sum(axis=1))
    np.testing.assert_array_equal(seen.counts[0], FIRST[:, 0])
    np.testing.assert_array_equal(seen.counts[1], SECOND[:, 1])
    assert seen.depth == np.median([4, 4, 8, 7, 8])  # spots without counts are left out


def test_where_no_gene_is_shared_all_count():
    apart = Sections(("s1", "s2"), (section(FIRST, "abc"), section(SECOND, "xyz")), joined=False)
    seen = see_gene(apart, "a")
    np.testing.assert_array_equal(seen.library[0], FIRST.sum(axis=1))
    np.testing.assert_array_equal(seen.library[1], SECOND.sum(axis=1))
    assert seen.counts[1] is None


def test_a_gene_that_a_section_lacks_or_that_none_has():
    assert see_gene(sections(), "c").counts[1] is None
    with pytest.raises(InputError, match="'e'"):
        see_gene(sections(), "e")
    with pytest.raises(InputError, match="one gene"):
        see_gene(sections(), ["a"])
    without = Sections(("s1",), (section(FIRST * [0, 1, 1], "abc"),), joined=True)
    with pytest.raises(InputError, match="without a count"):
        see_gene(without, "a")


def test_where_shared_genes_have_no_counts_levels_are_none():
    both = Sections(
        ("s1", "s2"), (section(FIRST * [0, 0, 1], "abc"), section(SECOND * [0, 0, 1], "abd")), joined=False
    )
    seen = see_gene(both, "c")
    assert seen.depth == 1
    np.testing.assert_array_equal(seen.level(0, np.zeros(4, int), 1), [0])


def test_levels_of_places_pool_their_spots_at_the_median_depth():
    level = see_gene(sections(), "a").level(0, np.array([0, 0, 1, 3]), 4)
    expected = [np.log1p(7 * 3 / 8), 0, 0, np.log1p(7 * 2 / 8)]
    np.testing.assert_allclose(level, expected)


@pytest.mark.parametrize("joined", [False, True])
def test_totals_of_a_file_are_those_in_memory(tmp_path, joined):
    held, on_disk = [], []
    for k, counts in enumerate((FIRST, SECOND)):
        adata = anndata.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
        adata.var_names, adata.obsm["spatial"] = list("abc"), np.arange(2.0 * len(counts)).reshape(-1, 2)
        adata.write_h5ad(tmp_path / f"{k}.h5ad")
        held.append(Section.from_anndata(adata))
        on_disk.append(Section.from_anndata(anndata.read_h5ad(tmp_path / f"{k}.h5ad", backed="r")))
    totals = [Sections(("s1", "s2"), tuple(one), joined=joined).totals() for one in (held, on_disk)]
    np.testing.assert_array_equal(totals[0], [FIRST.sum(axis=0), SECOND.sum(axis=0)])
    np.testing.assert_array_equal(*totals)


def test_levels_in_domains_are_counts_over_libraries_of_a_donor_at_the_median_depth():
    domains = [pd.Series(["x", "y", "x", None]), pd.Series(["y", "x", ""])]
    found = gene_by_domain(sections(), "a", by_name("old", "young"), by_name("d1", "d2"), domains)
    depth = 7.0
    expected = {("x", "d1"): (3, 4), ("y", "d1"): (0, 4), ("x", "d2"): (0, 8), ("y", "d2"): (5, 7)}
    assert [(row.domain, row.donor) for row in found.itertuples()] == [
        ("x", "d1"),
        ("x", "d2"),
        ("y", "d1"),
        ("y", "d2"),
    ]
    for row in found.itertuples():
        counts, library = expected[row.domain, row.donor]
        assert row.level == pytest.approx(np.log1p(depth * counts / library))


def test_a_domain_of_one_count_is_told_of_and_one_of_none_is_not():
    one, other = np.array([[1, 0, 4], [0, 0, 3], [2, 2, 2]]), np.array([[1, 1, 0], [5, 0, 0], [3, 3, 1]])
    both = Sections(("s1", "s2"), (section(one, "abc"), section(other, "abd")), joined=False)
    domains = [pd.Series(["x", "y", "z"]), pd.Series(["x", "y", "z"])]
    found = gene_by_domain(both, "a", by_name("old", "young"), None, domains)
    assert found["domain"].unique().tolist() == ["x", "z"]
    own = found.set_index(["domain", "donor"])["level"]
    assert own["x", "s1"] == pytest.approx(np.log1p(np.median([1, 4, 2, 5, 6])))
    level = see_gene(both, "a").level(0, np.arange(3), 3)
    np.testing.assert_allclose(level, np.log1p([4.0, 0.0, 2.0]))


def test_a_panel_is_the_level_of_each_pixel_mixed_with_its_neighbours():
    rng = np.random.default_rng(0)
    counts, places = rng.poisson(3, (25, 3)), lattice(5)
    both = Sections(
        ("s1", "s2"), (section(counts, "abc", places), section(counts, "bcd", places)), joined=False
    )
    blocks = gene_panels(both, "a", by_name("old", "young"), by_name("D2", "D1"), ImageConfig())
    assert [block.heading for block in blocks] == ["old  (1 section, 1 donor)", "young  (1 section, 1 donor)"]
    (panel,), (lacks,) = blocks[0].panels, blocks[1].panels
    assert (panel.title, lacks.values) == ("D2, s1", None)
    level = see_gene(both, "a").level(0, panel.raster.pixel_of_spot, panel.raster.n_pixels)
    expected = (1 - SHOWN) * level + SHOWN * (panel.raster.neighbors @ level)
    np.testing.assert_allclose(panel.values, expected)


def test_mean_images_average_sections_of_a_donor_first_and_then_donors():
    rng = np.random.default_rng(1)
    names = ("s1", "s2", "s3", "s4")
    of_a = rng.binomial(20, 0.3, (4, 64))
    # Every spot has 20 counts, so that the depth is the same whatever sections there are.
    made = [section(np.stack([one, 20 - one], axis=1), "ab", lattice(8)) for one in of_a]

    def picture(k):
        alike = Sections(names, (made[k],) * 4, joined=False)
        return mean_images(alike, "a", by_name("old", "old", "old", "young"), None, ImageConfig()).means[0]

    cohort = Sections(names, tuple(made), joined=False)
    condition, donor = by_name("old", "old", "old", "young"), by_name("d1", "d1", "d2", "d3")
    found = mean_images(cohort, "a", condition, donor, ImageConfig())
    assert (found.conditions, found.n_donors) == (["old", "young"], [2, 1])
    np.testing.assert_allclose(found.means[0], ((picture(0) + picture(1)) / 2 + picture(2)) / 2)
    np.testing.assert_allclose(found.means[1], picture(3))
    np.testing.assert_allclose(found.differences[0], found.means[1] - found.means[0])


def test_a_mean_image_is_mixed_with_its_neighbours_and_fills_what_tissue_surrounds():
    rng = np.random.default_rng(4)
    places, condition = lattice(8), by_name("old", "young")
    # Without one spot inside, and without one of a side.
    lacks = (places != [4, 3]).any(axis=1) & (places != [0, 5]).any(axis=1)
    counts = [np.stack([one, 20 - one], axis=1) for one in rng.binomial(20, 0.3, (2, 64))]
    made = (section(counts[0], "ab", places), section(counts[1][lacks], "ab", places[lacks]))
    config = ImageConfig(pixel_size=1.0)
    found = mean_images(Sections(("s1", "s2"), made, joined=False), "a", condition, None, config)
    whole = mean_images(Sections(("s1", "s2"), made[:1] * 2, joined=False), "a", condition, None, config)
    beside = whole.raster.neighbors.toarray() > 0
    at = whole.raster.coordinates()
    order = [int(np.flatnonzero((places == one).all(axis=1))[0]) for one in at]
    levels = [np.log1p(one[order, 0]) for one in counts]
    np.testing.assert_allclose(
        whole.means[0], [(1 - SHOWN) * levels[0][k] + SHOWN * levels[0][beside[k]].mean() for k in range(64)]
    )
    there = lacks[order]
    inside, edge = ((at == one).all(axis=1) for one in ([4, 3], [0, 5]))
    share = beside[edge][0][there].sum() / beside.sum(axis=1).max()
    kept = [k for k in range(64) if there[k] or inside[k] or (edge[k] and share > 0.5)]
    expected = []
    for k in kept:
        around = levels[1][beside[k] & there].mean()
        expected.append((1 - SHOWN) * levels[1][k] + SHOWN * around if there[k] else around)
    np.testing.assert_allclose(found.raster.coordinates(), at[kept])
    np.testing.assert_allclose(found.means[1], expected)
    np.testing.assert_allclose(found.means[0], whole.means[0][kept])


def test_a_pixel_of_which_half_of_the_neighbours_are_tissue_is_not_filled():
    places, counts = lattice(16), np.full((256, 2), 3)
    own = (places[:, 0] < 12) | (places == [12, 7]).all(axis=1)
    made = (section(counts, "ab", places), section(counts[own], "ab", places[own]))
    config = ImageConfig(pixel_size=1.0)
    cohort = Sections(("s1", "s2"), made, joined=False)
    found = mean_images(cohort, "a", by_name("old", "young"), None, config)
    # Of the neighbours of [12, 6] and [12, 8] four of eight are.
    assert {tuple(one) for one in found.raster.coordinates()} == {tuple(one) for one in places[own]}
    assert len(found.raster.pixel_of_spot) == 0


@pytest.mark.parametrize("side", [4, 10, 64])
def test_a_shared_grid_is_no_wider_than_asked_and_its_pixels_are_whole_spacings(side):
    rng = np.random.default_rng(2)
    made = tuple(section(rng.poisson(2, (900, 2)), "ab", lattice(30, step=2.0)) for _ in range(2))
    cohort = Sections(("s1", "s2"), made, joined=False)
    found = mean_images(cohort, "a", by_name("old", "young"), None, ImageConfig(max_side=side))
    pixel = abs(found.raster.affine[:, :2]).max()
    assert max(found.raster.shape) <= side
    # 1.5 spacings, or the fewest of those that fit.
    times = max(int(np.ceil(58 / (side - 1) / 3)), 1)
    assert pixel == pytest.approx(3 * times)
    own = mean_images(cohort, "a", by_name("old", "young"), None, ImageConfig(pixel_size=7.0))
    assert abs(own.raster.affine[:, :2]).max() == pytest.approx(7)


def test_pixels_are_shown_where_half_of_the_donors_of_each_condition_have_tissue():
    rng = np.random.default_rng(3)
    places = lattice(12)
    left, whole = places[places[:, 0] < 10], places
    made = [section(rng.poisson(3, (len(one), 2)), "ab", one) for one in (left, left, whole, whole, whole)]
    names = ("s1", "s2", "s3", "s4", "s5")
    config = ImageConfig(pixel_size=1.0)
    condition = by_name("old", "old", "old", "young", "young")
    found = mean_images(Sections(names, tuple(made), joined=False), "a", condition, None, config)
    assert found.means.shape == (2, 120)
    # With one of two the strip is shown, too.
    of_two = by_name("old", "young", "old", "young", "young")
    found = mean_images(Sections(names, tuple(made), joined=False), "a", of_two, None, config)
    assert found.means.shape == (2, 144)


def test_a_section_that_lies_elsewhere_is_named():
    made = [section(np.ones((25, 2)), "ab", lattice(5, at=(at, 0))) for at in (0, 0, 4)]
    cohort = Sections(("s1", "s2", "s3"), tuple(made), joined=False)
    condition = by_name("old", "young", "young")
    with pytest.raises(InputError, match="the section 's3' with x from 4 to 8"):
        mean_images(cohort, "a", condition, None, ImageConfig())
    with pytest.raises(InputError, match="a quantity"):
        mean_images(cohort, "a", by_name(1.0, 2.0, 3.0), None, ImageConfig())
    with pytest.raises(InputError, match="one condition"):
        mean_images(cohort, "a", by_name("old", "old", "old"), None, ImageConfig())
