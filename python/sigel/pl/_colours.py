"""Colours of a column of `obs`: those of categories, told apart by all, or a scale of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from sigel.errors import InputError

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# Okabe and Ito's seven, then colours as far as can be from these, from white and from grey, with each kind of
# colour vision; beyond 20, hues of changing lightness.
PALETTE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#292933", "#662900"),
    *("#52FFA3", "#47005C", "#3333A3", "#85AD5C", "#7A4770", "#9985FF", "#A3EB70", "#475C3D", "#995C29"),
    *("#D6A3A3", "#991F8F"),
)
NOTHING = "0.85"  # of spots without a value
MOST = 100  # categories, beyond which a column is something else
# From CIE's X, Y, Z to red, green, blue.
_SRGB = ((3.240479, -1.53715, -0.498535), (-0.969256, 1.875992, 0.041556), (0.055648, -0.204043, 1.057311))
_ROW = 0.21  # inches of a line of the legend


class Shades(NamedTuple):
    """A column of `obs` as colours."""

    values: np.ndarray  # (n_spots,): numbers of categories or the numbers themselves, NaN where there is none
    cmap: Colormap
    limits: tuple[float, float]
    names: list[str]  # of the categories, empty for numbers


def shades_of(column: pd.Series, argument: str) -> Shades:
    """Colours of a column: numbers on a scale, all else as categories.

    Raises
    ------
    InputError
        When there are too many categories, or nothing but missing values.
    """
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    fix = "See adata.obs.columns."
    if column.isna().all():
        raise InputError(argument, f"{column.name!r}, without a value", "a column with values", fix)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        values = np.where(np.isfinite(values), values, np.nan)
        low, high = np.nanmin(values), np.nanmax(values)
        scale = mpl.colormaps["viridis"].with_extremes(bad=NOTHING)
        return Shades(values, scale, (float(low), float(high) if high > low else float(low) + 1.0), [])
    column = in_order(column)
    names = list(map(str, column.cat.categories))
    if len(names) > MOST:
        found = f"{column.name!r} with {len(names)} categories"
        raise InputError(argument, found, f"at most {MOST}", fix)
    code = column.cat.codes.to_numpy()
    listed = ListedColormap(colours_of(names)).with_extremes(bad=NOTHING)
    return Shades(np.where(code < 0, np.nan, code), listed, (-0.5, len(names) - 0.5), names)


def in_order(column: pd.Series) -> pd.Series:
    """As categories in their order; numbers written as text by size, so that 10 comes after 9."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    text = column.astype(object).where(column.isna(), column.astype(str))
    names = sorted(text.dropna().unique(), key=lambda name: (not name.isdigit(), name.zfill(12)))
    return pd.Series(pd.Categorical(text, names), column.index, name=column.name)


def colours_of(names: Sequence[str]) -> list[str]:
    """A colour for each name; numbers from 1 on have theirs in a part of the object, too."""
    numbered = all(name.isdecimal() and int(name) > 0 for name in names)
    numbers = [int(name) if numbered else at for at, name in enumerate(names, 1)]
    return [PALETTE[n - 1] if n <= len(PALETTE) else _hue(n) for n in numbers]


def _hue(n: int) -> str:
    """The `n`-th hue by the golden angle, at one of three lightnesses, as R's `hcl` (polar CIELUV, D65)."""
    angle, chroma, lightness = math.radians(n * 137.508 % 360), 75.0, (40.0, 60.0, 75.0)[(n - 1) % 3]
    luminance = ((lightness + 16) / 116) ** 3
    u = chroma * math.cos(angle) / (13 * lightness) + 0.1978398
    v = chroma * math.sin(angle) / (13 * lightness) + 0.4683363
    x = 9 * luminance * u / (4 * v)
    z = 3 * luminance / v - x / 3 - 5 * luminance
    linear = np.array(_SRGB) @ [x, luminance, z]
    gamma = np.where(linear > 0.00304, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055, 12.92 * linear)
    return "#{:02X}{:02X}{:02X}".format(*np.clip(np.floor(255 * gamma + 0.5), 0, 255).astype(int))


def legend_size(shades: Shades, height: float) -> tuple[int, float]:
    """Columns of the legend beside panels of this height, and its width in inches."""
    n = len(shades.names) + 1
    n_cols = math.ceil(n / max(int((height - 0.4) / _ROW), 4))
    longest = max(map(len, shades.names)) + 8
    return n_cols, n_cols * (0.08 * longest + 0.45)


def add_legend(figure: Figure, shades: Shades, title: str, n_cols: int) -> None:
    """Name and number of spots of each category that is there."""
    from matplotlib.patches import Patch

    found = shades.values[np.isfinite(shades.values)].astype(int)
    sizes = np.bincount(found, minlength=len(shades.names))
    entries = [
        Patch(color=shade, label=f"{name}  ({size:,})")
        for name, shade, size in zip(shades.names, colours_of(shades.names), sizes, strict=True)
        if size
    ]
    without = len(shades.values) - len(found)
    if without:
        entries.append(Patch(color=NOTHING, label=f"none  ({without:,})"))
    legend = figure.legend(
        handles=entries,
        title=title,
        loc="outside right center",
        ncols=n_cols,
        frameon=False,
        fontsize=9,
        title_fontsize=9,
        handlelength=1.0,
        handleheight=1.0,
        alignment="left",
    )
    for text in (*legend.get_texts(), legend.get_title()):
        text.set_parse_math(False)
