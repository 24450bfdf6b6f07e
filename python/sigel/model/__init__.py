"""The fitted model and its files."""

from sigel.model.fitted import SIGEL

__all__ = ["SIGEL"]
