"""SIGEL: gene representations from the spatial pictures of genes."""

from sigel import _load_torch as _load_torch  # isort: skip  # before anything imports torch
from sigel import datasets, pl, tl
from sigel._version import __version__
from sigel.config import EncoderConfig, ImageConfig, MixtureConfig, SIGELConfig, TrainConfig
from sigel.images import GeneImages
from sigel.images.raster import Raster
from sigel.model import SIGEL

__all__ = [
    "SIGEL",
    "EncoderConfig",
    "GeneImages",
    "ImageConfig",
    "MixtureConfig",
    "Raster",
    "SIGELConfig",
    "TrainConfig",
    "__version__",
    "datasets",
    "pl",
    "tl",
]
