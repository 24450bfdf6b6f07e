"""Two gloo processes share every batch and the sums of EM, and find what one finds."""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sigel
from sigel.errors import ConfigError
from sigel.training.trainer import Trainer

SCRIPT = Path(__file__).parents[1] / "two_processes.py"


# What an outer run of several processes says about itself.
OUTER = ("WORLD_SIZE", "RANK", "LOCAL_RANK")


def run(folder: Path, *launcher: str) -> None:
    folder.mkdir()
    clean = {k: v for k, v in os.environ.items() if k not in OUTER}
    environment = {**clean, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *launcher, str(SCRIPT), str(folder)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-9000:]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    base = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (base / "one").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in OUTER:
            patch.delenv(name, raising=False)
        patch.setattr(sys, "argv", [str(SCRIPT), str(base / "one")])
        runpy.run_path(str(SCRIPT))
    address = ("--master-addr", "127.0.0.1", "--master-port", str(port))
    run(base / "two", "-m", "torch.distributed.run", "--nproc-per-node", "2", *address)
    return base


@pytest.mark.nightly
def test_two_processes_find_the_representations_and_groups_of_one(found):
    one = np.load(found / "one" / "process0.npz", allow_pickle=True)
    two = [np.load(found / "two" / f"process{i}.npz", allow_pickle=True) for i in (0, 1)]
    assert one["processes"] == 1
    assert two[0]["processes"] == 2
    assert np.array_equal(two[0]["z"], two[1]["z"], equal_nan=True)
    # Sums over genes are taken in another order; steps of Adam carry the rounding on, as with threads.
    assert np.nanmax(np.abs(one["z"] - two[0]["z"])) < 1e-3
    assert np.mean(one["group"] == two[0]["group"]) > 0.99


@pytest.mark.nightly
def test_only_the_first_process_writes_the_model(found):
    model = sigel.SIGEL.load(found / "two")
    assert model.representations.shape[1] == 8


def test_the_contrast_of_a_whole_batch_is_refused_on_several_processes(toy, monkeypatch):
    class Two:
        world_size, global_rank = 2, 0

    monkeypatch.setattr("sigel.training.trainer.make_fabric", lambda device: Two())
    from conftest import images_of

    config = sigel.SIGELConfig.from_dict({"train": {"contrast_weight": 1.0}})
    with pytest.raises(ConfigError, match="contrast_weight"):
        sigel.SIGEL(config, device="cpu").fit(images_of(toy()))
    assert Trainer is not None
