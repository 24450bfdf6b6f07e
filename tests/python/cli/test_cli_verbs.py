"""Every verb from end to end, and that it says what the function behind it says."""

from __future__ import annotations

import io
import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

import platform_folders

pytest.importorskip("cyclopts")

import sigel


def table_in(text: str, sep: str = "\t") -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), sep=sep, keep_default_na=False, na_values=["NA"])


def test_embed_writes_the_object_with_its_results(files):
    made = anndata.read_h5ad(files / "embedded.h5ad")
    given = anndata.read_h5ad(files / "section.h5ad")
    assert made.varm["X_sigel"].shape == (made.n_vars, 8)
    assert (made.X != given.X).nnz == 0
    adata = given.copy()
    sigel.tl.embed(adata, preset="fast", n_groups=4, n_dims=8, progress=False)
    np.testing.assert_allclose(made.varm["X_sigel"], adata.varm["X_sigel"], atol=1e-5)


def test_embed_takes_counts_from_a_layer_and_leaves_x_as_it_was(run, files, tmp_path):
    adata = anndata.read_h5ad(files / "section.h5ad")
    adata.X.data[:] = 0.5
    adata.write_h5ad(tmp_path / "scaled.h5ad")
    done = run("embed", tmp_path / "scaled.h5ad", "-o", tmp_path / "out.h5ad", "--layer", "counts", *FAST)
    assert done.code == 0, done.err
    made = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert made.uns["sigel"]["layer"] == "counts"
    assert set(made.X.data) == {0.5}
    assert np.isfinite(made.varm["X_sigel"]).any()


FAST = ("--preset", "fast", "--n-groups", "3", "--n-dims", "4")


def test_embed_of_several_inputs_is_one_object(run, files, tmp_path):
    done = run("embed", files / "section.h5ad", files / "second.h5ad", "-o", tmp_path / "both.h5ad", *FAST)
    assert done.code == 0, done.err
    made = anndata.read_h5ad(tmp_path / "both.h5ad")
    assert set(made.obs["sample"]) == {"section", "second"}
    assert {"X_sigel_section", "X_sigel_second"} <= set(made.varm)


def test_genes_as_a_table_and_as_an_object(run, files, tmp_path):
    done = run("genes", files / "section.h5ad", "-o", "-", "--no-score")
    assert (done.code, done.err) == (0, "")
    table = table_in(done.out).set_index("gene")
    adata = anndata.read_h5ad(files / "section.h5ad")
    expected = sigel.tl.spatial_genes(adata, score=False, progress=False)
    np.testing.assert_allclose(table["statistic"], expected["statistic"][table.index], rtol=1e-5)
    assert set(table.index) == set(adata.var_names)
    known = table["rank"].dropna().to_numpy()
    assert known.tolist() == sorted(known)
    assert table["rank"].notna().to_numpy()[: len(known)].all()  # what was not tested comes last
    assert run("genes", files / "section.h5ad", "-o", tmp_path / "out.h5ad", "--no-score").code == 0
    assert "sigel_spatial_qval" in anndata.read_h5ad(tmp_path / "out.h5ad").var


def test_groups_are_described_or_made_anew(run, files, tmp_path):
    done = run("groups", files / "embedded.h5ad", "-o", "-", "--format", "csv")
    assert done.code == 0, done.err
    assert list(table_in(done.out, ",").columns)[:3] == ["group", "n_genes", "medoid"]
    to = tmp_path / "two.h5ad"
    assert run("groups", files / "embedded.h5ad", "-o", to, "--n-groups", 2, "--key-added", "two").code == 0
    made = anndata.read_h5ad(to)
    assert {"sigel_group", "two_group"} <= set(made.var)
    assert made.uns["two"]["groups"]["n_groups"] == 2


def test_similar_genes_of_names_and_of_a_file_of_names(run, files, tmp_path):
    (tmp_path / "genes.txt").write_text("Gene0001\n\nGene0002\n")
    words = ("similar", files / "embedded.h5ad", "-n", 3, "--combine", "each", "-o", "-", "--genes")
    one, other = run(*words, "Gene0001", "Gene0002"), run(*words, f"@{tmp_path / 'genes.txt'}")
    assert one.code == 0, one.err
    assert one.out == other.out == run(*words, "Gene0001, Gene0002").out
    assert "without a name" in run(*words, ",").err
    assert len(table_in(one.out)) == 6


def test_pattern_of_regions(run, files, tmp_path):
    to = tmp_path / "pattern.json"
    words = ("--region", "region", "--levels", "ring=0.9", "--n-null", 0)
    done = run("pattern", files / "section.h5ad", "-o", to, *words)
    assert done.code == 0, done.err
    made = json.loads(to.read_text())
    assert made["attrs"]["levels"]["ring"] == 0.9
    assert {"gene", "similarity", "rank", "status"} <= set(made["rows"][0])
    assert made["rows"][0]["pval"] is None


def test_domains_as_a_table_and_as_an_object(run, files, tmp_path):
    settings = json.dumps({"starts": 1, "windows": [4], "components": [8]})
    words = ("domains", files / "section.h5ad", "--n-domains", 3, "--config", settings, "-o")
    done = run(*words, "-")
    assert done.code == 0, done.err
    table = table_in(done.out).set_index("spot")
    assert set(table["domain"]) == {1, 2, 3}
    assert run(*words, tmp_path / "out.h5ad").code == 0
    obs = anndata.read_h5ad(tmp_path / "out.h5ad").obs
    assert list(obs["sigel_domain"].astype(int)) == list(table["domain"])


def test_impute_writes_the_cells_of_the_panel(run, files, tmp_path):
    words = ("--reference", files / "reference.h5ad", "--method", "representation", "--no-intervals")
    done = run("impute", files / "panel.h5ad", "-o", tmp_path / "out.h5ad", *words)
    assert done.code == 0, done.err
    made = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert "expected_pcc" in made.var
    assert list(made.layers) == []
    assert made.n_obs == anndata.read_h5ad(files / "panel.h5ad").n_obs


@pytest.mark.parametrize("named", ["by the table", "on the command line"])
def test_compare_by_a_table_of_samples(run, files, tmp_path, named):
    inputs = sorted(files.glob("donor?.h5ad")) if named == "on the command line" else []
    to, words = tmp_path / "out.json", ("--donor", "donor", "--control", "control", "--quiet")
    done = run("compare", *inputs, "-o", to, "--samples", files / "samples.csv", *words)
    assert (done.code, done.err) == (0, "")
    made = json.loads(to.read_text())
    assert made["attrs"]["levels"] == ["control", "case"]
    assert {"gene", "effect", "qval", "n_donors"} <= set(made["rows"][0])


def test_compare_of_one_object_and_columns_of_obs(run, files, tmp_path):
    parts = {path.stem: anndata.read_h5ad(path) for path in sorted(files.glob("donor?.h5ad"))}
    for one in parts.values():
        one.obs["condition"] = one.obs["condition"].astype(str)
    joined = anndata.concat(parts, label="section", index_unique="_")
    joined.write_h5ad(tmp_path / "cohort.h5ad")
    done = run("compare", tmp_path / "cohort.h5ad", "-o", "-", "--section", "section", "--donor", "donor")
    assert done.code == 0, done.err
    assert "least_pval" in done.err
    assert "effects are control against case" in done.err  # by the alphabet, where nobody names the control
    assert set(table_in(done.out)["status"]) >= {"tested"}


def test_interactions_as_a_table_and_as_a_network(run, files, tmp_path):
    words = ("interactions", files / "section.h5ad", "--genes", "Gene0001", "Gene0002", "Gene0003", "-o")
    done = run(*words, "-")
    assert done.code == 0, done.err
    assert len(table_in(done.out)) == 3
    assert "set_auroc" in done.err
    assert run(*words, tmp_path / "network.graphml").code == 0
    assert "<graphml" in (tmp_path / "network.graphml").read_text()


def test_info_tells_what_made_a_file(run, files):
    words = run("info", files / "embedded.h5ad")
    assert words.code == 0
    for word in ("cells or spots", "command: sigel", "embed (key sigel)", "seed 0", "n_dims=8", "torch"):
        assert word in words.out
    (told,) = json.loads(run("info", files / "embedded.h5ad", "--json").out)
    assert told["results"][0]["params"]["n_dims"] == 8
    assert told["results"][0]["provenance"]["device"] == "cpu"
    assert told["commands"][0]["sigel"] == sigel.__version__
    assert told["sections"][0]["n_vars"] > 0


@pytest.mark.parametrize("platform", ["visium", "xenium", "merscope", "cosmx"])
def test_info_of_a_folder_of_a_platform(run, tmp_path, platform):
    getattr(platform_folders, platform)(tmp_path / "brain")
    said = run("info", tmp_path / "brain")
    assert said.code == 0, said.err
    assert said.out.startswith("brain: ")
    (told,) = json.loads(run("info", tmp_path / "brain", "--json", "--platform", platform).out)
    assert told["sections"][0]["platform"] == platform


def test_info_of_a_file_of_an_early_version(run):
    said = run("info", Path(__file__).parents[2] / "archives" / "0.5.0" / "asked.h5ad")
    assert said.code == 0, said.err
    assert "embed (key sigel): sigel 0.5.0" in said.out


def write_merscope(folder, adata):
    """A folder of MERSCOPE with the counts and places of an object."""
    folder.mkdir(parents=True)
    adata.to_df().astype(int).to_csv(folder / "cell_by_gene.csv", index_label="cell")
    places = pd.DataFrame(adata.obsm["spatial"], adata.obs_names, ["center_x", "center_y"])
    places.to_csv(folder / "cell_metadata.csv", index_label="EntityID")


def test_a_folder_of_two_samples_is_read_as_two_sections(run, files, tmp_path):
    for name in ("section", "second"):
        write_merscope(tmp_path / "run" / name, anndata.read_h5ad(files / f"{name}.h5ad"))
    words = ("genes", tmp_path / "run", "--no-score", "-o", "-")
    both, one = run(*words), run(*words, "--sample", "second")
    assert (both.code, one.code) == (0, 0), both.err + one.err
    adata = anndata.read_h5ad(files / "second.h5ad")
    expected = sigel.tl.spatial_genes(adata, score=False, progress=False)["statistic"]
    found = table_in(one.out).set_index("gene")["statistic"]
    assert found.corr(expected) > 0.9  # the lattice is found in the places, not told
    assert set(table_in(both.out)["gene"]) == set(found.index)
    assert run("embed", tmp_path / "run", "-o", tmp_path / "both.h5ad", *FAST).code == 0
    assert set(anndata.read_h5ad(tmp_path / "both.h5ad").obs["sample"]) == {"section", "second"}


def test_info_of_a_file_that_is_not_ours_has_no_past(run, files):
    (told,) = json.loads(run("info", files / "section.h5ad", "--json").out)
    assert (told["commands"], told["results"]) == ([], [])
    assert told["sections"][0]["layers"] == ["counts"]


def test_commands_add_up(run, files, tmp_path):
    to = tmp_path / "out.h5ad"
    assert run("genes", files / "embedded.h5ad", "-o", to, "--no-score").code == 0
    (told,) = json.loads(run("info", to, "--json").out)
    assert len(told["commands"]) == 2


def test_doctor_says_what_is_there(run):
    told = json.loads(run("doctor", "--json").out)
    assert told["versions"]["sigel"] == sigel.__version__
    assert told["memory_available"] > 0
    assert {one["package"] for one in told["optional"]} >= {"igraph", "zarr"}
    said = run("doctor").out
    assert "Device: " in said
    assert "threads" in said
