"""Pairs of genes known to belong together: of one set, of interacting proteins, of ligand and receptor."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.harness.report import SHARED

FOLDER = SHARED / "genesets"
# Of a set as it is written: smaller ones are names of complexes, larger ones say little of any two genes.
SIZES = (10, 200)

# Source, its file for mouse sections and for human ones, whether the mouse file holds human names.
FILES = {
    "Hallmark": ("h.all.v7.0.mouse_homologs.gmt", "h.all.v7.0.symbols.gmt", False),
    "Reactome": ("enrichr.Reactome_2016.gmt.gz", "enrichr.Reactome_2016.gmt.gz", True),
    "GO BP": ("go_bp_mouse_homologs.gmt.gz", "go_bp_human_orgdb.gmt.gz", False),
    "STRING": ("string_ppi_netsmooth_human.tsv.gz", "string_ppi_netsmooth_human.tsv.gz", True),
    "ligand-receptor": ("cellchat_lr_human.tsv.gz", "cellchat_lr_human.tsv.gz", True),
}
ORTHOLOGS = "human_mouse_homologene.tsv.gz"


def known_pairs(genes: np.ndarray, species: str, folder: Path = FOLDER) -> dict[str, np.ndarray]:
    """Pairs among some genes by source, each `(n_pairs, 2)` rows, without repeats, the smaller row first.

    STRING's mouse file and the receptors of the mouse table have no symbols that a section would know: for
    mouse sections those, and Reactome, come from the human file by orthologs.

    Parameters
    ----------
    genes
        Names of a section's genes.
    species
        `"mouse"` or `"human"`.
    folder
        Where the files are.
    """
    found = {}
    for source, (mouse, human, by_ortholog) in FILES.items():
        is_mouse = species == "mouse"
        rows = rows_of(genes, orthologs(folder) if is_mouse and by_ortholog else None)
        path = folder / (mouse if is_mouse else human)
        if ".gmt" in path.name:
            pairs: Iterable[tuple[int, int]] = pairs_of_sets(gene_sets(path), rows)
        else:
            read = ligand_receptor if source == "ligand-receptor" else interactions
            pairs = pairs_of_names(read(path), rows)
        found[source] = unique_pairs(pairs)
    return found


def unique_pairs(pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """Sorted pairs of two different rows, `(n_pairs, 2)`, without repeats.

    Parameters
    ----------
    pairs
        Rows in any order.
    """
    both = np.fromiter(itertools.chain.from_iterable(pairs), dtype=np.int64).reshape(-1, 2)
    both = np.sort(both[both[:, 0] != both[:, 1]], axis=1)
    if not len(both):
        return both
    width = int(both.max()) + 1  # one number a pair sorts much faster than rows of two
    return np.stack(np.divmod(np.unique(both[:, 0] * width + both[:, 1]), width), axis=1)


def rows_of(genes: np.ndarray, translated: dict[str, list[str]] | None = None) -> dict[str, list[int]]:
    """Rows of a section's genes by the names that a source uses.

    Parameters
    ----------
    genes
        Names of the section's genes.
    translated
        The section's names by the source's name, or None where both use the same.
    """
    place = {str(gene): row for row, gene in enumerate(genes)}
    if translated is None:
        return {gene: [row] for gene, row in place.items()}
    rows = {name: [place[gene] for gene in here if gene in place] for name, here in translated.items()}
    return {name: found for name, found in rows.items() if found}


def orthologs(folder: Path = FOLDER) -> dict[str, list[str]]:
    """Mouse genes by human name.

    Parameters
    ----------
    folder
        Where the table is.
    """
    found: dict[str, list[str]] = {}
    for _, human, mouse in _fields(folder / ORTHOLOGS):
        found.setdefault(human, []).append(mouse)
    return found


def gene_sets(path: Path, sizes: tuple[int, int] = SIZES) -> Iterator[list[str]]:
    """Members of the sets of a GMT file that are neither small nor large.

    Parameters
    ----------
    path
        May be compressed; members may carry a weight, as in `GENE,1.0`.
    sizes
        Smallest and largest number of members.
    """
    for _, members in named_sets(path):
        if sizes[0] <= len(members) <= sizes[1]:
            yield members


def named_sets(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and members of each set of a GMT file.

    Parameters
    ----------
    path
        May be compressed; members may carry a weight, as in `GENE,1.0`.
    """
    for line in _lines(path):
        name, _, *words = line.split("\t")
        yield name, [word.partition(",")[0] for word in words if word]


def interactions(path: Path) -> Iterator[tuple[str, str]]:
    """Symbols of both partners of the interactions of a table with columns a, b, a_symbol, b_symbol.

    Parameters
    ----------
    path
        May be compressed.
    """
    for fields in _fields(path):
        yield fields[2], fields[3]


def ligand_receptor(path: Path) -> Iterator[tuple[str, str]]:
    """A ligand and one part of its receptor, for each part, in capitals.

    Parameters
    ----------
    path
        Table of CellChat, whose first column names ligand and parts of the receptor, joined by `_`, and whose
        third names the ligand alone.
    """
    for fields in _fields(path):
        _, *parts = fields[0].split("_")
        for part in parts:
            yield fields[2], part


def pairs_of_sets(sets: Iterable[list[str]], rows: dict[str, list[int]]) -> Iterator[tuple[int, int]]:
    """All pairs of rows within each set.

    Parameters
    ----------
    sets
        Names of members.
    rows
        From `rows_of`.
    """
    for members in sets:
        here = [row for name in members for row in rows.get(name, ())]
        yield from itertools.combinations(here, 2)


def pairs_of_names(pairs: Iterable[tuple[str, str]], rows: dict[str, list[int]]) -> Iterator[tuple[int, int]]:
    """Rows of named pairs, where both are among the rows.

    Parameters
    ----------
    pairs
        Two names each.
    rows
        From `rows_of`.
    """
    for a, b in pairs:
        yield from itertools.product(rows.get(a, ()), rows.get(b, ()))


def _lines(path: Path) -> Iterator[str]:
    read = gzip.open if path.suffix == ".gz" else open
    with read(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


def _fields(path: Path) -> Iterator[list[str]]:
    """Cells of a table's lines, its header left out."""
    for line in itertools.islice(_lines(path), 1, None):
        yield line.split("\t")
