"""Settings of the report: frozen, checked, each with its default and the reason for it."""

from __future__ import annotations

from dataclasses import dataclass

from sigel.config.base import Settings, require


@dataclass(frozen=True, kw_only=True)
class ReportConfig(Settings):
    """What a report holds.

    Parameters
    ----------
    max_mb
        Size of the file, in millions of bytes. Default 5: mail takes it, and a telephone opens it. What
        tables, map and pictures of results leave of it is for images of genes, the strongest patterns first.
    picture_side
        Pixels of the longer side of a gene's image. Default 48: about two spots of a Visium section each,
        which leaves room for some 4,000 genes.
    n_top
        Rows of a table of genes. Default 50: more are not read.
    n_neighbors
        Nearest genes of each gene. Default 6: a row of small pictures.
    n_typical
        Typical genes of a group that are shown. Default 5, as many as `sigel.tl.gene_groups` names.
    max_groups
        Groups shown, the largest first. Default 40: more are too many to look at.
    """

    _example = '{"max_mb": 2}'

    max_mb: float = 5.0
    picture_side: int = 48
    n_top: int = 50
    n_neighbors: int = 6
    n_typical: int = 5
    max_groups: int = 40

    def _check(self) -> None:
        require(self.max_mb > 0, "max_mb", self.max_mb, "a number > 0")
        require(8 <= self.picture_side <= 256, "picture_side", self.picture_side, "8 to 256")
        for name in ("n_top", "n_neighbors", "n_typical", "max_groups"):
            value = getattr(self, name)
            require(value >= 1, name, value, "a whole number >= 1")
