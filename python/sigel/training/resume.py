"""Going on where an interrupted fit stopped, and refusing the state of another fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sigel.errors import InputError
from sigel.training.checkpoint import load_checkpoint, save_checkpoint

FILE = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Where a fit keeps its state, and which fit it is.

    Parameters
    ----------
    folder
        Holds one file, written anew after every epoch.
    identity
        What must be equal for a state to be of use: version, settings, seed, device type, hash of the data.
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
        theirs = state["identity"]
        other = [name for name, value in self.identity.items() if theirs.get(name) != value]
        if other:
            found = f"{str(self.folder)!r}, the state of a fit with other {', '.join(other)}"
            raise InputError(
                "checkpoint", found, "that of this fit, or an empty folder", "Name another folder."
            )
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state.

        Parameters
        ----------
        state
            Nested tensors and plain values.
        """
        save_checkpoint(self.folder / FILE, {**state, "identity": self.identity})
