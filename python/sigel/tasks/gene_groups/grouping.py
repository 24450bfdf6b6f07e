"""Gene groups: what is in each, and other numbers of groups from the same representations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np
import pandas as pd
import torch

from sigel.config import SIGELConfig
from sigel.errors import InputError, span
from sigel.keys import NO_PATTERN, group_names
from sigel.nn.mixture.n_groups import best_number, mixture_of, tried_numbers
from sigel.nn.mixture.t_mixture import TMixture
from sigel.runtime.device import resolve_device
from sigel.runtime.seeds import torch_stream
from sigel.stats.scaling import centred, unit_vectors
from sigel.tasks.gene_groups.tree import GroupTree, group_tree

N_TYPICAL = 5  # typical genes named for each group


@dataclass(frozen=True)
class GeneGroups:
    """Groups of all genes, in the order of the representations.

    Parameters
    ----------
    group
        Group of each gene as text, `"1"` for the largest, `"no pattern"`; `""` where not embedded.
    group_prob
        Its posterior, float32; NaN where not embedded.
    posterior
        float32 `(n_genes, n_columns)`, a column for each of `names`; NaN rows where not embedded.
    names
        Of the groups: `"1"`, `"2"`, ..., and `"no pattern"` last where there are such genes.
    bic
        What the choice of the number compares, by number of groups; empty where none was chosen.
    tree
        How the numbered groups join.
    chosen
        The number that `resolution=1` stands for, where it is known.
    """

    group: np.ndarray
    group_prob: np.ndarray
    posterior: np.ndarray
    names: np.ndarray
    bic: dict[int, float]
    tree: GroupTree
    chosen: int | None

    @property
    def n_groups(self) -> int:
        """How many are numbered."""
        return len(self.tree.joined) + 1


@dataclass(frozen=True)
class PresentGroups:
    """Groups that there are, of all genes in the order of the representations.

    Parameters
    ----------
    group
        Group of each gene as text, `""` where it has none.
    posterior
        `(n_genes, n_columns)`.
    names
        Of its columns: `"1"`, `"2"`, ..., and `"no pattern"` last where there are such genes.
    """

    group: np.ndarray
    posterior: np.ndarray
    names: Sequence[str]

    @property
    def n_groups(self) -> int:
        """How many are numbered."""
        return len(self.names) - (NO_PATTERN in self.names)


def regroup(
    representations: np.ndarray,
    config: SIGELConfig | None = None,
    *,
    n_groups: int | None = None,
    resolution: float | None = None,
    present: PresentGroups | None = None,
    chosen: int | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> GeneGroups:
    """Group genes again by their representations; nothing is trained.

    Fewer groups than there are come from the tree of those: unions of them, with the sums of their
    posteriors, so that coarse and fine groups are cuts of one result. More are a mixture of that number,
    begun at k-means or reached by mergers from half as many more, whichever is likelier. Genes without a
    pattern stay what they are.

    Parameters
    ----------
    representations
        `(n_all_genes, n_dims)`; rows of NaN for genes that were not embedded.
    config
        Settings of the mixture; default `SIGELConfig()`.
    n_groups
        That many, beside that of genes without a pattern.
    resolution
        Instead: this times the number that is chosen for these representations, rounded, at least 1.
    present
        The present groups. None: all genes have a pattern.
    chosen
        The number that `resolution=1` stands for; default: it is chosen anew.
    seed
        Seed of the start.
    device
        As in `SIGEL`.

    Raises
    ------
    InputError
        When both or none of `n_groups` and `resolution` are given, or one is out of range.

    Notes
    -----
    Mergers after Figueiredo and Jain 2002, BIC after Fraley and Raftery 2007, the tree after Ward 1963.
    """
    config = config or SIGELConfig()
    values = np.asarray(representations, dtype=np.float64)
    kept = np.atleast_1d(np.isfinite(values).all(axis=1))
    z = torch.from_numpy(values[kept]).to(resolve_device(device))
    flat = np.zeros(len(z), dtype=bool)
    none = np.zeros((len(z), 0))  # posterior of having no pattern, (n_genes, 1) where some have none
    if present is not None:
        flat = np.asarray(present.group, dtype=object)[kept] == NO_PATTERN
        soft = np.asarray(present.posterior, dtype=np.float64)[kept]
        none, soft = soft[:, present.n_groups :], soft[:, : present.n_groups]
    _check_number(n_groups, resolution, int((~flat).sum()))
    generator = torch_stream(seed, "groups")
    # Seen from where genes without a pattern lie, and without them: no group is made of what they leave over.
    lens = TMixture(1, z.shape[1], config.mixture).to(z)
    lens.find_pole(z)
    seen, settings = lens.seen(z), replace(config.mixture, lens=1.0)
    patterned = seen[torch.from_numpy(~flat).to(z.device)]

    bic: dict[int, float] = {}
    if n_groups is None:
        assert resolution is not None
        most = int((~flat).sum())
        if chosen is None:
            largest = max(1, min(config.max_groups, most // 3))
            bic = tried_numbers(patterned, largest, settings, generator)[1]
            chosen = best_number(bic)
        n_groups = min(max(1, round(min(resolution, most) * chosen)), most)
    n_groups = int(n_groups)
    if present is not None and n_groups <= present.n_groups:
        part = group_tree(values[kept], soft).cut(n_groups)  # of each present group
        code = pd.Index(present.names).get_indexer(np.asarray(present.group, dtype=object)[kept])
        label = np.where(flat, -1, part[np.clip(code, 0, len(part) - 1)])
        merged = np.zeros((len(z), n_groups))
        np.add.at(merged.T, part, soft.T)
    else:
        mixture = mixture_of(patterned, n_groups, settings, generator)
        with torch.no_grad():
            merged = mixture.calibrated(seen).cpu().numpy() * (1 - none.sum(axis=1, keepdims=True))
        label = np.where(flat, -1, merged.argmax(axis=1))
    return replace(_as_groups(values, kept, merged, none, label), bic=bic, chosen=chosen)


def _as_groups(
    values: np.ndarray,
    kept: np.ndarray,
    soft: np.ndarray,
    none: np.ndarray,
    label: np.ndarray,
) -> GeneGroups:
    """Number the groups by size and lay them out for all genes; -1 is the label of no pattern."""
    n_groups = soft.shape[1]
    order = np.argsort(-np.bincount(label[label >= 0], minlength=n_groups), kind="stable")
    column = np.append(np.argsort(order), n_groups)[label]
    soft = np.concatenate([soft[:, order], none], axis=1).astype(np.float32)
    names = np.array(group_names(n_groups, has_flat=none.shape[1] > 0), dtype=object)
    posterior = np.full((len(kept), soft.shape[1]), np.nan, dtype=np.float32)
    posterior[kept] = soft
    group = np.full(len(kept), "", dtype=object)
    group[kept] = names[column]
    prob = np.full(len(kept), np.nan, dtype=np.float32)
    prob[kept] = soft[np.arange(len(soft)), column]
    tree = group_tree(values[kept], soft[:, :n_groups].astype(np.float64))
    return GeneGroups(group, prob, posterior, names, {}, tree, None)


def _check_number(n_groups: object, resolution: object, n_genes: int) -> None:
    if not n_genes:
        fix = "There is nothing to group."
        raise InputError("n_groups", "no gene with a pattern", "some genes with a pattern", fix)
    if (n_groups is None) == (resolution is None):
        found = "both" if n_groups is not None else "neither"
        raise InputError(
            "n_groups", f"{found} of n_groups and resolution", "one of the two", "Use resolution=2."
        )
    if n_groups is not None:
        whole = isinstance(n_groups, Integral) and not isinstance(n_groups, bool)
        if not (whole and 1 <= n_groups <= n_genes):  # type: ignore[operator]
            wanted = span(1, n_genes, "a whole number from ") + ", the number of genes with a pattern"
            fix = "Or use resolution=2 for about twice as many."
            raise InputError("n_groups", repr(n_groups), wanted, fix)
        return
    number = isinstance(resolution, Real) and not isinstance(resolution, bool)
    if not (number and 0 < resolution < math.inf):  # type: ignore[operator]
        fix = "Use 2 for about twice as many groups, 0.5 for half as many."
        raise InputError("resolution", repr(resolution), "a number > 0", fix)


def describe_groups(
    representations: np.ndarray,
    names: Sequence[str] | np.ndarray,
    group: Sequence[object] | np.ndarray,
    group_prob: np.ndarray | None = None,
) -> pd.DataFrame:
    """One row for each group: its size, how sure and how alike its genes are, and the most typical of them.

    Parameters
    ----------
    representations
        `(n_all_genes, n_dims)`; rows of NaN for genes that were not embedded.
    names
        `(n_all_genes,)`.
    group
        Group of each gene as text; `""` or no text: none.
    group_prob
        Posterior of that group, or None.

    Returns
    -------
    pandas.DataFrame
        `group`, `n_genes`, `medoid` (the gene nearest to the group's mean, by the cosine of representations
        centred on the mean of all genes), `mean_prob`, `cohesion` (mean of that cosine), `typical` (the five
        nearest, comma-joined). Groups in the order of their numbers,
        that of genes without a pattern last.

    Notes
    -----
    With u a gene's representation less the mean of all, at unit length, and m the mean of u over a group, the
    cosine of a gene is `u . m / |m|`.
    """
    z = np.asarray(representations, dtype=np.float64)
    kept, labels, code = grouped(z, group)
    z, name = z[kept], np.asarray(names, dtype=object)[kept]
    size = np.bincount(code, minlength=len(labels))
    vectors = centred(z)
    middle = unit_vectors(_means(vectors, code, size))
    cosine = (vectors * middle[code]).sum(axis=1)
    prob = np.full(len(z), np.nan) if group_prob is None else np.asarray(group_prob, dtype=float)[kept]

    order = np.lexsort((-cosine, code))  # group by group, the nearest first
    first = np.concatenate([[0], np.cumsum(size)])
    typical = [name[order[a:b]][:N_TYPICAL].tolist() for a, b in itertools.pairwise(first)]
    return pd.DataFrame(
        {
            "group": labels,
            "n_genes": size,
            "medoid": [genes[0] for genes in typical],
            "mean_prob": np.bincount(code, prob, minlength=len(labels)) / size,
            "cohesion": np.bincount(code, cosine, minlength=len(labels)) / size,
            "typical": [",".join(genes) for genes in typical],
        }
    )


def grouped(z: np.ndarray, group: Sequence[object] | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows with a representation and a group, the labels in order, and the number of each row's label.

    Parameters
    ----------
    z
        `(n, n_dims)`.
    group
        `(n,)`; `""` or no text: none.
    """
    label = np.array([one if isinstance(one, str) else "" for one in group], dtype=object)
    kept = np.flatnonzero(np.isfinite(z).all(axis=1) & (label != ""))
    labels = np.array(sorted(set(label[kept]), key=_numbers_first), dtype=object)
    number = {one: k for k, one in enumerate(labels)}
    return kept, labels, np.array([number[one] for one in label[kept]], dtype=np.int64)


def _numbers_first(label: str) -> tuple[bool, int, str]:
    return not label.isdecimal(), int(label) if label.isdecimal() else 0, label


def typical_genes(vectors: np.ndarray) -> np.ndarray:
    """Order of the genes of a group, from the nearest to its mean to the farthest.

    Plain distances would put the genes of the weakest pattern first: they lie in the middle.

    Parameters
    ----------
    vectors
        Their representations, centred on the mean of all genes and of unit length, `(n, n_dims)`.
    """
    return np.argsort(-(vectors @ vectors.mean(axis=0)), kind="stable")


def _means(z: np.ndarray, code: np.ndarray, size: np.ndarray) -> np.ndarray:
    total = np.zeros((len(size), z.shape[1]))
    np.add.at(total, code, z)
    return total / size[:, None]
