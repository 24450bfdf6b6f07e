"""Sections as a caller gives them to `embed`: one object, one with several sections, or a list of objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sigel.config import ImageConfig
from sigel.errors import InputError, number_of
from sigel.images import GeneImages
from sigel.images.counts import SpotRows
from sigel.images.section import Called, Section, check_section, joined_genes, labels_of
from sigel.images.within_tissue import for_all
from sigel.keys import Keys
from sigel.tasks.embedding import Embedding
from sigel.tl._views import check_not_part_of_file

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
            yield (
                self.objects[0],
                replace(result, spots=for_all(result.spots, self.sections[0].within)),
                about,
            )
            return
        begin, places = 0, joined_genes([section.genes for section in self.sections])[1]
        for adata, section, rows, name in zip(self.objects, self.sections, places, self.names, strict=True):
            n_spots = int(section.counts.shape[0])
            by_gene = ("representations", "group", "group_prob", "posterior", "status")
            yield (
                adata,
                replace(
                    result,
                    **{column: getattr(result, column)[rows] for column in by_gene},
                    spots=for_all(result.spots[begin : begin + n_spots], section.within),
                    sections={name: result.sections[name][rows]},
                ),
                about | {"section": name, "section_key": ""},
            )
            begin += n_spots


def given_sections(
    adata: AnnData | Sequence[AnnData],
    layer: str | None,
    spatial_key: str,
    section_key: str | None,
    keys: Keys,
) -> GivenSections:
    """What a caller of `embed` gave, checked as far as it can be before counts are read."""
    if not isinstance(adata, list | tuple):
        check_not_part_of_file(adata, "adata")
        section = Section.from_anndata(adata, layer=layer, spatial_key=spatial_key, section_key=section_key)
        labels = [] if section.labels is None else list(dict.fromkeys(section.labels))
        _check_names(labels, keys)
        _check_no_others(adata, keys, labels if len(labels) > 1 else [])
        return GivenSections([adata], [section], None)
    if not adata:
        raise InputError("adata", "an empty list", "an AnnData, or a list of some", "Pass the object itself.")
    for k, one in enumerate(adata):
        check_section(one, f"adata[{k}]")
        check_not_part_of_file(one, f"adata[{k}]")
        if any(one is other for other in adata[:k]):
            raise InputError(
                f"adata[{k}]", "an object that the list holds twice", "each once", "Leave it out."
            )
    names = [str(k + 1) for k in range(len(adata))]
    if section_key is not None:
        names = [section_named(one, section_key, f"adata[{k}]") for k, one in enumerate(adata)]
    _check_names(names, keys)
    for one, name in zip(adata, names, strict=True):
        _check_no_others(one, keys, [name] if len(names) > 1 else [])
    sections = [
        Section.from_anndata(
            one,
            layer=layer,
            spatial_key=spatial_key,
            called=Called(
                owner=f"section {names[k]!r}" if len(names) > 1 else "object",
                places=f"adata[{k}].obsm[{spatial_key!r}]",
            ),
        )
        for k, one in enumerate(adata)
    ]
    return GivenSections(list(adata), sections, names if len(names) > 1 else None)


def section_named(adata: AnnData, section_key: str, where: str) -> str:
    """The name of the one section that an object of a list holds; `where`: what the caller calls it."""
    try:
        names = list(dict.fromkeys(labels_of(adata, section_key)))
    except InputError as error:
        raise InputError(error.argument, f"{error.found} (in {where})", error.wanted, error.fix) from error
    if len(names) != 1:
        found = f"{number_of(len(names), 'section')} in {where}.obs[{section_key!r}]"
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


def _check_no_others(adata: AnnData, keys: Keys, names: Sequence[str]) -> None:
    """Refuse a key under which results of another fit would be replaced."""
    written = {keys.representation, *map(keys.section, names)}
    for other, info in adata.uns.items():
        if other == keys.base or not isinstance(info, Mapping) or "params" not in info:
            continue
        there = Keys(other)
        own = [info["section"]] if "section" in info else info.get("sections", [])
        for key in (there.representation, *(there.section(str(name)) for name in own)):
            if key in written and key in adata.varm:
                found = f"{keys.base!r}, for which varm[{key!r}] would be written"
                wanted = f"a key that leaves the results under {other!r} as they are"
                raise InputError("key_added", found, wanted, "Use another key_added.")
