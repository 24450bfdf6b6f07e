"""Features of a matrix: names, and which are genes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sigel.io._sources import GENE


def features_of(
    ids: Sequence[str] | np.ndarray, names: Sequence[str] | np.ndarray, kinds: str | np.ndarray
) -> pd.DataFrame:
    """A table of features, `gene_ids` and `feature_types` by name.

    Parameters
    ----------
    ids, names, kinds
        Of each; one kind may stand for all.
    """
    return pd.DataFrame({"gene_ids": ids, "feature_types": kinds}, index=pd.Index(names, dtype=object))


def with_kinds(features: pd.DataFrame, patterns: dict[str, str]) -> pd.DataFrame:
    """Features, those that are called genes and are none by their names given their kind.

    Parameters
    ----------
    features
        With a column `feature_types`.
    patterns
        By kind, what a whole name looks like.
    """
    kinds = features["feature_types"].to_numpy(dtype=object).copy()
    for kind, pattern in patterns.items():
        known = re.compile(pattern)
        of_kind = [bool(known.fullmatch(str(name))) for name in features.index]
        kinds[(kinds == GENE) & of_kind] = kind
    return features.assign(feature_types=kinds)
