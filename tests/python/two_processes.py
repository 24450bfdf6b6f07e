"""One of several processes that share a fit; run by `torchrun`, writes what it found."""

from __future__ import annotations

import sys

import numpy as np
import torch

import sigel
from sigel.runtime.device import n_processes

torch.set_num_threads(1)
# 510 genes: 51 are held out, one more than a batch holds.
adata = sigel.datasets.simulated_section(14, 14, 3, 150, 66, seed=2)
# The size term alone sees a part of a batch otherwise than the whole.
settings = {
    "n_dims": 8,
    "n_groups": 4,
    "encoder": {"dim": 16},
    "train": {
        "size_weight": 0.0,
        "tolerance": 0.0,
        "pretrain_epochs": 2,
        "refine_epochs": 2,
        "pretrain_batch": 50,
        "refine_batch": 50,
    },
}
sigel.tl.embed(adata, config=settings, progress=False, device="cpu", save=sys.argv[1])
rank = n_processes(), torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
np.savez(
    f"{sys.argv[1]}/process{rank[1]}.npz",
    z=adata.varm["X_sigel"],
    group=adata.var["sigel_group"].astype(str).to_numpy(),
    processes=rank[0],
)
