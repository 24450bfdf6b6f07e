"""How domains are made: method, refinement, settings, seed and device, checked together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from sigel.config.domains import DomainConfig
from sigel.errors import InputError
from sigel.runtime.seeds import check_seed

# Of the caller's own: from features (n_spots, n_components) and a number to labels (n_spots,).
Clusterer = Callable[[np.ndarray, int], np.ndarray]

METHODS = ("mixture", "leiden", "mclust", "spagcn")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that the domains of a section follow from, beside its counts and places.

    Parameters
    ----------
    method
        One of `METHODS`, or a function of features and number.
    model_name
        Of mclust.
    refine
        Whether single spots are given to the domain around them.
    config
        Settings.
    seed
        Of every stage.
    device
        Where gene images and mixtures are computed.

    Raises
    ------
    InputError
        When the method is unknown, `refine` is neither True nor False, or the seed is none.
    """

    method: str | Clusterer = "mixture"
    model_name: str = "EEE"
    refine: bool = False
    config: DomainConfig = field(default_factory=DomainConfig)
    seed: int = 0
    device: torch.device | str = "auto"

    def __post_init__(self) -> None:
        known = callable(self.method) or (isinstance(self.method, str) and self.method in METHODS)
        if not known:
            wanted = f"one of {', '.join(map(repr, METHODS))}, or a function of features and number"
            raise InputError("method", repr(self.method), wanted, 'Use method="mixture".')
        if not isinstance(self.refine, bool | np.bool_):
            raise InputError("refine", repr(self.refine), "True or False", "Use refine=True.")
        check_seed(self.seed)
