"""One HTML file that says what was found in a section, and opens offline."""

import lazy_loader

# Loaded when first used; `__init__.pyi` says from where.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
