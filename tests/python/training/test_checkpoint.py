"""A training state goes into one file and comes back as it was; an interrupted write costs nothing."""

import json
import math
import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sigel.errors import InputError, ModelFormatError
from sigel.training import checkpoint
from sigel.training.checkpoint import load_checkpoint, save_checkpoint

DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
    torch.complex128,
]


@st.composite
def tensors(draw):
    """Any bits of any type: NaN, infinities and negative zeros among them; 0-d and empty ones too."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    n = math.prod(shape)
    if dtype == torch.bool:
        flat = torch.tensor(draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=dtype)
    else:
        size = torch.empty(0, dtype=dtype).element_size() * n
        flat = torch.tensor(list(draw(st.binary(min_size=size, max_size=size))), dtype=torch.uint8)
        flat = flat.view(dtype) if n else torch.empty(0, dtype=dtype)
    return flat.reshape(shape)


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=8),
    tensors(),
)
keys = st.one_of(st.text(max_size=5), st.integers())
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
    ),
    max_leaves=12,
)


def bits(tensor):
    """The bytes of a tensor: NaN equals itself, and 0.0 is not -0.0."""
    return tensor.contiguous().reshape(-1).view(torch.uint8).tolist() if tensor.numel() else []


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and bits(a) == bits(b)
    if isinstance(a, dict):
        keys_agree = [(type(k), k) for k in a] == [(type(k), k) for k in b]
        return keys_agree and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        return repr(a) == repr(b)
    return a == b


@pytest.fixture
def file(tmp_path):
    return tmp_path / "run" / "state.safetensors"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=st.dictionaries(keys, nested, max_size=4))
def test_any_state_comes_back_as_it_was(file, state):
    save_checkpoint(file, state)
    assert same(load_checkpoint(file), state)
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


def test_dicts_that_look_like_the_files_own_marks_are_kept_apart(file):
    state = {"tuple": [1], "tensor": "0", "dict": {"float": "nan", 0: {"0": (), 1: []}}, "": {}}
    save_checkpoint(file, state)
    assert same(load_checkpoint(file), state)


def test_shared_strided_and_learned_tensors_are_kept_by_value(file):
    base = torch.arange(12.0).reshape(3, 4)
    learned = torch.nn.Parameter(torch.ones(2))
    views = {"whole": base, "row": base[1], "turned": base.T, "wide": base[:, :1].expand(3, 5)}
    save_checkpoint(file, {**views, "again": base, "learned": learned, "conjugate": (base * 1j).conj()})
    found = load_checkpoint(file)
    for name, view in views.items():
        assert torch.equal(found[name], view)
    assert torch.equal(found["again"], base)
    assert torch.equal(found["conjugate"], base * -1j)
    assert torch.equal(found["learned"], torch.ones(2))
    assert type(found["learned"]) is torch.Tensor
    found["whole"].zero_()
    assert torch.equal(found["again"], base)


def test_numbers_of_numpy_become_pythons_own(file):
    save_checkpoint(file, {"n": np.int64(3), "loss": np.float32(0.5), "rank": np.float64("nan")})
    assert same(load_checkpoint(file), {"n": 3, "loss": 0.5, "rank": math.nan})


@pytest.mark.parametrize(
    ("state", "where"),
    [
        ({"a": [1, {2, 3}]}, r"`state\['a'\]\[1\]`: found a set"),
        ({"a": {True: 1}}, r"`state\['a'\]`: found the key True"),
        ({"a": {(1, 2): 1}}, r"`state\['a'\]`: found the key"),
        ({"a": np.zeros(2)}, r"`state\['a'\]`: found a ndarray"),
        ({"a": torch.eye(2).to_sparse()}, r"`state\['a'\]`: found a torch.sparse_coo tensor"),
        ({"a": torch.empty(2, device="meta")}, r"`state\['a'\]`: found a meta tensor"),
        ([1], "`state`: found a list; wanted a dict"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_place_and_writes_nothing(file, state, where):
    with pytest.raises(InputError, match=where):
        save_checkpoint(file, state)
    assert not file.exists()


# --- a training that goes on -----------------------------------------------------------------------------


def training(seed):
    generator = torch.Generator().manual_seed(seed)
    model = torch.nn.Linear(4, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=generator)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: 1 / (1 + i))
    return model, optimiser, schedule, generator


def steps(run, n):
    model, optimiser, schedule, generator = run
    for _ in range(n):
        loss = model(torch.randn(8, 4, generator=generator)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_an_optimiser_goes_on_with_the_same_steps(file):
    run = training(seed=0)
    steps(run, 5)
    state = {name: part.state_dict() for name, part in zip(("model", "adam", "rate"), run, strict=False)}
    save_checkpoint(file, {**state, "random": run[3].get_state()})
    other = training(seed=1)
    found = load_checkpoint(file)
    for part, name in zip(other, ("model", "adam", "rate"), strict=False):
        part.load_state_dict(found[name])
    other[3].set_state(found["random"])
    assert all(map(torch.equal, steps(other, 5), steps(run, 5)))


def test_a_generator_goes_on_with_the_same_numbers(file):
    generator = torch.Generator().manual_seed(5)
    torch.rand(3, generator=generator)
    save_checkpoint(file, {"random": {"refine": generator.get_state()}})
    fresh = torch.Generator()
    fresh.set_state(load_checkpoint(file)["random"]["refine"])
    assert torch.equal(torch.randn(7, generator=fresh), torch.randn(7, generator=generator))


# --- files that can't be used ----------------------------------------------------------------------------


def refused(file, what):
    with pytest.raises(ModelFormatError, match=what) as caught:
        load_checkpoint(file)
    message = str(caught.value)
    assert message.startswith(f"`checkpoint`: {file} ")
    assert "Delete the folder" in message
    return message


@pytest.mark.parametrize("left", [0.0, 0.001, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(file, left):
    save_checkpoint(file, {"z": torch.ones(1000), "text": "a" * 500})
    whole = file.read_bytes()
    file.write_bytes(whole[: int(left * len(whole))])
    refused(file, "is damaged")


def test_a_missing_file_a_folder_and_foreign_files_are_refused(file):
    refused(file, "does not exist")
    refused(file.parent.parent, "is a folder")
    file.parent.mkdir()
    file.write_bytes(b"not a checkpoint, but long enough to look at")
    refused(file, "is damaged or no checkpoint")
    from safetensors.torch import save_file

    save_file({"weight": torch.ones(2)}, file, metadata={"format": "pt"})
    refused(file, "did not write as a checkpoint")
    save_file({"weight": torch.ones(2)}, file)
    refused(file, "did not write as a checkpoint")


def test_another_format_is_refused_with_the_version_that_wrote_it(file, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    monkeypatch.setattr(checkpoint, "__version__", "7.0.0")
    save_checkpoint(file, {"epoch": 1})
    monkeypatch.undo()
    assert "wanted a checkpoint of format 1" in refused(file, "has format 99 .written by sigel 7.0.0")


@pytest.mark.parametrize(
    "skeleton",
    ["{", json.dumps({"tensor": "7"}), json.dumps({"set": [1]}), json.dumps([1]), json.dumps({"dict": [1]})],
)
def test_a_skeleton_that_does_not_fit_is_refused(file, skeleton):
    from safetensors.torch import save_file

    file.parent.mkdir()
    about = {"sigel_checkpoint": str(checkpoint.FORMAT), "skeleton": skeleton}
    save_file({"0": torch.ones(2)}, file, metadata=about)
    refused(file, "is damaged")


# --- interrupted writing ---------------------------------------------------------------------------------


def fail(*args, **kwargs):
    raise KeyboardInterrupt


def half_written(tensors, filename, metadata):
    filename.write_bytes(b"half")
    raise OSError("No space left on device")


@pytest.mark.parametrize(
    ("target", "name", "stop", "error"),
    [
        (os, "replace", fail, KeyboardInterrupt),
        (os, "fsync", fail, KeyboardInterrupt),
        ("safetensors.torch", "save_file", half_written, InputError),
    ],
)
def test_an_interrupted_write_leaves_the_last_checkpoint(file, monkeypatch, target, name, stop, error):
    save_checkpoint(file, {"epoch": 1})
    where = (f"{target}.{name}",) if isinstance(target, str) else (target, name)
    with monkeypatch.context() as patch:
        patch.setattr(*where, stop)
        with pytest.raises(error):
            save_checkpoint(file, {"epoch": 2})
    assert load_checkpoint(file) == {"epoch": 1}
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]
    save_checkpoint(file, {"epoch": 3})
    assert load_checkpoint(file) == {"epoch": 3}
