"""The memory-GAN against planted maps, and its memory, critic and early stopping piece by piece."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float, jaxtyped
from sklearn.linear_model import Ridge
from torch import Tensor
from torch.nn import functional as F

from sigel.config.imputation import GANConfig
from sigel.errors import ConfigError, TrainingError
from sigel.nn.memory_gan.fit import fit_memory_gan
from sigel.nn.memory_gan.networks import Critic, MemoryGenerator, in_components, mean_error, ridge

SMALL = GANConfig(
    n_hidden=64, n_memory=16, members=1, penalty=1.0, noise=0.1, learning_rate=3e-3, epochs=120, patience=20
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def planted(n_genes=300, n_dims=8, n_cells=200, n_axes=4, *, linear=False, seed=0):
    """Representations on a sphere, their images, and the components that the images are made of."""
    g = seeded(seed)
    x = F.normalize(torch.randn(n_genes, n_dims, generator=g), dim=1)
    mix = torch.randn(n_dims, n_axes, generator=g)
    inner = x @ mix
    coefficients = inner if linear else 3 * (inner.square() - inner.square().mean(dim=0))
    basis = torch.linalg.qr(torch.randn(n_cells, n_axes, generator=g))[0] * math.sqrt(n_cells)
    images = coefficients @ basis.T + 0.1 * torch.randn(n_genes, n_cells, generator=g)
    return x, images, basis


def correlation(a, b):
    a, b = a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True)
    return F.cosine_similarity(a, b, dim=1)


def network(n_dims=8, n_out=4, seed=0, **settings_):
    wanted = {"n_hidden": 32, "n_memory": 64, "temperature": 0.1, "shrink": 0.5} | settings_
    return MemoryGenerator(n_dims, n_out, **wanted, generator=seeded(seed))


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.values(), b.values(), strict=True))


# --- the generator -----------------------------------------------------------------------------------------


@given(n_memory=st.integers(1, 300), shrink=st.floats(0, 0.99), seed=st.integers(0, 50))
@settings(deadline=None, max_examples=25)
def test_memory_weights_are_never_all_cut(n_memory, shrink, seed):
    x = F.normalize(torch.randn(30, 8, generator=seeded(seed)), dim=1)
    net = network(n_memory=n_memory, shrink=shrink, seed=seed)
    weights = net.weights(x)
    assert torch.allclose(weights.sum(dim=1), torch.ones(30), atol=1e-5)
    kept = weights[weights > 0]
    # What is kept was at least `shrink / n_memory`, and grew when the rest was cut.
    assert kept.min() >= shrink / n_memory * (1 - 1e-4)


def test_memory_is_read_sparsely_from_the_start():
    x = F.normalize(torch.randn(200, 8, generator=seeded(1)), dim=1)
    none = (network().weights(x) == 0).float().mean()
    assert 0.02 < none < 0.9
    assert (network(shrink=0.0).weights(x) > 0).all()


def test_weights_below_the_limit_are_zero_and_the_rest_keep_their_ratios():
    x = F.normalize(torch.randn(50, 8, generator=seeded(2)), dim=1)
    plain, cut = network(shrink=0.0).weights(x), network(shrink=0.5).weights(x)
    below = plain < 0.5 / 64
    assert (cut[below] == 0).all()
    kept = torch.where(below, 0.0, plain)
    assert torch.allclose(cut, kept / kept.sum(dim=1, keepdim=True), atol=1e-6)


def test_gradient_reaches_every_part_of_the_generator():
    net = network()
    x = F.normalize(torch.randn(64, 8, generator=seeded(3)), dim=1)
    net(x).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


# --- the critic --------------------------------------------------------------------------------------------


def test_critic_finds_the_distance_and_knows_the_gene():
    """Measured images lie 2 off the generated ones, to a side that only the representation tells."""
    g = seeded()
    critic = Critic(2, 3, 32, g)
    steps = torch.optim.Adam(critic.parameters(), lr=3e-3)

    def draw(n):
        side = torch.where(torch.rand(n, 1, generator=g) < 0.5, -1.0, 1.0)  # (n, 1)
        real = torch.randn(n, 3, generator=g) + side * torch.tensor([2.0, 0.0, 0.0])
        made = torch.randn(n, 3, generator=g)
        return torch.cat([side, -side], dim=1) / math.sqrt(2), real, made, torch.rand(n, 1, generator=g)

    for _ in range(200):
        loss, _ = critic.loss(*draw(64))
        steps.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters() if p.ndim > 1)
        steps.step()
    x, real, made, between = draw(2000)
    assert float(critic.loss(x, real, made, between)[1]) == pytest.approx(2, abs=0.5)
    # Told the wrong side, it takes them for generated.
    assert (critic(x, real) > critic(-x, real)).float().mean() > 0.8


def test_critic_changes_what_is_learned_only_when_it_has_a_weight():
    x, y, basis = planted(100)
    config = dataclasses.replace(SMALL, epochs=3)
    fits = {
        weight: fit_memory_gan(
            x, y, basis, dataclasses.replace(config, adversarial=weight), seeded(), torch.device("cpu")
        )
        for weight in (0.0, 0.5)
    }
    assert [row["critic"] for row in fits[0.0].history] == [0.0] * 3
    assert all(row["critic"] != 0 and math.isfinite(row["critic"]) for row in fits[0.5].history)
    assert not torch.allclose(fits[0.0].coefficients(x), fits[0.5].coefficients(x), atol=1e-3)


# --- images as coefficients ---------------------------------------------------------------------------------


@given(n_cells=st.integers(5, 60), k=st.integers(1, 5), seed=st.integers(0, 50))
@settings(deadline=None, max_examples=25)
def test_error_in_components_is_the_mean_squared_error_over_cells(n_cells, k, seed):
    g = seeded(seed)
    images, basis = torch.randn(7, n_cells, generator=g), torch.randn(n_cells, k, generator=g)
    gram, scale, parts = in_components(images, basis)
    made = torch.randn(7, k, generator=g)
    plain = (made * scale @ basis.T - images).square().mean()
    assert float(mean_error(made, parts, gram)) == pytest.approx(float(plain), rel=1e-4)
    rows = torch.tensor([4, 1])
    wanted = (made[rows] * scale @ basis.T - images[rows]).square().mean()
    assert float(mean_error(made[rows], parts.of(rows), gram)) == pytest.approx(float(wanted), rel=1e-4)
    # No coefficients fit better than those of least squares.
    assert mean_error(parts.target, parts, gram) <= mean_error(parts.target + 0.1 * made, parts, gram) + 1e-6
    assert torch.allclose(parts.target.square().mean(dim=0), torch.ones(k), atol=1e-3)


def test_ridge_is_that_of_scikit_learn():
    x, y = torch.randn(30, 5, generator=seeded()), torch.randn(30, 3, generator=seeded(1))
    wanted = Ridge(alpha=2.5, fit_intercept=False).fit(x.numpy(), y.numpy()).coef_
    assert np.allclose(ridge(x, y, 2.5).numpy(), wanted, atol=1e-5)


# --- the fit -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    x, y, basis = planted(460)
    return x, y, basis, fit_memory_gan(x[:400], y[:400], basis, SMALL, seeded(), "cpu")


def test_genes_never_seen_are_drawn_where_the_map_is_not_linear(fitted):
    x, y, basis, gan = fitted
    drawn = gan.coefficients(x[400:]) @ basis.T
    linear = torch.linalg.lstsq(torch.cat([x, torch.ones(460, 1)], dim=1)[:400], y[:400]).solution
    by_line = torch.cat([x, torch.ones(460, 1)], dim=1)[400:] @ linear
    assert correlation(drawn, y[400:]).median() > 0.7
    assert correlation(drawn, y[400:]).mean() > correlation(by_line, y[400:]).mean() + 0.3


def test_shapes_are_those_of_the_docstrings(fitted):
    x, _, basis, gan = fitted

    net = gan.networks[0]
    with jaxtyped("context"):  # one letter, one size
        assert isinstance(x, Float[Tensor, "m d"])
        assert isinstance(basis, Float[Tensor, "n K"])
        assert isinstance(gan.coefficients(x), Float[Tensor, "m K"])
        assert isinstance(gan.scale, Float[Tensor, "K"])
        assert isinstance(net.weights(x), Float[Tensor, "m slots"])
        assert isinstance(net.memory, Float[Tensor, "slots hidden"])
        assert isinstance(net.linear, Float[Tensor, "K d"])
    assert gan.coefficients(x).dtype == torch.float32
    assert not gan.coefficients(x).requires_grad
    assert not any(p.requires_grad for p in net.parameters())


def test_order_and_number_of_cells_leave_no_trace():
    x, y, basis = planted(60)
    config = dataclasses.replace(SMALL, epochs=5)
    shuffled = torch.randperm(len(basis), generator=seeded(3)).repeat(3)
    one = fit_memory_gan(x, y, basis, config, seeded(), "cpu")
    other = fit_memory_gan(x, y[:, shuffled], basis[shuffled], config, seeded(), "cpu")
    assert torch.allclose(one.coefficients(x), other.coefficients(x), atol=1e-4)


def test_generators_hold_out_other_genes_and_their_mean_is_drawn():
    x, y, basis = planted(60)
    config = dataclasses.replace(SMALL, members=3, epochs=4)
    gan = fit_memory_gan(x, y, basis, config, seeded(), "cpu")
    rows = [(row["member"], row["epoch"]) for row in gan.history]
    assert rows == [(m, e) for m in (1, 2, 3) for e in (1, 2, 3, 4)]
    alone = [dataclasses.replace(gan, networks=(net,)).coefficients(x) for net in gan.networks]
    assert torch.allclose(torch.stack(alone).mean(dim=0), gan.coefficients(x), atol=1e-5)
    assert not torch.allclose(alone[0], alone[1], atol=1e-2)


def test_where_no_epoch_is_better_the_linear_map_alone_is_kept():
    x, _, basis = planted(60)
    y = x @ torch.randn(8, 4, generator=seeded(7)) @ basis.T  # without noise: the ridge map is exact
    config = dataclasses.replace(SMALL, penalty=1e-6, patience=4)
    gan = fit_memory_gan(x, y, basis, config, seeded(), "cpu")
    assert gan.converged
    assert len(gan.history) == 4
    assert torch.allclose(gan.coefficients(x) @ basis.T, y, atol=1e-3)


def test_a_loss_that_is_not_finite_says_what_to_change():
    x, y, basis = planted(30)
    with pytest.raises(TrainingError, match="learning_rate"):
        fit_memory_gan(x, y, basis, dataclasses.replace(SMALL, learning_rate=1e30), seeded(), "cpu")


def test_where_the_map_is_linear_no_training_spoils_it():
    x, y, basis = planted(130, linear=True)
    config = dataclasses.replace(SMALL, penalty=1e-3, epochs=60)
    gan = fit_memory_gan(x[:100], y[:100], basis, config, seeded(), "cpu")
    assert correlation(gan.coefficients(x[100:]) @ basis.T, y[100:]).min() > 0.95


def test_units_of_representations_and_basis_do_not_matter():
    x, y, basis = planted(80)
    config = dataclasses.replace(SMALL, epochs=4)
    one = fit_memory_gan(x, y, basis, config, seeded(), "cpu")
    other = fit_memory_gan(4 * x, y, 8 * basis, config, seeded(), "cpu")
    assert torch.allclose(one.coefficients(x), 8 * other.coefficients(4 * x), atol=1e-3)


def test_training_ends_early_with_the_best_epoch(fitted):
    x, y, basis, _ = fitted
    config = dataclasses.replace(SMALL, epochs=300, patience=5, learning_rate=1e-2)
    calls = []
    x, y = x[:60], y[:60]
    gan = fit_memory_gan(x, y, basis, config, seeded(), "cpu", lambda *call: calls.append(call))
    assert gan.converged
    held = [row["held_out"] for row in gan.history]
    best = int(np.argmin(held))
    assert 5 <= len(held) - 1 - best <= 6 < 300
    assert [row["epoch"] for row in gan.history] == list(range(1, len(held) + 1))
    assert [set(row) for row in gan.history] == [{"member", "epoch", "loss", "held_out", "critic"}] * len(
        held
    )
    assert calls[-2:] == [
        ("gan", len(held), 300, f"loss {gan.history[-1]['loss']:.4f}"),
        ("gan", 300, 300, ""),
    ]
    # Stopped at the best epoch, the same training gives the same weights.
    again = fit_memory_gan(x, y, basis, dataclasses.replace(config, epochs=best + 1), seeded(), "cpu")
    assert not again.converged
    assert same(again.networks[0].state_dict(), gan.networks[0].state_dict())


def test_linear_map_is_solved_again_on_all_genes():
    x, y, basis = planted(60)
    gan = fit_memory_gan(x, y, basis, dataclasses.replace(SMALL, epochs=2), seeded(), "cpu")
    target = torch.linalg.lstsq(basis, y.T).solution.T
    target = target / target.square().mean(dim=0).sqrt()
    wanted = torch.linalg.solve(x.T @ x + torch.eye(8), x.T @ target).T
    assert torch.allclose(gan.networks[0].linear, wanted, atol=1e-4)


def test_one_seed_gives_one_answer_and_global_state_is_left_alone():
    x, y, basis = planted(60)
    config = dataclasses.replace(SMALL, epochs=3, adversarial=0.1)
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002
    before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = fit_memory_gan(x, y, basis, config, seeded(4), "cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == before_numpy).all()  # noqa: NPY002
    torch.manual_seed(12)
    with torch.no_grad():
        second = fit_memory_gan(x, y, basis, config, seeded(4), "cpu")
    other = fit_memory_gan(x, y, basis, config, seeded(5), "cpu")
    assert torch.equal(first.coefficients(x), second.coefficients(x))
    assert first.history == second.history
    assert not torch.equal(first.coefficients(x), other.coefficients(x))


@pytest.mark.parametrize("n_genes", [1, 2, 19])
def test_tiny_panels_are_trained_for_a_fixed_number_of_epochs(n_genes):
    x, y, basis = planted(n_genes)
    gan = fit_memory_gan(x, y, basis, dataclasses.replace(SMALL, adversarial=0.1), seeded(), "cpu")
    assert not gan.converged
    assert len(gan.history) == 10
    assert all(math.isnan(row["held_out"]) for row in gan.history)
    assert torch.isfinite(gan.coefficients(x)).all()


def test_components_that_are_alike_or_empty_do_no_harm():
    x, y, basis = planted(60)
    basis = torch.cat([basis, basis[:, :1], torch.zeros(len(basis), 1)], dim=1)
    gan = fit_memory_gan(x, y, basis, dataclasses.replace(SMALL, epochs=3), seeded(), "cpu")
    assert torch.isfinite(gan.coefficients(x)).all()


@pytest.mark.parametrize(
    "setting", [{"members": 0}, {"penalty": 0.0}, {"noise": -0.1}, {"shrink": 1.0}, {"n_memory": 0}]
)
def test_settings_are_checked(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        GANConfig(**setting)
