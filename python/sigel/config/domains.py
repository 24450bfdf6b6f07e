"""Settings of spatial domains: frozen, checked, each with its default and the reason for it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from sigel.config.base import Settings, require


@dataclass(frozen=True, kw_only=True)
class DomainConfig(Settings):
    """How domains of a tissue are found.

    Parameters
    ----------
    target_sum
        Counts of a spot after normalisation. Default None: the median of the spots.
    windows
        Numbers of nearest spots, the spot itself included, whose means describe a spot; the domains of all of
        them vote. Up to half of the smallest section. Default (1, 4, 7, 13, 19): from a spot to its two rings
        on a hexagonal lattice. Which of them suits a tissue depends on how wide its domains are for its
        spots; five are steadier over seeds than three.
    components
        Numbers of principal components of the windows that are clustered, each in turn; at most half of the
        genes, as in a short panel later ones are single genes' noise. Default (12, 16, 20, 30): over eight
        labelled sections any choice of these was as good (mean adjusted Rand index 0.54 to 0.55), and with 8
        among them the domains of a small section were others at every seed (0.49).
    starts
        Mixtures from other starts for each window and number of components. Default 8, 160 partitions in
        all: on single starts the same description gives very different domains.
    agreeing
        Share of these partitions that vote: those most like the one that all others are most like. Default
        0.2. How much a partition agrees with the others goes with how right it is, nothing else that can be
        had without labels does; a vote of all is pulled about by windows that do not suit.
    prior
        Log odds that a spot's neighbours add where all agree. Default 30. Where the window is a single spot,
        neighbours have no say either.
    prior_neighbors
        Neighbours whose say that is, the spot included. Default 19: two rings.
    window
        Of the description that is kept, which other methods than the mixture see: spots of a window, up to
        half of the smallest section. Default 7.
    section_offsets
        Take from several sections what sets them apart as a whole, beyond the domains that they hold. Default
        True: nine sections of a heart gave 0.32 to 0.38 instead of 0.25; sections made by cutting one changed
        by less than 0.01. Differences so large that sections have no component of the mixture in common are
        left: integrate first. Use False where sections share few domains.
    max_spots
        Spots that components and mixtures are first fitted to; then all are used. Default 10000.
    max_domains
        Largest number that `n_domains=None` tries. Default 15.
    ridge
        Added to the covariance's diagonal, as a share of the components' mean variance. Default 1e-4: enough
        for a covariance of fewer spots than components.
    """

    _example = '{"windows": (1, 7)}'

    target_sum: float | None = None
    windows: tuple[int, ...] = (1, 4, 7, 13, 19)
    components: tuple[int, ...] = (12, 16, 20, 30)
    starts: int = 8
    agreeing: float = 0.2
    prior: float = 30.0
    prior_neighbors: int = 19
    window: int = 7
    section_offsets: bool = True
    max_spots: int = 10000
    max_domains: int = 15
    ridge: float = 1e-4

    def _check(self) -> None:
        sum_ = self.target_sum
        require(sum_ is None or sum_ > 0, "target_sum", sum_, "a number > 0 or None")
        for name in ("windows", "components"):
            given = getattr(self, name)
            rising = all(a < b for a, b in pairwise(given))
            right = bool(given) and given[0] >= 1 and rising
            require(right, name, given, "rising whole numbers >= 1")
        for name in ("starts", "prior_neighbors", "window"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "a whole number >= 1")
        require(0 < self.agreeing <= 1, "agreeing", self.agreeing, "a share above 0, up to 1")
        require(self.prior >= 0, "prior", self.prior, "a number >= 0")
        require(self.max_spots >= 100, "max_spots", self.max_spots, "a whole number >= 100")
        require(self.max_domains >= 2, "max_domains", self.max_domains, "a whole number >= 2")
        require(self.ridge > 0, "ridge", self.ridge, "a number > 0")
