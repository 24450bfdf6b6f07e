"""Sections as a caller gives them to `embed`: one object, one with several sections, or a list of objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sigel.config import ImageConfig
from sigel.errors import InputError
from sigel.images import GeneImages
from sigel.images.counts import SpotRows
from sigel.images.section import Called, Section, check_section, joined_genes, labels_of
from sigel.keys import Keys
from sigel.tasks.embedding import Embedding

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True)
class GivenSections:
    """What was given, and who gets which part of the results.

    Parameters
    ----------
    objects
        As given.
    sections
        What each holds.
    names
        Of the objects of a list; None for one object, in a list or not.
    """

    objects: list[AnnData]
    sections: list[Section]
    names: list[str] | None

    def images(self, config: ImageConfig) -> GeneImages:
        """Images of all sections."""
        if self.names is None:
            return GeneImages.from_section(self.sections[0], config)
        return GeneImages.from_sections(zip(self.names, self.sections, strict=True), config)

    def counts(self) -> Any:
        """Counts of all spots, in the order of the images' spots and genes."""
        if self.names is None:
            return self.sections[0].counts
        genes, columns = joined_genes([section.genes for section in self.sections])
        return SpotRows.joined([section.counts for section in self.sections], columns, len(genes))

    def shares(self, result: Embedding) -> Iterator[tuple[AnnData, Embedding, dict[str, Any]]]:
        """Each object, the results in the order of its genes and spots, and what it keeps of sections."""
        about: dict[str, Any] = {"sections": np.array(list(result.sections))} if result.sections else {}
        if self.names is None:
            yield self.objects[0], result, about
            return
        begin, places = 0, joined_genes([section.genes for section in self.sections])[1]
        for adata, rows, name in zip(self.objects, places, self.names, strict=True):
            by_gene = ("representations", "group", "group_prob", "posterior", "status")
            yield (
                adata,
                replace(
                    result,
                    **{column: getattr(result, column)[rows] for column in by_gene},
                    spots=result.spots[begin : begin + adata.n_obs],
                    sections={name: result.sections[name][rows]},
                ),
                about | {"section": name, "section_key": ""},
            )
            begin += adata.n_obs


def given_sections(
    adata: AnnData | Sequence[AnnData],
    layer: str | None,
    spatial_key: str,
    section_key: str | None,
    keys: Keys,
) -> GivenSections:
    """What a caller of `embed` gave, checked as far as it can be before counts are read."""
    if not isinstance(adata, list | tuple):
        section = Section.from_anndata(adata, layer=layer, spatial_key=spatial_key, section_key=section_key)
        if section.labels is not None:
            _check_names(list(dict.fromkeys(section.labels)), keys)
        return GivenSections([adata], [section], None)
    if not adata:
        raise InputError("adata", "an empty list", "an AnnData, or a list of some", "Pass the object itself.")
    for k, one in enumerate(adata):
        check_section(one, f"adata[{k}]")
        if any(one is other for other in adata[:k]):
            raise InputError(
                f"adata[{k}]", "an object that the list holds twice", "each once", "Leave it out."
            )
    names = [str(k + 1) for k in range(len(adata))]
    if section_key is not None:
        names = [_name_in(one, section_key, k) for k, one in enumerate(adata)]
    _check_names(names, keys)
    sections = [
        Section.from_anndata(
            one,
            layer=layer,
            spatial_key=spatial_key,
            called=Called(places=f"adata[{k}].obsm[{spatial_key!r}]"),
        )
        for k, one in enumerate(adata)
    ]
    return GivenSections(list(adata), sections, names if len(names) > 1 else None)


def _name_in(adata: AnnData, section_key: str, k: int) -> str:
    """The name of the one section that an object of a list holds."""
    names = list(dict.fromkeys(labels_of(adata, section_key)))
    if len(names) != 1:
        found = f"{len(names)} sections in adata[{k}].obs[{section_key!r}]"
        fix = "Split it, or join all objects by anndata.concat(..., join='outer') and pass the one."
        raise InputError("section_key", found, "one section in each object of a list", fix)
    return str(names[0])


def _check_names(names: Sequence[str], keys: Keys) -> None:
    """Refuse names that would be written under one key."""
    written = [keys.section(name) for name in names]
    twice = [name for k, name in enumerate(names) if written[k] in written[:k]]
    if twice:
        found = f"{twice[0]!r} for two sections"
        raise InputError("section_key", found, "a name of its own for each", "Rename one of them.")
