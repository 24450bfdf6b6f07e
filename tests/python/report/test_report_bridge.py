"""The report by the door for R says the same of the same results as that for Python."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

import sigel
from r_pieces import pieces
from reported import data_in, full_section, without_date
from sigel import bridge
from sigel.errors import InputError
from sigel.report._calls import COMMAND_LINE, PYTHON, R


def results_of(adata):
    """What R keeps of a run."""
    info, var = adata.uns["sigel"], adata.var
    kept = (var["sigel_status"] == "embedded").to_numpy()
    history = {name: np.asarray(values) for name, values in info["history"].items()}
    return {
        "genes": list(var.index[kept]),
        "representations": adata.varm["X_sigel"][kept].astype(float),
        "features": {
            "gene": list(var.index),
            "group": var["sigel_group"].astype(object).fillna("").tolist(),
            "prob": var["sigel_group_prob"].to_numpy(float),
            "status": var["sigel_status"].astype(str).tolist(),
        },
        "params": info["params"],
        "provenance": json.dumps(info["provenance"]),
        "history": {**history, "stage": history["stage"].tolist()},
    }


def spatial_of(adata):
    names = ("score", "effect", "pval", "log_pval", "qval", "rank")
    return {name: adata.var[f"sigel_spatial_{name}"].to_numpy() for name in names}


def domains_of(adata):
    told = adata.uns["sigel"]["domains"]
    about = {name: told[name] for name in ("method", "n_domains", "window", "seed", "params")}
    # R's whole numbers are doubles.
    about = {name: float(value) if isinstance(value, int) else value for name, value in about.items()}
    label = adata.obs["sigel_domain"].astype(str).tolist()
    return {"domain": label, "prob": adata.obs["sigel_domain_prob"].to_numpy(), "about": about}


@pytest.fixture(scope="module")
def section():
    """Without what R does not store: stability, and the provenance of domains."""
    adata = full_section()
    adata.uns["sigel"].pop("stability")
    adata.uns["sigel"].pop("bic", None)
    told = adata.uns["sigel"]["domains"]
    del told["stability"], told["provenance"], adata.obs["sigel_domain_stability"]
    for name in ("spatial_key", "section_key", "layer"):
        told.pop(name, None)
        adata.uns["sigel"].pop(name, None)
    return adata


def test_both_doors_make_the_same_page_but_for_the_calls(section, tmp_path):
    path = bridge.report(
        section=pieces(section),
        path=str(tmp_path / "r.html"),
        results=results_of(section),
        spatial=spatial_of(section),
        domains=domains_of(section),
        simulated=True,
        method="pca",
    )
    theirs = sigel.report.write_report(section, tmp_path / "python.html", method="pca").read_text("utf-8")
    mine = (tmp_path / "r.html").read_text("utf-8")
    assert path == str(tmp_path / "r.html")
    assert data_in(mine) == data_in(theirs)
    for name, call in PYTHON.items():
        theirs = theirs.replace(call.replace('"', "&#34;"), R[name].replace('"', "&#34;"))
    assert without_date(mine) == without_date(theirs)


def test_of_several_sections_images_are_below_each_other(section, tmp_path):
    half = np.where(np.arange(section.n_obs) < section.n_obs // 2, "a", "b")
    path = bridge.report(
        section=pieces(section, labels=half),
        path=str(tmp_path / "r.html"),
        domains=domains_of(section) | {"section": half.tolist()},
    )
    page = Path(path).read_text("utf-8")
    assert "2 sections" in page
    assert "sections lie row by row in their order" in page


def test_a_table_of_genes_that_change_comes_with_what_is_known_of_it(section, tmp_path):
    gene = list(section.var_names[:3])
    numbers = {
        "effect": [2.0, 1.0, 0.5],
        "level_effect": [0.1, 0.2, 0.0],
        "pval": [0.001, 0.2, 0.9],
        "qval": [0.003, 0.3, 0.9],
    }
    place = {name: np.array([0.0, 1.0, 2.0]) for name in ("from_x", "from_y", "to_x", "to_y")}
    path = bridge.report(
        section=pieces(section),
        path=str(tmp_path / "r.html"),
        domains=domains_of(section),
        disease_genes={
            "table": {"gene": gene, **numbers},
            "map": {"gene": gene, **place},
            "levels": ["a", "b"],
        },
        settings={"n_top": 2.0},
    )
    page = Path(path).read_text("utf-8")
    assert "The first 2 of 3 genes; 1 change pattern" in page
    assert "with arrows from the first condition to the last" in page


def test_each_door_names_each_call():
    assert set(PYTHON) == set(COMMAND_LINE) == set(R)


def test_what_is_there_already_is_refused(section, tmp_path):
    (tmp_path / "r.html").write_text("mine")
    with pytest.raises(InputError, match="there already"):
        bridge.report(section=pieces(section), path=str(tmp_path / "r.html"), domains=domains_of(section))
