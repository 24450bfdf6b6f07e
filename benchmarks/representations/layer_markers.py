"""Published markers of cortical layers: whether groups of genes put them together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_mutual_info_score

from benchmarks.harness.report import SHARED, say

FILE = SHARED / "refs" / "dlpfc_maynard_layer_sig_genes.csv.gz"


def layer_markers() -> pd.Series:
    """Layer by marker gene: the top ten genes of a single layer (Maynard et al. 2021); empty where absent."""
    if not FILE.is_file():
        say(f"left out, not in the shared data: {FILE.name}")
        return pd.Series(dtype=str)
    table = pd.read_csv(FILE)[["gene", "results"]].dropna().drop_duplicates()
    named = table.assign(results=table["results"].str.split(";")).explode("results", ignore_index=True)
    top = named["results"].str.extract(r"^(WM|Layer\d)_top(\d+)$").dropna()
    found = pd.DataFrame({"gene": named["gene"][top.index], "layer": top[0]})[top[1].astype(int) <= 10]
    found = found.drop_duplicates()
    found = found[~found["gene"].duplicated(keep=False)]  # of one layer alone
    return pd.Series(found["layer"].to_numpy(), index=found["gene"].to_numpy())


def ami_with_markers(genes: np.ndarray, groups: np.ndarray) -> float:
    """Adjusted mutual information of groups with the layers of the markers among the genes.

    Parameters
    ----------
    genes, groups
        Names of genes and their groups, `(n_genes,)`.
    """
    layer = layer_markers()
    place = {gene: row for row, gene in enumerate(genes)}
    there = [gene for gene in layer.index if gene in place]
    if len(there) < 2:
        return float("nan")
    of_gene = [str(groups[place[gene]]) for gene in there]
    return float(adjusted_mutual_info_score(layer[there], of_gene))
