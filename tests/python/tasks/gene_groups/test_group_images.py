"""What gene groups look like: their mean image, their most typical genes, the largest first."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sigel
from sigel.images.tensors import ImageViews
from sigel.tasks.gene_groups.group_images import group_images, largest_groups


@pytest.fixture(scope="module")
def section():
    """Images, representations with a row of NaN for each gene without an image, and groups."""
    adata = sigel.datasets.simulated_section(14, 14, 3, 8, 16, seed=2)
    images = sigel.GeneImages.from_anndata(adata)
    rng = np.random.default_rng(0)
    z = rng.normal(size=(adata.n_vars, 5))
    z[~images.kept] = np.nan
    group = np.where(images.kept, adata.var["programme"].astype(str), None).astype(object)
    return images, z, group


def test_the_mean_image_is_the_mean_over_all_genes_of_the_group(section):
    images, z, group = section
    labels = largest_groups(images, group)
    views = ImageViews(images)
    for label, found in zip(labels, group_images(images, z, group, labels, n_genes=2), strict=True):
        members = np.flatnonzero(group[images.kept] == label)
        assert found.n_genes == len(members)
        each = views.shown(torch.from_numpy(members)).numpy()
        np.testing.assert_allclose(found.mean, each.mean(axis=0), atol=1e-6)
        rows = images.index(list(found.typical))
        assert set(rows) <= set(members)
        np.testing.assert_array_equal(found.images, views.shown(torch.from_numpy(rows)).numpy())


def test_the_most_typical_gene_points_where_the_group_points(section):
    images, z, group = section
    label = largest_groups(images, group)[0]
    inside = group == label
    unit = z - np.nanmean(z, axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosine = unit[inside] @ unit[inside].mean(axis=0)
    (found,) = group_images(images, z, group, [label], n_genes=100)
    assert list(found.typical) == list(images.all_genes[inside][np.argsort(-cosine)])


def test_groups_come_by_size_and_genes_without_an_image_do_not_count(section):
    images, _, group = section
    labels = largest_groups(images, group)
    sizes = [int((group == label).sum()) for label in labels]
    assert sizes == sorted(sizes, reverse=True)
    lost = group.copy()
    lost[~images.kept] = "lost"
    assert largest_groups(images, lost) == labels
    assert largest_groups(images, np.full(len(group), "", dtype=object)) == []
