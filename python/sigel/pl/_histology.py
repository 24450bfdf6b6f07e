"""The picture of the tissue under spots: which one it is, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from sigel.errors import InputError, unknown_name

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

# What `sigel.io.read` and scanpy call coordinates in pixels of the full picture.
SPATIAL = "spatial"
OPACITY = 0.8  # of what is drawn over a picture
_PALE = 0.55  # share of white that is mixed into a picture, so that colours over it stay readable
_ROOM = (
    0.9  # spots that are at most so wide, of the distance of neighbours, leave some of a picture to be seen
)
_WIDTH = 0.6  # of a spot whose diameter is not known, of the distance of neighbours
_WITHIN = 0.99  # share of spots that must lie on a picture
_LEAVE_OUT = "Leave histology out."


class Under(NamedTuple):
    """A picture, cropped and paled, and how spots are drawn over it."""

    picture: np.ndarray  # (height, width, 3), from 0 to 1
    box: tuple[float, float, float, float]  # left, right, bottom, top in the unit of the places
    diameter: float
    reach: float  # from the outermost spots to the edge


class Spots(NamedTuple):
    """What may have a picture of its own: one section."""

    rows: np.ndarray  # in the object
    places: np.ndarray  # (n, 2)
    distance: float  # of neighbours


def pictures_under(
    adata: AnnData,
    parts: Sequence[Spots],
    histology: object,
    spatial_key: str | None,
    stored: object = None,
) -> list[Under | None]:
    """The picture under each section, None where none is drawn.

    Parameters
    ----------
    adata
        Its `uns["spatial"]` has pictures and scale factors by sample, as scanpy keeps them.
    parts
        Sections.
    histology
        As a caller gave it: None, where spots leave room for it; True or the name of a picture, wherever
        there is one; False, nowhere.
    spatial_key
        Where the places are from; None: from no coordinates.
    stored
        Pictures that another object of the same cells has instead.

    Raises
    ------
    InputError
        When it is something else, or asks for a picture where there is none that fits.
    """
    if not (histology is None or isinstance(histology, bool | str)):
        fix = "Use histology=True."
        raise InputError("histology", repr(histology)[:60], "None, True, False or a name", fix)
    nothing: list[Under | None] = [None] * len(parts)
    if histology is False:
        return nothing
    try:
        stored = _with_pictures(adata.uns.get("spatial") if stored is None else stored)
        samples = _samples(adata.obs, parts, list(stored), spatial_key)
        under = [
            None if sample is None else _under(stored[sample], part, histology)
            for sample, part in zip(samples, parts, strict=True)
        ]
    except InputError:
        if histology is None:
            return nothing
        raise
    # By default all sections have one, or none: spots are drawn the same way.
    return nothing if histology is None and None in under else under


def _with_pictures(stored: object) -> dict[str, Mapping[str, Any]]:
    """What is stored of each sample that has a picture; at least one has."""
    samples = stored.items() if isinstance(stored, Mapping) else ()
    found = {str(name): one for name, one in samples if _has_pictures(one)}
    if not found:
        fix = "Read the section by sigel.io.read, or leave histology out."
        wanted = 'a picture of the tissue in adata.uns["spatial"]'
        raise InputError("histology", "an object without one", wanted, fix)
    return found


def _has_pictures(stored: object) -> bool:
    images = stored.get("images") if isinstance(stored, Mapping) else None
    return isinstance(images, Mapping) and len(images) > 0


def _number(factors: object, name: str) -> float:
    """One of the scale factors; NaN where it is none."""
    value = factors.get(name) if isinstance(factors, Mapping) else None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def _samples(
    obs: pd.DataFrame, parts: Sequence[Spots], there: list[str], spatial_key: str | None
) -> list[str | None]:
    """The sample with a picture that each section is of; at least one is of one."""
    if spatial_key is None:
        wanted = f"coordinates in obsm[{SPATIAL!r}], in pixels of the full picture"
        raise InputError("histology", "spots without coordinates", wanted, _LEAVE_OUT)
    found = [_named(obs.iloc[part.rows], there) for part in parts]
    if len(there) == 1 and not any(found) and not _lie_over(parts):
        found = [there[0]] * len(parts)
    if not any(found):
        shown = ", ".join(map(repr, there[:4]))
        fix = "Name each section's in a column of adata.obs, or leave histology out."
        raise InputError("histology", f"pictures of {shown}", "which of them is of which section", fix)
    return found


def _named(obs: pd.DataFrame, samples: Sequence[str]) -> str | None:
    """The sample that a column says all of some spots are of."""
    for name in obs:
        column = obs[name]
        if pd.api.types.is_numeric_dtype(column):
            continue
        values = column.astype(str).unique()
        if len(values) == 1 and values[0] in samples:
            return str(values[0])
    return None


def _lie_over(parts: Sequence[Spots]) -> bool:
    """Whether sections share places, as those of several pictures do."""
    low, high = (np.stack([end(part.places, axis=0) for part in parts]) for end in (np.min, np.max))
    area = np.prod(high - low, axis=1)
    for k in range(len(parts)):
        shared = np.prod(np.clip(np.minimum(high, high[k]) - np.maximum(low, low[k]), 0, None), axis=1)
        shared[k] = 0
        if (shared > 0.5 * np.minimum(area, area[k])).any():
            return True
    return False


def _under(stored: Mapping[str, Any], part: Spots, histology: object) -> Under | None:
    pictures = stored["images"]
    name = histology if isinstance(histology, str) else _best(pictures)
    if name not in pictures:
        known = f"one of {', '.join(map(repr, pictures))}"
        raise InputError("histology", unknown_name(name, pictures), known, "Use histology=True.")
    factors = stored.get("scalefactors")
    scale = _number(factors, f"tissue_{name}_scalef")
    picture = np.asarray(pictures[name])
    drawn = picture.dtype.kind in "uifb" and picture.ndim in (2, 3) and 0 not in picture.shape
    if not (drawn and scale > 0):
        wanted = f"a picture and its tissue_{name}_scalef"
        raise InputError("histology", f"{name!r}, of no known scale", wanted, _LEAVE_OUT)
    size = np.array(picture.shape[1::-1]) / scale
    within = ((part.places >= 0) & (part.places <= size)).all(axis=1).mean()
    if within < _WITHIN:
        found = f"places of which {1 - within:.0%} lie beside the picture"
        wanted = f"places in pixels of the full picture, {size[0]:.0f} x {size[1]:.0f}"
        raise InputError("histology", found, wanted, "Name their key by spatial_key, or leave histology out.")
    told = _number(factors, "spot_diameter_fullres")
    # Other programs store other numbers under its name.
    diameter = told if 0.02 < told / part.distance < 1.05 else _WIDTH * part.distance
    if histology is None and not told / part.distance <= _ROOM:
        return None
    return _cropped(picture, scale, part, diameter)


def _best(pictures: Mapping[str, Any]) -> str:
    return next((name for name in ("hires", "lowres") if name in pictures), next(iter(pictures)))


def _cropped(picture: np.ndarray, scale: float, part: Spots, diameter: float) -> Under:
    """What lies around the spots, in light colours."""
    height, width = picture.shape[:2]
    most = np.array([width, height])
    low = np.floor((part.places.min(axis=0) - part.distance) * scale)
    high = np.ceil((part.places.max(axis=0) + part.distance) * scale)
    left, top = np.clip(low, 0, most - 1).astype(int)
    right, bottom = np.clip(high, 1, most).astype(int)
    shown = picture[top:bottom, left:right]
    shown = shown.astype(np.float32) / _white(picture)
    shown = np.repeat(shown[..., None], 3, axis=2) if shown.ndim == 2 else shown
    if shown.shape[2] < 3:  # grey, with how opaque it is
        shown = np.repeat(shown[..., :1], 3, axis=2)
    pale = np.clip(1 - (1 - _PALE) * (1 - shown[..., :3]), 0, 1)
    # A pixel is a box: those of the picture fill it from edge to edge, whatever its scale.
    return Under(
        pale, (left / scale, right / scale, bottom / scale, top / scale), diameter, part.distance / 2
    )


def _white(picture: np.ndarray) -> float:
    """The value of white: 8 bits, 16 bits, or 1; floating numbers may be those of 8 bits."""
    if picture.dtype.kind in "ui":
        return 255.0 if picture.max() <= 255 else float(np.iinfo(picture.dtype).max)
    return 255.0 if picture.dtype.kind == "f" and np.nanmax(picture) > 1 else 1.0


def lay_under(ax: Axes, under: Under) -> None:
    """Draw the picture; whatever comes later lies over it, and sets the limits."""
    ax.imshow(under.picture, extent=under.box, interpolation="antialiased", zorder=0)
