"""Work that is interrupted, that runs out of memory or that lost a process ends soon and in words."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time

import anndata
import numpy as np
import pytest
import torch

import sigel
from sigel.errors import InputError, OutOfMemoryError, TrainingError
from sigel.runtime.device import make_fabric
from sigel.runtime.foreseen import foreseen, lost_processes_told
from writers import QUIET, SETTINGS, VERBS, ended

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def state(adata):
    return {name: sorted(getattr(adata, name)) for name in ("obs", "var", "obsm", "varm", "uns", "layers")}


def numbers(adata, made):
    """What a call left, to be compared."""
    if made is not None and hasattr(made, "to_csv"):
        return made.to_csv()
    held = made if made is not None else adata
    parts = [np.asarray(held.X.toarray() if hasattr(held.X, "toarray") else held.X).tobytes()]
    parts += [np.asarray(held.varm[name]).tobytes() for name in sorted(held.varm)]
    return [*parts, held.obs.to_csv(), held.var.to_csv()]


def interrupted_after(seconds, work):
    """How long work went on after an interrupt; None where it ended before."""
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, interrupt)
    timer.start()
    try:
        work()
        timer.cancel()
        timer.join()
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0]
    return None


# As many moments as keep the ordinary run short.
@needs_fork
@pytest.mark.parametrize(
    ("name", "n"),
    [
        *(pytest.param(name, 1, id=name) for name in ("spatial_genes",)),
        *(pytest.param(name, 8, id=f"{name} often", marks=pytest.mark.nightly) for name in VERBS),
    ],
)
def test_an_interrupt_ends_a_call_soon_and_changes_nothing(inputs, name, n):
    verb = VERBS[name]

    def work():
        rng = np.random.default_rng(0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        first = inputs.embedded.copy()
        whole = numbers(first, verb(first, inputs))
        started = time.perf_counter()
        verb(inputs.embedded.copy(), inputs)
        seconds = time.perf_counter() - started
        for _ in range(n):
            adata = inputs.embedded.copy()
            late = interrupted_after(
                rng.uniform(0.05, 0.9) * seconds, lambda adata=adata: verb(adata, inputs)
            )
            if late is not None:
                assert late < 2
                assert state(adata) == state(inputs.embedded)
            assert threading.enumerate() == [threading.main_thread()]
        again = inputs.embedded.copy()
        assert numbers(again, verb(again, inputs)) == whole

    assert ended(work) == 0


@needs_fork
def test_memory_that_runs_out_is_an_error_of_ours(inputs, tmp_path):
    resource = pytest.importorskip("resource")
    # More than what the process has had before and may have again without asking.
    counts = np.random.default_rng(0).integers(0, 2, (3600, 5000)).astype(np.float32)
    places = np.column_stack(np.divmod(np.arange(3600), 60)).astype(float)
    large = anndata.AnnData(counts, obsm={"spatial": places})

    def work():
        taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
        resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 20),) * 2)
        with pytest.raises(OutOfMemoryError):
            sigel.tl.embed(large, config=SETTINGS, device="cpu", **QUIET)
        assert "X_sigel" not in large.varm

    if not os.path.exists("/proc/self/statm"):  # noqa: PTH110
        pytest.skip("needs /proc")
    assert ended(work) == 0


@pytest.mark.parametrize(
    "said",
    [
        MemoryError("Unable to allocate 8.00 TiB for an array with shape (1, 2)"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes."
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("could not create a primitive"),
        MemoryError(),
    ],
)
def test_each_word_for_too_little_memory_is_known(said):
    with pytest.raises(OutOfMemoryError, match="`memory`: found too little memory") as told, foreseen():
        raise said
    assert isinstance(told.value, InputError)
    assert isinstance(told.value, MemoryError)
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)


def test_other_errors_stay_what_they_are():
    for error in (RuntimeError("shapes"), ValueError("out of memory")):
        with pytest.raises(type(error), match=str(error)) as told, foreseen(), lost_processes_told():
            raise error
        assert told.value is error
    with pytest.raises(TrainingError, match="was lost") as told, lost_processes_told():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:537] Read error: Connection reset by peer")


SCRIPT = """
import sys, torch, sigel
torch.set_num_threads(1)
adata = sigel.datasets.simulated_section(14, 14, 3, 20, 20, seed=2)
train = {"pretrain_epochs": 100000, "pretrain_batch": 20, "patience": 10**9, "tolerance": 0.0}
config = {"n_dims": 8, "n_groups": 3, "encoder": {"dim": 16}, "train": train}
try:
    sigel.tl.embed(adata, config=config, device="cpu")
except sigel.errors.TrainingError as error:
    print("told:", error)
    sys.exit(7)
"""


@pytest.fixture
def as_one_of_two(monkeypatch):
    """This process is told that another one shares its fits."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"}
    told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return port


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_process_that_never_comes_is_told_of(as_one_of_two, monkeypatch, rank):
    monkeypatch.setattr("sigel.runtime.meeting.WAIT", 1)
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("LOCAL_RANK", rank)
    with pytest.raises(TrainingError, match=r"2 processes .* did not all meet within 1 seconds"):
        make_fabric(torch.device("cpu"))
    assert not torch.distributed.is_initialized()


def test_a_process_that_never_comes_is_told_of_where_another_keeps_the_store(as_one_of_two, monkeypatch):
    monkeypatch.setattr("sigel.runtime.meeting.WAIT", 1)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    kept = torch.distributed.TCPStore("127.0.0.1", as_one_of_two, is_master=True, wait_for_workers=False)
    with pytest.raises(TrainingError, match="did not all meet"):
        make_fabric(torch.device("cpu"))
    assert not torch.distributed.is_initialized()
    del kept


def test_a_port_that_another_program_has_is_told_of(as_one_of_two, monkeypatch):
    monkeypatch.setattr("sigel.runtime.meeting.WAIT", 60)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with socket.socket() as other:
        other.bind(("0.0.0.0", as_one_of_two))
        other.listen()
        with pytest.raises(TrainingError, match=r"did not all meet \(.*address"):
            make_fabric(torch.device("cpu"))


@pytest.mark.nightly
@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_process_ends_the_others_soon_and_in_words(tmp_path, lost):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"}
    common |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "CUDA_VISIBLE_DEVICES": ""}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, **common, "RANK": str(k), "LOCAL_RANK": str(k)},
            stdout=subprocess.PIPE,
            stderr=(tmp_path / f"said{k}").open("w"),
            text=True,
        )
        for k in (0, 1)
    ]
    try:
        for _ in range(1200):
            if "eigenimages [" in (tmp_path / "said0").read_text():  # they have met, and epochs come next
                break
            time.sleep(0.1)
        else:
            pytest.fail((tmp_path / "said0").read_text())
        time.sleep(1)
        both[lost].kill()
        out, _ = both[1 - lost].communicate(timeout=20)
        assert both[1 - lost].returncode == 7
        assert "a process of several that share this fit was lost" in out
    finally:
        for one in both:
            one.kill()
            one.wait()
