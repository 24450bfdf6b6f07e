"""One stream of random numbers a stage, spawned from one seed; the global state is never touched."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch

from sigel.errors import InputError

# A stage's stream follows from its place here: new ones go to the end, so that the others keep their numbers.
STAGES = (
    "weights",
    "pretrain",
    "groups",
    "refine",
    "eigenimages",
    "nulls",
    "impute",
    "folds",
    "accuracy",
    "similar genes",
    "patterns",
    "pattern nulls",
    "gene selection",
    "windows",
    "domains",
    "number of domains",
    "map",
    "reference spots",
    "labellings",
    "equal levels",
    "gene pairs",
    "known pairs",
    "gene weights",
    "surrogates",
    "co-expression",
    "compare imputed",
)


def check_seed(seed: object) -> int:
    """A seed as an int, where it is one.

    Parameters
    ----------
    seed
        What a caller gave.

    Raises
    ------
    InputError
        When it is not a whole number >= 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise InputError("seed", repr(seed), "a whole number >= 0", "Use seed=0.")
    return int(seed)


def _child(seed: int, stage: str) -> np.random.SeedSequence:
    # The child that `SeedSequence(seed).spawn` gives at this place.
    return np.random.SeedSequence(check_seed(seed), spawn_key=(STAGES.index(stage),))


def stream(seed: int, stage: str) -> np.random.Generator:
    """NumPy's generator of one stage.

    Parameters
    ----------
    seed
        Any whole number >= 0.
    stage
        One of `STAGES`.

    Raises
    ------
    InputError
        When the seed is not a whole number >= 0.

    Examples
    --------
    >>> from sigel.runtime.seeds import stream
    >>> bool(stream(0, "windows").random() == stream(0, "windows").random())
    True
    """
    return np.random.default_rng(_child(seed, stage))


def torch_stream(seed: int, stage: str) -> torch.Generator:
    """Torch's CPU generator of one stage.

    Parameters
    ----------
    seed, stage
        As in `stream`.
    """
    return torch.Generator().manual_seed(int(_child(seed, stage).generate_state(1, np.uint64)[0]) >> 1)


def random_state(seed: int, stage: str) -> int:
    """The number that scikit-learn seeds one stage with, below 2^32.

    Parameters
    ----------
    seed, stage
        As in `stream`.
    """
    return int(_child(seed, stage).generate_state(1)[0])


def streams(seed: int) -> dict[str, torch.Generator]:
    """Torch's CPU generators of all stages, which carry on from one step of a fit to the next.

    Parameters
    ----------
    seed
        Any whole number >= 0.

    Raises
    ------
    InputError
        When the seed is not a whole number >= 0.
    """
    return {stage: torch_stream(seed, stage) for stage in STAGES}


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
    first = check_seed(seed)
    return [k for k in range(first, first + int(n_seeds) + 1) if k != fit_seed][: int(n_seeds)]
