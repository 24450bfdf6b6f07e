"""The scverse-style door: an AnnData goes in, keys are written; nothing is computed here."""

from sigel.tl._embed import embed

__all__ = ["embed"]
