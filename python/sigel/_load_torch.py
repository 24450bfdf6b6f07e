"""torch, loaded so that the BLAS of R cannot take the place of its own."""

from __future__ import annotations

import importlib
import os
import sys


def load_torch() -> None:
    """Import torch; inside R, with its own symbols before those of the process.

    R loads its BLAS for the whole process, so that the dynamic linker hands `sgemm_` and
    `cblas_sgemm_batch` of that library to torch as well: slower at best, and a crash where the two
    disagree about a signature, as OpenBLAS 0.3.29 (Debian 13) does in `torch.bmm`. `RTLD_DEEPBIND`
    looks a library's own symbols up first. reticulate shows as the module `rpycall`.
    """
    deep = getattr(os, "RTLD_DEEPBIND", None)  # glibc only
    if deep is None or "rpycall" not in sys.modules or "torch" in sys.modules:
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | deep)
    try:
        importlib.import_module("torch")
    finally:
        sys.setdlopenflags(flags)


load_torch()
