"""SIGEL: gene representations from the spatial pictures of genes."""

import lazy_loader

from sigel._load_torch import load_torch
from sigel._version import __version__ as __version__

# Inside R, before anything imports torch; elsewhere this loads nothing.
load_torch()
# What a name stands for (`__init__.pyi`) is loaded when it is first used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
