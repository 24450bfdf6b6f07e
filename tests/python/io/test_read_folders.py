"""Which platform a folder is of, several samples, what is described, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import sigel
from platform_folders import GENES, cosmx, merscope, visium, xenium
from sigel import bridge
from sigel.errors import InputError

MAKERS = {"visium": visium, "xenium": xenium, "merscope": merscope, "cosmx": cosmx}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("within", ["", "outs"])
def test_the_platform_is_told_from_the_folder(tmp_path, name, within):
    MAKERS[name](tmp_path / "brain" / within)
    (found,) = sigel.io.describe(tmp_path / "brain")
    assert (found.platform, found.sample, found.n_vars) == (name, "brain", 5)
    named = sigel.io.read(tmp_path / "brain", platform=name)
    assert named.shape == (found.n_obs, found.n_vars)
    assert str(found).startswith("brain: ")
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.n_obs = 3
    other = next(one for one in MAKERS if one != name)
    with pytest.raises(InputError, match="wanted the folder of a platform"):
        sigel.io.read(tmp_path / "brain", platform=other)


def test_what_is_described_is_what_is_read(tmp_path):
    xenium(tmp_path)
    (found,) = sigel.io.describe(tmp_path)
    kinds = sigel.io.read(tmp_path).uns["other_features"]["feature_types"]
    assert found.other_features == kinds.value_counts().to_dict()
    visium(tmp_path / "v")
    (found,) = sigel.io.describe(tmp_path / "v", off_tissue=True)
    assert (found.n_obs, found.n_left_out, found.images) == (12, 0, ("hires", "lowres"))
    assert sigel.io.describe(tmp_path / "v", raw=True)[0].n_left_out == 3


def test_counts_and_pictures_are_not_read_to_be_described(tmp_path):
    merscope(tmp_path)
    path = tmp_path / "cell_by_gene.csv"
    path.write_text(path.read_text().replace(",0", ",none"))
    assert sigel.io.describe(tmp_path)[0].n_obs == 4
    visium(tmp_path / "v")
    (tmp_path / "v" / "spatial" / "tissue_hires_image.png").write_bytes(b"")
    assert sigel.io.describe(tmp_path / "v")[0].images == ("hires", "lowres")


def test_samples_in_folders_are_read_together(tmp_path):
    for name in ("b", "a"):
        visium(tmp_path / name / "outs")
    (tmp_path / "notes").mkdir()
    adata = sigel.io.read(tmp_path)
    assert adata.obs["sample"].unique().tolist() == ["a", "b"]
    assert adata.obs_names.is_unique
    assert adata.obs_names[0].startswith("a_")
    assert set(adata.uns["spatial"]) == {"a", "b"}
    assert adata.var.columns.tolist() == ["gene_ids", "feature_types", "genome", "gene_symbols"]
    one = sigel.io.read(tmp_path, sample="b")
    assert (adata[adata.obs["sample"] == "b"].X != one.X).nnz == 0
    assert sigel.io.read(tmp_path, sample=["b", "a"]).obs["sample"].unique().tolist() == ["b", "a"]
    assert [found.sample for found in sigel.io.describe(tmp_path)] == ["a", "b"]
    with pytest.raises(InputError, match=r'`sample`: found \'c\', unknown here.*one of a, b.*sample="a"'):
        sigel.io.read(tmp_path, sample="c")
    with pytest.raises(InputError, match="`sample`: found no name"):
        sigel.io.read(tmp_path, sample=[])


def test_samples_with_other_genes_and_controls_share_what_all_have(tmp_path):
    merscope(tmp_path / "a")
    merscope(tmp_path / "b", seed=5)
    path = tmp_path / "b" / "cell_by_gene.csv"
    path.write_text(path.read_text().replace("Gfap", "Olig2").replace("Blank-1,", "Blank-3,"))
    with pytest.warns(UserWarning, match="the 4 that all have are read, of up to 5"):
        adata = sigel.io.read(tmp_path)
    assert adata.var_names.tolist() == [gene for gene in GENES if gene != "Gfap"]
    assert adata.uns["other_features"].index.tolist() == ["Blank-17"]
    one = sigel.io.read(tmp_path, sample="b")
    values = adata.obsm["other_features"].toarray()[4:, 0]
    assert (values == one.obsm["other_features"].toarray()[:, 1]).all()


def test_sections_that_were_read_go_through_the_doors(tmp_path):
    for name in ("a", "b"):
        visium(tmp_path / name)
    adata = sigel.io.read(tmp_path)
    images = sigel.GeneImages.from_anndata(adata, sigel.ImageConfig(min_spots=1), section_key="sample")
    assert images.genes.tolist() == GENES


def test_a_folder_of_no_platform_is_told_what_was_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"with nothing in it; wanted the folder of a platform"):
        sigel.io.read(tmp_path)
    for k in range(10):
        (tmp_path / f"f{k}.txt").write_text("")
    with pytest.raises(InputError) as refused:
        sigel.io.read(tmp_path)
    for word in ("f0.txt", "and 2 more", "tissue_positions", "square_008um", "cell_feature_matrix.h5"):
        assert word in str(refused.value)
    for word in ("cell_by_gene.csv", "exprMat_file.csv", "zarr group"):
        assert word in str(refused.value)
    with pytest.raises(InputError) as refused:
        sigel.io.read(tmp_path, platform="xenium")
    assert "cells.csv.gz" in str(refused.value)
    assert "exprMat" not in str(refused.value)


def test_other_paths_and_options_are_refused(tmp_path):
    visium(tmp_path / "v")
    cases = [
        ((tmp_path / "no",), {}, r"`path`: .*where there is nothing"),
        ((3,), {}, r"`path`: found an object of class int"),
        ((tmp_path / "v" / "filtered_feature_bc_matrix.h5",), {}, r"a file; wanted .*Give the folder"),
        ((tmp_path / "v",), {"platform": "Visium"}, r"`platform`: found 'Visium', .*nearest: 'visium'"),
        ((tmp_path / "v",), {"platform": "h5ad"}, r"`path`"),
        ((tmp_path / "v",), {"layer": "counts"}, r"`layer`: .*Space Ranger.*Leave layer out"),
        ((tmp_path / "v",), {"table": "table"}, r"`table`"),
        ((tmp_path / "v",), {"bin_size": 8}, r"`bin_size`: .*visium_hd alone"),
    ]
    for arguments, options, text in cases:
        with pytest.raises(InputError, match=text):
            sigel.io.read(*arguments, **options)
    xenium(tmp_path / "v")
    with pytest.raises(InputError, match=r"`platform`: .*Space Ranger.*Xenium.*Say which: platform="):
        sigel.io.read(tmp_path / "v")
    assert sigel.io.read(tmp_path / "v", platform="xenium").n_obs == 7


def test_nothing_is_written_beside_what_is_read(tmp_path):
    cosmx(tmp_path)
    before = sorted((one.name, one.stat().st_mtime_ns) for one in tmp_path.rglob("*"))
    adata = sigel.io.read(tmp_path)
    assert np.isfinite(adata.obsm["spatial"]).all()
    assert before == sorted((one.name, one.stat().st_mtime_ns) for one in tmp_path.rglob("*"))


def test_the_door_for_r_gives_the_same_pieces(tmp_path):
    for name in ("a", "b"):
        visium(tmp_path / name, kinds=["Gene Expression"] * 4 + ["Antibody Capture"])
    adata = sigel.io.read(tmp_path, off_tissue=True)
    found = bridge.read_section(path=str(tmp_path), settings={"off_tissue": True})
    assert found["sample"] == ["a"] * 12 + ["b"] * 12
    assert found["gene_ids"] == adata.var["gene_ids"].tolist()
    assert found["cells"] == adata.obs_names.tolist()
    assert np.array_equal(found["coordinates"], adata.obsm["spatial"])
    other = found["others"]["Antibody Capture"]
    assert (other["dim"], other["genes"]) == ([1, 24], ["Plp1"])
    assert other["x"].sum() == adata.obsm["other_features"].sum()
    assert found["pictures"]["b"]["path"] == str(tmp_path / "b" / "spatial" / "tissue_lowres_image.png")
    assert found["pictures"]["b"]["scales"] == adata.uns["spatial"]["b"]["scalefactors"]
    one = bridge.read_section(path=str(tmp_path), sample="b", platform="visium")
    assert one["sample"] is None
    assert len(one["cells"]) == 9
    with pytest.raises(InputError, match="`bin_size`"):
        bridge.read_section(path=str(tmp_path), bin_size=8.0)
