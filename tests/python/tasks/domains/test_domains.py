"""Domains as their users meet them: planted and real tissue, invariance, seeds, wrong input."""

from __future__ import annotations

import json
import tracemalloc
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

import sigel
from planted_tissue import FEW, content, find, planted_domains
from sigel.config.domains import DomainConfig
from sigel.errors import InputError
from sigel.stats.partitions import in_order
from sigel.tasks.domains.mixture_starts import fitted_to


def labels_of(adata, key="sigel"):
    return adata.obs[f"{key}_domain"].astype(str).to_numpy()


@pytest.fixture(scope="module")
def tissue():
    return planted_domains()


@pytest.fixture(scope="module")
def found(tissue):
    return find(tissue.copy())


@pytest.fixture(scope="module")
def small():
    return planted_domains(14, 14, 2, per_domain=10, n_background=0)


@pytest.fixture
def fresh(small):
    return small.copy()


# --- what comes out ----------------------------------------------------------------------------------------


def test_planted_domains_are_found_by_all_genes(tissue):
    adata = tissue.copy()
    sigel.tl.domains(adata, 4, device="cpu", progress=False)
    assert adjusted_rand_score(adata.obs["region"], adata.obs["sigel_domain"]) >= 0.9
    about = adata.uns["sigel"]["domains"]
    assert about["genes"].tolist() == adata.var_names.tolist()
    assert DomainConfig.from_dict(json.loads(about["params"])) == DomainConfig()
    votes = 160 * adata.obs["sigel_domain_prob"]  # five windows, four numbers of components, eight starts
    np.testing.assert_allclose(votes, votes.round(), atol=1e-9)
    assert "sigel_selected" not in adata.var


def test_the_planted_programme_of_a_simulated_section_is_found():
    adata = sigel.datasets.simulated_section(36, 36, n_programmes=1, n_background_genes=90, seed=1)
    find(adata, 2)
    assert adjusted_rand_score(adata.obs["region"], adata.obs["sigel_domain"]) >= 0.9


def test_results_are_written_under_their_keys(found, tissue):
    assert adjusted_rand_score(found.obs["region"], found.obs["sigel_domain"]) >= 0.9
    assert set(found.obs) - set(tissue.obs) == {"sigel_domain", "sigel_domain_prob"}
    assert set(found.obsm) - set(tissue.obsm) == {"X_sigel_domain"}
    assert list(found.var) == list(tissue.var)
    assert list(found.obs["sigel_domain"].cat.categories) == ["1", "2", "3", "4"]
    sizes = found.obs["sigel_domain"].value_counts()[["1", "2", "3", "4"]]
    assert (np.diff(sizes) <= 0).all()  # "1" is the largest
    assert found.obs["sigel_domain_prob"].between(0, 1).all()
    assert found.obs["sigel_domain_prob"].mean() > 0.8
    features = found.obsm["X_sigel_domain"]
    assert features.shape == (found.n_obs, 20)
    assert features.dtype == np.float32
    about = found.uns["sigel"]["domains"]
    assert about["method"] == "mixture"
    assert about["n_domains"] == 4
    assert about["window"] == 7
    assert about["genes"].tolist() == list(found.var_names)
    assert about["seed"] == 0
    assert not about["refined"]
    assert about["n_changed"] == 0
    assert "number" not in about
    assert DomainConfig.from_dict(json.loads(about["params"])) == DomainConfig(**FEW)
    assert (about["layer"], about["spatial_key"], about["section_key"]) == ("", "spatial", "")


def test_spots_at_borders_are_less_sure(found):
    prob, region = found.obs["sigel_domain_prob"].to_numpy(), found.obs["region"].to_numpy()
    wrong = pd.crosstab(region, labels_of(found)).to_numpy()
    assert wrong.max(axis=1).sum() / wrong.sum() > 0.95
    near = np.linalg.norm(found.obsm["spatial"][:, None] - found.obsm["spatial"][None], axis=2) < 150
    border = (near & (region[:, None] != region[None])).any(axis=1)
    assert prob[border].mean() < prob[~border].mean()


@pytest.mark.nightly
def test_the_result_can_be_written_read_and_used(found, tmp_path):
    adata = found.copy()
    table = sigel.tl.domain_stability(adata, n_seeds=2, device="cpu", progress=False)
    find(adata, None, config={**FEW, "max_domains": 5}, key_added="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adata.write_h5ad(tmp_path / "tissue.h5ad")
    back = ad.read_h5ad(tmp_path / "tissue.h5ad")
    pd.testing.assert_series_equal(back.obs["sigel_domain"], adata.obs["sigel_domain"])
    for key in ("sigel", "auto"):
        kept, was = back.uns[key]["domains"], adata.uns[key]["domains"]
        assert set(kept) == set(was)
        for name in (
            "method",
            "n_domains",
            "window",
            "refined",
            "n_changed",
            "seed",
            "params",
            "section_key",
        ):
            assert kept[name] == was[name], name
        np.testing.assert_array_equal(kept["genes"], was["genes"])
    for name, column in adata.uns["auto"]["domains"]["number"].items():
        np.testing.assert_array_equal(back.uns["auto"]["domains"]["number"][name], column)
    for name, column in adata.uns["sigel"]["domains"]["stability"].items():
        np.testing.assert_array_equal(back.uns["sigel"]["domains"]["stability"][name], column)
    again = sigel.tl.domain_stability(back, n_seeds=2, device="cpu", progress=False)
    pd.testing.assert_frame_equal(again, table)


def test_zero_count_spots_get_a_domain(tissue):
    adata = tissue.copy()
    empty = np.random.default_rng(0).choice(adata.n_obs, 8, replace=False)
    counts = adata.X.tolil()
    counts[empty] = 0
    adata.X = counts.tocsr()
    find(adata, config={"starts": 1})
    assert adata.obs["sigel_domain"].notna().all()
    assert np.isfinite(adata.obsm["X_sigel_domain"]).all()
    assert adjusted_rand_score(adata.obs["region"], adata.obs["sigel_domain"]) > 0.85
    # Their neighbours say where they are.
    match = pd.crosstab(adata.obs["region"], labels_of(adata)).idxmax(axis=1)
    right = match[adata.obs["region"].iloc[empty]].to_numpy() == labels_of(adata)[empty]
    assert right.mean() >= 0.75


def test_domains_are_numbered_by_size_and_the_first_spot_decides_among_equals():
    assert in_order(np.array(["b", "a", "c", "c", "b"])).tolist() == ["1", "3", "2", "2", "1"]
    assert in_order(np.array([7, 7, -1])).tolist() == ["1", "1", "2"]


def test_a_second_call_replaces_the_first(fresh):
    find(fresh, 2)
    sigel.tl.domain_stability(fresh, n_seeds=1, device="cpu", progress=False)
    assert "sigel_domain_stability" in fresh.obs
    fresh.uns["sigel"]["other"] = 1
    find(fresh, 3)
    assert "sigel_domain_stability" not in fresh.obs
    assert "stability" not in fresh.uns["sigel"]["domains"]
    assert fresh.uns["sigel"]["other"] == 1
    find(fresh, 2, key_added="again")
    assert fresh.obs["sigel_domain"].nunique() == 3
    assert fresh.obs["again_domain"].nunique() == 2


# --- what must not matter ----------------------------------------------------------------------------------


def test_labels_are_never_read(found, tissue):
    bare = tissue.copy()
    bare.obs = bare.obs[[]]
    shuffled = tissue.copy()
    shuffled.obs["region"] = np.random.default_rng(0).permutation(shuffled.obs["region"])
    shuffled.obs["layer"] = "L1"
    shuffled.var["marker"] = 0
    for other in (bare, shuffled):
        find(other)
        np.testing.assert_array_equal(labels_of(other), labels_of(found))
        np.testing.assert_array_equal(other.obs["sigel_domain_prob"], found.obs["sigel_domain_prob"])
        np.testing.assert_array_equal(other.obsm["X_sigel_domain"], found.obsm["X_sigel_domain"])


def test_units_turns_and_the_kind_of_matrix_do_not_matter(found, tissue):
    x, y = tissue.obsm["spatial"].T
    moved = tissue.copy()
    moved.obsm["spatial"] = 0.013 * np.column_stack([y, -x]) + 77
    dense = tissue.copy()
    dense.X = dense.X.toarray()
    layered = tissue.copy()
    layered.layers["counts"] = sparse.csc_matrix(layered.X)
    layered.X = sparse.csr_matrix(layered.shape, dtype=np.float32)
    find(moved)
    find(dense)
    find(layered, layer="counts")
    for other in (moved, dense, layered):
        np.testing.assert_array_equal(labels_of(other), labels_of(found))
    assert layered.uns["sigel"]["domains"]["layer"] == "counts"


def test_the_order_of_spots_and_genes_hardly_matters(found, tissue):
    """Starts are drawn in the order of spots: other starts, nearly the same vote."""
    rng = np.random.default_rng(0)
    shuffled = tissue[rng.permutation(tissue.n_obs), rng.permutation(tissue.n_vars)].copy()
    find(shuffled)
    before = found.obs["sigel_domain"].loc[shuffled.obs_names]
    assert adjusted_rand_score(before, shuffled.obs["sigel_domain"]) > 0.95


def test_array_positions_do_where_there_are_no_coordinates(tissue, found):
    adata = tissue.copy()
    del adata.obsm["spatial"]
    find(adata)
    assert adata.uns["sigel"]["domains"]["window"] == found.uns["sigel"]["domains"]["window"]
    assert adjusted_rand_score(labels_of(adata), labels_of(found)) > 0.95


def test_a_view_and_a_file_on_disk_give_what_the_object_in_memory_gives(fresh, tmp_path):
    fresh.write_h5ad(tmp_path / "tissue.h5ad")
    on_disk = ad.read_h5ad(tmp_path / "tissue.h5ad", backed="r")
    find(on_disk, 2)
    view = fresh[:, :]
    before = content(fresh)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find(view, 2)
        sigel.tl.domain_stability(view[:], n_seeds=1, progress=False)
    assert not view.is_view
    assert content(fresh) == before
    find(fresh, 2)
    np.testing.assert_array_equal(labels_of(on_disk), labels_of(fresh))
    np.testing.assert_array_equal(labels_of(view), labels_of(fresh))


# --- seeds -------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_domains_on_any_number_of_threads(found, tissue):
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    again = find(tissue.copy())
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2):
            several = find(tissue.copy())
    finally:
        torch.set_num_threads(threads)
    for other in (again, several):
        np.testing.assert_array_equal(labels_of(other), labels_of(found))
        np.testing.assert_array_equal(other.obs["sigel_domain_prob"], found.obs["sigel_domain_prob"])
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_another_seed_gives_nearly_the_same_domains(found, tissue):
    other = find(tissue.copy(), seed=5)
    assert other.uns["sigel"]["domains"]["seed"] == 5
    assert adjusted_rand_score(labels_of(other), labels_of(found)) > 0.95


def test_stability_is_high_where_domains_are_clear(found):
    adata = found.copy()
    table = sigel.tl.domain_stability(adata, n_seeds=3, device="cpu", progress=False)
    assert list(table.columns) == ["domain", "n_spots", "stability", "lowest"]
    assert table["domain"].tolist() == ["1", "2", "3", "4"]
    assert table["n_spots"].tolist() == adata.obs["sigel_domain"].value_counts()[table["domain"]].tolist()
    assert (table["lowest"] <= table["stability"]).all()
    assert (table["stability"] > 0.9).all()
    assert table.attrs["ari"] == pytest.approx(np.mean(table.attrs["ari_by_seed"]))
    assert table.attrs["seeds"] == [1, 2, 3]  # 0 made the domains
    kept = adata.obs["sigel_domain_stability"]
    assert kept.between(0, 1).all()
    assert kept.mean() > 0.95
    stored = adata.uns["sigel"]["domains"]["stability"]
    assert set(stored) == {*table.columns, "ari", "ari_by_seed", "seeds"}
    np.testing.assert_array_equal(labels_of(adata), labels_of(found))


def test_stability_is_that_of_calls_by_hand(fresh):
    find(fresh, 3, seed=1)
    table = sigel.tl.domain_stability(fresh, n_seeds=2, seed=1, device="cpu", progress=False)
    assert table.attrs["seeds"] == [2, 3]
    now = labels_of(fresh)
    jaccard = []
    for at, seed in enumerate(table.attrs["seeds"]):
        # Components are made at the stored seed; only clustering is repeated at others.
        other = labels_of(find(fresh.copy(), 3, seed=seed))
        assert table.attrs["ari_by_seed"][at] == pytest.approx(adjusted_rand_score(now, other), abs=0.02)
        jaccard.append(
            [
                max(((now == a) & (other == b)).sum() / ((now == a) | (other == b)).sum() for b in set(other))
                for a in table["domain"]
            ]
        )
    np.testing.assert_allclose(table["stability"], np.mean(jaccard, axis=0), atol=0.02)
    np.testing.assert_allclose(table["lowest"], np.min(jaccard, axis=0), atol=0.02)


def test_stability_without_domains_or_with_nonsense_is_refused(fresh):
    def stability(**arguments):
        return sigel.tl.domain_stability(fresh, device="cpu", progress=False, **arguments)

    with pytest.raises(InputError, match=r"sigel.tl.domains\(adata"):
        stability()
    find(fresh, 2)
    before = content(fresh)
    for n_seeds in (0, -1, 2.5, True, "ten"):
        with pytest.raises(InputError, match="n_seeds"):
            stability(n_seeds=n_seeds)
    with pytest.raises(InputError, match="seed"):
        stability(n_seeds=1, seed=-1)
    assert content(fresh) == before


def test_stability_uses_the_counts_that_the_domains_were_made_from(fresh):
    """Whatever a later fit under the same key was made from."""
    fresh.layers["noise"] = sparse.csr_matrix(
        np.random.default_rng(0).poisson(1.0, fresh.shape).astype(np.float32)
    )
    find(fresh, 2)
    expected = sigel.tl.domain_stability(fresh, n_seeds=1, device="cpu", progress=False)
    sigel.tl.embed(fresh, preset="fast", layer="noise", device="cpu", progress=False)
    again = sigel.tl.domain_stability(fresh, n_seeds=1, device="cpu", progress=False)
    pd.testing.assert_frame_equal(again, expected)


def test_leiden_finds_the_planted_domains(tissue):
    adata = find(tissue.copy(), 4, method="leiden")
    assert adjusted_rand_score(adata.obs["region"], adata.obs["sigel_domain"]) >= 0.8
    assert adata.uns["sigel"]["domains"]["method"] == "leiden"
    assert adata.obs["sigel_domain_prob"].isna().all()


def test_stability_is_of_the_method_that_made_the_domains(fresh):
    def mixture(features, n_domains):
        """Named like a method of the package, and another."""
        return np.digitize(features[:, 0], np.quantile(features[:, 0], np.arange(1, n_domains) / n_domains))

    find(fresh, 3, method=mixture)
    for method in (None, "mixture"):
        with pytest.raises(InputError, match=r"domains made by mixture.*method=mixture"):
            sigel.tl.domain_stability(fresh, n_seeds=1, method=method, progress=False)
    table = sigel.tl.domain_stability(fresh, n_seeds=1, method=mixture, progress=False)
    assert (table["stability"] == 1).all()  # it knows no seed
    find(fresh, 3)
    for method in ("leiden", "zzz", mixture):
        with pytest.raises(InputError, match=r"`method`.*made by 'mixture'"):
            sigel.tl.domain_stability(fresh, n_seeds=1, method=method, progress=False)


def test_stability_of_domains_of_another_version_asks_for_new_ones(fresh):
    find(fresh, 2)
    old = {"share": 0.25, "rings": [1, 7, 19, 37], "window": None, "starts": 32}
    fresh.uns["sigel"]["domains"]["params"] = json.dumps(old)
    with pytest.raises(
        InputError, match=r"`key`.*another version.*'rings'.*domains\(adata, n_domains\) again"
    ):
        sigel.tl.domain_stability(fresh, n_seeds=1, progress=False)
    assert "sigel_domain_stability" not in fresh.obs


def test_stability_of_a_single_domain_or_without_its_genes_is_refused(fresh):
    find(fresh, 2)
    with pytest.raises(InputError, match=r"`key`.*a single domain"):
        sigel.tl.domain_stability(fresh[fresh.obs["sigel_domain"] == "1"].copy(), progress=False)
    with pytest.raises(InputError, match=r"`adata`.*no 5 of the \d+ genes"):
        sigel.tl.domain_stability(fresh[:, 5:].copy(), progress=False)


def test_stability_of_spots_without_a_domain_is_refused(fresh):
    find(fresh, 3)
    fresh.obs.loc[fresh.obs_names[:10], "sigel_domain"] = np.nan
    with pytest.raises(InputError, match=r"`key`.*10 spots without a domain"):
        sigel.tl.domain_stability(fresh, n_seeds=1, progress=False)


# --- methods -----------------------------------------------------------------------------------------------


def test_a_function_may_cluster(found, tissue):
    seen = []

    def by_kmeans(features, n_domains):
        seen.append((features.shape, n_domains))
        labels = KMeans(n_domains, n_init=3, random_state=0).fit_predict(features)
        features[:] = 0  # whatever it does to them
        return labels

    adata = find(tissue.copy(), method=by_kmeans)
    assert seen == [((adata.n_obs, 20), 4)]
    np.testing.assert_array_equal(adata.obsm["X_sigel_domain"], found.obsm["X_sigel_domain"])
    expected = KMeans(4, n_init=3, random_state=0).fit_predict(found.obsm["X_sigel_domain"].astype(float))
    assert adjusted_rand_score(expected, labels_of(adata)) > 0.95
    assert adata.obs["sigel_domain_prob"].isna().all()
    about = adata.uns["sigel"]["domains"]
    assert (about["method"], about["function"]) == ("function", "by_kmeans")
    with pytest.raises(InputError, match="by_kmeans"):
        sigel.tl.domain_stability(adata, n_seeds=1, progress=False)
    table = sigel.tl.domain_stability(adata, n_seeds=1, method=by_kmeans, progress=False)
    assert (table["stability"] == 1).all()


@pytest.mark.parametrize("code", [str, float, lambda k: f"part {k}", lambda k: -7 * k])
def test_labels_of_a_function_may_be_of_any_kind(fresh, code):
    half = (fresh.obsm["spatial"][:, 1] > np.median(fresh.obsm["spatial"][:, 1])).astype(int)
    find(fresh, 2, method=lambda features, n: [code(k) for k in half])
    assert set(labels_of(fresh)) == {"1", "2"}
    assert adjusted_rand_score(half, labels_of(fresh)) == 1


def wrong_shape(features, n):
    return np.zeros(len(features) - 1)


def nan_labels(features, n):
    return np.append(np.zeros(len(features) - 1), np.nan)


def missing_labels(features, n):
    return np.array([None, *["a"] * (len(features) - 1)], dtype=object)


def table_of_labels(features, n):
    return np.zeros((len(features), n))


def labels_and_more(features, n):
    return np.zeros(len(features)), None


@pytest.mark.parametrize(
    "method", [wrong_shape, nan_labels, missing_labels, table_of_labels, labels_and_more]
)
def test_functions_that_label_badly_are_refused(fresh, method):
    before = content(fresh)
    with pytest.raises(InputError, match="method"):
        find(fresh, 2, method=method)
    assert content(fresh) == before


def test_an_error_of_a_function_is_the_callers_own_and_nothing_is_written(fresh):
    def broken(features, n):
        raise KeyError("mine")

    before = content(fresh)
    with pytest.raises(KeyError, match="mine"):
        find(fresh, 2, method=broken)
    assert content(fresh) == before


def test_refinement_moves_single_spots_and_says_how_many(tissue):
    truth = tissue.obs["region"].cat.codes.to_numpy()
    spoiled = truth.copy()
    moved = np.random.default_rng(0).choice(len(truth), 20, replace=False)
    spoiled[moved] = (spoiled[moved] + 1) % 4
    adata = find(tissue.copy(), method=lambda features, n: spoiled, refine=True)
    about = adata.uns["sigel"]["domains"]
    assert about["refined"]
    assert 15 <= about["n_changed"] <= 60
    assert adjusted_rand_score(truth, labels_of(adata)) > adjusted_rand_score(truth, spoiled) + 0.02


def test_spots_that_refinement_moved_have_no_share_of_partitions(tissue):
    config = {**FEW, "starts": 2, "windows": (1,)}
    plain = find(tissue.copy(), config=config)
    refined = find(tissue.copy(), config=config, refine=True)
    changed = refined.obs["sigel_domain_prob"].isna()
    assert changed.sum() == refined.uns["sigel"]["domains"]["n_changed"] > 0
    np.testing.assert_array_equal(
        refined.obs["sigel_domain_prob"][~changed], plain.obs["sigel_domain_prob"][~changed]
    )


# --- many spots --------------------------------------------------------------------------------------------


def test_thirty_thousand_spots_need_no_matrix_of_spots_by_spots():
    """That would be 3.6 GB in single precision; windows of 19 spots are 14 MB."""
    row, col = (a.ravel() for a in np.mgrid[:200, :150])
    region = np.digitize(row + 10 * np.sin(col / 20), [50, 100, 150])
    rng = np.random.default_rng(0)
    rate = 0.5 + 1.0 * (np.arange(24) % 4 == region[:, None])
    adata = ad.AnnData(
        sparse.csr_matrix(rng.poisson(rate).astype(np.float32)),
        var=pd.DataFrame(index=[f"G{i}" for i in range(24)]),
        obsm={"spatial": np.column_stack([col, row]).astype(float)},
    )
    tracemalloc.start()
    try:
        find(adata, 4, config={"starts": 2, "windows": (7, 19), "components": (12,), "max_spots": 3000})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300e6
    assert adjusted_rand_score(region, labels_of(adata)) >= 0.9


def test_a_sample_gives_nearly_what_all_spots_give(found, tissue):
    adata = find(tissue.copy(), config={**FEW, "max_spots": 300})
    assert adjusted_rand_score(adata.obs["region"], adata.obs["sigel_domain"]) >= 0.85
    assert adjusted_rand_score(labels_of(adata), labels_of(found)) >= 0.85


def test_of_many_spots_five_partitions_vote(tissue):
    adata = find(tissue.copy(), config={**FEW, "starts": 4, "agreeing": 1.0, "max_spots": 300})
    votes = 5 * adata.obs["sigel_domain_prob"]
    np.testing.assert_allclose(votes, votes.round(), atol=1e-9)
    assert votes.min() >= 1
    again = find(tissue.copy(), config={**FEW, "starts": 4, "agreeing": 1.0, "max_spots": 300})
    np.testing.assert_array_equal(labels_of(again), labels_of(adata))


def test_mixtures_of_a_sample_are_where_its_spots_are():
    """A component's posterior is even between two means, whatever the mean of the sample."""
    rng = np.random.default_rng(0)
    view = np.concatenate([rng.normal(-3, 1, 3000), rng.normal(3, 1, 1000)])[:, None]
    view -= view.mean(axis=0)
    few = fitted_to(view, 2, 1, np.random.default_rng(1), DomainConfig(max_spots=100))
    # The same sample, drawn as there, fitted where it lies.
    sample = view[np.random.default_rng(1).choice(4000, 100, replace=False)]
    assert abs(sample.mean()) > 0.05
    alone = fitted_to(sample, 2, 1, np.random.default_rng(1), DomainConfig())
    x = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    one, two = (made.posterior(x[:, None])[:, 0].max(dim=1).values.argmin() for made in (few, alone))
    assert abs(x[one] - x[two]) < 0.02


# --- real tissue -------------------------------------------------------------------------------------------


def test_layers_of_a_real_section_are_found(real_section):
    adata = real_section("starmap_v1_BY3_1k.h5ad")
    layer = adata.obs["layer"].astype(object)
    known = layer.notna().to_numpy()
    del adata.obs["layer"]
    before = content(adata)
    find(adata, layer.nunique(), config={"starts": 2})
    assert adjusted_rand_score(layer[known].astype(str), labels_of(adata)[known]) > 0.4
    assert before[0] == adata.X.toarray().tobytes()
