"""Quality of the results, each figure beside its baseline or its null; only what the object holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sigel.nn.mixture.n_groups import best_number
from sigel.pl._base import CALLED
from sigel.pl._stability import DISSOLVED, FOUND_AGAIN
from sigel.report._found import Found
from sigel.report._genes import Genes
from sigel.report._tables import Table, number

Row = list[str]


def quality_of(found: Found, genes: Genes) -> Table | None:
    """One row for each figure; None where there is none.

    Parameters
    ----------
    found
        What the object holds.
    genes
        Genes of the report, whose nearest genes are known.
    """
    rows = [
        *_training(found.info.get("history")),
        *_number(found.info.get("bic"), made_anew="groups" in found.info),
        *_foretold(found.info.get("history"), made_anew="groups" in found.info),
        *_stability(found.info.get("stability"), "groups of genes", "Adjusted Rand index of groups"),
        *_nearest(genes),
        *_spatial(found),
        *_domains(found),
    ]
    if not rows:
        return None
    return Table(
        "Each figure beside what it is held against",
        ["figure", "found", "beside it", "what it says"],
        rows,
        note="A figure says something only by its distance from the one beside it. None of them compares "
        "with other tissue or other methods, and none says that a pattern has a biological cause.",
    )


def _training(history: Mapping[str, Any] | None) -> list[Row]:
    """What each trained module reached on genes held out, beside what was known without it."""
    if not history or "kept_epoch" not in history:
        return []
    kept_epoch = np.asarray(history["kept_epoch"], dtype=float)
    stage = np.asarray(history["stage"]).astype(str)
    rows = []
    for name, start, what, better in (
        ("held_out", "held_out_start", "Error of Module I on genes held out", np.nanmin),
        (
            "neighbors",
            "neighbors_start",
            "Refinement: how well near genes foretell genes held out",
            np.nanmax,
        ),
    ):
        if name not in history or start not in history:
            continue
        values, begun = (np.asarray(history[one], dtype=float) for one in (name, start))
        at = np.flatnonzero(np.isfinite(begun))
        own = values[stage == stage[at[-1]]] if len(at) else values[:0]
        if not np.isfinite(own).any():
            continue
        kept = int(kept_epoch[at[-1]]) if np.isfinite(kept_epoch[at[-1]]) else 0
        reached = own[kept - 1] if 0 < kept <= len(own) else better(own)
        lower = "lower is better" if better is np.nanmin else "higher is better"
        said = f"epoch {kept} was kept" if kept else "no gain beyond two standard errors: not kept"
        rows.append([what, number(reached), f"{number(begun[at[-1]])} before training ({lower})", said])
    return rows


def _number(bic: Mapping[str, Any] | None, *, made_anew: bool) -> list[Row]:
    """BIC of the number of groups that was chosen, beside the next best."""
    if not bic or len(bic) < 2 or "1" not in {str(one) for one in bic} or made_anew:
        return []
    known = {int(one): float(value) for one, value in bic.items()}
    chosen = best_number(known)
    others = {one: value for one, value in known.items() if one != chosen}
    second = min(others, key=lambda one: others[one])
    beside = f"{number(others[second])} of {second} groups, the best of the others (lower is better)"
    said = (
        "the smallest number that reaches 99.5 % of the best gain over one group; near figures decide little"
    )
    return [[f"BIC of {chosen} groups", number(known[chosen]), beside, said]]


def _foretold(history: Mapping[str, Any] | None, *, made_anew: bool) -> list[Row]:
    """What chose the number of groups of a panel."""
    if not history or "foretold" not in history or made_anew:
        return []
    values = np.asarray(history["foretold"], dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return []
    said = "the fewest groups whose score is within three standard errors of the best; near 0: no groups"
    return [
        ["How well genes of a group foretell each other's values", number(values[0]), "0: one group", said]
    ]


def _stability(told: Mapping[str, Any] | None, what: str, ari: str) -> list[Row]:
    """Stability over seeds, beside the bounds of a cluster that is found again."""
    if told is None:
        return []
    values = np.asarray(told["stability"], dtype=float)
    again = int((values >= FOUND_AGAIN).sum())
    n = len(np.atleast_1d(told["seeds"]))
    bounds = f"{FOUND_AGAIN:g}: found again; below {DISSOLVED:g}: dissolved"
    return [
        [
            f"Stability of {what} over {n} more seeds (Jaccard, mean)",
            number(values.mean()),
            bounds,
            f"{again} of {len(values)} are found again",
        ],
        [
            f"{ari} and those of other seeds",
            number(float(told["ari"])),
            "0 by chance, 1: the same",
            "says nothing of whether they are right, only that they come back",
        ],
    ]


def _nearest(genes: Genes) -> list[Row]:
    """How alike nearest genes are, beside random genes of the same expression."""
    if genes.similarity is None or genes.random_95 is None:
        return []
    first, bound = genes.similarity[:, 0], genes.random_95[:, 0]
    known = np.isfinite(first) & np.isfinite(bound)
    if not known.any():
        return []
    first, bound = first[known], bound[known]
    above = int((first > bound).sum())
    return [
        [
            "Similarity of a gene and its nearest (cosine, median)",
            number(float(np.median(first))),
            f"{number(float(np.median(bound)))}: what 95 of 100 random genes of its expression stay below",
            f"{above:,} of {len(first):,} genes have a nearest gene above it; it is the best of all, "
            "and lies there by chance, too: what counts is by how much",
        ]
    ]


def _spatial(found: Found) -> list[Row]:
    """Called genes, and p-values below 0.05 beside those that chance makes."""
    if found.spatial is None:
        return []
    tested = found.n_tested
    if not tested:
        return []
    small = int((found.spatial["pval"] < CALLED).sum())
    return [
        [
            f"Genes with p < {CALLED:g} in the test of a spatial pattern",
            f"{small:,} of {tested:,} tested",
            f"{round(CALLED * tested):,} by chance alone",
            f"{found.n_called:,} are called at q < {CALLED:g}, of which about one in twenty may have no "
            "pattern",
        ]
    ]


def _domains(found: Found) -> list[Row]:
    """Agreement of partitions, domains found again in halves of the counts, stability over seeds."""
    told = found.domains
    if told is None:
        return []
    rows = []
    if "number" in told:
        table = told["number"]
        at = np.flatnonzero(np.asarray(table["n_domains"]) == int(told["n_domains"]))
        if len(at) and "found_again" in table:
            value = float(np.asarray(table["found_again"])[at[0]])
            said = "the largest number of domains that independent halves of the counts both have"
            if value < FOUND_AGAIN:
                said = "no number of domains is found again in halves of the counts"
            beside = f"{FOUND_AGAIN:g}, the bound of a domain that is found again"
            rows.append(["Worst domain in halves of the counts (Jaccard)", number(value), beside, said])
    column = found.adata.obs.get(found.keys.domain_prob)
    if column is not None and str(told.get("method", "")) == "mixture":
        prob = column.to_numpy(dtype=float)
        if np.isfinite(prob).any():
            said = f"{int((prob < 0.5).sum()):,} spots are where most partitions put them elsewhere"
            beside = "1: all partitions agree"
            what = "Share of partitions that put a spot in its domain (mean)"
            rows.append([what, number(float(np.nanmean(prob))), beside, said])
    return [*rows, *_stability(told.get("stability"), "domains", "Adjusted Rand index of domains")]
