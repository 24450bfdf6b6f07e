"""The representation table: agreement10 between sections, and the planted truth, beside baselines.

Usage: python benchmarks/representations.py [--quick] [--seed 0] [--pairs 4]
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from agreement import Pair, agreement10, make_pair
from baselines import pca, table, wiener
from common import RESULTS, SHARED, write
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

import sigel
from sigel.images import GeneImages

PAIRS = [
    ("st_mousebrain_hippo1", "st_mousebrain_hippo2"),
    ("st_mousebrain_hippo2", "st_mousebrain_hippo3"),
    ("st_mousebrain_hippo3", "st_mousebrain_hippo4"),
    ("st_breast_layer1", "st_breast_layer2"),
]


def halves(images: GeneImages, seed: int) -> tuple[GeneImages, GeneImages]:
    """Two sections from a binomial split of one section's counts: the noise ceiling."""
    counts = images.counts.copy()
    first = np.random.default_rng(seed).binomial(counts.data.astype(np.int64), 0.5)
    parts = []
    for data in (first, counts.data - first):
        part = counts.copy()
        part.data = data.astype(np.float32)
        part.eliminate_zeros()
        parts.append(dataclasses.replace(images, counts=part, depth=images.depth / 2))
    return parts[0], parts[1]


def with_sigel(n_dims: int, seed: int, settings: dict[str, Any]) -> Callable[[GeneImages], np.ndarray]:
    """SIGEL as a row of the table."""

    def embed(images: GeneImages) -> np.ndarray:
        config = sigel.SIGELConfig.from_dict({**settings, "n_dims": n_dims})
        return sigel.SIGEL(config, seed=seed).fit(images).representations

    return embed


def agreement_rows(pair: Pair, methods: dict[str, Callable[[GeneImages], np.ndarray]]) -> list[dict]:
    """One row for each method: agreement10 and seconds for both sections."""
    rows = []
    for name, method in methods.items():
        started = time.perf_counter()
        first, second = method(pair.first), method(pair.second)
        seconds = time.perf_counter() - started
        row = {"representation": name, "agreement10": agreement10(pair, first, second), "seconds": seconds}
        rows.append(row)
        print(f"  {name:<42} {row['agreement10']:.3f} {seconds:7.1f} s", flush=True)
    return rows


def planted_rows(seeds: range, settings: dict[str, Any], section: dict[str, Any]) -> list[dict]:
    """ARI of groups against planted programmes, over programme genes; k-means where there is no mixture."""
    rows = []
    for seed in seeds:
        adata = sigel.datasets.simulated_section(seed=seed, **section)
        sigel.tl.embed(adata, seed=seed, config=settings, progress=False)
        genes = adata.var[adata.var["sigel_status"] == "embedded"]
        planted = (genes["programme"] != "background").to_numpy()
        truth = genes["programme"].to_numpy()
        images = GeneImages.from_anndata(adata)
        k = len(set(truth))
        row: dict[str, Any] = {"seed": seed, "SIGEL": _ari(truth, genes["sigel_group"], planted)}
        for name, x in (
            ("PCA 32, k-means at the true number", table()["PCA 32 of smoothed z-scored"](images)),
            ("Wiener PCA 32, k-means at the true number", pca(wiener(images), 32)),
        ):
            row[name] = _ari(truth, KMeans(k, n_init=10, random_state=seed).fit_predict(x), planted)
        rows.append(row)
        print(f"  planted, seed {seed}: " + ", ".join(f"{k} {v:.3f}" for k, v in row.items()), flush=True)
    return rows


def _ari(truth: np.ndarray, found: Any, rows: np.ndarray) -> float:
    return float(adjusted_rand_score(truth[rows], np.asarray(found)[rows]))


def main(*, quick: bool, seed: int, pairs: int = len(PAIRS), folder: Path = RESULTS) -> str:
    """Run the tables; `quick` takes a small simulated section and few epochs, to keep the code alive."""
    tables = []
    if quick:
        settings = {"train": {"pretrain_epochs": 2, "refine_epochs": 1}, "encoder": {"depth": 1, "dim": 16}}
        section = {"n_rows": 16, "n_cols": 16, "n_programmes": 3, "genes_per_programme": 25}
        section["n_background_genes"] = 30
        images = GeneImages.from_anndata(sigel.datasets.simulated_section(seed=seed, **section))
        pair = make_pair(*halves(images, seed), n_genes=100, n_bins=2)
        methods = {**table(seed), "SIGEL, 8": with_sigel(8, seed, {**settings, "n_groups": 4})}
        tables.append({"title": "halves of a simulated section", "rows": agreement_rows(pair, methods)})
        planted = planted_rows(range(seed, seed + 1), settings, section)
        tables.append({"title": "planted truth", "rows": planted})
        return write("representations-quick", tables, folder, seed=seed)
    for names in PAIRS[:pairs]:
        files = [SHARED / "data" / f"{name}.h5ad" for name in names]
        missing = [file.name for file in files if not file.is_file()]
        if missing:
            print(f"left out, not in the shared data: {', '.join(missing)}")
            continue
        first, second = (GeneImages.from_anndata(anndata.read_h5ad(file)) for file in files)
        title = " and ".join(names)
        print(title)
        pair = make_pair(first, second)
        methods = table(seed) | {"SIGEL, 32": with_sigel(32, seed, {})}
        if names == PAIRS[0]:
            methods |= {f"SIGEL, {n}": with_sigel(n, seed, {}) for n in (64, 128)}
            other = {"SIGEL, 32, Module I alone": with_sigel(32, seed, {"train": {"refine_epochs": 0}})}
            methods |= other
        tables.append({"title": title, "rows": agreement_rows(pair, methods)})
        if names == PAIRS[0]:
            print("halves of the first section (noise ceiling)")
            split = make_pair(*halves(first, seed))
            chosen = ("Wiener", "smoothed z-scored")
            some = {k: v for k, v in table(seed).items() if any(word in k for word in chosen)}
            tables.append({"title": "halves of the first section", "rows": agreement_rows(split, some)})
    tables.append({"title": "planted truth", "rows": planted_rows(range(seed, seed + 5), {}, {})})
    return write("representations", tables, folder, seed=seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="how many pairs of sections")
    arguments = parser.parse_args()
    print(main(quick=arguments.quick, seed=arguments.seed, pairs=arguments.pairs))
