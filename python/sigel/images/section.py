"""One section, or several side by side: counts, genes and places, read and checked here for every verb."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy import sparse

from sigel.errors import InputError, number_of, unknown_name, warn
from sigel.images.counts import SpotRows, as_csr
from sigel.images.lattice import is_hexagonal
from sigel.images.named_columns import as_places
from sigel.images.several_sections import MOST_SECTIONS, check_one_section, tell_of_sections
from sigel.images.sound_matrix import check_on_host, check_structure
from sigel.images.within_tissue import spots_within
from sigel.runtime.forked import on_one_thread_where_forked

if TYPE_CHECKING:
    from anndata import AnnData

LATTICE = ["array_row", "array_col"]


@dataclass(frozen=True)
class Called:
    """What a caller calls a section and its parts, for messages.

    Parameters
    ----------
    owner
        The object that it is of.
    section, genes, counts, layer, places
        Arguments that a refusal is about.
    spots
        What a row is.
    unnamed
        What is read where no layer is named, for messages; `""`: a layer that is not there any more.
    """

    owner: str = "object"
    section: str = "counts"
    genes: str = "genes"
    counts: str = "counts"
    layer: str = "layer"
    places: str = "coordinates"
    spots: str = "spots"
    unnamed: str = "X"


@dataclass(frozen=True, eq=False)
class Section:
    """Counts, genes and places as a caller has them; what cannot be used is refused where it is read.

    Parameters
    ----------
    counts
        `(n_spots, n_genes)`, in memory or on disk, as in `sigel.images.counts.SpotRows`.
    genes
        `n_genes` names.
    coordinates
        `(n_spots, 2)`, x and y; None where there is a lattice alone.
    lattice
        `(n_spots, 2)`, array row and column, or None.
    labels
        Section of each spot as text, `(n_spots,)`; None: one section.
    called
        What the caller calls all that.
    told
        Warnings that were given of these counts; parts of the section share them.
    within
        Which spots of the caller's object these are, a mask, where some lie beside the tissue; None: all.
    apart
        Which of `genes` are features of another kind, a mask; None: none.

    Examples
    --------
    >>> import sigel
    >>> from sigel.images.section import Section
    >>> adata = sigel.datasets.simulated_section(seed=0)
    >>> section = Section.from_anndata(adata).in_memory()
    >>> section.places().shape == (adata.n_obs, 2)
    True
    """

    counts: Any
    genes: np.ndarray
    coordinates: np.ndarray | None = None
    lattice: np.ndarray | None = None
    labels: np.ndarray | None = None
    called: Called = Called()
    told: set[str] = field(default_factory=set, repr=False)
    within: np.ndarray | None = field(default=None, repr=False)
    apart: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        on_one_thread_where_forked()  # every verb reads a section before it computes
        object.__setattr__(self, "genes", np.array([str(gene) for gene in self.genes], dtype=object))

    @classmethod
    def from_anndata(
        cls,
        adata: AnnData,
        *,
        layer: str | None = None,
        spatial_key: str = "spatial",
        section_key: str | None = None,
        called: Called | None = None,
        told: bool = True,
        placed: bool = True,
    ) -> Section:
        """What an AnnData holds of a section within its tissue; no count on disk is read yet.

        Spots beside the tissue, where `obs["in_tissue"]` is 0, are left out. Sections that lie on top of each
        other, and that `section_key` does not tell apart, are warned of where a column of `obs` names them.

        Parameters
        ----------
        adata
            Spots x genes.
        layer
            Layer with the counts; None: `X`.
        spatial_key
            Key in `obsm` of the coordinates; `"spatial"` may be missing where `obs` has `array_row` and
            `array_col`.
        section_key
            Column of `obs` that tells several sections apart; None: one section.
        called
            What the caller calls the object and its parts.
        told
            Whether a warning says how many spots lie beside the tissue.
        placed
            Whether coordinates must be there; dissociated cells have none.

        Raises
        ------
        InputError
            When it is no AnnData, or the layer, the coordinates or the column are not there.
        """
        called = called or Called(places=f"adata.obsm[{spatial_key!r}]")
        check_section(adata, "adata" if called.owner == "object" else called.owner)
        lattice = lattice_of(adata)
        there = isinstance(spatial_key, str) and spatial_key in adata.obsm
        lacks = not there and (spatial_key != "spatial" or lattice is None)
        if lacks and (placed or _names_places(adata)):
            found = f"no obsm[{spatial_key!r}] in the {called.owner}"
            wanted = f"coordinates, the places of its {called.spots}"
            known = ", ".join(map(repr, adata.obsm)) or "none"
            fix = f"Store x and y there or pass spatial_key; keys in obsm: {known} ({_DISSOCIATED})."
            raise InputError("spatial_key", found, wanted, fix)
        section = cls(
            counts=values_of(adata, layer, called),
            genes=adata.var_names.to_numpy(dtype=object),
            coordinates=as_places(adata.obsm[spatial_key], called.places) if there else None,
            lattice=lattice,
            labels=None if section_key is None else labels_of(adata, section_key),
            called=called,
            apart=_other_features(adata),
        )
        if section.labels is None and section.coordinates is not None:
            tell_of_sections(adata, lattice, section.coordinates)
        within = spots_within(adata, "adata" if called.owner == "object" else called.owner, told=told)
        if within is None:
            return section
        if not (sparse.issparse(section.counts) or isinstance(section.counts, np.ndarray)):
            section = replace(section, counts=SpotRows(section.counts))  # what lies on disk stays there
        return replace(section.take(within), within=within)

    @property
    def is_placed(self) -> bool:
        """Whether its cells have places; dissociated cells have none."""
        return self.coordinates is not None or self.lattice is not None

    def rows(self) -> SpotRows:
        """Counts some spots at a time, after all was checked that can be before they are read.

        Raises
        ------
        InputError
            When counts are no numbers, there is no spot or no gene, or names or places do not fit them.
        """
        rows, called = SpotRows(self.counts), self.called
        _check_names(self.genes, rows.shape[1], called.genes)
        for argument, places in ((called.places, self.coordinates), ("array_row, array_col", self.lattice)):
            if places is not None and len(places) != rows.shape[0]:
                found = f"{len(places)} places for {rows.shape[0]} {called.spots}"
                wanted = f"one place for each {called.spots[:-1]}"
                raise InputError(argument, found, wanted, "Order them as the counts.")
        if 0 in rows.shape:
            found = f"{rows.shape[0]} {called.spots} x {rows.shape[1]} genes"
            raise InputError(
                called.section, found, "at least one of both", "Check how the object was subset."
            )
        return rows

    def check_values(
        self,
        chunk: sparse.csr_matrix,
        where: slice,
        n_spots: int,
        *,
        negative: bool = False,
        instead: str = "",
    ) -> bool:
        """Refuse what cannot be expression; say whether it is counts: whole numbers, none below zero.

        Parameters
        ----------
        chunk, where
            From `rows`.
        n_spots
            Of the section.
        negative
            Whether values may be below zero.
        instead
            What a caller might do with values of another kind.
        """
        data = chunk.data
        all_spots = len(range(n_spots)[where]) == n_spots
        among = "" if all_spots else f" in {self.called.spots} {where.start} to {where.stop - 1}"
        least, finite = data.min(initial=0), np.isfinite(data)
        found = ""
        if not finite.all():
            found = f"{int((~finite).sum())} values that are NaN or infinite{among}"
        elif least < 0 and not negative:
            found = f"negative values (smallest {least:.3g}){among}"
        if found:
            wanted = "finite values" if negative else "raw counts, none of them negative, NaN or infinite"
            # Of no kind are values that are not finite lawful.
            fix = f"Pass the layer of raw counts{instead if finite.all() else ''}."
            raise InputError(self.called.counts, found, wanted, fix)
        return bool((data == np.round(data)).all()) and not least < 0

    def tell_of_fractions(self, instead: str = "") -> None:
        """Warn, once for a section and its parts, that its values are no counts.

        Parameters
        ----------
        instead
            What a caller might do with values of another kind.
        """
        if "fractions" not in self.told:
            self.told.add("fractions")
            warn(
                f"The values of the {self.called.owner} are not whole numbers: they are normalised as if "
                "they were counts. If they are log-normalised already, pass the raw ones: "
                f'{self.called.layer}="counts"{instead}.'
            )

    def in_memory(self, called: Called | None = None) -> Section:
        """The section with its counts as one CSR, checked; fractions are warned of.

        Parameters
        ----------
        called
            What the caller calls it; default: as before.
        """
        held = sparse.issparse(self.counts)
        section = replace(
            self, called=called or self.called, counts=as_csr(self.counts) if held else self.counts
        )
        rows, whole, chunks = section.rows(), True, []
        for where, chunk in rows:
            whole &= section.check_values(chunk, where, rows.shape[0])
            chunks.append(chunk)
        if not whole:
            section.tell_of_fractions()
        return section if held else replace(section, counts=_stacked(chunks))

    def places(self, columns: Sequence[int] = (2,)) -> Float[np.ndarray, "n_spots n_columns"]:
        """Coordinates, checked; else array positions, spaced as on the slide.

        Parameters
        ----------
        columns
            How many columns coordinates may have.

        Raises
        ------
        InputError
            When there are none, they are not finite numbers, or sections that labels do not tell apart lie on
            top of each other.
        """
        places = self._checked_places(columns)
        for name, spots in self.parts():
            with in_section(name):
                check_one_section(
                    None if self.lattice is None else self.lattice[spots],
                    None if self.coordinates is None else places[spots],
                    self.called.places,
                )
        return places

    def _checked_places(self, columns: Sequence[int]) -> Float[np.ndarray, "n_spots n_columns"]:
        if self.coordinates is not None:
            return checked_places(self.coordinates, self.called.places, self.called.spots, columns)
        if self.lattice is None:
            fix = f'Put them into obsm["spatial"]; {_DISSOCIATED}.'
            wanted = f"the place of each {self.called.spots[:-1]}"
            raise InputError(self.called.places, "no coordinates: not a spatial section", wanted, fix)
        places = checked_places(self.lattice, "array_row, array_col", self.called.spots)
        # Rows of a hexagonal lattice lie closer than its numbering of columns says.
        return places * [np.sqrt(3), 1] if is_hexagonal(places) else places

    def take(self, spots: np.ndarray | slice) -> Section:
        """Some of the spots.

        Parameters
        ----------
        spots
            Row numbers or a mask, as `parts` gives them.
        """
        if isinstance(spots, slice) and spots == slice(None):
            return self
        coordinates, lattice, labels = (
            None if one is None else np.asarray(one)[spots]
            for one in (self.coordinates, self.lattice, self.labels)
        )
        lazy = isinstance(self.counts, SpotRows)
        counts = SpotRows.some(self.counts, spots) if lazy else self.counts[spots, :]
        return replace(
            self, counts=counts, coordinates=coordinates, lattice=lattice, labels=labels, within=None
        )

    def parts(self) -> Iterator[tuple[str | None, np.ndarray | slice]]:
        """Name and spots of each section in the order of their first spots; None for one without labels."""
        if self.labels is None or not len(self.labels):
            yield None, slice(None)
            return
        codes, names = pd.factorize(self.labels)
        for code, name in enumerate(names):
            yield name, codes == code


def joined_genes(panels: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Genes of several sections, each once in the order of its first section, and where those of each stand.

    Parameters
    ----------
    panels
        Genes of each section.
    """
    place = {gene: k for k, gene in enumerate(dict.fromkeys(gene for panel in panels for gene in panel))}
    rows = [np.array([place[gene] for gene in panel], dtype=np.int64) for panel in panels]
    return np.array(list(place), dtype=object), rows


@contextmanager
def in_section(name: object) -> Iterator[None]:
    """What is refused inside says which section it was.

    Parameters
    ----------
    name
        Of the section; None where there is one only.
    """
    try:
        yield
    except InputError as error:
        if name is None:
            raise
        found = f"{error.found} (in section {str(name)!r})"
        raise InputError(error.argument, found, error.wanted, error.fix) from error


_DISSOCIATED = "dissociated cells have no pictures of genes"
# In names of coordinates.
_PLACES = ("spatial", "coord", "centroid")


def _names_places(adata: AnnData) -> bool:
    """Whether an object that seems to have no places names some."""
    names = [name.lower() for name in (*adata.obsm, *map(str, adata.obs))]
    return any(name == "xy" or any(word in name for word in _PLACES) for name in names)


def _other_features(adata: AnnData) -> np.ndarray | None:
    """What `var["feature_types"]` says is no gene, a mask; None where it says nothing of the kind."""
    kinds = adata.var.get("feature_types")
    if kinds is None:
        return None
    others = (kinds.astype(str) != "Gene Expression").to_numpy()
    return others if others.any() and not others.all() else None


def check_section(adata: object, argument: str = "adata") -> None:
    """Refuse what is no AnnData.

    Parameters
    ----------
    adata, argument
        What a caller passed as a section, and as which argument.

    Raises
    ------
    InputError
        When it is something else.
    """
    if not (hasattr(adata, "obsm") and hasattr(adata, "varm")):
        found = f"an object of class {type(adata).__name__}"
        fix = (
            "Read the file first: anndata.read_h5ad(path). For plain arrays use sigel.GeneImages.from_arrays."
        )
        raise InputError(argument, found, "an AnnData", fix_for_tables(adata) or fix)


def fix_for_tables(value: object) -> str:
    """The line that makes an AnnData of a SpatialData, which holds some; empty where something is none.

    Parameters
    ----------
    value
        What a caller passed as a section.
    """
    tables = list(getattr(value, "tables", None) or ())
    if not tables:
        return ""
    first = "table" if "table" in tables else tables[0]
    fix = f"Take a table of it: adata = sigel.io.read(sdata, table={first!r})."
    return fix if len(tables) == 1 else f"{fix} There are {', '.join(map(repr, tables))}."


def lattice_of(adata: AnnData) -> np.ndarray | None:
    """Array row and column of each spot, `(n_obs, 2)` of any type, or None where `obs` lacks them."""
    return adata.obs[LATTICE].to_numpy() if set(LATTICE) <= set(adata.obs.columns) else None


def labels_of(adata: AnnData, section_key: str) -> np.ndarray:
    """The section of every spot as text, `(n_obs,)`, or a refusal.

    Parameters
    ----------
    adata, section_key
        As in `Section.from_anndata`.
    """
    if not isinstance(section_key, str) or section_key not in adata.obs:
        found = unknown_name(section_key, adata.obs)
        raise InputError("section_key", found, "a column of adata.obs", "See adata.obs.columns.")
    column = adata.obs[section_key]
    if column.isna().any():
        found = f"{section_key!r} with {int(column.isna().sum())} missing values"
        raise InputError("section_key", found, "the section of every spot", "Leave those spots out.")
    return column.astype(str).to_numpy(dtype=object)


def checked_places(
    places: Any, name: str = "coordinates", spots: str = "spots", columns: Sequence[int] = (2,)
) -> Float[np.ndarray, "n_spots n_columns"]:
    """Coordinates as float64.

    Parameters
    ----------
    places
        A place for each spot.
    name, spots
        What the caller calls them.
    columns
        How many columns there may be.

    Raises
    ------
    InputError
        When they have another shape, or are not finite numbers.
    """
    xy = as_places(places, name)
    if xy.ndim != 2 or xy.shape[1] not in columns:
        fix = _of_one_plane(xy, name)
        wanted = f"x and y of each {spots[:-1]}, shape (n_{spots}, 2)"
        raise InputError(name, f"an array of shape {xy.shape}", wanted, fix)
    try:
        xy = xy.astype(np.float64)
    except (TypeError, ValueError) as error:
        fix = "Convert both columns to float."
        raise InputError(name, f"values of type {xy.dtype}", "numbers", fix) from error
    lost = int((~np.isfinite(xy).all(axis=1)).sum())
    if lost:
        found = f"{lost} of {len(xy)} {spots} without finite coordinates"
        fix = (
            f"Subset to the others first: leave out the {lost} {spots} whose coordinates are NaN or infinite."
        )
        raise InputError(name, found, f"finite x and y for every {spots[:-1]}", fix)
    return xy


def _of_one_plane(xy: np.ndarray, name: str) -> str:
    """What to do with coordinates that are not x and y: slices on top of each other are sections."""
    of = name if name.startswith("adata.") else "coordinates"
    if xy.ndim == 2 and xy.shape[1] == 3 and xy.dtype.kind in "fiu":
        planes, size = np.unique(xy[:, 2], return_counts=True)
        if 1 < len(planes) <= MOST_SECTIONS and np.median(size) > 1:
            return (
                f"The third column names {len(planes)} slices, which lie on top of each other: name them as "
                f"sections. adata.obs['slice'] = np.asarray({of})[:, 2].astype(str); "
                f"adata.obsm['plane'] = np.asarray({of})[:, :2]; then pass section_key='slice', "
                "spatial_key='plane'; or take the spots of one slice."
            )
        if len(planes) > 1:
            return (
                "Places in a volume are not one section: cut it into slices, and name them as sections "
                "(section_key), each with its own x and y."
            )
    return f"Keep the two columns of its plane, for example np.asarray({of})[:, :2]; name slices as sections."


def check_apart(places: np.ndarray, name: str, spots: str = "spots", where: str = "") -> None:
    """Refuse places that are all the same.

    Parameters
    ----------
    places
        `(n_spots, n_columns)`.
    name, spots, where
        What the caller calls them, and where they lie.

    Raises
    ------
    InputError
        When they are.
    """
    if len(places) > 1 and not np.ptp(places, axis=0).any():
        found = f"all {spots} at one place{where}"
        raise InputError(name, found, "their places", "Look at the coordinates.")


def values_of(adata: AnnData, layer: str | None, called: Called | None = None) -> Any:
    """Counts of an AnnData, wherever they lie, or a refusal.

    Parameters
    ----------
    adata, layer, called
        As in `Section.from_anndata`.
    """
    called = called or Called()
    if layer is not None and not (isinstance(layer, str) and layer in adata.layers):
        known = ", ".join(map(repr, adata.layers)) or "none"
        instead = f"Leave it out for {called.unnamed}." if called.unnamed else "Put it back, or name another."
        fix = f"There are: {known}. {instead}"
        raise InputError(called.layer, repr(layer), f"a layer of the {called.owner}", fix)
    values = adata.X if layer is None else adata.layers[layer]
    if values is None:
        fix = f'Name the layer that holds them, for example {called.layer}="counts".'
        raise InputError(called.layer, f"an empty X of the {called.owner}", "raw counts", fix)
    check_on_host(values, "adata.X" if layer is None else f"adata.layers[{layer!r}]")
    check_structure(values, called.layer)
    return values


def _check_names(names: np.ndarray, n: int, argument: str) -> None:
    if len(names) != n:
        found = f"{number_of(len(names), 'name')} for {number_of(n, 'gene')}"
        raise InputError(argument, found, "one name for each gene", "Check the order.")
    broken = [name for name in names if "\n" in name]
    if broken:
        raise InputError(argument, f"{broken[0]!r}", "names without line breaks", "Rename the gene.")
    unique, times = np.unique(names, return_counts=True)
    if len(unique) < n:
        found = f"duplicated names, for example {unique[times > 1][0]!r}"
        raise InputError(argument, found, "different names", "Call adata.var_names_make_unique() first.")


def _stacked(chunks: list[sparse.csr_matrix]) -> sparse.csr_matrix:
    """One matrix of all chunks, each of which goes as it is copied: never are two matrices held."""
    if len(chunks) == 1:
        return chunks[0]
    rows, stored = sum(chunk.shape[0] for chunk in chunks), sum(chunk.nnz for chunk in chunks)
    n_genes, kind = chunks[0].shape[1], np.result_type(*(chunk.dtype for chunk in chunks))
    wide = np.int32 if max(stored, n_genes) <= np.iinfo(np.int32).max else np.int64
    data, indices, indptr = np.empty(stored, kind), np.empty(stored, wide), np.zeros(rows + 1, wide)
    row = at = 0
    chunks.reverse()
    while chunks:
        chunk = chunks.pop()
        data[at : at + chunk.nnz], indices[at : at + chunk.nnz] = chunk.data, chunk.indices
        indptr[row + 1 : row + chunk.shape[0] + 1] = chunk.indptr[1:] + wide(at)
        row, at = row + chunk.shape[0], at + chunk.nnz
    whole = sparse.csr_matrix((data, indices, indptr), shape=(rows, n_genes))
    whole.has_canonical_format = True  # as every chunk is
    return whole
