"""The state of a fit in one safetensors file: written whole or not at all, never a pickle."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sigel._version import __version__
from sigel.errors import InputError, ModelFormatError
from sigel.runtime.drafts import drafted, writing

FORMAT = 1
FILE = "checkpoint.safetensors"
# Earlier versions whose fits take the same steps to the last digit: their states can be gone on from.
SAME_STEPS: tuple[str, ...] = ()

_PARTS = "dicts with text or whole numbers as keys, lists, tuples, tensors, numbers, text, bools and None"


@dataclass(frozen=True)
class Checkpoint:
    """Where a fit keeps its state, and which fit it is.

    Parameters
    ----------
    folder
        Holds one file, written anew after every epoch.
    identity
        What must be equal for a state to be of use: settings, seed, device type, hash of the data, and the
        version, unless that is one of `SAME_STEPS`.
    """

    folder: Path
    identity: dict[str, str]

    def load(self) -> dict[str, Any] | None:
        """State of an interrupted run of the same fit; None where there is none.

        Raises
        ------
        InputError
            When the state is that of another fit.
        ModelFormatError
            When the file is damaged.
        """
        file = self.folder / FILE
        if not file.is_file():
            return None
        state = load_checkpoint(file)
        theirs = dict(state["identity"])
        if theirs.get("version") in SAME_STEPS:
            theirs["version"] = self.identity["version"]
        other = [name for name, value in self.identity.items() if theirs.get(name) != value]
        if other:
            found = f"{str(self.folder)!r}, the state of a fit with other {', '.join(other)}"
            wanted = "that of this fit, or an empty folder"
            raise InputError("checkpoint", found, wanted, "Name another folder.")
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state.

        Parameters
        ----------
        state
            Nested tensors and plain values.
        """
        save_checkpoint(self.folder / FILE, {**state, "identity": self.identity})


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state to one file, in place of the one that was there before.

    Parameters
    ----------
    path
        The file; its folder is made if needed. The state is written beside it and then moved, so that
        whatever stops the writing leaves the previous file whole.
    state
        Nested dicts (keys are text or whole numbers), lists, tuples, tensors, numbers, text, bools and
        None. Tensors may be of any type, on any device, shared or not contiguous.

    Raises
    ------
    InputError
        When the state holds anything else, sparse tensors for example, or the file cannot be written.

    Notes
    -----
    Tensors are numbered in the order in which they are met. All else is JSON in the metadata of the file,
    with what JSON doesn't have written as a dict of one entry that names it: `{"tuple": [...]}`,
    `{"dict": [[key, value], ...]}`, `{"tensor": "0"}`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import torch
    >>> from sigel.training.checkpoint import load_checkpoint, save_checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(Path(folder) / "state.safetensors", {"epoch": 3, "z": torch.zeros(2)})
    ...     load_checkpoint(Path(folder) / "state.safetensors")
    {'epoch': 3, 'z': tensor([0., 0.])}
    """
    from safetensors.torch import save_file

    if not isinstance(state, dict):
        raise InputError("state", f"a {type(state).__name__}", "a dict", 'Use {"state": ...}.')
    tensors: dict[str, Tensor] = {}
    skeleton = json.dumps(_to_json(state, "state", tensors), allow_nan=False)
    about = {"sigel_checkpoint": str(FORMAT), "sigel_version": __version__, "skeleton": skeleton}
    with writing(path, "checkpoint"):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A draft of its own: two jobs that were given one folder by mistake overwrite each other's file, but
        # never mix the two.
        with drafted(path) as draft:
            save_file(tensors, draft, metadata=about)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict
        The state as it was, its tensors on the CPU and without gradients. Numbers of numpy and classes
        derived from dict, list or tuple come back as Python's own.

    Raises
    ------
    ModelFormatError
        When the file is missing, damaged, of another format, or no checkpoint.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise _unusable(path, "is a folder" if path.is_dir() else "does not exist")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = file.metadata() or {}
            # Copies: what safetensors returns may still lean on the file, which the next save replaces.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise _unusable(path, f"is damaged or no checkpoint ({error})") from error
    found = about.get("sigel_checkpoint")
    if found is None:
        raise _unusable(path, "is a safetensors file that sigel did not write as a checkpoint")
    if found != str(FORMAT):
        version = about.get("sigel_version", "unknown")
        raise _unusable(path, f"has format {found} (written by sigel {version})")
    try:
        state = _from_json(json.loads(about["skeleton"]), tensors)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise _unusable(path, f"is damaged ({error!r})") from error
    if not isinstance(state, dict):
        raise _unusable(path, f"is damaged (a {type(state).__name__} in place of a dict)")
    return state


def _unusable(path: Path, found: str) -> ModelFormatError:
    wanted = f"a checkpoint of format {FORMAT}, as this sigel {__version__} writes it"
    fix = "Delete the folder of the checkpoint and start anew."
    return ModelFormatError(f"`checkpoint`: {path} {found}; wanted {wanted}. {fix}")


def _to_json(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A value as JSON can hold it; its tensors go to `tensors`, and `name` says where we are."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Tensor):
        return _tensor_to_json(value, name, tensors)
    if isinstance(value, dict):
        return {"dict": [_entry_to_json(key, item, name, tensors) for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [_to_json(item, f"{name}[{i}]", tensors) for i, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    raise InputError(name, f"a {type(value).__name__}", _PARTS, "Leave it out or make it one of these.")


def _entry_to_json(key: Any, item: Any, name: str, tensors: dict[str, Tensor]) -> list[Any]:
    if isinstance(key, bool) or not isinstance(key, str | int):
        fix = "Use text or whole numbers as keys."
        raise InputError(name, f"the key {key!r}, a {type(key).__name__}", _PARTS, fix)
    return [key, _to_json(item, f"{name}[{key!r}]", tensors)]


def _tensor_to_json(tensor: Tensor, name: str, tensors: dict[str, Tensor]) -> dict[str, str]:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "quantised" if tensor.is_quantized else "meta" if tensor.is_meta else str(tensor.layout)
        raise InputError(name, f"a {kind} tensor", "a dense tensor with values", "Use its dense values.")
    own = tensor.detach().cpu().resolve_conj().resolve_neg()
    kind = "complex" if own.is_complex() else "tensor"
    if kind == "complex":  # safetensors does not know all complex types
        own = torch.view_as_real(own)
    number = str(len(tensors))
    # Always a copy: safetensors refuses tensors that share memory, and views that skip some of theirs.
    tensors[number] = own.clone(memory_format=torch.contiguous_format)
    return {kind: number}


def _from_json(part: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of `_to_json`."""
    if isinstance(part, list):
        return [_from_json(item, tensors) for item in part]
    if not isinstance(part, dict):
        return part
    ((kind, held),) = part.items()
    if kind == "tensor":
        return tensors[held]
    if kind == "complex":
        return torch.view_as_complex(tensors[held])
    if kind == "float":
        return float(held)
    if kind == "tuple":
        return tuple(_from_json(item, tensors) for item in held)
    if kind == "dict":
        return {key: _from_json(item, tensors) for key, item in held}
    msg = f"unknown part {kind!r}"
    raise ValueError(msg)
