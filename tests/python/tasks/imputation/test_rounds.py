"""Rounds: which genes are imputed when, and that those of earlier rounds join the panel."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.config.imputation import ImputeConfig
from sigel.tasks.imputation.rounds import batches, predict_in_rounds, split_into_rounds


def test_one_round_takes_all_genes_as_they_stand():
    (part,) = split_into_rounds(np.array([0.1, 0.9, 0.5]), ImputeConfig())
    assert part.tolist() == [0, 1, 2]


@given(n=st.integers(1, 40), rounds=st.integers(1, 6), size=st.none() | st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_the_most_predictable_genes_come_first_and_each_once(n, rounds, size):
    expected = np.random.default_rng(n).permutation(n) / n
    parts = split_into_rounds(expected, ImputeConfig(rounds=rounds, round_size=size))
    order = np.concatenate(parts)
    assert len(order) == (n if size is None else min(n, rounds * size))
    assert len(set(order)) == len(order)
    assert len(parts) <= rounds
    assert all(len(part) for part in parts)
    if rounds > 1 or size is not None:
        assert (np.diff(expected[order]) < 0).all()
        assert expected[order].min() >= np.sort(expected)[-len(order)]


class Panel(SimpleNamespace):
    def joined(self, names, values):
        return Panel(names=[*self.names, *names], last=values)


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_what_a_round_predicts_is_in_the_panel_of_the_next(batch):
    wanted = np.array(list("ABCDE"), dtype=object)
    seen = []

    def make(panel, cells):
        seen.append(panel)
        return [SimpleNamespace(converged=len(seen) < 2, history=[{"epoch": 1, "loss": float(len(seen))}])]

    def bound(predictors, smoothers):
        return lambda genes: np.array([[100.0 * len(seen) + ord(gene) for gene in genes]] * 3)

    target = SimpleNamespace(n_cells=3, smoothers={}, panel=lambda names: Panel(names=list(names)))
    parts = [np.array([3, 1]), np.array([0, 4]), np.array([2])]
    made = predict_in_rounds(SimpleNamespace(bound=bound), target, ["x"], wanted, parts, make, batch)
    assert [panel.names for panel in seen] == [["x"], ["x", *"DB"], ["x", *"DBAE"]]
    np.testing.assert_array_equal(seen[1].last, made.z[:, :2])
    np.testing.assert_array_equal(seen[2].last, made.z[:, 2:4])
    assert wanted[made.order].tolist() == list("DBAEC")
    assert made.number.tolist() == [1, 1, 2, 2, 3]
    codes = [100.0 * number + ord(gene) for number, gene in zip(made.number, "DBAEC", strict=True)]
    np.testing.assert_array_equal(made.z[0], np.array(codes, dtype=np.float32))
    assert not made.converged
    assert [one["round"] for one in made.history] == [1, 2, 3]


def test_batches_hold_every_item_in_order():
    parts = list(batches(np.arange(7), 3))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert np.concatenate(parts).tolist() == list(range(7))
