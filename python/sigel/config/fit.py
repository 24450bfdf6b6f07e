"""Every hyper-parameter: frozen, checked, with its default and the reason for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from sigel.config.base import Settings, any_of, require
from sigel.config.gene_names import CONTROL, MITOCHONDRIAL, SPIKE_IN

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {"encoder": {"branch": False}},
    "default": {},
    "thorough": {
        "encoder": {"rank": 384},
        "train": {"pretrain_epochs": 10, "refine_epochs": 6, "epoch_genes": None},
    },
    # What of the published settings is known (tables of the authors' code; the paper names no mask ratio).
    "paper": {
        "n_groups": 500,
        "max_groups": 500,
        "image": {"normalize": "log", "scale": "none"},
        "encoder": {
            "start": "random",
            "patch_size": 4,
            "dim": 16,
            "depth": 5,
            "heads": 4,
            "mlp_ratio": 5.0,
            "pool": "mean",
            "head_hidden": 32,
        },
        "train": {
            "pretrain_epochs": 30,
            "pretrain_batch": 320,
            "pretrain_lr": 1e-3,
            "epoch_genes": None,
            "thin": None,
            "holdout": 0.0,
            "refine_epochs": 30,
            "refine_lr": 1e-3,
            "cluster_weight": 0.1,
            "likelihood_weight": 0.1,
            "size_weight": 0.1,
            "weight_decay": 0.0,
        },
    },
}


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class ImageConfig(Settings):
    """How counts and coordinates become gene images.

    Parameters
    ----------
    min_spots
        Genes detected in fewer spots are left out; 10 as in the paper, below which an image is noise.
    exclude
        Regular expressions of gene names to leave out: mitochondrial genes, ERCC spike-ins and control probes
        (`sigel.config.gene_names`).
    normalize
        `"pearson"`: residuals of the counts from a null model in which place matters only through the library
        size (default: a weak gene's noise is then no larger than a strong one's). `"log"`: divide by the
        library size (to the median library), then `log1p`. `"none"`: as given.
    scale
        `"zscore"` per gene over tissue pixels (default: level must not drown pattern), `"max"`, `"none"`.
    clip
        Largest absolute value after z-scoring; 10 keeps a single hot pixel from owning an image.
    smooth
        Weight of the mean of the neighbouring pixels, 0 to 1. 0 (default): the eigenimages of Module I know
        better than the neighbours what is noise. Plots of gene images smooth for the eye.
    grid
        `"lattice"` uses `array_row`, `array_col`, or a hexagonal lattice found in the coordinates;
        `"continuous"` bins coordinates; `"auto"` prefers the lattice.
    pixel_size
        Side of a pixel in coordinate units; default: the median distance to the third nearest
        neighbour (one spacing on a lattice, about one cell a pixel for scattered cells), made larger
        where that would give more than `max_side` pixels along a side.
    max_side
        Largest height or width of a grid over coordinates; 96 keeps a section of any size cheap. A lattice
        keeps one pixel per spot up to 192 along a side.
    aggregate
        `"mean"` (default) or `"sum"` of the spots that share a pixel.
    """

    _example = '{"max_side": 64}'

    min_spots: int = 10
    exclude: tuple[str, ...] = (MITOCHONDRIAL, SPIKE_IN, CONTROL)
    normalize: Literal["log", "pearson", "none"] = "pearson"
    scale: Literal["zscore", "max", "none"] = "zscore"
    clip: float = 10.0
    smooth: float = 0.0
    grid: Literal["auto", "lattice", "continuous"] = "auto"
    pixel_size: float | None = None
    max_side: int = 96
    aggregate: Literal["mean", "sum"] = "mean"

    def _check(self) -> None:
        for pattern in self.exclude:
            require(_is_pattern(pattern), "exclude", pattern, "regular expressions")
        require(self.min_spots >= 0, "min_spots", self.min_spots, "a number of spots >= 0")
        require(self.clip > 0, "clip", self.clip, "a number > 0")
        require(0 <= self.smooth <= 1, "smooth", self.smooth, "a weight from 0 to 1")
        require(self.max_side >= 1, "max_side", self.max_side, "a number of pixels >= 1")
        require(
            self.pixel_size is None or self.pixel_size > 0,
            "pixel_size",
            self.pixel_size,
            "None or a length > 0",
        )


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Settings):
    """Module I: eigenimages, and the masked autoencoder that corrects them.

    Parameters
    ----------
    start
        `"eigen"`: representations start from eigenimages, the linear autoencoder in closed form, and the
        transformer learns what they miss (default). `"random"`: the transformer alone, from random weights.
    branch
        Whether there is a transformer beside the eigenimages; without it Module I is linear and needs no
        training.
    rank
        Number of eigenimages, smooth ones of the prior included; 256 hold both also where a panel of some
        hundred genes brings as many of its own.
    sharp, spread, spreads
        The leading eigenimages, at most `sharp`, stay as sharp as they are sure (cell types give rough
        pictures too); what is left is spread to the neighbouring pixels, `spreads` times with weight
        `spread`, which takes the sampling noise of the genes out of thousands of pixels.
    prior_genes
        How many genes the prior counts for that images are smooth. 100 decide for a panel of 33 genes and
        are nothing beside 10,000; between 30 and 300 the figures hardly move.
    pole
        How far a gene without any pattern lies from the patterns, in units of the median length of a
        filtered image: flat genes meet at one pole of the sphere instead of pointing anywhere.
    patch_size
        Side of a square patch in pixels; `"auto"`: 4 as in the paper, larger where that would cut the tissue
        into more than 64 patches.
    dim, depth, heads, mlp_ratio
        Width, blocks, attention heads and hidden ratio of the transformer. Narrow and shallow by
        default: gene images are small and a laptop must do.
    mask_ratio
        Share of the tissue patches that are hidden in training; 0.3 as in the authors' code.
    pool
        `"spatial"`: token features weighted by low spatial frequencies, so that place survives pooling.
        `"mean"`: mean over tokens, each weighted by its share of tissue.
    frequencies
        Spatial frequencies per axis of the `"spatial"` pool; 12 see what is an eighth of a section wide.
    head_hidden
        Width of the hidden layer of the projection head; 0 makes the head linear.
    decoder
        `"tokens"`: a light transformer that works for any grid. `"bottleneck"`: one pooled vector
        through an MLP to every pixel, as in the authors' code; tied to one grid, for comparison only.
    """

    start: Literal["eigen", "random"] = "eigen"
    branch: bool = True
    rank: int = 256
    sharp: int = 256
    spread: float = 0.5
    spreads: int = 2
    prior_genes: float = 100.0
    pole: float = 1.2
    patch_size: int | Literal["auto"] = "auto"
    dim: int = 32
    depth: int = 1
    heads: int = 2
    mlp_ratio: float = 2.0
    mask_ratio: float = 0.3
    pool: Literal["spatial", "mean"] = "spatial"
    frequencies: int = 12
    head_hidden: int = 0
    decoder: Literal["tokens", "bottleneck"] = "tokens"

    def _check(self) -> None:
        for name in ("rank", "dim", "depth", "heads", "frequencies"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "a whole number >= 1")
        ok = self.patch_size == "auto" or (isinstance(self.patch_size, int) and self.patch_size >= 1)
        require(ok, "patch_size", self.patch_size, '"auto" or a whole number, 1 or more')
        require(self.sharp >= 0, "sharp", self.sharp, "a number of eigenimages >= 0")
        require(0 <= self.spread <= 1, "spread", self.spread, "a weight from 0 to 1")
        require(self.spreads >= 0, "spreads", self.spreads, "a number of times >= 0")
        require(self.prior_genes >= 0, "prior_genes", self.prior_genes, "a number of genes >= 0")
        require(self.pole > 0, "pole", self.pole, "a number > 0")
        ok = self.branch or self.start == "eigen"
        require(ok, "branch", self.branch, 'True where start="random": something has to encode')
        require(
            self.dim % (4 * self.heads) == 0, "dim", self.dim, f"a multiple of 4 * heads = {4 * self.heads}"
        )
        require(0 < self.mask_ratio < 1, "mask_ratio", self.mask_ratio, "a share between 0 and 1")
        require(self.mlp_ratio > 0, "mlp_ratio", self.mlp_ratio, "a number > 0")
        require(self.head_hidden >= 0, "head_hidden", self.head_hidden, "a width >= 0")


@dataclass(frozen=True, kw_only=True)
class MixtureConfig(Settings):
    """Module II: the mixture over gene representations, fitted by MAP-EM.

    Parameters
    ----------
    density
        `"t"`: Student t components. `"gaussian"`: the limit of infinite degrees of freedom (ablation).
    covariance
        Scale matrices: `"diag"` (default; a group of 30 genes cannot support a full matrix) or `"full"`.
    concentration
        Dirichlet parameter of the weights; 1 is flat.
    mean_precision
        `kappa_0` of the normal-inverse-Wishart prior; 0.01 pulls means only of near-empty groups.
    scale_dof
        `rho_0` of that prior; default `D + 2` (Fraley and Raftery 2007).
    pooling
        For how many genes that prior counts in a fit, never fewer than the prior itself does (twice `D` and a
        few), its scales being those of all groups on average:
        groups about as wide as each other. 0 leaves it as wide as all genes together, and lets a few wide
        groups swallow the patterns of few genes.
    flat
        Whether genes whose images are no smoother than noise have a component of their own, `"no pattern"`,
        at the place where such genes are. Without it they own the likelihood, being most of the genes.
    lens
        How many times farther from the pole of the sphere a representation is seen: 1 as it is; with 6,
        genes of one pattern are near each other however strong each is. Of up to 300 genes never more than
        2, by which their groups foretell held-out counts better.
    sharpness
        Power of the density in the posteriors that are reported. In 32 dimensions the density itself is
        far too sure; with 0.3 a gene of posterior 0.9 keeps its group in an independent half of the counts
        nine times in ten.
    dof_prior
        Shape and rate of a Gamma prior on the degrees of freedom; None is flat within `dof_bounds`.
    dof_bounds
        Range within which the degrees of freedom are solved.
    shared_dof
        One number for all groups; False solves each group's own.
    max_iter, tol
        EM iterations of a full fit, and the relative gain of the objective at which it stops.
    min_genes
        Groups with fewer (soft) members are re-seeded at genes that no group explains.
    """

    density: Literal["t", "gaussian"] = "t"
    covariance: Literal["diag", "full"] = "diag"
    concentration: float = 1.0
    mean_precision: float = 0.01
    scale_dof: float | None = None
    pooling: float = 300.0
    flat: bool = True
    lens: float = 6.0
    sharpness: float = 0.3
    dof_prior: tuple[float, float] | None = (2.0, 0.1)
    dof_bounds: tuple[float, float] = (1.0, 200.0)
    shared_dof: bool = False
    max_iter: int = 100
    tol: float = 1e-5
    min_genes: float = 1.0

    def _check(self) -> None:
        require(self.concentration >= 1, "concentration", self.concentration, "a number >= 1")
        shape, rate = self.dof_prior or (1.0, 0.0)
        require(shape >= 1 and rate >= 0, "dof_prior", self.dof_prior, "a shape >= 1 and a rate >= 0")
        require(self.pooling >= 0, "pooling", self.pooling, "a number of genes >= 0")
        require(self.lens >= 1, "lens", self.lens, "a number >= 1")
        require(0 < self.sharpness <= 1, "sharpness", self.sharpness, "a power above 0, up to 1")
        require(self.mean_precision >= 0, "mean_precision", self.mean_precision, "a number >= 0")
        low, high = self.dof_bounds
        require(0 < low < high, "dof_bounds", self.dof_bounds, "two increasing numbers > 0")
        require(self.max_iter >= 1, "max_iter", self.max_iter, "a whole number >= 1")
        require(self.tol > 0, "tol", self.tol, "a number > 0")
        require(self.min_genes >= 0, "min_genes", self.min_genes, "a number >= 0")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Settings):
    """The loop over the modules.

    Parameters
    ----------
    pretrain_epochs, pretrain_batch, pretrain_lr
        Module I alone.
    epoch_genes
        Genes that an epoch of training sees at most, drawn anew for each; None: all. The eigenimages have
        learnt from all genes in closed form, so that little is left to add: 512 genes keep its share of
        the time small.
    thin
        Probability with which a count goes to the first of two views, the rest to the second; None never
        thins. The views are two experiments that differ by noise alone. Needs integer counts.
    contrast_weight, temperature
        InfoNCE between two views of a gene. 0 (default): it whitens, which gives noise the same say as
        signal; with `start="random"` it is what gives the projection head its first gradient.
    holdout
        Share of the genes of an epoch (`epoch_genes`) that training does not learn from. Module I keeps the
        epoch that predicts their hidden patches best, the start included. Refinement keeps an epoch where one
        half of their counts is foretold better than before, by more than chance would have it, by the ten
        genes nearest to the other half; values that are no counts have no halves, and refinement keeps its
        start. 0 keeps the last epoch of both, whether it helps or not.
    refine_epochs, refine_batch, refine_lr
        Modules II and III.
    em_steps
        EM iterations per refinement epoch; 5 as in the authors' code.
    cluster_weight, reconstruct_weight, likelihood_weight, size_weight
        Weights of KL(P||Q), of the masked reconstruction, of the mixture's log-likelihood and of the
        entropy of group sizes.
    graph_weight, graph_decay, graph_neighbors
        Weight of the Laplacian term, epochs after which it has faded by e, genes per neighbourhood.
    weight_decay, grad_clip
        AdamW's decay and the largest gradient norm.
    tolerance, patience
        Refinement stops when the share of genes that change group stays below `tolerance` for
        `patience` epochs.
    min_rank
        Collapse guard: smallest effective rank of the representations, as a share of that before
        refinement; below it the last good epoch is restored and refinement stops.
    """

    pretrain_epochs: int = 1
    pretrain_batch: int = 256
    pretrain_lr: float = 2e-3
    epoch_genes: int | None = 512
    thin: float | None = 0.5
    contrast_weight: float = 0.0
    temperature: float = 0.15
    holdout: float = 0.1
    refine_epochs: int = 1
    refine_batch: int = 256
    refine_lr: float = 2e-4
    em_steps: int = 5
    cluster_weight: float = 1.0
    reconstruct_weight: float = 1.0
    likelihood_weight: float = 0.01
    size_weight: float = 0.01
    graph_weight: float = 0.1
    graph_decay: float = 3.0
    graph_neighbors: int = 15
    weight_decay: float = 1e-4
    grad_clip: float = 1.0
    tolerance: float = 1e-3
    patience: int = 2
    min_rank: float = 0.5

    def _check(self) -> None:
        for name in ("pretrain_epochs", "refine_epochs"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "a number of epochs >= 0")
        for name in ("pretrain_batch", "refine_batch", "em_steps", "graph_neighbors", "patience"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "a whole number >= 1")
        least = self.epoch_genes is None or self.epoch_genes >= 1
        require(least, "epoch_genes", self.epoch_genes, "None or a number of genes >= 1")
        require(
            self.thin is None or 0 < self.thin < 1, "thin", self.thin, "None or a probability between 0 and 1"
        )
        require(0 <= self.holdout < 1, "holdout", self.holdout, "a share from 0 to below 1")
        for name in ("pretrain_lr", "refine_lr", "temperature", "graph_decay", "grad_clip"):
            require(getattr(self, name) > 0, name, getattr(self, name), "a number > 0")
        for name in (
            "tolerance",
            "min_rank",
            "weight_decay",
            *(n for n in vars(self) if n.endswith("_weight")),
        ):
            require(getattr(self, name) >= 0, name, getattr(self, name), "a number >= 0")


@dataclass(frozen=True, kw_only=True)
class SIGELConfig(Settings):
    """All settings of a fit.

    Parameters
    ----------
    n_dims
        Length of a gene representation; 32 as in the paper.
    n_groups
        Number of mixture components, that of genes without a pattern not counted, or `"auto"`: the best by
        the likelihood less a cost for each parameter; of a panel of up to 300 genes, the fewest by which
        genes of a group foretell values of each other about as well as by any number.
    max_groups
        Largest candidate of `"auto"`; also never more than a third of the genes.
    assignment
        `"mixture"`: the posterior of Module II. `"dec"`: the Student t kernel around learned centres of
        the authors' running code, for comparison only.
    image, encoder, mixture, train
        Settings of the parts.
    """

    n_dims: int = 32
    n_groups: int | Literal["auto"] = "auto"
    max_groups: int = 64
    assignment: Literal["mixture", "dec"] = "mixture"
    image: ImageConfig = field(default_factory=ImageConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    mixture: MixtureConfig = field(default_factory=MixtureConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def _check(self) -> None:
        require(2 <= self.n_dims <= 1024, "n_dims", self.n_dims, "a whole number from 2 to 1024")
        ok = self.n_groups == "auto" or (isinstance(self.n_groups, int) and self.n_groups >= 1)
        require(ok, "n_groups", self.n_groups, '"auto" or a whole number >= 1')
        scale_dof, floor = self.mixture.scale_dof, self.n_dims - 1
        ok = scale_dof is None or scale_dof > floor
        require(ok, "scale_dof", scale_dof, f"None or a number > n_dims - 1 = {floor}")
        require(self.max_groups >= 1, "max_groups", self.max_groups, "a whole number >= 1")

    @classmethod
    def preset(cls, name: str = "default") -> SIGELConfig:
        """Settings by the time that one has.

        Parameters
        ----------
        name
            `"fast"`: eigenimages and groups, nothing is trained. `"default"`: some epochs of each module.
            `"thorough"`: more of them, and more eigenimages. `"paper"`: the published settings as far as they
            are known, on this package's modules, for comparison: no eigenimages, 500 groups, 60 epochs,
            which take hours without a GPU.

        Raises
        ------
        ConfigError
            When the name is another.
        """
        return cls.from_dict({"preset": name})

    @classmethod
    def from_dict(cls: type[SIGELConfig], settings: dict[str, Any]) -> SIGELConfig:
        """As for any config; a further key `preset` names the settings that the others change.

        Parameters
        ----------
        settings
            Nested settings, for example `{"preset": "fast", "n_dims": 16}`.
        """
        if not isinstance(settings, dict) or "preset" not in settings:
            return super().from_dict(settings)
        name = settings["preset"]
        known = isinstance(name, str) and name in PRESETS
        require(known, "preset", name, any_of(PRESETS))
        merged = {key: value for key, value in settings.items() if key != "preset"}
        for part, values in PRESETS[name].items():
            given = merged.get(part, {} if isinstance(values, dict) else values)
            both = isinstance(given, dict) and isinstance(values, dict)
            merged[part] = values | given if both else given
        return super().from_dict(merged)

    @classmethod
    def parity(cls) -> SIGELConfig:
        """Settings close to the authors' running code (method table 4.3), for comparison only."""
        return cls(
            n_groups=500,
            max_groups=500,
            assignment="dec",
            image=ImageConfig(normalize="log", scale="none", smooth=0.0),
            encoder=EncoderConfig(
                start="random",
                patch_size=4,
                dim=16,
                depth=5,
                mlp_ratio=5.0,
                pool="mean",
                head_hidden=32,
                decoder="bottleneck",
            ),
            train=TrainConfig(
                pretrain_epochs=30,
                pretrain_batch=320,
                pretrain_lr=1e-3,
                epoch_genes=None,
                thin=None,
                holdout=0.0,
                refine_epochs=30,
                refine_batch=64,
                refine_lr=1e-3,
                likelihood_weight=0.0,
                size_weight=0.0,
                graph_weight=0.0,
                weight_decay=0.0,
                min_rank=0.0,
            ),
        )
