"""One stream of random numbers a stage, spawned from one seed."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import torch

from sigel.errors import InputError

if TYPE_CHECKING:
    pass


STAGES = ("weights", "pretrain", "groups", "refine", "eigenimages", "nulls", "impute")


def streams(seed: int) -> dict[str, torch.Generator]:
    """One CPU generator per stage, spawned from one seed; the global state is never touched.

    Parameters
    ----------
    seed
        Any whole number >= 0.

    Raises
    ------
    InputError
        When the seed is not a whole number >= 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise InputError("seed", repr(seed), "a whole number >= 0", "Use seed=0.")
    children = np.random.SeedSequence(int(seed)).spawn(len(STAGES))
    return {
        stage: torch.Generator().manual_seed(int(child.generate_state(1, np.uint64)[0] >> 1))
        for stage, child in zip(STAGES, children, strict=True)
    }


def other_seeds(n_seeds: int, seed: int, fit_seed: int | None) -> list[int]:
    """Seeds to try again with, before the first is tried.

    Parameters
    ----------
    n_seeds
        How many.
    seed
        The first; the others follow.
    fit_seed
        One that is left out.

    Raises
    ------
    InputError
        When a number is out of range.
    """
    if not isinstance(n_seeds, Integral) or isinstance(n_seeds, bool) or n_seeds < 1:
        raise InputError("n_seeds", repr(n_seeds), "a whole number >= 1", "Use n_seeds=5.")
    streams(seed)  # refuses what is no seed
    return [k for k in range(seed, seed + int(n_seeds) + 1) if k != fit_seed][: int(n_seeds)]
