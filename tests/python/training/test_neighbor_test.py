"""The judge of refinement, on genes whose neighbours are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sigel.training.neighbor_test import NeighborTest, is_better
from told_genes import Told, shared


@pytest.fixture(scope="module")
def judge(toy):
    mixed = torch.randperm(90, generator=torch.Generator().manual_seed(0))
    return NeighborTest(shared(toy(n_genes=90)), mixed[:30], mixed[30:])


def test_neighbours_of_the_same_pattern_foretell_more_than_others(judge):
    pattern = np.eye(3)[np.arange(90) % 3]
    true = judge.scores(Told(pattern))
    mixed = judge.scores(Told(np.random.default_rng(0).permutation(pattern)))
    assert is_better(true, mixed)
    assert not is_better(mixed, true)
    assert torch.equal(true, judge.scores(Told(pattern)))


def test_a_collapse_onto_one_point_is_no_gain(judge):
    assert is_better(judge.scores(Told(np.eye(3)[np.arange(90) % 3])), judge.scores(Told(np.ones((90, 3)))))


def test_a_gain_within_chance_is_none():
    before = torch.zeros(100)
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(100))
    assert not is_better(noise - noise.mean(), before)
    assert is_better(noise - noise.mean() + 0.5, before)
    assert not is_better(torch.ones(1), torch.zeros(1))


def test_values_that_are_no_counts_have_no_halves_to_judge_by(toy):
    counts, *rest = toy(n_genes=30)
    genes = shared((counts.log1p(), *rest), normalize="none")
    judge = NeighborTest(genes, torch.arange(10), torch.arange(10, 30))
    scores = [judge.scores(Told(z)) for z in (np.eye(3)[np.arange(30) % 3], np.ones((30, 3)))]
    assert not is_better(*scores)
    assert not is_better(*scores[::-1])
