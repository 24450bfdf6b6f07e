"""The report, for R: what a Seurat object holds as the object that the report reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from sigel.bridge._pieces import names_of, section_of, whole, whole_numbers
from sigel.keys import Keys
from sigel.report._calls import R
from sigel.report._write import write_in_words_of

# Name of the column with the section of each cell.
_SECTION = "section"


def report(
    *,
    section: Mapping[str, Any],
    path: str,
    results: Mapping[str, Any] | None = None,
    spatial: Mapping[str, Any] | None = None,
    domains: Mapping[str, Any] | None = None,
    simulated: bool = False,
    title: str | None = None,
    gene_sets: dict[str, Any] | str | None = None,
    disease_genes: Mapping[str, Any] | None = None,
    method: str = "tsne",
    key: str = "sigel",
    settings: dict[str, Any] | None = None,
    seed: float = 0,
    overwrite: bool = False,
) -> str:
    """A report, see `sigel.report.write_report`.

    Parameters
    ----------
    section
        Its pieces.
    path, title, method, key, overwrite, seed
        As there.
    results
        Of `embed`: `genes`, `representations` (a row for each of them), `features` (columns `gene`, `group`,
        `prob`, `status`), `params` and `provenance` (JSON), `history` (columns), `bic`, `made_anew`,
        `stability` (`table`, its columns, `ari` and `seeds`, or None); None: nothing was embedded.
    spatial
        Columns of the table of spatial genes, a row for each gene of the section; None: none.
    domains
        `domain` (text, `""`: none) and `prob` of each cell, `about` (what is kept of how they were made),
        `section` of each cell or None, `stability` as for groups and `spots`, that of each cell; None: none.
    simulated
        Whether nothing in the section was measured.
    gene_sets
        Path of a GMT file, or names of genes by name of the set.
    disease_genes
        `table`: columns of the table of genes that change; `map`, `calibration` and `levels`, its attributes.
    settings
        Of `ReportConfig`.

    Returns
    -------
    str
        The file.
    """
    if isinstance(gene_sets, dict):
        gene_sets = {name: names_of(one) for name, one in gene_sets.items()}
    made = write_in_words_of(
        R,
        _object(section, results, spatial, domains, Keys(key), simulated=simulated),
        path,
        overwrite=overwrite,
        title=title,
        gene_sets=gene_sets,
        disease_genes=None if disease_genes is None else _disease_table(disease_genes),
        method=method,
        key=key,
        config=whole_numbers(settings or {}),
        seed=whole(seed),
    )
    return str(made)


def _object(
    section: Mapping[str, Any],
    results: Mapping[str, Any] | None,
    spatial: Mapping[str, Any] | None,
    domains: Mapping[str, Any] | None,
    keys: Keys,
    *,
    simulated: bool,
) -> AnnData:
    """Results where `sigel.tl` leaves them; counts are not copied."""
    seen = section_of(section)
    var = pd.DataFrame(index=pd.Index(names_of(section["genes"])))
    obs = pd.DataFrame(index=pd.RangeIndex(seen.counts.shape[0]).astype(str))
    made = AnnData(seen.counts, obs=obs, var=var)
    if seen.coordinates is not None:
        made.obsm["spatial"] = np.asarray(seen.coordinates)
    if seen.lattice is not None:
        made.obs["array_row"], made.obs["array_col"] = np.asarray(seen.lattice).T
    info: dict[str, Any] = {}
    if seen.labels is not None:
        made.obs[_SECTION] = np.asarray(seen.labels)
        info["section_key"] = _SECTION
    if results is not None:
        info |= _put_results(made, results, keys)
    if spatial is not None:
        for name, values in spatial.items():
            made.var[keys.spatial(name)] = np.asarray(values, dtype=np.float64)
    if domains is not None:
        info["domains"] = _put_domains(made, domains, keys)
    if info:
        made.uns[keys.info] = info
    if simulated:
        made.uns["simulated"] = True
    return made


def _put_results(made: AnnData, results: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """What `embed` leaves; returns what belongs into `uns`."""
    z = np.atleast_2d(np.asarray(results["representations"], dtype=np.float32))
    at = pd.Index(names_of(results["genes"])).get_indexer(made.var_names)
    laid = np.full((made.n_vars, z.shape[1]), np.nan, dtype=np.float32)
    laid[at >= 0] = z[at[at >= 0]]
    made.varm[keys.representation] = laid
    told = pd.DataFrame({name: list(values) for name, values in results["features"].items()})
    told = told.set_index("gene").reindex(made.var_names)
    group = told["group"].where(told["group"] != "")
    made.var[keys.group] = pd.Categorical(group)
    made.var[keys.group_prob] = told["prob"].to_numpy(dtype=np.float64)
    made.var[keys.status] = pd.Categorical(told["status"])
    info: dict[str, Any] = {}
    for name in ("params", "provenance"):
        if results.get(name):
            info[name] = str(results[name])
    if "provenance" in info:
        info["provenance"] = json.loads(info["provenance"])
    if results.get("history"):
        info["history"] = {name: np.asarray(values) for name, values in results["history"].items()}
    if results.get("bic"):
        info["bic"] = {str(name): float(value) for name, value in results["bic"].items()}
    if results.get("made_anew"):
        info["groups"] = {}
    if results.get("stability"):
        info["stability"] = _stability(results["stability"], "group")
    return info


def _stability(given: Mapping[str, Any], part: str) -> dict[str, Any]:
    """What `group_stability` or `domain_stability` leaves; `part` is the column with the names."""
    columns = {name: np.atleast_1d(np.asarray(values)) for name, values in given["table"].items()}
    columns[part] = columns[part].astype(str)
    return columns | {"ari": float(given["ari"]), "seeds": np.atleast_1d(np.asarray(given["seeds"]))}


def _put_domains(made: AnnData, domains: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """Domains of the cells; returns what is known of them."""
    label = pd.Series(names_of(domains["domain"]), dtype=object)
    made.obs[keys.domain] = pd.Categorical(label.where(label != ""))
    if domains.get("prob") is not None:
        made.obs[keys.domain_prob] = np.asarray(domains["prob"], dtype=np.float64).reshape(-1)
    about = whole_numbers(dict(domains["about"]))
    if domains.get("section") is not None:
        made.obs["section_of_domain"] = names_of(domains["section"])
        about["section_key"] = "section_of_domain"
    if domains.get("stability"):
        about["stability"] = _stability(domains["stability"], "domain")
        made.obs[keys.domain_stability] = np.asarray(domains["spots"], dtype=np.float64).reshape(-1)
    if "number" in about:
        about["number"] = {name: np.asarray(values) for name, values in about["number"].items()}
    return about


def _disease_table(given: Mapping[str, Any]) -> pd.DataFrame:
    """The table of `sigel.tl.disease_genes` again."""
    table = _frame(given["table"]).set_index("gene")
    there = [name for name in ("map", "calibration") if given.get(name)]
    table.attrs = {name: _frame(given[name]).to_dict("list") for name in there}
    table.attrs["levels"] = names_of(given.get("levels") or [])
    return table


def _frame(columns: Mapping[str, Any]) -> pd.DataFrame:
    """A table from columns as R has them, whose one row comes as a value."""
    return pd.DataFrame({name: np.atleast_1d(np.asarray(values)) for name, values in columns.items()})
