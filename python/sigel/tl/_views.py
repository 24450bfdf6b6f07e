"""Views of an object, to which keys are written as to an object of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from sigel.errors import InputError
from sigel.images.section import check_section

if TYPE_CHECKING:
    from anndata import AnnData


def check_not_part_of_file(adata: AnnData, argument: str = "adata") -> None:
    """Refuse a part of an object on disk: nothing can be written to it.

    Parameters
    ----------
    adata, argument
        What a caller passed, and as which argument.

    Raises
    ------
    InputError
        When it is a view of a backed object, or no AnnData.
    """
    check_section(adata, argument)
    if adata.isbacked and adata.is_view:
        fix = f"Read it first: {argument} = {argument}.to_memory()."
        raise InputError(argument, "a view of a backed object", "an object that keys can be written to", fix)


def make_own(adata: AnnData) -> None:
    """Make a view an object of its own before keys are written; what it is a view of stays as it is.

    Parameters
    ----------
    adata
        Any; what is no view stays as it is.
    """
    if adata.is_view:
        adata.obs = pd.DataFrame(adata.obs)  # anndata copies the rest, and has nothing to warn of
