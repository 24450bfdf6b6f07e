"""Two genes on the tissue, for R."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sigel.bridge._pieces import section_of
from sigel.tasks.interactions.pair_picture import picture_of_pair


def gene_pair(*, section: Mapping[str, Any], gene_a: str, gene_b: str) -> dict[str, Any]:
    """Two genes on one section and where they meet; see `sigel.pl.gene_pair`.

    Parameters
    ----------
    section
        Its pieces.
    gene_a, gene_b
        Names of genes.

    Returns
    -------
    dict
        `first`, `second`, `together`, values of each spot, and `limits` of the first two.
    """
    found = picture_of_pair(section_of(section), gene_a, gene_b)
    return {**found._asdict(), "limits": [list(one) for one in found.limits]}
