"""Imputation from dissociated cells: what is gained, what is refused, what is left as it was."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
import torch
from scipy import sparse

import sigel
from sigel.errors import InputError
from sigel.stats.coexpression import coexpression
from sigel.stats.standardised import Standardised

SMALL = {"n_rows": 20, "n_cols": 20, "n_programmes": 4, "genes_per_programme": 40, "n_background_genes": 80}


@pytest.fixture(scope="module")
def panel():
    """Target, the same tissue's cells without places in random order, and what the panel missed."""
    target, reference, hidden = sigel.datasets.simulated_panel(50, **SMALL, seed=1)
    return target, without_places(reference, 0), hidden


def without_places(section, seed):
    order = np.random.default_rng(seed).permutation(section.n_obs)
    x = sparse.csr_matrix(section.X)[order]
    cells = ad.AnnData(x, var=section.var[[]])
    cells.obs_names = [f"cell{k}" for k in range(len(order))]
    return cells


def impute(target, reference, **named):
    return sigel.tl.impute(target, reference, **{"progress": False, "device": "cpu", **named})


def mean_correlation(values, hidden):
    library = np.maximum(np.asarray(hidden.X.sum(axis=1)).reshape(-1, 1), 1)
    truth = np.log1p(hidden.X.toarray() / library * 1000)
    a, b = values - values.mean(axis=0), truth - truth.mean(axis=0)
    size = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    return float(np.mean((a * b).sum(axis=0)[size > 0] / size[size > 0]))


def test_cells_without_places_impute_what_the_panel_missed(panel):
    target, cells, hidden = panel
    made = impute(target, cells)
    asked = [gene for gene in made.var_names if gene.startswith("Gene") and gene in hidden.var_names]
    # The mean of the panel in a cell, the same for every gene, is what a depth of libraries alone would say.
    level = np.asarray(np.log1p(target.X.toarray()).mean(axis=1)).reshape(-1, 1)
    plain = mean_correlation(np.repeat(level, len(asked), axis=1), hidden[:, asked])
    assert mean_correlation(np.asarray(made[:, asked].X), hidden[:, asked]) > plain + 0.05
    assert made.var["spatial"].between(0, 1).all()
    about = made.uns["sigel_imputation"]
    assert about["coverage"]["coverage"].between(0.8, 0.97).all()
    assert about["spearman"] > 0.2


def test_the_order_of_cells_and_names_of_their_like_do_not_matter(panel):
    target, cells, _ = panel
    genes = [gene for gene in cells.var_names if gene not in target.var_names][:20]
    one = impute(target, cells, genes=genes, intervals=False)
    other = impute(target, cells[::-1].copy(), genes=genes, intervals=False)
    np.testing.assert_allclose(np.asarray(other.X), np.asarray(one.X), rtol=0, atol=0.02)


def test_cells_and_sections_are_blended(panel):
    target, cells, _ = panel
    _, section, _ = sigel.datasets.simulated_panel(50, **SMALL, seed=1)
    before = (cells.X.copy(), list(cells.uns), list(cells.obsm))
    made = impute(target, [section, cells], intervals=False)
    assert made.n_vars > 100
    assert (before[0] != cells.X).nnz == 0
    assert before[1:] == (list(cells.uns), list(cells.obsm))


def test_of_many_cells_a_sample_is_read_a_part_at_a_time(panel, tmp_path):
    target, cells, _ = panel
    many = ad.concat([cells, cells, cells], index_unique="-")
    many.write_h5ad(tmp_path / "many.h5ad")
    on_disk = ad.read_h5ad(tmp_path / "many.h5ad", backed="r")
    settings = {"config": {"max_spots": 300}, "intervals": False}
    one, other = impute(target, many, **settings), impute(target, on_disk, **settings)
    on_disk.file.close()
    np.testing.assert_allclose(np.asarray(one.X), np.asarray(other.X), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_a_reference_is_refused(panel):
    target, cells, _ = panel
    with pytest.raises(InputError, match=r"genes x cells.*reference\.T"):
        impute(target, cells.T.copy())
    other = cells.copy()
    other.obsm["X_spatial"] = np.zeros((cells.n_obs, 2))
    with pytest.raises(InputError, match=r"no obsm\['spatial'\].*'X_spatial'"):
        impute(target, other)
    with pytest.raises(InputError, match=r"`reference`: found 20 cells with counts"):
        impute(target, cells[:20].copy())
    empty = cells.copy()
    empty.X = sparse.csr_matrix(cells.shape, dtype=np.float32)
    with pytest.raises(InputError, match=r"0 cells with counts"):
        impute(target, empty)
    with pytest.raises(InputError, match=r"`model`.*dissociated"):
        impute(target, cells, model="folder")
    strange = cells.copy()
    strange.var_names = [f"other{k}" for k in range(cells.n_vars)]
    with pytest.raises(InputError, match=r"0 genes shared"):
        impute(target, strange)
    strange.var_names = [target.var_names[0], *strange.var_names[1:]]
    with pytest.raises(InputError, match=r"1 gene shared"):
        impute(target, strange)


def test_normalised_cells_are_warned_of(panel):
    target, cells, _ = panel
    normal = cells.copy()
    normal.X = sparse.csr_matrix(
        normal.X.multiply(1000 / np.asarray(normal.X.sum(axis=1)).reshape(-1, 1))
    ).log1p()
    with pytest.warns(UserWarning, match="not whole numbers"):
        impute(
            target,
            normal,
            intervals=False,
            genes=[g for g in cells.var_names if g not in target.var_names][:5],
        )


def test_axes_are_those_of_a_decomposition():
    rng = np.random.default_rng(0)
    scores, loadings = rng.standard_normal((800, 3)), np.zeros((60, 3))
    for k in range(3):
        loadings[20 * k : 20 * k + 15, k] = 1.0
    x = rng.poisson(np.exp(0.8 * scores @ loadings.T)).astype(np.float32)
    values = Standardised.of(sparse.csr_matrix(np.log1p(x)))
    found = coexpression(values, torch.Generator().manual_seed(1), 10)
    alike = found.vectors @ found.vectors.T
    planted = loadings.sum(axis=1) > 0
    assert found.explained[planted].min() > found.explained[~planted].max()
    group = np.argmax(loadings, axis=1)
    same = group[:, None] == group[None, :]
    both = planted[:, None] & planted[None, :] & ~np.eye(60, dtype=bool)
    assert alike[same & both].min() > alike[~same & both].max()
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1)
    # As the full decomposition explains it, less the noise.
    z = np.log1p(x) - np.log1p(x).mean(axis=0)
    z = np.minimum(z / z.std(axis=0), 10)
    values = np.linalg.eigvalsh(np.corrcoef(z.T))[::-1]
    edge = (1 + np.sqrt(60 / 800)) ** 2
    kept = np.clip(1 - edge / values[:10], 0, 1)
    np.testing.assert_allclose(found.explained.sum(), (values[:10] * kept**2).sum(), rtol=0.02)


def test_the_sample_is_of_cells_with_counts(panel):
    target, cells, _ = panel
    empty = ad.AnnData(sparse.csr_matrix((20_000, cells.n_vars), dtype=np.float32), var=cells.var)
    whole = ad.concat([empty, cells], index_unique="-")
    genes = [gene for gene in cells.var_names if gene not in target.var_names][:5]
    made = impute(target, whole, genes=genes, intervals=False, config={"max_spots": 1000})
    alone = impute(target, cells, genes=genes, intervals=False)
    np.testing.assert_allclose(np.asarray(made.X), np.asarray(alone.X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("key", ["coords", "xy", "X_spatial"])
def test_places_under_another_name_are_asked_about(panel, key):
    target, cells, _ = panel
    other = cells.copy()
    other.obsm[key] = np.zeros((cells.n_obs, 2))
    with pytest.raises(InputError, match=rf"no obsm\['spatial'\].*'{key}'"):
        impute(target, other)


def test_an_input_is_never_written_over(panel, tmp_path):
    target, cells, _ = panel
    cells.write_h5ad(tmp_path / "cells.h5ad")
    backed = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    with pytest.raises(InputError, match=r"`out`.*an input is read from"):
        impute(target, backed, out=tmp_path / "cells.h5ad")
    backed.file.close()
    assert ad.read_h5ad(tmp_path / "cells.h5ad").shape == cells.shape


@pytest.mark.parametrize("n", [1, 3])
def test_copies_of_few_cells_are_refused(panel, n):
    target, cells, _ = panel
    copies = cells[np.resize(np.arange(n), 80)].copy()
    copies.obs_names_make_unique()
    # Twice the counts are the same cell.
    copies.X = sparse.diags(np.resize([1.0, 2.0], 80)) @ copies.X
    with pytest.raises(InputError, match=rf"`reference`: found 80 cells that are copies of {n}; wanted 50"):
        impute(target, copies)
    copies = cells[np.zeros(80, dtype=int)].copy()
    copies.obs_names_make_unique()
    copies.obsm["spatial"] = target.obsm["spatial"][:80]
    with pytest.raises(InputError, match=r"`reference`: found 80 cells that are copies of 1; wanted 2"):
        impute(target, copies)
    few = cells[np.resize(np.arange(60), 80)].copy()
    few.obs_names_make_unique()
    made = impute(target, few, intervals=False)
    assert np.isfinite(made.X).all()
