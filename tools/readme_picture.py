"""Make docs/groups-and-map.png, the README's picture, from the simulated section alone.

Usage: python tools/readme_picture.py
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

from sigel import datasets, pl, tl
from sigel.images import GeneImages
from sigel.images.tensors import ImageViews
from sigel.keys import NO_PATTERN
from sigel.pl._base import draw_pixels

OUT = Path(__file__).resolve().parents[1] / "docs" / "groups-and-map.png"
N_COLS = 4


def main() -> None:
    section = datasets.simulated_section(seed=0)
    tl.embed(section, seed=0)
    images = GeneImages.from_anndata(section)
    every = ImageViews(images).shown(torch.arange(images.n_genes)).numpy()
    group = section.var["sigel_group"].loc[images.genes]
    labels = list(group.cat.categories)

    figure = plt.figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    axes = left.subplots(math.ceil(len(labels) / N_COLS), N_COLS)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, label in zip(axes.flat, labels, strict=False):
        members = np.flatnonzero(group == label)
        draw_pixels(ax, images.raster, every[members].mean(axis=0), (-1.0, 2.2), "viridis")
        name = label if label == NO_PATTERN else f"group {label}"
        ax.set_title(f"{name}: {len(members)} genes", fontsize=8)
    left.suptitle("Mean image of each gene group", fontsize=10)
    ax = right.subplots()
    pl.gene_map(section, ax=ax)
    ax.set_title("")
    right.suptitle(f"Map of {images.n_genes} genes, one dot a gene", fontsize=10)
    OUT.parent.mkdir(exist_ok=True)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110)
    # 256 colours are enough for these maps and make a third of the bytes.
    Image.open(drawn).convert("RGB").quantize(256).save(OUT, optimize=True)


if __name__ == "__main__":
    main()
