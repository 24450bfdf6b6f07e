"""Leiden, SpaGCN and refinement: what they find, what they hand over, what they leave alone, wrong input."""

from __future__ import annotations

import doctest
import random
import sys
import types
import warnings

import igraph
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from sigel.errors import InputError
from sigel.runtime.seeds import random_state
from sigel.tasks.domains import leiden as domain_leiden
from sigel.tasks.domains import refinement
from sigel.tasks.domains import spagcn as domain_spagcn
from sigel.tasks.domains.inputs import Described
from sigel.tasks.domains.leiden import at_number, graph_of_alike, leiden
from sigel.tasks.domains.refinement import refine
from sigel.tasks.domains.spagcn import lattice_shape, spagcn
from sigel.tasks.domains.windows import Tissue, islands


def lattice(height=12, width=10, hexagonal=False):
    row, col = (a.ravel().astype(float) for a in np.mgrid[:height, :width])
    return np.column_stack([row * np.sqrt(0.75), col + row % 2 / 2] if hexagonal else [row, col])


def described(features=None, *, places=None, section=None, values=None, **other):
    """What a method sees; features of three bands of the tissue where none are given."""
    places = lattice() if places is None else np.asarray(places, dtype=float)
    n_spots = len(places)
    if features is None:
        band = np.digitize(places[:, 0], np.quantile(places[:, 0], [1 / 3, 2 / 3]))
        features = np.eye(4)[band] * 6 + np.random.default_rng(0).normal(size=(n_spots, 4))
    if values is None:
        values = np.random.default_rng(1).poisson(1, (n_spots, 60)).astype(np.float32)
    section = np.zeros(n_spots, dtype=int) if section is None else np.asarray(section)
    known = {
        "features": np.asarray(features, dtype=float),
        "views": (),
        "judged": None,
        "tissue": Tissue(places, section),
        "values": sparse.csr_matrix(values),
        "genes": np.array([f"G{i}" for i in range(values.shape[1])], dtype=object),
        "window": 7,
    }
    return Described(**{**dict.fromkeys(Described._fields), **known, **other})


def bands(n=3):
    """The band of each spot of `lattice()`."""
    rows = lattice()[:, 0]
    return np.digitize(rows, np.quantile(rows, np.arange(1, n) / n))


def global_states():
    numpy_ = np.random.get_state()  # noqa: NPY002
    return random.getstate(), [np.asarray(part).tolist() for part in numpy_], torch.get_rng_state().tolist()


@pytest.mark.parametrize("module", [domain_leiden, domain_spagcn, refinement])
def test_the_examples(module):
    assert doctest.testmod(module).failed == 0


# --- Leiden ----------------------------------------------------------------------------------------------


def test_leiden_finds_groups_at_the_wanted_number():
    label = leiden(described(), 3, 0)
    assert adjusted_rand_score(label, bands()) > 0.95
    noise = np.random.default_rng(3).normal(size=(120, 5))
    for n in (2, 5, 8):
        assert set(leiden(described(noise), n, 0)) == set(range(n))


def test_leiden_depends_on_the_seed_alone_and_leaves_global_ones():
    noise = np.random.default_rng(3).normal(size=(120, 5))
    before = global_states()
    first, again, other = (leiden(described(noise), 4, seed) for seed in (7, 7, 2**40))
    assert global_states() == before
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    random.seed(1)
    assert np.array_equal(leiden(described(noise), 4, 7), first)


@pytest.mark.parametrize("fails", [False, True])
def test_igraph_draws_from_the_callers_generator_again_after_leiden(monkeypatch, fails):
    noise = np.random.default_rng(3).normal(size=(120, 5))

    def drawn():
        random.seed(5)
        graph = igraph.Graph.Erdos_Renyi(n=40, p=0.2)
        return graph.get_edgelist(), random.getstate()

    before = drawn()
    if fails:
        monkeypatch.setattr(igraph.Graph, "community_leiden", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            leiden(described(noise), 4, 0)
    else:
        leiden(described(noise), 4, 0)
    assert drawn() == before


def modularity(edges, weights, resolution, label):
    """Its definition, pair by pair."""
    dense = np.zeros((len(label), len(label)))
    dense[tuple(edges.T)] = weights
    dense += dense.T
    degree = dense.sum(axis=1)
    together = label[:, None] == label[None]
    return ((dense - resolution * np.outer(degree, degree) / degree.sum()) * together).sum() / degree.sum()


@pytest.mark.parametrize("resolution", [0.3, 1.0, 3.0])
def test_communities_are_as_good_as_those_of_leidenalg(monkeypatch, resolution):
    """Another implementation at the same resolution: the modularity, by its definition, within 3 %."""
    leidenalg = pytest.importorskip("leidenalg")
    seen = described(np.random.default_rng(3).normal(size=(120, 5)))
    edges, weights = graph_of_alike(seen.features, domain_leiden.NEIGHBORS)
    monkeypatch.setattr(domain_leiden, "at_number", lambda communities, wanted: communities(resolution))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = leiden(seen, 120, 0)
    peer = leidenalg.find_partition(
        igraph.Graph(n=120, edges=edges.tolist()),
        leidenalg.RBConfigurationVertexPartition,
        weights=weights.tolist(),
        resolution_parameter=resolution,
        seed=0,
    )
    ours, theirs = (
        modularity(edges, weights, resolution, label) for label in (found, np.array(peer.membership))
    )
    assert ours == pytest.approx(theirs, rel=0.03)


def test_leiden_does_not_depend_on_the_unit_of_the_features():
    noise = np.random.default_rng(3).normal(size=(120, 5))
    one, other = (leiden(described(noise * unit), 4, 0) for unit in (1, 2**20))
    assert np.array_equal(one, other)


def test_leiden_says_when_no_resolution_gives_the_number():
    far = np.repeat(np.eye(4) * 1e3, 30, axis=0) + np.random.default_rng(0).normal(size=(120, 4))
    with pytest.warns(UserWarning, match="gives 2 domains: 4 is the nearest number"):
        label = leiden(described(far), 2, 0)
    assert len(set(zip(np.repeat(np.arange(4), 30), label, strict=True))) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leiden(described(far), 4, 0)


def test_leiden_takes_few_spots_and_equal_ones():
    few = described(np.arange(12.0)[:, None], places=lattice(4, 3))  # fewer than neighbours are asked for
    assert set(leiden(few, 2, 0)) == {0, 1}
    assert leiden(described(np.zeros((120, 2))), 1, 0).tolist() == [0] * 120


def test_leiden_without_igraph_says_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "igraph", None)
    with pytest.raises(InputError, match=r'`method`.*igraph.*pip install "sigel\[leiden\]"'):
        leiden(described(), 3, 0)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 40), k=st.integers(1, 15), seed=st.integers(0, 99))
def test_the_graph_holds_each_pair_of_near_spots_once(n, k, seed):
    x = np.random.default_rng(seed).normal(size=(n, 3))
    edges, weights = graph_of_alike(x, k)
    far = np.linalg.norm(x[:, None] - x[None], axis=2)
    order = np.argsort(far + np.where(np.eye(n), np.inf, 0), axis=1)[:, : min(k, n - 1)]
    wanted = {tuple(sorted((i, int(j)))) for i in range(n) for j in order[i]}
    assert set(map(tuple, edges.tolist())) == wanted
    assert len(edges) == len(wanted)
    length = far[edges[:, 0], edges[:, 1]]
    assert np.array_equal(np.argsort(-weights, kind="stable"), np.argsort(length, kind="stable"))
    assert weights.min() > 0
    assert weights.max() <= 1
    assert np.median(weights) == pytest.approx(0.5, abs=0.25 if len(edges) < 3 else 0.1)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(0.01, 500), min_size=1, max_size=12),
    jumps=st.lists(st.integers(1, 3), min_size=12, max_size=12),
    wanted=st.integers(1, 20),
)
def test_the_search_finds_the_number_where_there_is_one_and_the_nearest_else(steps, jumps, wanted):
    """Numbers rise by steps with the resolution; some numbers are jumped over."""
    # Steps as close as the search is narrow can't be told apart.
    steps = [x for i, x in enumerate(sorted(steps)) if not i or x > 1.01 * sorted(steps)[i - 1]]
    numbers = 1 + np.concatenate([[0], np.cumsum(jumps[: len(steps)])])
    asked = []

    def found(resolution):
        asked.append(resolution)
        return np.arange(numbers[np.searchsorted(steps, resolution)])

    label = at_number(found, wanted)
    assert abs(len(label) - wanted) == np.abs(numbers - wanted).min()
    assert len(asked) <= domain_leiden.MOST_STEPS


# --- refinement ------------------------------------------------------------------------------------------


def refined_by_hand(labels, places, section, n):
    """One spot at a time; distances that differ are needed."""
    new = list(labels)
    for i in range(len(labels)):
        others = [j for j in np.flatnonzero(section == section[i]) if j != i]
        near = sorted(others, key=lambda j: np.linalg.norm(places[j] - places[i]))[: n - 1]
        votes = [labels[j] for j in near]
        for name in set(votes):
            if votes.count(name) > len(votes) / 2:
                new[i] = name
    return new


@settings(max_examples=60, deadline=None)
@given(
    n_spots=st.integers(2, 60), n=st.integers(1, 9), n_labels=st.integers(1, 4), seed=st.integers(0, 10**6)
)
def test_refinement_is_the_majority_of_the_nearest_of_the_same_section(n_spots, n, n_labels, seed):
    rng = np.random.default_rng(seed)
    places = rng.uniform(size=(n_spots, 2))
    section = np.unique(rng.integers(0, 2, n_spots), return_inverse=True)[1]
    labels = rng.integers(0, n_labels, n_spots)
    parts = [places[section == k] for k in range(section.max() + 1)]
    assume(all(islands(part).max() == 0 for part in parts))
    wanted = refined_by_hand(labels, places, section, n)
    refined, n_changed = refine(labels, Tissue(places, section), n)
    assert refined.tolist() == wanted
    assert n_changed == (labels != wanted).sum()


def test_a_single_spot_is_given_to_those_around_it_and_half_is_not_enough():
    places, section = lattice(7, 7), np.zeros(49, dtype=int)
    island = np.where(np.arange(49) == 24, "x", "a")
    refined, n_changed = refine(island, Tissue(places, section), n=5)
    assert n_changed == 1
    assert set(refined) == {"a"}
    halves = np.where(places[:, 0] < 3.5, "a", "b").astype(object)
    same, n_changed = refine(halves, Tissue(places, section), n=5)
    assert n_changed == 0
    assert same.tolist() == halves.tolist()
    # Of four neighbours one is "b" now, and one below was: half is no majority.
    cross = halves.copy()
    cross[23] = "b"
    assert refine(cross, Tissue(places, section), n=5)[0][24] == "a"


def test_refinement_is_one_pass_of_all_spots_together():
    checks = np.indices((6, 6)).sum(axis=0).ravel() % 2
    tissue = Tissue(lattice(6, 6), np.zeros(36, dtype=int))
    refined, n_changed = refine(checks, tissue, n=5)
    # Each is alone among others, which change as well; corners have two neighbours, and two more to count.
    corner = np.isin(np.arange(36), [0, 5, 30, 35])
    assert np.array_equal(refined, np.where(corner, checks, 1 - checks))
    assert n_changed == 32


def test_spots_at_one_place_have_votes_too():
    places = np.zeros((6, 2))
    places[5] = [9, 9]
    refined, n_changed = refine(np.array([1, 0, 0, 0, 0, 1]), Tissue(places, np.zeros(6, dtype=int)), n=4)
    assert refined.tolist() == [0, 0, 0, 0, 0, 0]
    assert n_changed == 2


# --- SpaGCN ----------------------------------------------------------------------------------------------


@pytest.fixture
def stand_in(monkeypatch):
    """A package with the functions of SpaGCN that are called; it notes how, prints, and draws globally."""
    package = types.ModuleType("SpaGCN")
    package.calls, package.failure = {}, None

    def note(name, *arguments, **named):
        print(name)
        package.calls[name] = (arguments, named)

    def search_l(share, distance, **named):
        note("search_l", share, distance, **named)
        return 1.5

    def search_res(data, distance, length, n_domains, **named):
        note("search_res", data, distance, length, n_domains, **named)
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
        return 0.6

    class SpaGCN:
        def set_l(self, length):
            note("set_l", length)

        def train(self, data, distance, **named):
            note("train", data, distance, **named)
            package.drawn = (random.random(), np.random.random(), torch.rand(1).item())  # noqa: NPY002
            if package.failure is not None:
                raise package.failure

        def predict(self):
            return package.label, None

    def refine(sample_id, pred, dis, shape):
        note("refine", sample_id, pred, dis, shape=shape)
        return pred

    package.search_l, package.search_res = search_l, search_res
    package.SpaGCN, package.refine = SpaGCN, refine
    package.label = 2 * bands() + 5
    monkeypatch.setitem(sys.modules, "SpaGCN", package)
    monkeypatch.setitem(sys.modules, "louvain", types.ModuleType("louvain"))
    return package


def test_spagcn_gets_genes_distances_and_the_settings_of_its_tutorial(stand_in, capfd):
    seen = described(places=lattice() * 137)
    label = spagcn(seen, 3, 4)
    assert np.array_equal(label, bands())  # from 0, whatever it calls them
    (share, distance), _ = stand_in.calls["search_l"]
    assert share == 0.5
    assert distance.dtype == np.float32
    places = lattice()
    assert np.allclose(distance, np.linalg.norm(places[:, None] - places[None], axis=2), atol=1e-4)
    (data, _, length, n_domains), named = stand_in.calls["search_res"]
    assert (length, n_domains) == (1.5, 3)
    assert {named[name] for name in ("r_seed", "t_seed", "n_seed")} == {random_state(4, "domains")}
    assert np.array_equal(data.X, seen.values.toarray())
    assert data.shape == data.X.shape
    assert stand_in.calls["set_l"] == ((1.5,), {})
    training = {"init_spa": True, "init": "louvain", "res": 0.6, "tol": 5e-3, "lr": 0.05, "max_epochs": 200}
    assert stand_in.calls["train"][1] == training
    assert stand_in.calls["refine"][1] == {"shape": "square"}
    assert capfd.readouterr() == ("", "")


def test_spagcn_refines_as_the_lattice_is(stand_in):
    hexagons = lattice(hexagonal=True)
    spagcn(described(places=hexagons), 3, 0)
    assert stand_in.calls["refine"][1] == {"shape": "hexagon"}
    scattered = np.random.default_rng(0).uniform(size=(120, 2))
    assert lattice_shape(scattered) == "hexagon"
    turned = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert lattice_shape(lattice(20, 20) @ turned) == "square"
    assert lattice_shape(lattice(20, 20, hexagonal=True) @ turned) == "hexagon"


@pytest.mark.parametrize("failure", [None, RuntimeError("broken")])
def test_the_global_generators_are_lent_to_spagcn_and_put_back(stand_in, failure):
    stand_in.failure = failure
    drawn = []
    for seed in (3, 3, 4):
        before = global_states()
        if failure is None:
            spagcn(described(), 3, seed)
        else:
            with pytest.raises(RuntimeError, match="broken"):
                spagcn(described(), 3, seed)
        assert global_states() == before
        drawn.append(stand_in.drawn)
        random.random()
        torch.rand(1)
    assert drawn[0] == drawn[1]
    assert not set(drawn[1]) & set(drawn[2])


def test_spagcn_with_fewer_genes_than_components_gets_columns_of_zeros(stand_in):
    values = np.random.default_rng(0).poisson(1, (120, 20)).astype(np.float32)
    spagcn(described(values=values), 3, 0)
    data = stand_in.calls["train"][0][0]
    assert data.shape == (120, 50)
    assert np.array_equal(data.X[:, :20], values)
    assert not data.X[:, 20:].any()


def test_spagcn_says_when_it_makes_another_number(stand_in):
    with pytest.warns(UserWarning, match="SpaGCN made 3 domains, not 5"):
        assert set(spagcn(described(), 5, 0)) == {0, 1, 2}


def test_spagcn_refuses_what_it_cannot_do(stand_in, monkeypatch):
    halves = np.arange(120) // 60
    many = np.stack(np.divmod(np.arange(20_001.0), 150), axis=1)
    for one, words in [
        (described(section=halves), "2 sections"),
        (described(places=lattice(7, 7)), "49 spots.*50 spots or more"),
        (described(np.zeros((20_001, 1)), places=many, values=sparse.eye_array(20_001)), "20,001.*20,000"),
    ]:
        with pytest.raises(InputError, match=rf"`method`.*'spagcn' for {words}.*mixture"):
            spagcn(one, 3, 0)
    monkeypatch.setattr(domain_spagcn, "available_memory", lambda device: 200_000)
    with pytest.raises(InputError, match=r"`method`.*120 spots.*GB"):
        spagcn(described(), 3, 0)
    assert not stand_in.calls


@pytest.mark.parametrize("package", ["SpaGCN", "louvain"])
def test_spagcn_without_its_packages_says_the_line_that_installs_them(stand_in, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf'`method`.*{package}.*pip install "sigel\[spagcn\]"'):
        spagcn(described(), 3, 0)
