"""Packages that only some features need: which extra brings them, and the line that installs it."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

from sigel.errors import MissingPackageError

# Package as it is imported, and the extra of this distribution that brings it.
EXTRAS = {
    "PIL": "read",
    "SpaGCN": "spagcn",
    "cyclopts": "cli",
    "igraph": "leiden",
    "jinja2": "report",
    "louvain": "spagcn",
    "matplotlib": "plot",
    "pyarrow": "read",
    "rich": "progress",
    "rpy2": "mclust",
    "zarr": "read",
}


def install_line(package: str) -> str:
    """The line that installs a package as this one needs it.

    Parameters
    ----------
    package
        A key of `EXTRAS`.

    Examples
    --------
    >>> install_line("igraph")
    'pip install "sigel[leiden]"'
    """
    return f'pip install "sigel[{EXTRAS[package]}]"'


def requires(
    package: str, argument: str, value: str, *, module: str | None = None, note: str = ""
) -> ModuleType:
    """Import what a feature needs.

    Parameters
    ----------
    package
        A key of `EXTRAS`.
    argument, value
        By what the caller asked for the feature, for example `"method"` and `"'leiden'"`.
    module
        The module of the package that is wanted; default: the package itself.
    note
        What else is to be known about the installation, a sentence.

    Raises
    ------
    MissingPackageError
        When it cannot be imported; says the line that installs it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a peer imports that is deprecated
            return importlib.import_module(module or package)
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == package
        lacking = error.name or package
        why = f"{lacking} is not installed" if absent else f"{lacking} cannot be imported ({error})"
        fix = f"Install it: {install_line(package)}. {note}".rstrip()
        raise MissingPackageError(argument, f"{value}, but {why}", package, fix) from error
