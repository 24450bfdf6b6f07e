"""Settings of spatial domains: frozen, checked, each with its default and the reason for it."""

from __future__ import annotations

from dataclasses import dataclass

from sigel.config.base import Settings, require


@dataclass(frozen=True, kw_only=True)
class DomainConfig(Settings):
    """How domains of a tissue are found.

    Parameters
    ----------
    share
        Share of every group of genes that is used, as in `sigel.tl.select_genes`. Default 0.25.
    choices
        Groupings of the genes, each from another start, from each of which genes are chosen; the domains of
        all choices vote (`method="mixture"`). Default 10: where a group ends is a matter of the start; by the
        start, one choice gave an adjusted Rand index of 0.49 to 0.59 on one section and of 0.77 to 0.87 on
        another, ten 0.54 to 0.58 and 0.84 to 0.86. One for more spots than `max_spots`.
    balance
        How far groups of genes are made equal in variance, 0 to 1. Default 0: see `sigel.tl.select_genes`.
    target_sum
        Counts of a spot after normalisation. Default None: the median of the spots.
    rings
        Windows to choose from: numbers of nearest spots, the spot itself included. Default (1, 7, 19, 37): a
        spot and its rings on a hexagonal lattice; wider ones never helped.
    correlation
        The window reaches as far as genes correlate with themselves by at least this. Default 0.6: on six
        labelled sections, from spots as wide as a layer to single cells, it chose a window whose domains were
        among the best that any window gave.
    window
        Spots of the window, up to half of the smallest section. Default None: as `correlation` says.
    n_components
        Principal components of the windows that are clustered. Default 20, at most half of the genes: in a
        short panel later ones are single genes' noise.
    section_offsets
        Take from several sections what sets them apart as a whole, beyond the domains that they hold. Default
        True: nine sections of a heart gave 0.28 to 0.33 instead of 0.24; sections made by cutting one changed
        by less than 0.01. Differences so large that sections have no component of the mixture in common are
        left: integrate first. Use False where sections share few domains.
    starts
        Partitions that vote, each from another start; choices of genes share them. Default 160: fewer are
        less steady where there are many domains. Narrower windows of `rings` have half as many as the window:
        where windows see different domains, the vote is steadier than any one. One choice of more spots than
        `max_spots` has no more than it would have beside others. A window of a choice has at least one.
    prior
        Log odds that a spot's neighbours add where all agree. Default 30. Where the window is a single spot,
        neighbours have no say either.
    prior_neighbors
        Neighbours whose say that is, the spot included; no more than the window. Default 19: two rings.
    max_spots
        Spots that components and mixtures are first fitted to; then all are used. Default 10000.
    max_domains
        Largest number that `n_domains=None` tries. Default 15.
    ridge
        Added to the covariance's diagonal, as a share of the components' mean variance. Default 1e-4: enough
        for a covariance of fewer spots than components.
    """

    share: float = 0.25
    choices: int = 10
    balance: float = 0.0
    target_sum: float | None = None
    rings: tuple[int, ...] = (1, 7, 19, 37)
    correlation: float = 0.6
    window: int | None = None
    n_components: int = 20
    section_offsets: bool = True
    starts: int = 160
    prior: float = 30.0
    prior_neighbors: int = 19
    max_spots: int = 10000
    max_domains: int = 15
    ridge: float = 1e-4

    def _check(self) -> None:
        require(0 < self.share <= 1, "share", self.share, "a number above 0, up to 1")
        require(0 <= self.balance <= 1, "balance", self.balance, "a number from 0 to 1")
        sum_ = self.target_sum
        require(sum_ is None or sum_ > 0, "target_sum", sum_, "a number > 0 or None")
        rising = all(a < b for a, b in zip(self.rings, self.rings[1:], strict=False))
        require(self.rings[:1] == (1,) and rising, "rings", self.rings, "rising numbers that begin with 1")
        require(0 < self.correlation <= 1, "correlation", self.correlation, "a number above 0, up to 1")
        window = self.window
        require(window is None or window >= 1, "window", window, "a whole number >= 1 or None")
        for name in ("choices", "n_components", "starts", "prior_neighbors"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "a whole number >= 1")
        require(self.prior >= 0, "prior", self.prior, "a number >= 0")
        require(self.max_spots >= 100, "max_spots", self.max_spots, "a whole number >= 100")
        require(self.max_domains >= 2, "max_domains", self.max_domains, "a whole number >= 2")
        require(self.ridge > 0, "ridge", self.ridge, "a number > 0")
