"""Labels of new sections by those of a reference: the door."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from sigel.config.domains import DomainConfig
from sigel.errors import InputError, unknown_name
from sigel.images.section import Section, check_section
from sigel.keys import Keys
from sigel.runtime.device import resolve_device
from sigel.runtime.progress import shown
from sigel.runtime.provenance import provenance
from sigel.tasks.domains.labelled import Labelled, label_spots
from sigel.tasks.domains.labelled_inputs import REFERENCE, about_the_reference
from sigel.tl._domains import write_domains
from sigel.tl._fits import as_fitted, checked_key, info_under, section_as_fitted, unnamed_layer
from sigel.tl._repeatable import repeatable
from sigel.tl._views import check_not_part_of_file

if TYPE_CHECKING:
    from anndata import AnnData

# What domains leave of where they were found.
WHERE = ("layer", "spatial_key")


@repeatable
def label_domains(
    adata: AnnData,
    reference: AnnData,
    *,
    layer: str | None = None,
    reference_layer: str | None = None,
    spatial_key: str | None = None,
    reference_spatial_key: str | None = None,
    section_key: str | None = None,
    reference_section_key: str | None = None,
    key: str = "sigel",
    key_added: str | None = None,
    column: str | None = None,
    config: DomainConfig | dict[str, Any] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> None:
    """Label new sections by the domains of a reference.

    Parameters
    ----------
    adata
        New sections of like tissue, spots x genes, raw counts. Spots beside the tissue, where
        `obs["in_tissue"]` is 0, take no part and get no label.
    reference
        Labelled sections, spots x genes, raw counts and coordinates; only read. Genes are matched by name.
        Spots without a label (missing, or `""`) teach nothing, but are tissue around others.
    layer, spatial_key
        As in `sigel.tl.domains`.
    reference_layer
        Layer of the reference with its counts. Default: that of its domains, else of its fit, else `X`.
    reference_spatial_key
        Key in `reference.obsm` of its coordinates. Default: `spatial_key` where that is given, else that of
        its domains, else of its fit, else `"spatial"`.
    section_key
        Column of `adata.obs` that tells several new sections apart, by default that of its fit under `key`.
    reference_section_key
        The same of the reference. Default: that of its domains, where `sigel.tl.domains` found them.
    key
        `key_added` of the `sigel.tl.domains` that the reference was given to.
    key_added
        Base of the keys that are written; default: `key`.
    column
        Column of `reference.obs` with the labels, as those of an annotator. Default: `"sigel_domain"`.
    config
        Settings, a `DomainConfig` or a dict of some. Those of starts, votes and the neighbours' say have no
        meaning here; of `components` the largest counts.
    seed
        Same seed and device give the same labels.
    device
        Where posteriors are computed. `"auto"`: a CUDA device if there is one, else the CPU.
    progress
        Show a progress bar.

    Returns
    -------
    None
        Writes, only after everything succeeded:

        - `obs["sigel_domain"]`: the labels, with the categories of the reference in their order, also those
          that no new spot is given
        - `obs["sigel_domain_prob"]`: mean posterior of the label, 0 to 1
        - `obsm["X_sigel_domain"]`: components of windows (`DomainConfig.window`), those of both together,
          float32 `(n_obs, n_components)`
        - `uns["sigel"]["domains"]`: `method` (`"reference"`), `column`, `n_domains` (labels given),
          `n_labelled` (spots that taught), `window`, `genes`, settings, provenance
        - `uns["sigel_calls"]`: the call, as in `sigel.tl.embed`

    Raises
    ------
    InputError
        When one of the two cannot be used, there are no such labels, fewer than two with two spots or more,
        or fewer than two shared genes with counts in every section; nothing is written.

    Notes
    -----
    Counts of the genes that both name are normalised by their own sum, for panels differ. Spots are described
    as in `sigel.tl.domains`, by components z_i of means of windows; components are those of both together.
    For every width of a window each label k is a Gaussian, with one covariance S for all (linear discriminant
    analysis; Fisher 1936)::

        p_ik ~ pi_k exp(-(z_i - mu_k)' S^-1 (z_i - mu_k) / 2)

    What sets a section apart beyond its labels, an offset of its mean, is fitted along, in turn with the
    posteriors of the new spots. A spot takes the label of the highest posterior, averaged over all widths.

    The shares pi_k are those of the reference: with equal ones, or those that fit the new sections best,
    labels were less like those of annotators (mean adjusted Rand index of pairs of three sections of cortex
    and nine of heart 0.66, against 0.63 and 0.64). A say of neighbours beyond windows made no difference.

    Examples
    --------
    >>> import sigel
    >>> adata = sigel.datasets.simulated_section(20, 20, 4, 40, 100)
    >>> left = adata.obsm["spatial"][:, 0] < adata.obsm["spatial"][:, 0].mean()
    >>> reference, new = adata[left].copy(), adata[~left].copy()
    >>> sigel.tl.domains(reference, 4, progress=False)
    >>> sigel.tl.label_domains(new, reference, progress=False)
    >>> list(new.obs["sigel_domain"].cat.categories)
    ['1', '2', '3', '4']
    """
    began = time.perf_counter()
    key_added = checked_key(key, key_added)
    check_not_part_of_file(adata)
    info_under(adata, key_added)  # refuses what is in the way before the work begins
    settings = DomainConfig.given(config)
    if reference is adata:
        fix = "Copy the labelled spots first, for example reference=adata[labelled].copy()."
        raise InputError("reference", "adata itself", "another object: labels are written to adata", fix)
    label, column = _labels(reference, column, key)
    with _about_the_places(spatial_key, reference_spatial_key):
        places = spatial_key if reference_spatial_key is None else reference_spatial_key
        labelled = _reference_section(reference, key, reference_layer, places, reference_section_key)
    section, where = section_as_fitted(adata, info_under(adata, key), layer, spatial_key, section_key)
    known = label.astype(object).where(label.notna(), "").to_numpy(object)
    known = known if labelled.within is None else known[labelled.within]
    with shown(progress) as report:
        found = label_spots(section, labelled, known, settings, seed=seed, device=device, progress=report)
    about = _about(found, column, seed, settings) | where
    about["provenance"] = provenance(seed, resolve_device(device), "", time.perf_counter() - began)
    write_domains(
        adata,
        Keys(key_added),
        pd.Categorical(found.label, label.cat.categories),
        found,
        about,
        section.within,
    )


def _labels(reference: AnnData, column: str | None, key: str) -> tuple[pd.Series, str]:
    """Labels of the reference as categories of text in their order, and the column that they are from."""
    check_section(reference, "reference")
    name = Keys(key).domain if column is None else column
    if column is None and name not in reference.obs:
        fix = (
            "Call sigel.tl.domains(reference, n_domains) first, or name the column of the labels: column=..."
        )
        raise InputError("reference", f"no obs[{name!r}]", "a section with domains", fix)
    if not (isinstance(name, str) and name in reference.obs):
        found, fix = unknown_name(name, reference.obs), "See reference.obs.columns."
        raise InputError("column", found, "a column of reference.obs", fix)
    given = reference.obs[name]
    text = given.astype(object).where(given.isna(), given.astype(str))
    text = text.where(text != "", None)
    if isinstance(given.dtype, pd.CategoricalDtype):
        names = [str(category) for category in given.cat.categories]
    else:  # numbers by size, so that 10 comes after 9
        names = sorted(text.dropna().unique(), key=lambda one: (not one.isdecimal(), one.zfill(12)))
    order = [one for one in dict.fromkeys(names) if one]
    return pd.Series(pd.Categorical(text, order), reference.obs_names), name


def _reference_section(
    reference: AnnData, key: str, layer: str | None, spatial_key: str | None, section_key: str | None
) -> Section:
    """Counts and places of the reference, as its domains were found, else as in its fit."""
    with about_the_reference():
        info = info_under(reference, key)
        of_domains = info.get("domains", {})
        info |= {name: of_domains[name] for name in WHERE if name in of_domains}
        given = as_fitted(info, layer, spatial_key)
        section_key = section_key or str(of_domains.get("section_key", "")) or None
        places, unnamed = f"reference.obsm[{given['spatial_key']!r}]", unnamed_layer(reference, info)
        called = replace(REFERENCE, places=places, unnamed=unnamed)
        return Section.from_anndata(reference, **given, section_key=section_key, called=called, told=False)


@contextmanager
def _about_the_places(spatial_key: str | None, own: str | None) -> Iterator[None]:
    """What is refused of the places of the reference is said of the key that named them."""
    try:
        yield
    except InputError as error:
        if error.argument != "spatial_key":
            raise
        argument = "spatial_key" if own is None and spatial_key is not None else "reference_spatial_key"
        fix = error.fix.replace("spatial_key", "reference_spatial_key")
        raise InputError(argument, error.found, error.wanted, fix) from error


def _about(found: Labelled, column: str, seed: int, settings: DomainConfig) -> dict[str, Any]:
    """What is kept of how spots were labelled."""
    return {
        "method": "reference",
        "column": column,
        "n_domains": len(set(found.label)),
        "n_labelled": found.n_labelled,
        "window": found.window,
        "genes": found.genes.astype(str),
        "refined": False,
        "n_changed": 0,
        "seed": int(seed),
        "params": json.dumps(settings.to_dict()),
    }
