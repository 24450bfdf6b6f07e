"""Pictures of gene images, groups, imputed genes, domains, cohorts, the training; needs matplotlib.

Every function returns its figure and leaves showing or saving it to the caller.
"""

import lazy_loader

# Loaded when first used; `__init__.pyi` says from where.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
