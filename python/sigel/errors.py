"""What can go wrong. Every message names the argument, what was found, what was wanted and the fix."""

from __future__ import annotations


class SIGELError(Exception):
    """Base of all errors that this package raises on purpose."""


class InputError(SIGELError, ValueError):
    """An argument or an input object can't be used as it is."""

    def __init__(self, argument: str, found: str, wanted: str, fix: str) -> None:
        self.argument = argument
        super().__init__(f"`{argument}`: found {found}; wanted {wanted}. {fix}")


class ConfigError(SIGELError, ValueError):
    """A setting is unknown or out of range."""


class NotFittedError(SIGELError, RuntimeError):
    """A model was asked for results before it was fitted or loaded."""


class ModelFormatError(SIGELError, ValueError):
    """A saved model folder is incomplete, damaged, or of another version."""


class TrainingError(SIGELError, RuntimeError):
    """Training could not go on, for example because the loss is no longer finite."""
