"""Workers that are forked off after the first fit come to an end, with the numbers of the parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

WORK = """
import os, numpy as np, sigel, torch
assert torch.get_num_threads() == 2
def small():
    return sigel.datasets.simulated_section(16, 16, 3, 15, 30, seed=0)
def work(adata):
    sigel.tl.embed(adata, preset="fast", progress=False)
    sigel.tl.domains(adata, 3, config={"windows": (1, 4), "starts": 2}, progress=False)
    return adata.varm["X_sigel"]
own = work(small())
worker = os.fork()
if worker == 0:
    status = 1
    try:
        found = work(small())
        distance = lambda z: np.linalg.norm(z[:, None] - z, axis=2)
        kept = np.isfinite(own).all(axis=1)
        assert (kept == np.isfinite(found).all(axis=1)).all()
        np.testing.assert_allclose(distance(found[kept]), distance(own[kept]), atol=1e-3)
        assert torch.get_num_threads() == 1
        status = 0
    finally:
        os._exit(status)
assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 0
assert torch.get_num_threads() == 2
print("done")
"""


@pytest.mark.nightly
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_does_not_wait_for_threads_of_its_parent():
    given = {**os.environ, "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.Popen(
        [sys.executable, "-c", WORK], env=given, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert run.communicate(timeout=150)[0].strip() == "done"
    finally:
        if run.poll() is None:  # the worker waits in the group of its parent
            os.killpg(run.pid, signal.SIGKILL)
