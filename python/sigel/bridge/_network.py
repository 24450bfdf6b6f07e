"""A network of genes as a file, for R."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sigel.bridge._pieces import names_of
from sigel.io._network import write_network as write


def write_network(*, table: Mapping[str, Any], path: str) -> None:
    """Write pairs of genes as a network; see `sigel.io.write_network`.

    Parameters
    ----------
    table
        `gene_a` and `gene_b`, names, and the columns of numbers, by their names in Python.
    path
        Where to.
    """
    made = {
        name: names_of(one) if name.startswith("gene_") else np.asarray(one, dtype=np.float64).reshape(-1)
        for name, one in table.items()
    }
    write(pd.DataFrame(made), path)
