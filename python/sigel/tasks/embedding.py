"""From the counts of a section, or of several, to representations of genes and of spots."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from sigel.config import SIGELConfig
from sigel.errors import InputError, number_of, warn
from sigel.images import GeneImages
from sigel.images.counts import SpotRows
from sigel.model import SIGEL
from sigel.model.files import as_path
from sigel.runtime.progress import Progress


@dataclass(frozen=True)
class Embedding:
    """Results in the order of the input's genes and spots.

    Parameters
    ----------
    representations
        float32 `(n_all_genes, n_dims)`; NaN rows for genes that were not embedded.
    spots
        float32 `(n_spots, n_dims)`.
    group
        Group of each gene as text, `""` where not embedded.
    group_prob
        Its posterior, NaN where not embedded.
    posterior
        float32 `(n_all_genes, n_groups)`, group k in column k - 1, `"no pattern"` in the
        last where there are such genes; NaN rows where not embedded.
    status
        `"embedded"`, or why not.
    sections
        What each section alone says of a gene, by its name: float32 `(n_all_genes, n_dims)`, NaN rows where
        it has no image; empty for one section.
    model
        The fitted model.
    """

    representations: np.ndarray
    spots: np.ndarray
    group: np.ndarray
    group_prob: np.ndarray
    posterior: np.ndarray
    status: np.ndarray
    sections: dict[str, np.ndarray]
    model: SIGEL

    @property
    def params(self) -> str:
        """Settings as JSON."""
        return json.dumps(self.model.config.to_dict())

    @property
    def bic(self) -> dict[str, float]:
        """BIC by number of groups, as text; empty where it did not choose the number."""
        return {str(k): value for k, value in self.model.bic.items()}

    @property
    def history(self) -> dict[str, np.ndarray]:
        """Training history by column; NaN where a term does not apply to a stage."""
        return history_columns(self.model.history)


def embed_section(
    images: GeneImages,
    counts: Any,
    config: SIGELConfig,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: Progress | None = None,
    save: str | Path | None = None,
    checkpoint: str | Path | None = None,
    groups_asked: bool = True,
) -> Embedding:
    """Fit a model to the images of a section, or of several, and describe their genes and spots.

    Parameters
    ----------
    images
        Gene images.
    counts
        What the images were made of, `(n_spots, n_all_genes)`, in memory or on disk, or a `SpotRows`.
    config
        Settings.
    seed, device, progress
        As in `SIGEL`.
    save
        Folder for the fitted model, or None.
    checkpoint
        Folder for the state after each epoch, or None.
    groups_asked
        Whether the number of groups in `config` was asked for. That of a preset is lowered to a third of the
        genes where it is more.
    """
    _check_number(images)
    if "" in images.sections:
        fix = "Give it a name, or leave its spots out."
        raise InputError("section_key", "a section named ''", "a name for each section", fix)
    most = max(len(images.genes) // 3, 1)
    if not groups_asked and config.n_groups != "auto" and config.n_groups > most:
        config = replace(config, n_groups=most)
    model = SIGEL(config, seed=seed, device=device)
    for argument, folder in (("save", save), ("checkpoint", checkpoint)):
        if folder is not None:
            _check_folder(folder, argument)
    model.fit(images, progress=progress, checkpoint=checkpoint)
    kept = images.kept
    representations = np.full((len(kept), config.n_dims), np.nan, dtype=np.float32)
    representations[kept] = model.representations
    group = np.full(len(kept), "", dtype=object)
    group[kept] = model.group_labels
    prob = np.full(len(kept), np.nan, dtype=np.float32)
    prob[kept] = model.group_prob
    posterior = np.full((len(kept), model.posterior.shape[1]), np.nan, dtype=np.float32)
    posterior[kept] = model.posterior
    normalize = config.image.normalize != "none"
    spots = embed_spots(counts, model.representations, genes=kept, normalize=normalize)
    if save is not None:
        model.save(save)
    sections = {}
    for name, own in zip(model.sections, model.section_representations, strict=True):
        sections[name] = np.full_like(representations, np.nan)
        sections[name][kept] = own
    return Embedding(representations, spots, group, prob, posterior, images.status, sections, model)


def _check_folder(folder: object, argument: str) -> None:
    """A folder that cannot be written must be known before minutes of training, not after."""
    path = as_path(folder, argument)
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        found = f"{str(path)!r} ({error.strerror})"
        raise InputError(argument, found, "a folder that can be written", "Name another.") from error


def embed_spots(
    counts: Any, representations: np.ndarray, *, genes: np.ndarray | None = None, normalize: bool = True
) -> np.ndarray:
    """Expression-weighted mean of the representations of a spot's genes, centred over spots.

    Parameters
    ----------
    counts
        `(n_spots, n_all_genes)`, in memory or on disk, as in `sigel.images.counts.SpotRows`, or one of these;
        read twice, some spots at a time.
    representations
        `(n_genes, n_dims)`.
    genes
        Bool `(n_all_genes,)`: which of the genes the representations are of; default all.
    normalize
        Weigh a gene by `log1p` of its counts at the median library size; False: by its values as they are,
        for input that is not counts (negative ones weigh nothing).

    Returns
    -------
    numpy.ndarray
        float32 `(n_spots, n_dims)`; a spot without counts lies at the centre, zero.

    Notes
    -----
    With z_g the representation of gene g, x its count in spot i with library l_i, and m the median library,
    the spot lies at `sum of w z_g / sum of w` over genes, `w = log(1 + m x / l_i)`, less the mean of all
    spots.
    """
    rows = counts if isinstance(counts, SpotRows) else SpotRows(counts)
    columns = np.arange(rows.shape[1]) if genes is None else np.flatnonzero(genes)
    library = np.concatenate([_row_sums(_positive(chunk, columns)) for _, chunk in rows])
    filled = library > 0
    target = np.median(library[filled]) if filled.any() else np.float32(1)
    spots = np.empty((len(library), representations.shape[1]), np.result_type(np.float32, representations))
    for where, chunk in rows:
        weight = _positive(chunk, columns)
        if normalize:
            factor = target / np.where(filled[where], library[where], 1.0)
            weight.data = np.log1p(weight.data * np.repeat(factor, np.diff(weight.indptr)))
        total = _row_sums(weight)[:, None]
        spots[where] = (weight @ representations) / np.where(total > 0, total, 1.0)
    centre = spots[filled].mean(axis=0) if filled.any() else 0.0
    return np.where(filled[:, None], spots - centre, 0.0).astype(np.float32)


def _positive(chunk: sparse.csr_matrix, columns: np.ndarray) -> sparse.csr_matrix:
    """Some genes of a chunk, a copy in which nothing is below zero."""
    weight = chunk[:, columns].astype(np.float32)
    weight.data = np.maximum(weight.data, 0)
    return weight


def _row_sums(chunk: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(chunk.sum(axis=1)).ravel()


def history_columns(history: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Turn one dict per epoch into columns of equal length.

    Parameters
    ----------
    history
        `SIGEL.history`.
    """
    names = list(dict.fromkeys(name for row in history for name in row))
    text = {"stage", "stopped"}
    return {
        name: np.array([row.get(name, "" if name in text else np.nan) for row in history]) for name in names
    }


# Of fewer genes with an image little can be said.
LITTLE_SAID = 20


def _check_number(images: GeneImages) -> None:
    """Refuse a single gene, which is like no other, and warn of a few."""
    n = images.n_genes
    if n == 1:
        fix = "Give more genes; how strong the pattern of one is, the test of spatial genes says."
        raise InputError(
            "genes", "1 gene with an image", "at least 2, as genes are told apart by others", fix
        )
    if n < LITTLE_SAID:
        warn(
            f"{number_of(n, 'gene')} with an image: representations and groups of fewer than {LITTLE_SAID} "
            f"say little, as genes are told apart by others."
        )
