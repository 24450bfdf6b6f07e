"""What an object holds that a report speaks of; nothing is written to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sigel.errors import InputError, unknown_name
from sigel.images import GeneImages
from sigel.keys import NO_PATTERN, Keys
from sigel.pl._base import CALLED
from sigel.pl._colours import in_order
from sigel.tl._fits import as_fitted, domains_told, images_as_fitted, info_under, places_told

if TYPE_CHECKING:
    from anndata import AnnData

# Columns of the table of spatial genes that are shown, where they are there.
_SPATIAL = ("score", "effect", "pval", "log_pval", "qval", "rank")


@dataclass(frozen=True)
class Found:
    """Results under a key, and images of the genes.

    Parameters
    ----------
    adata
        The object; only read.
    keys
        Names of the results.
    info
        What is in `uns` under the key.
    images
        Of the genes.
    layer
        Of the counts; None: `X`.
    representations
        `(n_vars, n_dims)`, NaN for genes that were not embedded; None where nothing was embedded.
    group
        Group of each gene, `""` where it has none; None where there are no groups.
    groups
        Names of those that have genes, in their order.
    spatial
        Columns of the table of spatial genes, a row for each of `var_names`; None where none were tested.
    """

    adata: AnnData
    keys: Keys
    info: Mapping[str, Any]
    images: GeneImages
    layer: str | None
    representations: np.ndarray | None
    group: np.ndarray | None
    groups: list[str]
    spatial: pd.DataFrame | None

    @property
    def domains(self) -> Mapping[str, Any] | None:
        """What `sigel.tl.domains` left; None where there are none."""
        return domains_told(self.adata, self.keys.base)

    @property
    def embedded(self) -> np.ndarray:
        """Whether each gene has a representation, `(n_vars,)`."""
        if self.representations is None:
            return np.zeros(self.adata.n_vars, dtype=bool)
        return np.isfinite(self.representations).all(axis=1)

    @property
    def n_tested(self) -> int:
        """Genes that the test of spatial genes has an answer for."""
        return 0 if self.spatial is None else int(np.isfinite(self.spatial["qval"]).sum())

    @property
    def n_called(self) -> int:
        """Genes that it calls."""
        return 0 if self.spatial is None else int((self.spatial["qval"] < CALLED).sum())

    @property
    def names(self) -> np.ndarray:
        """Of all genes, as text."""
        return self.adata.var_names.to_numpy(dtype=object).astype(str).astype(object)


def found_in(
    adata: AnnData, key: str, layer: str | None, spatial_key: str | None, section_key: str | None = None
) -> Found:
    """Look for results, and make images as those of the fit.

    Parameters
    ----------
    adata
        The object.
    key
        Base of the keys.
    layer, spatial_key, section_key
        As in `sigel.tl.embed`; None: those of the fit, else of domains.

    Raises
    ------
    InputError
        When there is no result under the key, or there are no counts or coordinates to make images of.
    """
    info, keys = info_under(adata, key), Keys(key)
    _check_text(adata)
    z = adata.varm.get(keys.representation)
    group, groups = _groups(adata, keys)
    spatial = _spatial(adata, keys)
    if z is None and spatial is None and domains_told(adata, key) is None:
        known = [name for name in adata.uns if isinstance(adata.uns[name], Mapping)]
        found = f"{key!r}, under which there is no result" if key in known else unknown_name(key, known)
        fix = f'Call sigel.tl.embed(adata, key_added="{key}") first.'
        wanted = "results of sigel.tl.embed, sigel.tl.spatial_genes or sigel.tl.domains"
        raise InputError("key", found, wanted, fix)
    images = images_as_fitted(
        adata,
        key=key,
        layer=layer,
        spatial_key=spatial_key,
        config=None,
        model=None,
        section_key=section_key,
        told=False,
    )
    return Found(
        adata=adata,
        keys=keys,
        info=info,
        images=images,
        layer=as_fitted(places_told(info), layer, spatial_key)["layer"],
        representations=None if z is None else np.asarray(z, dtype=np.float64),
        group=group,
        groups=groups,
        spatial=spatial,
    )


def _check_text(adata: AnnData) -> None:
    """Refuse names of genes that no file can hold."""
    names = adata.var_names.astype(str)
    if not is_text("".join(names)):
        lost = next(name for name in names if not is_text(name))
        fix = "Rename these genes."
        raise InputError("adata.var_names", ascii(lost)[:60], "names that are Unicode", fix)


def is_text(text: str) -> bool:
    """Whether a file in UTF-8 can hold it: halves of a pair of surrogates are no characters.

    Parameters
    ----------
    text
        Any.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _groups(adata: AnnData, keys: Keys) -> tuple[np.ndarray | None, list[str]]:
    if keys.group not in adata.var:
        return None, []
    column = in_order(adata.var[keys.group]).cat.remove_unused_categories()
    names = list(map(str, column.cat.categories))
    label = np.array([*names, ""], dtype=object)[column.cat.codes.to_numpy()]
    # Genes without a pattern come last, wherever another program has put them.
    return label, sorted(names, key=lambda name: name == NO_PATTERN)


def _spatial(adata: AnnData, keys: Keys) -> pd.DataFrame | None:
    columns = {name: keys.spatial(name) for name in _SPATIAL}
    if not {columns["effect"], columns["qval"], columns["rank"]} <= set(adata.var):
        return None
    there = {name: column for name, column in columns.items() if column in adata.var}
    try:
        table = adata.var[list(there.values())].astype(np.float64)
    except (ValueError, TypeError) as error:
        found = f"columns {', '.join(there.values())} that are no numbers"[:120]
        fix = "Call sigel.tl.spatial_genes again."
        raise InputError("adata.var", found, "the numbers of sigel.tl.spatial_genes", fix) from error
    return table.set_axis(list(there), axis=1).reindex(columns=list(_SPATIAL)).reset_index(drop=True)
