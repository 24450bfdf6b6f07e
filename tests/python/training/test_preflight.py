"""What a fit needs and what there is: sums that grow with the data, suggestions that fit, honest refusals."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sigel.config import ImageConfig, SIGELConfig
from sigel.errors import InputError
from sigel.images.raster import rasterise
from sigel.nn.encoder.patches import Patches
from sigel.training import preflight
from sigel.training.memory_estimate import LIBRARIES, FitSize, memory_needed
from sigel.training.preflight import check_memory

CPU = torch.device("cpu")
SIZE = {"n_genes": 15_000, "n_pixels": 8_000, "n_patches": 128, "n_counts": 30_000_000}
FINE = {"encoder": {"patch_size": 4}}
FINE_SIZE = SIZE | {"n_patches": 560}

configs = st.fixed_dictionaries(
    {
        "n_dims": st.sampled_from([2, 32, 128]),
        "n_groups": st.sampled_from(["auto", 1, 500]),
        "encoder": st.fixed_dictionaries(
            {
                "patch_size": st.sampled_from(["auto", 1, 4, 16]),
                "rank": st.sampled_from([1, 128]),
                "dim": st.sampled_from([16, 64]),
                "depth": st.sampled_from([1, 5]),
                "pool": st.sampled_from(["spatial", "mean"]),
                "decoder": st.sampled_from(["tokens", "bottleneck"]),
                "head_hidden": st.sampled_from([0, 32]),
            }
        ),
        "train": st.fixed_dictionaries(
            {
                "pretrain_epochs": st.sampled_from([0, 3]),
                "refine_epochs": st.sampled_from([0, 3]),
                "contrast_weight": st.sampled_from([0.0, 1.0]),
                "pretrain_batch": st.integers(1, 2000),
                "refine_batch": st.integers(1, 2000),
            }
        ),
    }
)
sizes = st.fixed_dictionaries(
    {
        "n_genes": st.integers(1, 60_000),
        "n_pixels": st.integers(9, 40_000),
        "n_patches": st.integers(1, 10_000),
        "n_counts": st.integers(1, 10**9),
        "n_sections": st.integers(1, 8),
        "n_grid": st.integers(9, 100_000),
    }
)


def needed(config, **size):
    parts = memory_needed(config, FitSize(**size))
    assert all(type(part) is int and part >= 0 for part in parts.values())
    return sum(parts.values())


def made(changes):
    return SIGELConfig.from_dict(changes)


@settings(max_examples=100, deadline=None)
@given(
    changes=configs,
    size=sizes,
    more=st.integers(1, 10**7),
    name=st.sampled_from([*SIZE, "n_sections", "n_grid"]),
)
def test_more_of_anything_never_needs_less(changes, size, more, name):
    config = made(changes)
    assert needed(config, **size) <= needed(config, **(size | {name: size[name] + more}))


@settings(max_examples=60, deadline=None)
@given(
    changes=configs,
    size=sizes,
    more=st.integers(1, 500),
    where=st.sampled_from([("train", "pretrain_batch"), ("train", "refine_batch"), ("encoder", "rank")]),
)
def test_larger_batches_and_more_eigenimages_never_need_less(changes, size, more, where):
    part, name = where
    larger = changes | {part: changes[part] | {name: changes[part][name] + more}}
    assert needed(made(changes), **size) <= needed(made(larger), **size)


def test_each_part_follows_what_it_is_made_of():
    parts = memory_needed(SIGELConfig(), FitSize(**SIZE))
    counts = memory_needed(SIGELConfig(), FitSize(**(SIZE | {"n_counts": 2 * SIZE["n_counts"]})))["counts"]
    assert counts - parts["counts"] == 8 * SIZE["n_counts"]
    assert parts["libraries"] == LIBRARIES
    linear = memory_needed(made({"encoder": {"branch": False}}), FitSize(**SIZE))
    assert linear["weights"] == linear["tokens"] == linear["pooled"] == 0
    random = memory_needed(made({"encoder": {"start": "random"}}), FitSize(**SIZE))
    assert random["eigenimages"] == 0
    small = {"train": {"pretrain_batch": 64, "refine_batch": 64}}
    large = {"train": {"pretrain_batch": 1024, "refine_batch": 1024}}
    tokens = [memory_needed(made(changes), FitSize(**SIZE))["tokens"] for changes in (small, large)]
    assert tokens[1] > 8 * tokens[0]


def test_what_genes_contribute_and_eigenimages_of_each_section_are_counted():
    linear = made({"encoder": {"branch": False}})
    few, many = (memory_needed(linear, FitSize(**(SIZE | {"n_genes": n}))) for n in (10_000, 20_000))
    # As float32 and twice as float64 at least, along eigenimages and smooth images.
    assert many["covariance"] - few["covariance"] > 10_000 * (256 + 128) * (4 + 8 + 8)
    one, four = (memory_needed(linear, FitSize(**SIZE, n_sections=n)) for n in (1, 4))
    assert four["covariance"] - one["covariance"] > 3 * (256 + 128) * SIZE["n_pixels"] * 4
    holes = memory_needed(linear, FitSize(**SIZE, n_grid=10 * SIZE["n_pixels"]))
    assert holes["covariance"] > one["covariance"] + 9 * SIZE["n_pixels"] * 128 * 3 * 4


MEASURED = """
from benchmarks.harness.processes import memory_gb
from sigel.datasets import simulated_section
from sigel.images import GeneImages

images = GeneImages.from_anndata(simulated_section(20, 20, 3, 60, 300))
before = memory_gb("VmRSS")
import sigel

config = sigel.SIGELConfig.from_dict({"n_groups": 4})
model = sigel.SIGEL(config, device="cpu")
model.fit(images, progress=lambda stage, step, total, text: stage == "memory" and print(text))
print(memory_gb("VmHWM") - before)
"""


@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells what a process held")
def test_a_fit_takes_about_what_was_said():
    root = Path(__file__).resolve().parents[3]
    paths = {"PYTHONPATH": os.pathsep.join([str(root), str(root / "python")]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        env=os.environ | paths,
        capture_output=True,
        text=True,
        check=True,
    )
    said, took = done.stdout.splitlines()
    promised = float(re.match(r"needs about (\d+) MB", said).group(1)) / 1e3
    # A tenth for what libraries of other machines take.
    assert float(took) < 1.1 * promised
    assert promised < 1.5 * float(took)


def test_what_fits_is_said_in_one_sentence():
    sentence = check_memory(SIGELConfig(), CPU, FitSize(**SIZE), available=18_300_000_000)
    assert re.fullmatch(r"needs about \d\.\d GB, 18\.3 GB available on cpu", sentence)
    tiny = check_memory(SIGELConfig(), CPU, FitSize(9, 9, 1, 9), available=10**9)
    assert re.fullmatch(r"needs about 2\d\d MB, 1\.0 GB available on cpu", tiny)


def test_numbers_of_numpy_are_numbers():
    size = {name: np.int32(value) for name, value in SIZE.items()}
    assert check_memory(SIGELConfig(), CPU, FitSize(**size), available=10**11).startswith("needs about")


def test_without_a_number_the_memory_of_the_device_counts(monkeypatch):
    monkeypatch.setattr(preflight, "available_memory", lambda device: 10**12)
    assert "1000.0 GB available on cpu" in check_memory(SIGELConfig(), CPU, FitSize(**SIZE))
    monkeypatch.setattr(preflight, "available_memory", lambda device: 10**6)
    with pytest.raises(InputError, match="1 MB of memory available"):
        check_memory(SIGELConfig(), CPU, FitSize(**SIZE))


# --- suggestions -----------------------------------------------------------------------------------------


def refusal(config, size, available, device=CPU):
    with pytest.raises(InputError) as caught:
        check_memory(config, device, FitSize(**size), available=available)
    return caught.value


def followed(config, error):
    """The settings after the message was obeyed, and what it names."""
    named = re.findall(r"(train|encoder)\.(\w+)=(\d+)", str(error))
    for part, name, value in named:
        inner = dataclasses.replace(getattr(config, part), **{name: int(value)})
        config = dataclasses.replace(config, **{part: inner})
    return config, {f"{part}.{name}" for part, name, _ in named}


def test_smaller_batches_come_first_and_fit():
    config = made({"train": {"pretrain_batch": 1000, "refine_batch": 500}})
    available = needed(config, **SIZE) * 8 // 10
    error = refusal(config, SIZE, available)
    assert error.argument == "train.pretrain_batch"
    assert "found 1000, with which a fit needs about" in str(error)
    smaller, named = followed(config, error)
    assert named == {"train.pretrain_batch", "train.refine_batch"}
    assert smaller.train.pretrain_batch in {500, 250, 125, 62, 32}
    assert check_memory(smaller, CPU, FitSize(**SIZE), available=available).startswith("needs about")


def test_the_largest_batches_that_fit_are_named():
    config = made({"train": {"pretrain_batch": 512, "refine_batch": 512}})
    error = refusal(config, SIZE, needed(config, **SIZE) - 1)
    assert "train.pretrain_batch=256 and train.refine_batch=256" in str(error)


def test_batches_are_never_suggested_below_32_or_above_what_they_were():
    config = made({"train": {"pretrain_batch": 33, "refine_batch": 8}, **FINE})
    for share in np.linspace(0.01, 0.999, 30):
        smaller, _ = followed(config, refusal(config, FINE_SIZE, int(needed(config, **FINE_SIZE) * share)))
        assert smaller.train.pretrain_batch in {32, 33}
        assert smaller.train.refine_batch == 8


@pytest.mark.parametrize("patch_size", ["auto", 4])
def test_larger_patches_come_next_and_fit(patch_size):
    least = {"pretrain_batch": 32, "refine_batch": 32}
    encoder = {"patch_size": patch_size, "dim": 512, "pool": "mean"}
    config = made({"train": least, "encoder": encoder})
    error = refusal(config, FINE_SIZE, needed(config, **FINE_SIZE) * 7 // 10)
    assert error.argument == "encoder.patch_size"
    assert f"found {patch_size!r}, with which" in str(error)
    assert followed(config, error)[0].encoder.patch_size >= 8


LARGE = ((97, 61), (33, 128))


@pytest.mark.parametrize(
    "shape", [(60, 40), *(pytest.param(one, marks=pytest.mark.nightly) for one in LARGE)]
)
@pytest.mark.parametrize("ragged", [False, True])
def test_larger_patches_fit_with_the_patches_that_a_section_then_has(shape, ragged):
    row, col = (a.ravel() for a in np.mgrid[: shape[0], : shape[1]])
    if ragged:  # an ellipse with a hole
        u, v = 2 * row / shape[0] - 1, 2 * col / shape[1] - 1
        keep = (u**2 + v**2 < 1) & ((u - 0.2) ** 2 + v**2 > 0.04)
        row, col = row[keep], col[keep]
    places = np.column_stack([row, col])
    raster = rasterise(None, places, ImageConfig(grid="lattice"))
    config = made({"encoder": {"patch_size": 4, "dim": 256, "pool": "mean"}, "train": {"refine_batch": 32}})
    grid = Patches.from_raster(raster, 4)
    size = SIZE | {"n_pixels": raster.n_pixels, "n_patches": grid.n_patches, "n_counts": 10**6}
    suggested = set()
    for share in np.linspace(0.05, 0.999, 25):
        available = int(needed(config, **size) * share)
        error = refusal(config, size, available)
        if error.argument in {"genes", "device"}:
            continue
        smaller, named = followed(config, error)
        suggested |= named
        there = Patches.from_raster(raster, smaller.encoder.patch_size).n_patches
        assert needed(smaller, **(size | {"n_patches": there})) <= available
    assert "encoder.patch_size" in suggested


@settings(max_examples=60, deadline=None)
@given(changes=configs, size=sizes, share=st.floats(0.001, 0.999))
def test_whatever_is_suggested_fits(changes, size, share):
    config = made(changes)
    available = int(needed(config, **size) * share)
    error = refusal(config, size, available)
    smaller, named = followed(config, error)
    if error.argument == "device":
        assert "No setting would do" in str(error)
        assert not named
        return
    if error.argument == "genes":
        kept = int(re.search(r"at most (\d+) genes", str(error)).group(1))
        assert 100 <= kept < size["n_genes"]
        size = size | {"n_counts": -(-size["n_counts"] * kept // size["n_genes"]), "n_genes": kept}
    else:
        assert error.argument in named
    if "encoder.patch_size" in named:
        before = config.encoder.patch_size
        times = 4 if before == "auto" else smaller.encoder.patch_size // before
        size = size | {"n_patches": -(-size["n_patches"] // times**2)}
    assert needed(smaller, **size) <= available


def test_fewer_genes_come_last_and_change_no_more_than_helps():
    size = SIZE | {"n_counts": 3 * 10**9}  # 36 GB; a batch is nothing beside it
    config = SIGELConfig()
    error = refusal(config, size, 20 * 10**9)
    assert error.argument == "genes"
    assert followed(config, error)[1] == set()
    assert re.search(r"found 15000, .* Keep at most \d+00 genes: a fit then needs about", str(error))


@pytest.mark.parametrize(
    ("device", "elsewhere"), [(CPU, "use a machine with more"), (torch.device("cuda:0"), 'use device="cpu"')]
)
def test_where_nothing_fits_the_message_says_so(device, elsewhere):
    error = refusal(SIGELConfig(), SIZE, 10**8, device)
    assert error.argument == "device"
    for words in (f"found {device} with 100 MB", "No setting would do: even 100 genes", elsewhere):
        assert words in str(error)


def test_a_linear_model_is_told_to_take_fewer_genes():
    error = refusal(made({"encoder": {"branch": False}}), SIZE, 10**9)
    assert error.argument == "genes"
    assert "batch" not in str(error)
