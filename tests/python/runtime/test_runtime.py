"""Devices, random streams and the progress bar."""

import ast
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import sigel
from sigel.errors import InputError
from sigel.runtime import progress
from sigel.runtime.device import make_fabric, resolve_device
from sigel.runtime.progress import shown
from sigel.runtime.seeds import STAGES, random_state, stream, streams, torch_stream


def test_auto_is_a_device_that_exists():
    device = resolve_device("auto")
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert torch.ones(2, device=device).sum() == 2
    assert make_fabric(device).device.type == device.type


@pytest.mark.parametrize("device", ["gpu", "mps", "cuda:99", "", None, "cpu:x"])
def test_a_device_that_is_not_there_is_refused_with_the_fix(device):
    with pytest.raises(InputError, match=r"`device`: found .*auto"):
        resolve_device(device)


def test_streams_of_a_seed_are_repeatable_and_differ_from_each_other():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, again, other = streams(1), streams(np.int64(1)), streams(2)
    draws = {stage: torch.rand(8, generator=g) for stage, g in first.items()}
    for stage, draw in draws.items():
        assert torch.equal(draw, torch.rand(8, generator=again[stage]))
        assert not torch.equal(draw, torch.rand(8, generator=other[stage]))
    assert len({float(draw[0]) for draw in draws.values()}) == len(draws)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True, None, 2.0])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InputError, match="`seed`"):
        streams(seed)


def _of_two_stages(report):
    report("pretrain", 1, 2, "loss 1.500")
    report("pretrain", 2, 2, "loss 1.250")
    report("refine", 1, 4, "loss 0.500")


def test_progress_is_a_line_a_stage_where_nobody_looks_and_nothing_where_none_is_wanted(capsys):
    with shown(False) as report:
        assert report is None
    with shown(True) as report:
        _of_two_stages(report)
        assert len(capsys.readouterr().err.splitlines()) == 1
        _of_two_stages(report)
    out, drawn = capsys.readouterr()
    assert not out
    assert "\r" not in drawn
    assert [re.sub(r"\d+\.\d s", "T", line) for line in drawn.splitlines()] == [
        "Modules II and III: groups and refinement [T] loss 0.500",
        "Module I: masked autoencoder [T] loss 1.250",
        "Modules II and III: groups and refinement [T] loss 0.500",
    ]


@pytest.mark.parametrize("rich", [True, False])
def test_a_terminal_shows_a_bar_with_the_time_left(monkeypatch, capsys, rich):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    if not rich:
        monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    with shown(True) as report:
        _of_two_stages(report)
    drawn = capsys.readouterr().err
    for word in ("Module I: masked autoencoder", "loss 1.250", "refinement", "1/4", "left"):
        assert word in drawn


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock.now)
    return clock


def test_the_time_of_a_stage_is_from_the_last_ones_end_to_its_last_report(clock, capsys):
    with shown(True) as report:
        clock.now = 2.0
        report("pretrain", 1, 2, "")
        clock.now = 3.0
        report("pretrain", 2, 2, "loss")
        assert capsys.readouterr().err == "Module I: masked autoencoder [3.0 s] loss\n"
        clock.now = 8.0
        report("refine", 1, 4, "stopped")
        clock.now = 60.0
    assert capsys.readouterr().err == "Modules II and III: groups and refinement [5.0 s] stopped\n"


@pytest.mark.parametrize("rich", [True, False])
@pytest.mark.parametrize("n_stages", [0, 1])
def test_nothing_of_the_preparation_stays_at_a_terminal(monkeypatch, capsys, rich, n_stages):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    if not rich:
        monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    with shown(True) as report:
        for _ in range(n_stages):
            report("groups", 3, 3, "8 groups")
    drawn = capsys.readouterr().err
    assert "Preparing" in drawn
    assert "0/?" not in drawn
    last = re.split(r"\r|\x1b\[2K", drawn)[-1 if n_stages else slice(-2, None)]
    assert "Preparing" not in "".join(last)
    assert ("Number of groups" in "".join(last)) == bool(n_stages)


def test_a_narrow_terminal_cuts_the_text_and_no_figure(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "84")
    monkeypatch.setenv("TERM", "xterm")
    with shown(True) as report:
        report("refine", 12, 12, "text that is far too long for it " * 3)
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err).rstrip("\n").rsplit("\r", 1)[-1]
    assert "12/12" in last
    assert re.search(r"\d\.\d s text", last)
    assert "…" in last


def test_a_notebook_keeps_one_output_of_the_last_state(monkeypatch, capsys):
    states = []
    handle = SimpleNamespace(update=lambda data, raw: states.append(data["text/plain"]))

    def display(data, *, raw, display_id):
        states.append(data["text/plain"])
        return handle

    ipython = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=object()), display=SimpleNamespace(display=display)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    with shown(True) as report:
        _of_two_stages(report)
        assert re.search(r"groups and refinement 1/4 \[0 s, \d s left\] loss 0.500$", states[-1])
    assert states[0] == "Preparing ..."
    assert len(states[-1].splitlines()) == 2
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("rich", [True, False])
def test_a_stage_that_comes_again_is_shown_again(monkeypatch, capsys, rich):
    monkeypatch.setattr(progress, "_draws_bars", lambda: rich)
    monkeypatch.setattr("rich.console.Console.is_terminal", property(lambda _: True))
    monkeypatch.setenv("COLUMNS", "100")
    with shown(True) as report:
        for section in ("one", "two"):  # each with one step
            report("test", 1, 1, f"genes of {section}")
        for section in ("three", "four"):
            report("null images", 1, 1, f"images of {section}")
            report("test", 1, 1, f"genes of {section}")
    said = capsys.readouterr().err
    if rich:  # a bar for each stage, in its last state
        last = said[said.rfind("genes of four") - 120 :]
        assert "images of four" in said
        assert last.count("Test of every gene") == 1
    else:
        for text in ("genes of one", "genes of two", "images of three", "genes of three", "genes of four"):
            assert said.count(text) == 1


def test_every_stage_that_is_reported_has_words():
    """Wherever a callback is called with the name of a stage."""
    room = Path(sigel.__file__).parent
    called = {"progress", "report"}
    named = {
        node.args[0].value
        for path in room.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in called
        and len(node.args) == 4
        and isinstance(node.args[0], ast.Constant)
    }
    assert {"eigenimages", "patterns", "null images"} <= named
    assert named <= set(progress.STAGES)


def test_a_job_of_many_tasks_on_a_cluster_is_no_reason_to_stop(monkeypatch):
    for name, value in {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "job", "SLURM_JOB_ID": "7"}.items():
        monkeypatch.setenv(name, value)
    fabric = make_fabric(resolve_device("cpu"))
    assert fabric.world_size == 1


def test_processes_are_those_of_torchrun_alone(monkeypatch):
    """A cluster's job may set WORLD_SIZE for something else."""
    from sigel.runtime.device import is_main, n_processes

    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    assert n_processes() == 1
    assert is_main()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert n_processes() == 4
    assert not is_main()


def test_fast_products_leave_the_callers_setting():
    from sigel.runtime.device import fast_products

    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    for name, inside in (("cpu", before), ("cuda", True)):
        with fast_products(torch.device(name)):
            assert matmul.allow_tf32 is inside
        assert matmul.allow_tf32 is before


def test_every_stage_has_the_child_that_numpy_spawns_at_its_place():
    children = np.random.SeedSequence(11).spawn(len(STAGES))
    for stage, child in zip(STAGES, children, strict=True):
        assert stream(11, stage).random() == np.random.default_rng(child).random()
        assert torch_stream(11, stage).initial_seed() == int(child.generate_state(1, np.uint64)[0]) >> 1
        assert 0 <= random_state(11, stage) < 2**32
    assert len({random_state(11, stage) for stage in STAGES}) == len(STAGES)


@pytest.mark.parametrize("seed", [-1, 1.5, True, "1", None])
def test_all_ways_to_draw_refuse_what_is_no_seed(seed):
    for draw in (stream, torch_stream, random_state):
        with pytest.raises(InputError, match="`seed`"):
            draw(seed, "domains")
