"""What memory a fit needs, by part, from its settings and the size of its data."""

from __future__ import annotations

from typing import NamedTuple

from sigel.config import EncoderConfig, SIGELConfig, TrainConfig
from sigel.nn.encoder.covariance import FOLDS, MOST_MODES, SMOOTH_MODES

# What libraries that only a fit imports, their threads, or a GPU's workspaces add to a process.
LIBRARIES = 240_000_000
# Images of at most this many values in all are kept while the eigenimages are fitted.
KEPT_VALUES = 2**27
# Genes that are encoded at a time outside of training.
ENCODED = 512

_FLOAT, _DOUBLE = 4, 8


class FitSize(NamedTuple):
    """What of the data decides the memory of a fit.

    Parameters
    ----------
    n_genes, n_pixels, n_patches
        Genes, tissue pixels, tissue patches.
    n_counts
        Entries of the sparse counts.
    n_sections
        Sections that the pixels are of.
    n_grid
        Places of the largest section's grid, those without tissue too; None: as many as there are pixels.
    """

    n_genes: int
    n_pixels: int
    n_patches: int
    n_counts: int
    n_sections: int = 1
    n_grid: int | None = None

    def with_genes(self, n_genes: int) -> FitSize:
        """The same section with fewer genes, and as many counts per gene.

        Parameters
        ----------
        n_genes
            How many.
        """
        return self._replace(n_genes=n_genes, n_counts=-(-self.n_counts * n_genes // self.n_genes))

    def patch_pixels(self, encoder: EncoderConfig) -> int:
        """Pixels of all patches, those off the tissue too; automatic patches have a side of 4 at least.

        Parameters
        ----------
        encoder
            Settings of the encoder.
        """
        side = 4 if encoder.patch_size == "auto" else int(encoder.patch_size)
        return max(self.n_patches * side**2, self.n_pixels)


def memory_needed(config: SIGELConfig, size: FitSize) -> dict[str, int]:
    """Memory that a fit adds to a process which holds the gene images, by part, in bytes at its peak.

    Parameters
    ----------
    config
        Settings.
    size
        Of the data.

    Returns
    -------
    dict
        What stays all the time:

        - `libraries`: fixed
        - `counts`: pixel (int32) and count (float32) of each entry, where each gene begins
        - `eigenimages`: of the fitted model, `(n_pixels + n_genes) * rank` float32, with roots of the
          covariance of several sections, and two copies where it is trained; and as laid on patches
        - `weights`: of the transformer, with gradients, two moments and three copies
        - `representations`: `n_genes * (n_dims + n_groups)` float64, six of it: the density and its terms;
          merging groups compares each pair; what each of several sections says

        and of the stage that takes most (the eigenimages, the groups, either training, encoding all genes):

        - `images`: some copies of a batch of images, cut into patches or not; where they fit, all images
        - `covariance`: eigenimages of each section and smooth images, `span` in all, while they become the
          model: some matrices `n_pixels * span`, and five `n_genes * span`, most of them float64
        - `tokens`: a batch's activations in the transformer, and the waves that weight each token
        - `pooled`: a batch's pooled features

    Notes
    -----
    The sum never falls when a number grows. It is an estimate, for one process: what allocators keep and
    libraries ask for differs between machines.
    """
    encoder = config.encoder
    n_genes, n_pixels = size.n_genes, size.n_pixels
    groups = _n_groups(config, n_genes)
    eigen = encoder.start == "eigen"
    always = {
        "libraries": LIBRARIES,
        "counts": size.n_counts * 2 * _FLOAT + (n_genes + 1) * _DOUBLE,
        "eigenimages": _eigenimages(encoder, size) if eigen else 0,
        "weights": int(_n_weights(config, n_pixels, size.n_patches) * _FLOAT * 7) if encoder.branch else 0,
        "representations": n_genes * (config.n_dims + groups) * _DOUBLE * 6
        + (n_genes * config.n_dims * size.n_sections * _FLOAT * 2 if size.n_sections > 1 else 0)
        + (groups**2 * config.n_dims * _DOUBLE * 3 if config.n_groups == "auto" else 0),
    }
    encoding = _encoding(encoder, size)
    stages = [encoding, _shuffling(encoding["images"], size)]
    if eigen:
        kept = min(n_genes * n_pixels, KEPT_VALUES) * _FLOAT
        stages.append({"images": encoding["images"] + kept, "covariance": _covariance(encoder, size)})
    train = config.train
    if encoder.branch and train.pretrain_epochs > 0:
        stages.append(_training(encoder, train, size, train.pretrain_batch, whole=False))
    if encoder.branch and train.refine_epochs > 0:
        stages.append(_training(encoder, train, size, train.refine_batch, whole=True))
    # Whole numbers first: rounded afterwards, the sum could fall by a byte where another stage takes over.
    none = dict.fromkeys(("images", "covariance", "tokens", "pooled"), 0)
    whole = [none | {name: int(part) for name, part in stage.items()} for stage in stages]
    return always | max(whole, key=lambda stage: sum(stage.values()))


def _n_groups(config: SIGELConfig, n_genes: int) -> int:
    if config.n_groups == "auto":
        return max(min(config.max_groups, n_genes // 3), 1)
    return int(config.n_groups)


def _n_weights(config: SIGELConfig, n_pixels: int, n_patches: int) -> float:
    encoder = config.encoder
    # Automatic patches are at most 64 (nn/encoder/patches.py).
    side2 = n_pixels / 64 + 16 if encoder.patch_size == "auto" else int(encoder.patch_size) ** 2
    pooled = _pooled_dim(encoder)
    blocks = (encoder.depth + 1) * (4 + 2 * encoder.mlp_ratio) * encoder.dim**2
    head = pooled * (encoder.head_hidden or config.n_dims) + encoder.head_hidden * config.n_dims
    if encoder.decoder == "tokens":
        decoder = (pooled + side2) * encoder.dim
    else:
        decoder = pooled * 640 + 128 * 256 + 256 * 512 + 512 * 1024 + 1024 * n_patches * side2
    return 2 * side2 * encoder.dim + blocks + head + decoder


def _pooled_dim(encoder: EncoderConfig) -> int:
    return encoder.dim * (encoder.frequencies**2 if encoder.pool == "spatial" else 1)


def _eigenimages(encoder: EncoderConfig, size: FitSize) -> int:
    """What a fitted model holds of them, copies of it, and what it lays on patches."""
    rank = min(encoder.rank, size.n_pixels)
    model = (size.n_pixels + size.n_genes) * rank
    if size.n_sections > 1:
        model += (FOLDS + 1) * rank**2
    laid = (size.n_pixels + size.patch_pixels(encoder)) * rank
    return (model * (3 if encoder.branch else 1) + laid) * _FLOAT


def _covariance(encoder: EncoderConfig, size: FitSize) -> int:
    """Fitting the eigenimages."""
    rank = min(encoder.rank, size.n_genes, size.n_pixels)
    modes = min(SMOOTH_MODES * size.n_sections, MOST_MODES, size.n_pixels)
    span = min(rank + modes, size.n_pixels)
    # The eigenimages of each section, spread out, and what is kept of them; then iterates and their products,
    # or the basis, the same turned back, and what that is made of.
    pixels = 3 * rank + max(6 * span, 9 * (rank + 16))
    # Smooth images on the whole grid of a section, spread along its rows and its columns.
    grid = 4 * (size.n_grid or size.n_pixels) * (modes + 16)
    # Products of columns, their eigenvectors, and the same for the genes of other folds.
    square = 8 * span**2 * _DOUBLE
    # What each gene contributes, as it is, without noise, and while that is taken off.
    genes = size.n_genes * span * (_FLOAT + 4 * _DOUBLE)
    return (size.n_pixels * pixels + grid) * _FLOAT + square + genes


def _shuffling(images: float, size: FitSize) -> dict[str, float]:
    """A batch of images beside the same in random order: the order as it is drawn, sorted, put together."""
    order = min(ENCODED, size.n_genes) * size.n_pixels * (2 * _FLOAT + 3 * _DOUBLE)
    return {"images": images + order}


def _encoding(encoder: EncoderConfig, size: FitSize) -> dict[str, float]:
    """Encoding genes without gradients: one block's activations at a time."""
    rows = min(ENCODED, size.n_genes)
    entries = min(rows * size.n_pixels, size.n_counts) * 28
    images = rows * (6 * size.n_pixels + 3 * size.patch_pixels(encoder)) * _FLOAT + entries
    if not encoder.branch:
        return {"images": images, "tokens": 0, "pooled": 0}
    block = max(8.0, 3 + 2 * encoder.mlp_ratio)
    return {
        "images": images,
        "tokens": rows * size.n_patches * encoder.dim * block * _FLOAT,
        "pooled": rows * _pooled_dim(encoder) * 2 * _FLOAT,
    }


def _training(
    encoder: EncoderConfig, train: TrainConfig, size: FitSize, batch: int, *, whole: bool
) -> dict[str, float]:
    """A step of training, `whole` where it encodes whole images besides the masked views."""
    rows = min(batch, size.n_genes)
    views = 2 if train.contrast_weight > 0 else 1
    visible = (1 - encoder.mask_ratio) * views
    passes = visible + whole
    # Kept for the backward pass: inputs of two norms, three projections, two products and the MLP.
    block = 9 + 2 * encoder.mlp_ratio
    decoder = block + 5 if encoder.decoder == "tokens" else 0
    backward = 8 + 2 * encoder.mlp_ratio
    activations = passes * (encoder.depth * block + 4) + decoder + backward
    # Each gene hides patches of its own, so each has its own weights of the pool.
    waves = 4 * visible * encoder.frequencies**2 if encoder.pool == "spatial" else 0
    # Row, pixel, count and thinned count of the batch's entries.
    entries = min(rows * size.n_pixels, size.n_counts) * 28
    copies = (3 + 2 * whole) * size.n_pixels + (9 + 4 * views + whole) * size.patch_pixels(encoder)
    return {
        "images": rows * copies * _FLOAT + entries,
        "tokens": rows * size.n_patches * (encoder.dim * activations + waves) * _FLOAT,
        "pooled": rows * _pooled_dim(encoder) * 4 * (views + whole) * _FLOAT,
    }
