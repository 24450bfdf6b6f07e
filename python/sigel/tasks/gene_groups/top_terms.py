"""What a group is called after: the gene set that it is richest in, in words that can be read."""

from __future__ import annotations

import re

import pandas as pd

from sigel.keys import NO_PATTERN

# Below this q-value a set gives its name.
SURE = 0.05
# Collections that begin the names of their sets with their own, and identifiers before or after names.
_COLLECTION = re.compile(
    r"^((HALLMARK|GO(BP|CC|MF)?|REACTOME|KEGG(_MEDICUS)?|WP|BIOCARTA|PID)_|GO:\d+[ _:-]+)"
)
_IDENTIFIER = re.compile(
    r"[\s_]*(\(GO:\d+\)|(Homo sapiens|Mus musculus)?[\s_]*(R-[A-Z]{3}-\d+|hsa\d+|mmu\d+|WP\d+))\s*$"
)
# What stays in capitals where a name is written in capitals alone.
_SHORT = frozenset({"DNA", "RNA", "ATP", "NADH", "TNFA", "NFKB", "IL2", "IL6", "KRAS", "UV", "E2F", "MYC"})


def top_terms(enrichment: pd.DataFrame) -> dict[str, str]:
    """The set with the smallest p-value of each group, as words, where its q-value is below 0.05.

    Parameters
    ----------
    enrichment
        Table of `group_enrichment`.
    """
    named = enrichment[enrichment["group"] != NO_PATTERN]
    sure = named[(named["qval"] < SURE) & (named["overlap"] > 1)]
    best = sure.sort_values("pval", kind="stable").drop_duplicates("group")
    return {group: readable(term) for group, term in zip(best["group"], best["term"], strict=True)}


def readable(term: str) -> str:
    """A set's name without the marks of its collection: `HALLMARK_MYC_TARGETS_V1` is `MYC targets v1`.

    Parameters
    ----------
    term
        As the collection writes it.
    """
    words = _IDENTIFIER.sub("", _COLLECTION.sub("", term)).replace("_", " ").strip()
    if words.isupper():
        parts = [word if word in _SHORT else word.lower() for word in words.split()]
        words = " ".join(parts)
    return words[:1].upper() + words[1:] if words else term
