"""The folder of a saved model: JSON, text and safetensors, written whole or not at all, checked when read."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from sigel._version import __version__
from sigel.config.fit import SIGELConfig
from sigel.errors import ConfigError, InputError, ModelFormatError, OutOfMemoryError
from sigel.images.raster import Raster
from sigel.runtime.drafts import drafted, remove_dead_drafts, writing

FORMAT = 2
FILES = ("weights.safetensors", "genes.txt", "raster.json", "config.json")
_SAVED = ".saved"
_FAULTS = (
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    RuntimeError,
    ArithmeticError,
    OSError,
)


@dataclass(frozen=True)
class ModelFiles:
    """What the files of a model hold.

    Parameters
    ----------
    config
        Settings of the fit.
    genes
        Names of the embedded genes, `(n_genes,)`.
    raster
        Grid of the section.
    tensors
        `representations` `(n_genes, n_dims)`, `posterior` `(n_genes, n_groups)`, of several sections
        `section_representations` `(n_sections, n_genes, n_dims)`, and the weights under `encoder.` and
        `groups.`.
    facts
        Plain values: `seed`, `history`, `bic` (by number of groups, as text), `provenance`, `sections`
        (their names, none for one section).
    """

    config: SIGELConfig
    genes: np.ndarray
    raster: Raster
    tensors: dict[str, np.ndarray]
    facts: dict[str, Any]

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of genes and of groups, `n_genes` and `n_groups`."""
        return {"n_genes": len(self.genes), "n_groups": self.tensors["posterior"].shape[1]}

    def weights(self, part: str) -> dict[str, np.ndarray]:
        """Weights of one part under their own names.

        Parameters
        ----------
        part
            `"encoder"` or `"groups"`.
        """
        n = len(part) + 1
        return {name[n:]: value for name, value in self.tensors.items() if name.startswith(f"{part}.")}


def write_model(path: Path, model: ModelFiles) -> None:
    """Write a model to a folder, in place of one that was there before.

    Parameters
    ----------
    path
        Folder; made if needed, what else is in it stays. At any moment it holds the earlier model whole or
        this one: all is written beside its place, then a folder `.saved` within has the new files by one
        move, and is read in preference to those around it until they are replaced.
    model
        What to write.

    Raises
    ------
    InputError
        When `path` is a file, or cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise InputError("path", f"{str(path)!r}, a file", "a folder, there or not", "Name another.")
    with writing(path, "path"):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with drafted(path) as draft:
                draft.mkdir()
                _write_files(draft, model)
            return
        _move_saved(path)
        with drafted(path / _SAVED) as draft:
            draft.mkdir()
            _write_files(draft, model)
        _move_saved(path)
        remove_dead_drafts(path)


def _write_files(folder: Path, model: ModelFiles) -> None:
    from safetensors.numpy import save_file

    about = {
        "format": FORMAT,
        "version": __version__,
        "config": model.config.to_dict(),
        "seed": model.facts["seed"],
        **model.sizes,
        **{name: model.facts[name] for name in ("history", "bic", "provenance")},
        **({"sections": model.facts["sections"]} if model.facts["sections"] else {}),
    }
    tensors = {name: np.ascontiguousarray(value) for name, value in model.tensors.items()}
    save_file(tensors, folder / "weights.safetensors")
    (folder / "genes.txt").write_bytes("".join(f"{gene}\n" for gene in model.genes).encode())
    (folder / "raster.json").write_text(json.dumps(model.raster.to_dict()), encoding="utf-8")
    about["sha256"] = {name: _sha256(folder / name) for name in FILES[:-1]}
    (folder / "config.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def _move_saved(path: Path) -> None:
    """Move the files of a finished save to their places, whoever began it."""
    saved = path / _SAVED
    if saved.is_dir():
        for name in FILES:
            if (saved / name).is_file():
                (saved / name).replace(path / name)
        shutil.rmtree(saved, ignore_errors=True)  # what others put into it does not matter


def _file(path: Path, name: str) -> Path:
    """Where a file of a model is: in what a save left that was killed as it moved its files, or here."""
    saved = path / _SAVED / name
    return saved if saved.is_file() else path / name


def check_complete(path: Path) -> None:
    """Refuse a folder that lacks a file.

    Parameters
    ----------
    path
        Folder of a model.

    Raises
    ------
    ModelFormatError
        With the names of the files, or because there is no such folder.
    """
    if not path.is_dir():
        what = "a file" if path.exists() else "there is no such folder"
        msg = f"`path`: {path}: {what}; wanted a folder written by SIGEL.save."
        raise ModelFormatError(msg)
    missing = [name for name in FILES if not _file(path, name).is_file()]
    if missing:
        msg = f"`path`: {path} lacks {', '.join(missing)}; wanted a folder written by SIGEL.save."
        raise ModelFormatError(msg)


@contextmanager
def path_called(argument: str) -> Iterator[None]:
    """What is said of `path` within is said of the argument that the caller knows.

    Parameters
    ----------
    argument
        Its name.

    Raises
    ------
    ModelFormatError, InputError
        In place of what was raised within.
    """
    try:
        yield
    except ModelFormatError as error:
        raise ModelFormatError(re.sub("^`path`", f"`{argument}`", str(error))) from error
    except InputError as error:
        if error.argument != "path":
            raise
        raise InputError(argument, error.found, error.wanted, error.fix) from error


@contextmanager
def damage_refused(path: Path) -> Iterator[None]:
    """Whatever fails while a model is read or put together says that the folder is damaged.

    Parameters
    ----------
    path
        Folder of the model.

    Raises
    ------
    ModelFormatError
        In place of what was raised within, but for
    OutOfMemoryError, InputError
        of memory that ran out, or files that may not be read.
    """
    try:
        yield
    except ModelFormatError:
        raise
    except MemoryError as error:
        raise OutOfMemoryError(str(error)) from error
    except PermissionError as error:
        found = f"{str(path)!r}, of which {Path(error.filename or path).name!r} may not be read"
        raise InputError("path", found, "a folder that may be", "Ask its owner.") from error
    except (*_FAULTS, ConfigError) as error:
        msg = f"`path`: {path} is damaged or of another version ({error}). Fit and save the model again."
        raise ModelFormatError(msg) from error


def read_model(path: Path) -> ModelFiles:
    """Read what `write_model` wrote; to be called within `damage_refused`.

    Parameters
    ----------
    path
        Folder with all files.

    Raises
    ------
    ModelFormatError
        When the format is another, or genes and shapes don't fit each other.
    """
    about = _read_about(path)
    model = ModelFiles(
        config=SIGELConfig.from_dict(about["config"]),
        genes=np.array(_lines(_file(path, "genes.txt")), dtype=object),
        raster=Raster.from_dict(json.loads(_file(path, "raster.json").read_text(encoding="utf-8"))),
        tensors=_read_tensors(_file(path, "weights.safetensors")),
        facts={name: about[name] for name in ("seed", "history", "bic", "provenance")}
        | {"sections": about.get("sections", [])},
    )
    _check_facts(model)
    n_genes = about["n_genes"]
    wanted = {
        "genes": (len(model.genes), n_genes),
        "representations": (model.tensors["representations"].shape, (n_genes, model.config.n_dims)),
        "posterior": (model.tensors["posterior"].shape, (n_genes, about["n_groups"])),
    }
    if n_sections := len(model.facts["sections"]):
        of_sections = model.tensors["section_representations"].shape
        wanted["section_representations"] = (of_sections, (n_sections, n_genes, model.config.n_dims))
        wanted["sections"] = (len(model.raster.starts), n_sections)
    for name, (found, expected) in wanted.items():
        if found != expected:
            msg = f"`path`: {path}: {name} are {found}, wanted {expected}. Fit and save the model again."
            raise ModelFormatError(msg)
    return model


def _check_facts(model: ModelFiles) -> None:
    """What is shown of a model must be what it seems."""
    history, bic, provenance, sections = (
        model.facts[name] for name in ("history", "bic", "provenance", "sections")
    )
    kinds = {
        "history": isinstance(history, list) and all(isinstance(row, dict) for row in history),
        "bic": isinstance(bic, dict),
        "provenance": isinstance(provenance, dict),
        "sections": isinstance(sections, list) and all(isinstance(name, str) for name in sections),
        "values": all(
            values.dtype == np.float32 for name, values in model.tensors.items() if not name.count(".")
        ),
    }
    wrong = [name for name, right in kinds.items() if not right]
    if wrong:
        raise ValueError(f"{wrong[0]} of another kind")


def _read_about(path: Path) -> dict[str, Any]:
    """`config.json`, of this format and of the same save as the other files."""
    about = json.loads(_file(path, "config.json").read_text(encoding="utf-8"))
    if about["format"] != FORMAT:
        msg = (
            f"`path`: {path} has format {about['format']} (written by sigel {about['version']}); "
            f"this is sigel {__version__}, which reads format {FORMAT}. "
            "Install the version that wrote it, or fit again."
        )
        raise ModelFormatError(msg)
    for name in FILES[:-1]:
        if _sha256(_file(path, name)) != about["sha256"][name]:
            msg = f"{name} is not the file that was saved with config.json"
            raise ValueError(msg)
    return about


def _read_tensors(file: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(file)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if not all(np.isfinite(values).all() for values in tensors.values()):
        msg = "weights that are not finite"
        raise ValueError(msg)
    return tensors


def as_path(path: object, argument: str = "path") -> Path:
    """A path that a caller gave, or a refusal of what is none.

    Parameters
    ----------
    path, argument
        What was given, and under which name.

    Raises
    ------
    InputError
        When it is neither text nor a path.
    """
    if not isinstance(path, str | PathLike):
        raise InputError(argument, repr(path), "the path of a folder", "Name one.")
    return Path(path)


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def _lines(file: Path) -> list[str]:
    """Lines by line feed alone: a name may hold what `splitlines` takes for a line's end."""
    return file.read_bytes().decode("utf-8").split("\n")[:-1]
