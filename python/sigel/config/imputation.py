"""Settings of imputation: frozen, checked, each with its default and the reason for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sigel.config.base import Settings, require

Zeros = Literal["none", "rate", "panel"]


@dataclass(frozen=True, kw_only=True)
class GANConfig(Settings):
    """The memory-GAN that draws a gene's image from its representation.

    Parameters
    ----------
    n_memory
        Slots of the memory. Default 64: images of a panel span no more than a few dozen directions. (The
        authors' 256 with their threshold of 0.005 start below the threshold: every weight is then cut to
        zero.)
    n_hidden
        Width of the hidden layers. Default 128: a panel has hundreds of genes, not thousands.
    temperature
        Of the attention over the memory, a softmax of cosines. Default 0.2: at the authors' 0.5 no weight of
        a new generator is ever cut, at 0.2 some are. Correlations on real sections were the same for both,
        as far as random starts let one tell.
    shrink
        Attention weights below this share of an even weight are cut to zero. Default 0.5.
    n_components
        Components of the panel that an image is made of. Default 16, fewer where the panel is small: later
        ones are mostly noise. Of four real sections, 16 gave higher correlations of held-out genes than 48 on
        three and the same on the fourth.
    members
        Generators that are trained, each with other genes held out, and averaged. Default 3: one alone ends
        when a few dozen held-out genes say so, and differs more from seed to seed.
    penalty
        Ridge penalty, in genes, of the linear map that the generator starts from and adds to. Default 10;
        3 and 30 were better on one real section each and worse on another.
    noise
        Length of the noise added to a representation in training, as a share of its own. Default 0.5: on
        three real sections, correlations of held-out genes rose on one by 0.004 and stayed or fell by 0.002
        on the others.
    epochs
        Largest number of passes over the panel. Default 300; training ends earlier once held-out panel genes
        have stopped getting better.
    patience
        Epochs without a better held-out loss after which training ends. Default 40.
    batch_size
        Genes of a step. Default 64, as in the authors' code.
    learning_rate
        Of the generator (Adam). Default 1e-3.
    critic_rate
        Of the critic. Default 1e-3.
    adversarial
        Weight of the critic's loss beside the pixel loss; 0 trains no critic. Default 0.001: on real sections
        0, 0.001 and 0.01 gave correlations that differed by less than those of two seeds do; 0.1 made them
        fall.
    """

    n_memory: int = 64
    n_hidden: int = 128
    temperature: float = 0.2
    shrink: float = 0.5
    n_components: int = 16
    members: int = 3
    penalty: float = 10.0
    noise: float = 0.5
    epochs: int = 300
    patience: int = 40
    batch_size: int = 64
    learning_rate: float = 1e-3
    critic_rate: float = 1e-3
    adversarial: float = 0.001

    def _check(self) -> None:
        for name in ("n_memory", "n_hidden", "n_components", "members", "epochs", "patience", "batch_size"):
            value = getattr(self, name)
            require(value >= 1, name, value, "a whole number >= 1")
        for name in ("temperature", "penalty", "learning_rate", "critic_rate"):
            value = getattr(self, name)
            require(value > 0, name, value, "a number > 0")
        require(0 <= self.shrink < 1, "shrink", self.shrink, "a number from 0 to below 1")
        for name in ("noise", "adversarial"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "a number >= 0")


@dataclass(frozen=True, kw_only=True)
class ImputeConfig(Settings):
    """How unmeasured genes are imputed.

    Parameters
    ----------
    target_sum
        Counts of a cell after normalisation. Default None: the median of the target's cells over its panel.
    scales
        Numbers of nearest cells, each cell itself included, over which predictions and features are averaged.
        Default (1, 7, 19): a cell, a cell and its ring, two rings. They are numbers of cells, so the units of
        the coordinates don't matter.
    n_neighbors
        Reference spots that a cell is compared with. Default 50.
    n_components
        Components of the panel's images that the map from representations keeps. Default 16: on four pairs of
        sections more brought noise back, fewer lost patterns.
    penalties
        Ridge penalties of that map, in genes. Default (1, 10); the blend chooses.
    spot_penalty
        Ridge penalty of the map learned on the reference's spots, as a share of the features' variance.
        Default 0.3.
    folds
        Folds of the shared genes in cross-validation. Default 5.
    max_cells
        Cells of the target that cross-validation looks at. Default 5000: more change no weight visibly.
    max_spots
        Spots of each reference that are used. Default 20000; of more, a sample is drawn.
    batch_genes
        Genes predicted at a time. Default 512.
    coverage
        Share of measured values that an interval shall hold. Default 0.9.
    min_pcc
        Genes whose expected correlation is lower are marked as not trusted. Default 0.1: below it a
        prediction explains one hundredth of the variance.
    zeros
        `"none"` (default): expected values, nowhere exactly zero. `"rate"`: as large a share of cells is set
        to zero, the lowest, as genes of that level show in the target. `"panel"`: zero where the target shows
        none of the three most similar panel genes, neither in the cell nor in its nearest six, as the paper
        does with one.
    rounds
        Rounds of the sequential mode. Default 1: all genes at once. With more, the most predictable genes
        come first and join the panel for those that follow.
    round_size
        Genes of a round. Default None: an even share of all. With a number, `rounds * round_size` genes come
        out.
    gan
        Settings of `method="gan"`.
    """

    _example = '{"zeros": "rate"}'

    target_sum: float | None = None
    scales: tuple[int, ...] = (1, 7, 19)
    n_neighbors: int = 50
    n_components: int = 16
    penalties: tuple[float, ...] = (1.0, 10.0)
    spot_penalty: float = 0.3
    folds: int = 5
    max_cells: int = 5000
    max_spots: int = 20000
    batch_genes: int = 512
    coverage: float = 0.9
    min_pcc: float = 0.1
    zeros: Zeros = "none"
    rounds: int = 1
    round_size: int | None = None
    gan: GANConfig = field(default_factory=GANConfig)

    def _check(self) -> None:
        sum_ = self.target_sum
        require(sum_ is None or sum_ > 0, "target_sum", sum_, "a number > 0 or None")
        rising = all(a < b for a, b in zip(self.scales, self.scales[1:], strict=False))
        require(self.scales[:1] == (1,) and rising, "scales", self.scales, "rising numbers that begin with 1")
        require(len(self.penalties) >= 1, "penalties", self.penalties, "at least one number")
        require(all(p > 0 for p in self.penalties), "penalties", self.penalties, "numbers > 0")
        require(self.spot_penalty > 0, "spot_penalty", self.spot_penalty, "a number > 0")
        require(self.folds >= 2, "folds", self.folds, "a whole number >= 2")
        for name in ("n_components", "n_neighbors", "batch_genes", "rounds"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "a whole number >= 1")
        for name in ("max_cells", "max_spots"):
            require(getattr(self, name) >= 100, name, getattr(self, name), "a whole number >= 100")
        require(0.5 <= self.coverage <= 0.99, "coverage", self.coverage, "a number from 0.5 to 0.99")
        require(-1 <= self.min_pcc <= 1, "min_pcc", self.min_pcc, "a number from -1 to 1")
        size = self.round_size
        require(size is None or size >= 1, "round_size", size, "a whole number >= 1 or None")
