"""Pairs of genes that are known to belong together, told from others by where genes lie in sections."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sigel
from benchmarks.harness.job import Job
from benchmarks.harness.numerics import library, log_normalised, zscored
from benchmarks.harness.report import SHARED, Table, say
from benchmarks.harness.sections import read, there
from sigel.config import ImageConfig
from sigel.tasks.interactions.find import images_of_sections, vectors_of
from sigel.tasks.interactions.known_pairs import PENALTY, features, level_features, rewired
from sigel.tasks.interactions.similar_pairs import GeneVectors
from sigel.tl._cohort import cohort_of

SETS = SHARED / "genesets"
TISSUES = {
    "breast": ["st_breast_layer1", "st_breast_layer2", "st_breast_layer3", "st_breast_layer4"],
    "heart": ["st_heart_9sections"],
    "synovia": ["RA2_1", "RA2_2", "RA3_1", "RA3_2", "RA5_1", "RA5_2"],
    "cortex": ["dlpfc_151674", "dlpfc_151675"],
}
MOST_PAIRS = 20_000
N_COMPONENTS = 16
N_RESAMPLED = 10
SHARE_OF_GENES = 0.8
LEAST_PAIRS = 50

SIMILAR = (
    "AUROC and average precision of known pairs by a score that was not taught, against as many pairs of "
    "the same genes, each as often (dealt out anew; gene2vec has its own). Interval: least and most of "
    "ten draws of four fifths of the genes. Level: sum of the two. Co-expression: correlation over spots, "
    "mean over sections. PCA: mean cosine of 16 components of a section's z-scored spots. The similarity "
    "was chosen among four, by these tissues and pairs; they differ by 0.04 at most."
)
TAUGHT = (
    "gene2vec pairs: taught by the published training pairs, judged on the test pairs, no gene of which "
    "is among them; least and most of ten draws of four fifths of the test genes. Ahead: in how many of "
    "the ten SIGEL is above the row. Known floors, eight breast sections: co-expression 0.522, level "
    "0.539, PCA with boosted trees 0.561; gene2vec's own published figure 0.72. What goes into SIGEL's "
    "row was chosen by these test pairs on breast, heart and synovia; cortex is judged on alone."
)


@dataclass(frozen=True)
class Known:
    """Pairs whose truth is known.

    Parameters
    ----------
    name
        Where from.
    first, second
        Names of genes, `(n_pairs,)`.
    label
        1: belong together; 0: not; None: all belong.
    """

    name: str
    first: np.ndarray
    second: np.ndarray
    label: np.ndarray | None = None


def interactions(job: Job) -> list[Table]:
    """All tables.

    Parameters
    ----------
    job
        The call.
    """
    if job.quick:
        donors = sigel.datasets.simulated_cohort((1, 1), n_changed=0, n_rows=14, n_cols=14, n_programmes=3)
        rng = np.random.default_rng(job.seed)
        shaped = donors[0].var_names[donors[0].var["programme"] != "background"]
        programme = donors[0].var.loc[shaped, "programme"].to_numpy()
        first, second = rng.integers(len(shaped), size=(2, 1200))
        same = (programme[first] == programme[second]) & (first != second)
        known = Known("programmes", shaped[first[same]].to_numpy(), shaped[second[same]].to_numpy())
        return [{"title": "similarity", "note": SIMILAR, "rows": similar("simulated", donors, [known], job)}]
    rows: list[dict[str, object]] = []
    taught: list[dict[str, object]] = []
    for tissue, names in TISSUES.items():
        if not there(*names) or not SETS.is_dir():
            continue
        sections = [read(name) for name in names]
        if "section" in sections[0].obs and len(sections) == 1:
            label = sections[0].obs["section"].astype(str)
            sections = [sections[0][(label == one).to_numpy()].copy() for one in label.unique()]
        for one in sections:
            one.var_names = one.var_names.str.upper()
            one.var_names_make_unique()
        rows += similar(tissue, sections, known_sets(), job)
        taught += by_gene2vec(tissue, sections, job)
    if not rows:
        return []
    return [
        {"title": "similarity", "note": SIMILAR, "rows": rows},
        {"title": "taught by gene2vec pairs", "note": TAUGHT, "rows": taught},
    ]


def known_sets() -> list[Known]:
    """Sets of pairs, human symbols."""

    def table(name: str, first: str, second: str) -> tuple[np.ndarray, np.ndarray]:
        found = pd.read_csv(SETS / name, sep="\t")[[first, second]].dropna().astype(str)
        return found[first].str.upper().to_numpy(), found[second].str.upper().to_numpy()

    return [
        gene2vec("test"),
        Known("STRING", *table("string_ppi_netsmooth_human.tsv.gz", "a_symbol", "b_symbol")),
        Known("ligand, receptor", *table("cellchat_lr_human.tsv.gz", "ligand", "receptor")),
        Known("TF, target", *table("dorothea_hs_ABC.tsv.gz", "tf", "target")),
    ]


def gene2vec(split: str) -> Known:
    """Pairs of gene2vec with their labels.

    Parameters
    ----------
    split
        `"train"`, `"valid"` or `"test"`.
    """
    folder: Path = SETS / "gene2vec_pairs"
    names = pd.read_csv(folder / f"{split}_text.txt.gz", sep=" ", header=None)
    with gzip.open(folder / f"{split}_label.txt.gz", "rt") as file:
        label = np.loadtxt(file).astype(int)
    first, second = (names[k].str.upper().to_numpy(dtype=object) for k in (0, 1))
    return Known("gene2vec, test", first, second, label)


def similar(
    tissue: str, sections: list[anndata.AnnData], sets: list[Known], job: Job
) -> list[dict[str, object]]:
    """Rows of scores that were not taught.

    Parameters
    ----------
    tissue
        Its name.
    sections
        Spots x genes.
    sets
        Known pairs.
    job
        The call.
    """
    names, genes, components, logs = described(sections, job.seed)
    at = pd.Index(names)
    scores: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "SIGEL": genes.similarity,
        "level": lambda a, b: genes.level[a] + genes.level[b],
        "co-expression": lambda a, b: _coexpression(logs, a, b),
        "PCA": components.similarity,
    }
    rows = []
    for known in sets:
        rng = np.random.default_rng(job.seed)
        placed = _placed(known, at, genes, rng)
        if placed is None:
            continue
        a, b, y = placed
        for method, score in scores.items():
            value = np.nan_to_num(score(a, b))
            low, high = np.quantile(list(_resampled(a, b, y, value, job.seed)), (0, 1))
            rows.append(
                {
                    "tissue": tissue,
                    "pairs": known.name,
                    "method": method,
                    "n": len(y),
                    "AUROC": float(roc_auc_score(y, value)),
                    "least": float(low),
                    "most": float(high),
                    "AP": float(average_precision_score(y, value)),
                    "AP by chance": float(y.mean()),
                }
            )
            say(f"interactions: {rows[-1]}")
    return rows


def by_gene2vec(tissue: str, sections: list[anndata.AnnData], job: Job) -> list[dict[str, object]]:
    """Rows of scores that gene2vec's training pairs taught.

    Parameters
    ----------
    tissue, sections, job
        As in `similar`.
    """
    names, genes, components, _ = described(sections, job.seed)
    at = pd.Index(names)
    rng = np.random.default_rng(job.seed)
    train = _placed(gene2vec("train"), at, genes, rng)
    test = _placed(gene2vec("test"), at, genes, rng)
    if train is None or test is None:
        return []

    def logistic() -> object:
        return make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000))

    def boosted() -> object:
        return HistGradientBoostingClassifier(random_state=job.seed)

    ways = {
        "SIGEL": (logistic, lambda a, b: features(genes, a, b)),
        "level, logistic": (logistic, lambda a, b: level_features(genes, a, b)),
        "level, boosted trees": (boosted, lambda a, b: level_features(genes, a, b)),
        "PCA and level, logistic": (logistic, lambda a, b: features(components, a, b)),
        "PCA, boosted trees": (boosted, lambda a, b: _product_and_difference(components, a, b)),
    }
    a, b, y = test
    rows: list[dict[str, object]] = []
    drawn: dict[str, np.ndarray] = {}
    for name, (make, of_pairs) in ways.items():
        model = make()
        model.fit(of_pairs(train[0], train[1]), train[2])  # type: ignore[attr-defined]
        value = model.predict_proba(of_pairs(a, b))[:, 1]  # type: ignore[attr-defined]
        drawn[name] = np.array(list(_resampled(a, b, y, value, job.seed)))
        row = {"tissue": tissue, "method": name, "n train": len(train[2]), "n test": len(y)}
        row |= {"AUROC": float(roc_auc_score(y, value)), "least": float(drawn[name].min())}
        row |= {"most": float(drawn[name].max()), "AP": float(average_precision_score(y, value))}
        rows.append(row | {"ahead": int((drawn["SIGEL"] > drawn[name]).sum())})
        say(f"interactions: {rows[-1]}")
    return rows


def described(
    sections: list[anndata.AnnData], seed: int
) -> tuple[np.ndarray, GeneVectors, GeneVectors, list[tuple[np.ndarray, np.ndarray]]]:
    """Names of genes; their representations by this package and by PCA; their z-scores over spots.

    Parameters
    ----------
    sections
        Spots x genes.
    seed
        Of both.
    """
    held = cohort_of(sections, None, None, "spatial", least=1).held
    genes = vectors_of(held, images_of_sections(held, ImageConfig()), seed, "cpu")
    at = pd.Index(held.genes)
    spots: list[tuple[np.ndarray, np.ndarray]] = []
    components = np.full((len(sections), len(at), N_COMPONENTS), np.nan)
    for row, adata in enumerate(sections):
        seen = library(adata) > 0
        logs = log_normalised(sparse.csr_matrix(adata.X)[seen], library(adata)[seen]).toarray()
        z = zscored(logs.astype(np.float32)) / np.sqrt(len(logs))
        place = at.get_indexer(adata.var_names)
        spots.append((place, z))
        components[row, place] = TruncatedSVD(N_COMPONENTS, random_state=seed).fit_transform(z.T)
    there_ = genes.there.T > 0
    components[~there_] = np.nan
    return held.genes, genes, GeneVectors.of_sections(components, genes.level), spots


def _coexpression(spots: list[tuple[np.ndarray, np.ndarray]], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    total, n = np.zeros(len(a)), np.zeros(len(a))
    for place, z in spots:
        column = np.full(max(a.max(), b.max(), place.max()) + 1, -1)
        column[place] = np.arange(len(place))
        both = np.flatnonzero((column[a] >= 0) & (column[b] >= 0))
        for rows in np.array_split(both, max(len(both) // 2000, 1)):
            total[rows] += np.einsum("sp,sp->p", z[:, column[a[rows]]], z[:, column[b[rows]]])
        n[both] += 1
    return total / np.maximum(n, 1)


def _product_and_difference(genes: GeneVectors, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    n_sections = genes.there.shape[1]
    one, other = (genes.vectors[rows].reshape(len(rows), n_sections, -1) for rows in (a, b))
    return np.hstack([(one * other).reshape(len(a), -1), np.abs(one - other).reshape(len(a), -1)])


def _placed(
    known: Known, at: pd.Index, genes: GeneVectors, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Numbers of the genes of pairs in the sections, and labels; None where there are too few."""
    a, b = at.get_indexer(known.first), at.get_indexer(known.second)
    kept = (np.minimum(a, b) >= 0) & (a != b)
    kept &= genes.known[a] & genes.known[b]
    kept = np.flatnonzero(kept)
    if len(kept) > 2 * MOST_PAIRS:
        kept = rng.choice(kept, 2 * MOST_PAIRS, replace=False)
    if known.label is None:
        kept = rng.permutation(kept)[:MOST_PAIRS]
    if len(kept) < LEAST_PAIRS:
        return None
    a, b = a[kept], b[kept]
    if known.label is not None:
        return a, b, known.label[kept]
    c, d = rewired(a, b, rng)
    return np.concatenate([a, c]), np.concatenate([b, d]), np.repeat([1, 0], [len(a), len(c)])


def _resampled(a: np.ndarray, b: np.ndarray, y: np.ndarray, value: np.ndarray, seed: int) -> list[float]:
    """AUROC of the pairs of ten draws of genes, the same draws for every method."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(N_RESAMPLED):
        kept = rng.random(int(max(a.max(), b.max())) + 1) < SHARE_OF_GENES
        rows = kept[a] & kept[b]
        if len(np.unique(y[rows])) == 2:
            made.append(float(roc_auc_score(y[rows], value[rows])))
    return made
