"""Tables of coordinates: columns are found by name, in every verb; slices of a volume are sections."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest

import sigel
from sigel.errors import InputError
from sigel.images.named_columns import PAIRS, as_places

SMALL = {"n_rows": 12, "n_cols": 12, "n_programmes": 3, "genes_per_programme": 8, "n_background_genes": 12}


@pytest.fixture
def cells():
    return sigel.datasets.simulated_section(seed=0, lattice="cells", **SMALL)


def tabled(adata, x="x", y="y", **further):
    """The section with its coordinates in a table whose y comes first."""
    made, places = adata.copy(), adata.obsm["spatial"]
    made.obsm["spatial"] = pd.DataFrame({**further, y: places[:, 1], x: places[:, 0]}, index=adata.obs_names)
    return made


@pytest.mark.parametrize(("x", "y"), [*PAIRS, ("X", "Y")])
def test_columns_are_found_by_name(cells, x, y):
    made = tabled(cells, x, y, cell=list("ab") * (cells.n_obs // 2) + ["a"] * (cells.n_obs % 2))
    np.testing.assert_array_equal(
        sigel.GeneImages.from_anndata(made).raster.coordinates(),
        sigel.GeneImages.from_anndata(cells).raster.coordinates(),
    )


@pytest.mark.nightly
def test_every_verb_reads_a_table_as_it_reads_the_array(cells, tmp_path):
    made = tabled(cells, cell="a")
    for adata in (cells, made):
        sigel.tl.domains(adata, 3, progress=False)
        sigel.tl.embed(adata, progress=False, preset="fast", key_added="e")
    assert (cells.obs["sigel_domain"] == made.obs["sigel_domain"]).all()
    np.testing.assert_array_equal(cells.varm["X_e"], made.varm["X_e"])
    small = {**SMALL, "genes_per_programme": 24}
    target, reference, _ = sigel.datasets.simulated_panel(seed=0, **small)
    plain = sigel.tl.impute(target, reference, progress=False)
    imputed = sigel.tl.impute(tabled(target, cell="a"), reference, progress=False)
    assert imputed.X.shape == plain.X.shape
    imputed.write_h5ad(tmp_path / "imputed.h5ad")


def test_two_columns_of_other_names_are_taken_as_they_stand():
    places = pd.DataFrame({"across": [1.0, 2.0], "down": [3.0, 4.0]})
    np.testing.assert_array_equal(as_places(places, "coordinates"), places.to_numpy())
    with pytest.raises(InputError, match=r"'across', 'down', 'cell'.*\[\['across', 'down'\]\]"):
        as_places(places.assign(cell=["a", "b"]), "coordinates")


def test_slices_of_a_volume_are_named_as_sections_by_lines_that_run(cells):
    adata = anndata.concat([cells, cells], keys=["a", "b"], index_unique="-")
    adata.obsm["spatial"] = np.column_stack([adata.obsm["spatial"], np.repeat([0.0, 10.0], cells.n_obs)])
    with pytest.raises(InputError, match="2 slices, which lie on top of each other") as refused:
        sigel.tl.embed(adata, progress=False)
    lines = refused.value.fix.split("sections. ")[1].split("; then pass ")
    exec(lines[0], {"adata": adata, "np": np})
    options = eval(f"dict({lines[1].split('; or')[0]})")
    table = sigel.tl.spatial_genes(adata, **options, score=False, progress=False)
    assert (table["status"] == "tested").any()


def test_a_volume_without_slices_is_said_to_be_one(cells):
    z = np.random.default_rng(0).random(cells.n_obs)
    cells.obsm["spatial"] = np.column_stack([cells.obsm["spatial"], z])
    with pytest.raises(InputError, match="Places in a volume are not one section"):
        sigel.tl.domains(cells, 3, progress=False)
