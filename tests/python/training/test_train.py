"""The loop: what it promises about numbers, about stopping, and about sections that are odd."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

import sigel
from conftest import QUICK, images_of
from sigel.errors import InputError, TrainingError
from sigel.images.tensors import ImageViews
from sigel.nn.encoder.gene_encoder import GeneEncoder
from sigel.nn.encoder.patches import Patches
from sigel.nn.mixture.t_mixture import TMixture
from sigel.runtime.seeds import streams
from sigel.training.losses import EpochTargets, GroupLoss, ViewLoss


def settings(n_dims=8, n_groups="auto", **parts):
    merged = {part: {**QUICK.get(part, {}), **parts.get(part, {})} for part in {*QUICK, *parts}}
    return sigel.SIGELConfig.from_dict({"n_dims": n_dims, "n_groups": n_groups, **merged})


def fit(section, seed=0, **changes):
    return sigel.SIGEL(settings(**changes), seed=seed, device="cpu").fit(images_of(section))


# --- the planted truth -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.nightly) for k in (1, 2, 3, 4))])
def test_planted_groups_of_the_simulated_section_are_recovered(seed):
    adata = sigel.datasets.simulated_section(seed=seed)
    sigel.tl.embed(adata, seed=seed, device="cpu", progress=False)
    genes = adata.var[adata.var["sigel_status"] == "embedded"]
    planted = genes[genes["programme"] != "background"]
    assert len(planted) == 720
    assert adjusted_rand_score(planted["programme"], planted["sigel_group"]) >= 0.9


# --- reproducible ----------------------------------------------------------------------------------------


def test_the_seed_decides_and_global_random_states_do_not(toy):
    first = fit(toy(), seed=3)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    again, other = fit(toy(), seed=3), fit(toy(), seed=4)
    assert np.array_equal(first.representations, again.representations)
    assert np.array_equal(first.posterior, again.posterior)
    assert not np.allclose(first.representations, other.representations, atol=0.01)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.nightly
def test_one_and_two_threads_agree(toy):
    before = torch.get_num_threads()
    section = toy(n_genes=120, height=24, width=24)
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(fit(section).representations)
    finally:
        torch.set_num_threads(before)
    # Sums are taken in another order; a few steps of training carry the rounding on.
    assert np.abs(found[0] - found[1]).max() < 1e-3


def test_order_of_spots_does_not_matter_to_the_images_and_so_not_to_the_result(toy):
    counts, genes, coordinates, which = toy()
    order = np.random.default_rng(0).permutation(len(coordinates))
    model = fit((counts, genes, coordinates, which))
    mixed = fit((counts[order], genes, coordinates[order], which))
    assert np.abs(model.representations - mixed.representations).max() < 1e-3


# --- what learns -----------------------------------------------------------------------------------------


@pytest.fixture
def pieces(toy):
    images = images_of(toy())
    config = settings(n_groups=3)
    grid = Patches.from_raster(images.raster, 4)
    encoder = dataclasses.replace(config.encoder, start="random", patch_size=4)
    model = GeneEncoder(encoder, 8, grid, streams(0)["weights"], images.n_genes)
    return images, config, grid, model


def test_the_gradient_of_module_three_reaches_encoder_head_and_mixture(pieces):
    images, config, grid, model = pieces
    views = ImageViews(images)
    rows = torch.arange(images.n_genes)
    with torch.no_grad():
        z = model(*views.view(rows), grid)
    mixture = TMixture(3, 8, config.mixture).double()
    mixture.set_prior(z.double())
    mixture.initialise(z.double(), torch.Generator().manual_seed(0))
    with torch.no_grad():
        posterior = mixture.log_joint(z.double()).softmax(dim=1)
    target = posterior.roll(1, dims=1)
    epoch = EpochTargets(target, posterior.mean(dim=0), torch.zeros_like(z), torch.zeros(len(z)))
    GroupLoss(model, mixture, grid)(views.view(rows), epoch, rows)["cluster"].backward()
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert any("head" in name for name in reached)
    assert any("block" in name for name in reached)
    assert all(p.grad.abs().sum() > 0 for p in (mixture.logits, mixture.means, mixture.log_scale))


def test_module_one_learns_to_fill_in_what_is_hidden(toy):
    train = {"pretrain_epochs": 12, "refine_epochs": 0, "contrast_weight": 1.0}
    model = fit(toy(n_genes=90), train=train, encoder={"start": "random"})
    history = [row for row in model.history if row["stage"] == "pretrain"]
    assert history[-1]["reconstruct"] < 0.9 * history[0]["reconstruct"]
    assert history[-1]["contrast"] < history[0]["contrast"]


def test_module_one_keeps_the_epoch_that_predicts_held_out_genes_best(toy):
    """At an absurd rate training only harms; what went before it is kept."""
    train = {"pretrain_epochs": 3, "refine_epochs": 0, "pretrain_lr": 3.0, "holdout": 0.3}
    section = toy(n_genes=90)
    trained = fit(section, train=train)
    last = [row for row in trained.history if row["stage"] == "pretrain"][-1]
    assert last["kept_epoch"] == 0
    assert last["held_out"] > last["held_out_start"]
    start = fit(section, train={"pretrain_epochs": 0, "refine_epochs": 0})
    assert np.array_equal(trained.representations, start.representations)
    free = fit(section, train={**train, "holdout": 0.0})
    assert not np.array_equal(free.representations, start.representations)


def test_refinement_that_does_not_help_is_undone(toy):
    """At an absurd rate refinement only harms: representations and groups are those that went before it."""
    train = {"pretrain_epochs": 0, "refine_epochs": 2, "refine_lr": 3.0, "holdout": 0.3}
    section = toy(n_genes=90)
    refined = fit(section, train=train)
    first, last = [row for row in refined.history if row["stage"] == "refine"]
    assert last["kept_epoch"] == 0
    assert last["neighbors"] < last["neighbors_start"]
    assert "neighbors_start" not in first
    start = fit(section, train={"pretrain_epochs": 0, "refine_epochs": 0})
    assert np.array_equal(refined.representations, start.representations)
    assert np.array_equal(refined.groups, start.groups)
    free = fit(section, train={**train, "holdout": 0.0})
    assert not np.array_equal(free.representations, start.representations)


def test_refinement_that_helps_is_kept(toy, monkeypatch):
    from sigel.training import refinement

    train = {"pretrain_epochs": 0, "refine_epochs": 2, "holdout": 0.3}
    monkeypatch.setattr(refinement, "is_better", lambda now, before: True)
    section = toy(n_genes=90)
    refined = fit(section, train=train)
    assert refined.history[-1]["kept_epoch"] == 2
    start = fit(section, train={"pretrain_epochs": 0, "refine_epochs": 0})
    assert not np.array_equal(refined.representations, start.representations)


def test_the_linear_encoder_needs_no_training(toy):
    model = fit(toy(n_genes=90), encoder={"branch": False})
    assert {row["stage"] for row in model.history} == {"eigenimages", "groups"}
    start = fit(toy(n_genes=90), train={"pretrain_epochs": 0, "refine_epochs": 0})
    assert np.array_equal(model.representations, start.representations)


def test_views_of_a_gene_are_compared_with_those_of_others(pieces):
    images, config, grid, model = pieces
    views = ImageViews(images)
    rows = torch.arange(images.n_genes)
    keep = torch.arange(grid.n_patches - 1).expand(images.n_genes, -1)
    loss = ViewLoss(model, grid, dataclasses.replace(config.train, contrast_weight=1.0))
    whole = views.view(rows)
    same = loss(whole, whole, (keep, keep))
    other = loss(whole, whole._replace(image=whole.image.roll(1, dims=0)), (keep, keep))
    assert same["contrast"] < other["contrast"]


# --- stopping --------------------------------------------------------------------------------------------


def test_history_tells_every_epoch(toy):
    seen = []
    model = sigel.SIGEL(settings(), seed=0, device="cpu")
    model.fit(images_of(toy()), progress=lambda *report: seen.append(report))
    stages = ["eigenimages", "pretrain", "pretrain", "groups", "refine", "refine"]
    assert [row["stage"] for row in model.history] == stages
    assert [row["epoch"] for row in model.history] == [1, 1, 2, 1, 1, 2]
    assert [report[0] for report in seen] == ["memory", *stages]
    refine = model.history[4:]
    assert "changed" not in refine[0]
    assert 0 <= refine[1]["changed"] <= 1
    for row in refine:
        assert {"loss", "cluster", "likelihood", "size", "graph", "rank", "n_groups", "seconds"} <= set(row)
        assert row["size"] >= -1e-6
        assert 1 <= row["rank"] <= 8


def test_refinement_stops_when_groups_no_longer_change(toy):
    changes = {"refine_epochs": 30, "tolerance": 1.1, "patience": 2}
    history = fit(toy(), train=changes).history
    assert history[-1]["stopped"] == "groups no longer change"
    assert history[-1]["epoch"] == 3


@pytest.mark.nightly
def test_the_graph_term_fades(toy):
    changes = {"refine_epochs": 3, "graph_weight": 1000.0, "refine_lr": 1e-9}
    fast = fit(toy(), train={**changes, "graph_decay": 0.1}).history[-3:]
    slow = fit(toy(), train={**changes, "graph_decay": 1e6}).history[-3:]
    assert fast[0]["loss"] == pytest.approx(slow[0]["loss"])
    without = fast[-1]["loss"]
    assert slow[-1]["loss"] == pytest.approx(without + 1000 * slow[-1]["graph"], rel=0.02)


def test_collapse_is_undone(toy):
    """A Laplacian term without counterweight pulls all genes to one place."""
    changes = {"graph_weight": 1e4, "graph_decay": 1e6, "graph_neighbors": 40, "refine_lr": 0.1}
    changes |= {"refine_epochs": 20, "cluster_weight": 0, "contrast_weight": 0, "reconstruct_weight": 0}
    alone = {"start": "random"}
    before = fit(toy(), train={"refine_epochs": 0, "contrast_weight": 0}, encoder=alone)
    guarded = fit(toy(), train={**changes, "min_rank": 0.9}, encoder=alone)
    assert guarded.history[-1]["stopped"].startswith("collapse")
    assert guarded.history[-1]["rank"] < 0.9 * sigel_rank(before)
    assert sigel_rank(guarded) >= 0.9 * sigel_rank(before)
    free = fit(toy(), train={**changes, "min_rank": 0.0}, encoder=alone)
    assert sigel_rank(free) < sigel_rank(guarded)


def sigel_rank(model):
    from sigel.nn.contrast import effective_rank

    return effective_rank(torch.from_numpy(model.representations))


@pytest.mark.parametrize("rate", ["pretrain_lr", "refine_lr"])
def test_a_loss_that_is_not_finite_ends_the_run_with_the_setting_to_lower(toy, rate):
    section = toy()
    model = sigel.SIGEL(settings(train={rate: 1e30, "grad_clip": 1e30}), device="cpu")
    with pytest.raises(TrainingError, match=rate):
        model.fit(images_of(section))
    assert model.representations.shape == (0, 8)


# --- odd sections ----------------------------------------------------------------------------------------


def check(model, n_genes):
    assert model.representations.shape == (n_genes, 8)
    assert np.isfinite(model.representations).all()
    assert np.allclose(np.linalg.norm(model.representations, axis=1), np.sqrt(8), rtol=1e-4)
    assert np.allclose(model.posterior.sum(axis=1), 1, atol=1e-5)
    assert model.groups.min() == 1
    assert model.groups.max() <= model.posterior.shape[1] <= n_genes


@pytest.mark.parametrize("n_genes", [1, 2, 3, 32, 33, 64])
def test_any_number_of_genes_also_multiples_of_the_batch(toy, n_genes):
    batches = {"pretrain_batch": 32, "refine_batch": 32}
    check(fit(toy(n_genes=n_genes), train=batches), n_genes)


@pytest.mark.parametrize("shape", [(9, 9), (13, 7), (5, 31), (4, 4), (40, 1), (1, 40)])
def test_any_height_and_width_also_one_column_of_pixels(toy, shape):
    check(fit(toy(height=shape[0], width=shape[1])), 40)


def test_disconnected_tissue(toy):
    counts, genes, coordinates, which = toy()
    coordinates = coordinates.copy()
    coordinates[: len(coordinates) // 2] += 60
    check(fit((counts, genes, coordinates, which)), 40)


def test_a_gene_without_counts_is_left_out_and_says_so(toy):
    counts, genes, coordinates, _ = toy()
    counts = counts.tolil()
    counts[:, 3] = 0
    images = images_of((sparse.csr_matrix(counts), genes, coordinates, None))
    assert images.status[3] == "detected in fewer than 1 spots"
    model = sigel.SIGEL(settings(), device="cpu").fit(images)
    check(model, 39)
    assert "G3" not in model.genes


def test_values_that_are_not_counts_train_without_thinning(toy):
    counts, genes, coordinates, which = toy()
    with pytest.warns(UserWarning, match="whole numbers"):
        model = fit((counts * 0.3, genes, coordinates, which))
    check(model, 40)


@pytest.mark.parametrize(
    "parts",
    [
        {"train": {"thin": None}},
        {"train": {"contrast_weight": 1.0}},
        {"train": {"holdout": 0.0}},
        {"train": {"holdout": 0.99}},
        {"encoder": {"start": "random"}},
        {"encoder": {"branch": False}},
        {"encoder": {"rank": 3, "sharp": 1, "spread": 0.0}},
        {"train": {"refine_epochs": 0}},
        {"train": {"pretrain_epochs": 0}},
        {"mixture": {"covariance": "full"}},
        {"mixture": {"density": "gaussian"}},
        {"mixture": {"shared_dof": True}},
        {"encoder": {"pool": "mean", "head_hidden": 12}},
        {"encoder": {"decoder": "bottleneck"}},
        {"encoder": {"patch_size": 3}},
    ],
)
def test_settings_that_change_the_method_run(toy, parts):
    check(fit(toy(), **parts), 40)


def test_the_published_settings_run_for_comparison(toy):
    parity = sigel.SIGELConfig.parity()
    train = dataclasses.replace(parity.train, pretrain_epochs=1, refine_epochs=1)
    config = dataclasses.replace(parity, n_dims=8, n_groups=5, train=train)
    check(sigel.SIGEL(config, device="cpu").fit(images_of(toy(), scale="none", smooth=0.0)), 40)


def test_more_groups_than_genes_is_refused_before_training(toy):
    images = images_of(toy())
    with pytest.raises(InputError, match="`n_groups`: found 41 groups for 40 genes"):
        sigel.SIGEL(settings(n_groups=41, train={"pretrain_epochs": 10_000}), device="cpu").fit(images)


def test_groups_are_numbered_from_large_to_small(toy):
    model = fit(toy(n_genes=100), n_groups=4)
    assert (np.diff(np.bincount(model.groups, minlength=5)[1:]) <= 0).all()
    assert np.allclose(model.predict_groups(model.representations), model.posterior, atol=1e-5)
