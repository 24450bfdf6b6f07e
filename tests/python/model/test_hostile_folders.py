"""Folders of models from strangers: refused soon, and before memory is taken for what they claim."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct

import numpy as np
import pytest

import sigel
from sigel.errors import InputError, ModelFormatError, OutOfMemoryError
from sigel.model import files
from sigel.model.files import FILES
from sigel.training.checkpoint import FILE, load_checkpoint
from writers import within_bounds

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def folder(inputs, tmp_path):
    return inputs.model.save(tmp_path / "model")


def hashed(folder):
    """Hashes as of one who knows how they are made."""
    about = json.loads((folder / "config.json").read_text())
    about["sha256"] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES[:-1]}
    (folder / "config.json").write_text(json.dumps(about))


def changed(file, change):
    about = json.loads(file.read_text())
    change(about)
    file.write_text(json.dumps(about))


def refused(folder):
    def work():
        with pytest.raises(ModelFormatError):
            sigel.SIGEL.load(folder, device="cpu")

    assert within_bounds(work) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.update(format=[[]]),
        lambda about: about.update(n_genes=10**12),
        lambda about: about.update(n_groups=-1),
        lambda about: about.update(seed={}),
        lambda about: about.update(history="none"),
        lambda about: about.update(bic=[1]),
        lambda about: about.update(provenance=None),
        lambda about: about.update(sections=["a", "b"]),
        lambda about: about.update(sections=7),
        lambda about: about.update(sha256={}),
        lambda about: about.update(sha256={"../../etc/passwd": "0"}),
        lambda about: about["sha256"].update({"genes.txt": "0" * 64}),
        lambda about: about["config"].update(n_dims=1024),
        lambda about: about["config"]["encoder"].update(depth=10**9),
        lambda about: about["config"]["encoder"].update(dim=4 * 10**6),
        lambda about: about["config"]["encoder"].update(frequencies=10**9),
        lambda about: about["config"]["encoder"].update(head_hidden=10**9),
        lambda about: about["config"]["encoder"].update(mlp_ratio=1e12),
        lambda about: about["config"]["encoder"].update(patch_size=10**9),
        lambda about: about["config"]["image"].update(exclude=["(a+)+$"] * 2 + ["("]),
        lambda about: about["config"].update(unknown=1),
    ],
)
def test_settings_that_do_not_go_with_the_weights_are_refused(folder, change):
    changed(folder / "config.json", change)
    refused(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda grid: grid.update(shape=[10**9, 10**9]),
        lambda grid: grid.update(shape=[10**30, 2]),
        lambda grid: grid.update(shape=[]),
        lambda grid: grid.update(rows=[10**9] * len(grid["rows"])),
        lambda grid: grid.update(rows=[]),
        lambda grid: grid.update(affine=[[float("nan")] * 3] * 2),
        lambda grid: grid.update(affine=[[1]]),
        lambda grid: grid.update(kind="<script>"),
        lambda grid: grid.update(parity=10**9),
        lambda grid: grid.update(starts=[0, 10]),
        lambda grid: grid.update(starts=[]),
        lambda grid: grid.update(
            shape=[10**9, 10**9], rows=np.linspace(0, 10**9 - 1, len(grid["rows"])).astype(int).tolist()
        ),
    ],
)
def test_a_grid_that_is_none_is_refused(folder, change):
    changed(folder / "raster.json", change)
    hashed(folder)
    refused(folder)


@pytest.mark.parametrize("name", ["config.json", "raster.json"])
@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 200_000, "null", "7", '"text"', "", "9" * 9999, "\ud800"]
)
def test_json_that_is_nested_or_something_else_is_refused(folder, name, text):
    (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    if name != "config.json":
        hashed(folder)
    refused(folder)


def tensors_of(folder):
    from safetensors.numpy import load_file

    return load_file(folder / "weights.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.update(representations=held["representations"][:-1]),
        lambda held: held.update(posterior=held["posterior"] * np.float32(np.nan)),
        lambda held: held.update(posterior=held["posterior"].astype(np.int64)),
        lambda held: held.pop("posterior"),
        lambda held: held.update({"encoder.more": np.zeros(3, np.float32)}),
        lambda held: held.update({k: v[..., None] for k, v in held.items() if k.startswith("groups.")}),
        lambda held: held.update({k: np.full_like(v, np.inf) for k, v in held.items()}),
        lambda held: [held.pop(k) for k in list(held) if k.startswith("groups.")],
        lambda held: [held.pop(k) for k in list(held) if k.startswith("encoder.")],
    ],
)
def test_weights_of_other_shapes_or_none_are_refused(folder, change):
    from safetensors.numpy import save_file

    held = tensors_of(folder)
    change(held)
    save_file(held, folder / "weights.safetensors")
    hashed(folder)
    refused(folder)


def header(text, n=0):
    return struct.pack("<Q", len(text)) + text + bytes(n)


@pytest.mark.parametrize(
    "made",
    [
        struct.pack("<Q", 2**63),
        struct.pack("<Q", 99_000_000) + b" " * 1000,
        header(b"{" * 100_000),
        header(b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}', 8),
        header(b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}', 8),
        header(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}', 8),
        header(b'{"a":{"dtype":"X99","shape":[2],"data_offsets":[0,8]}}', 8),
        b"\x80\x04\x95cos\nsystem\n(S'touch harmed'\ntR.",
        b"",
    ],
)
@pytest.mark.parametrize("what", ["model", "checkpoint"])
def test_weights_with_a_header_that_lies_are_refused(folder, tmp_path, made, what):
    if what == "model":
        (folder / "weights.safetensors").write_bytes(made)
        hashed(folder)
        refused(folder)
        return
    (tmp_path / FILE).write_bytes(made)

    def work():
        with pytest.raises(ModelFormatError):
            load_checkpoint(tmp_path / FILE)

    assert within_bounds(work) == 0


@pytest.mark.parametrize(
    "skeleton", ["[" * 100_000, '{"tuple":' * 50_000, "{}", '{"tensor": "9"}', '{"eval": "1"}']
)
def test_a_checkpoint_of_strange_parts_is_refused(tmp_path, skeleton):
    from safetensors.torch import save_file

    save_file({}, tmp_path / FILE, metadata={"sigel_checkpoint": "1", "skeleton": skeleton})
    with pytest.raises(ModelFormatError):
        load_checkpoint(tmp_path / FILE)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["/dev/zero", "/", "pipe", "lost"])
def test_what_is_no_file_is_a_file_that_lacks(folder, name, kind):
    (folder / name).unlink()
    if kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to(kind)
    refused(folder)


def test_files_beside_those_of_a_model_are_left_alone(folder):
    (folder / "evil.py").write_text("raise SystemExit")
    (folder / "weights.pkl").write_bytes(b"cos\nsystem\n.")
    assert len(sigel.SIGEL.load(folder).genes)


def test_a_save_that_another_left_is_checked_as_all_is(folder):
    shutil.copytree(folder, folder / ".saved")
    (folder / ".saved" / "genes.txt").write_text("evil\n")
    refused(folder)


@pytest.mark.parametrize("genes", [b"\xff\xfe\n", b"a\n", b"", b"a\x00b\n" * 36])
def test_names_that_do_not_go_with_the_weights_are_refused(folder, genes):
    (folder / "genes.txt").write_bytes(genes)
    hashed(folder)
    refused(folder)


def test_what_others_put_into_a_save_does_not_stop_the_next(folder, inputs):
    (folder / ".saved").mkdir()
    (folder / ".saved" / ".DS_Store").touch()
    inputs.model.save(folder)
    assert sorted(one.name for one in folder.iterdir()) == sorted(FILES)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (MemoryError("Unable to allocate 8 GiB"), OutOfMemoryError, "too little memory"),
        (PermissionError(13, "Permission denied", "genes.txt"), InputError, "'genes.txt' may not be read"),
    ],
)
def test_a_sound_folder_is_not_called_damaged(folder, monkeypatch, error, kind, words):
    def fail(*_args, **_how):
        raise error

    monkeypatch.setattr(files, "_read_tensors", fail)
    with pytest.raises(kind, match=words):
        sigel.SIGEL.load(folder)


def test_what_may_not_be_read_is_told_by_the_argument_of_the_caller(folder, inputs, monkeypatch):
    def fail(*_args, **_how):
        raise PermissionError(13, "Permission denied", "genes.txt")

    monkeypatch.setattr(files, "_read_tensors", fail)
    with pytest.raises(InputError, match=r"`model`.*'genes.txt' may not be read"):
        sigel.tl.spatial_genes(inputs.section.copy(), model=folder, progress=False)
