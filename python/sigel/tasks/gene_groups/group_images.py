"""What a gene group looks like: the mean of its genes' images, and its most typical genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from sigel.images import GeneImages
from sigel.images.tensors import ImageViews
from sigel.keys import NO_PATTERN
from sigel.stats.scaling import centred
from sigel.tasks.gene_groups.grouping import typical_genes


class GroupImages(NamedTuple):
    """Images of one group, for the eye."""

    n_genes: int  # of the group that have an image
    mean: np.ndarray  # mean of their images, (n_pixels,)
    typical: np.ndarray  # names of the most typical, the nearest to the group's mean first, (n_typical,)
    images: np.ndarray  # theirs, (n_typical, n_pixels)


def largest_groups(images: GeneImages, group: np.ndarray) -> list[str]:
    """Names of the groups of genes that have an image, from many genes to few; of equals by name.

    That of genes without a pattern comes last.

    Parameters
    ----------
    images
        The gene images.
    group
        Group of each of `images.all_genes`; `""` or no text: none.
    """
    found = [one for one in group[images.kept] if isinstance(one, str) and one]
    labels, sizes = np.unique(np.array(found, dtype=str), return_counts=True)
    return labels[np.lexsort((labels, -sizes, labels == NO_PATTERN))].tolist()


def group_images(
    images: GeneImages,
    representations: np.ndarray,
    group: np.ndarray,
    labels: Sequence[str],
    *,
    n_genes: int,
) -> list[GroupImages]:
    """Mean image and most typical genes of some groups.

    Typical are the genes whose representation, centred on the mean of all genes, points most nearly where the
    group's mean points.

    Parameters
    ----------
    images
        The gene images.
    representations
        Of all genes, `(n_all_genes, n_dims)`; rows of NaN for genes that were not embedded.
    group
        Group of each of `images.all_genes`, `(n_all_genes,)`.
    labels
        Names of the groups wanted.
    n_genes
        Typical genes of each, at most.
    """
    direction = np.zeros_like(representations)
    embedded = np.isfinite(representations).all(axis=1)
    direction[embedded] = centred(representations[embedded])
    direction, group = direction[images.kept], group[images.kept]
    views = ImageViews(images)
    made = []
    for label in labels:
        members = np.flatnonzero(group == label)
        typical = members[typical_genes(direction[members])][:n_genes]
        mean = views.mean_shown(torch.from_numpy(members)).numpy()
        shown = views.shown(torch.from_numpy(typical)).numpy()
        made.append(GroupImages(len(members), mean, images.genes[typical], shown))
    return made
