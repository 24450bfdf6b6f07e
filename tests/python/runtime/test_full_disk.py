"""A disk that is full, or may not be written to, is an error in our words, and leaves what was there."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess

import pytest

from sigel.errors import InputError
from sigel.io._hdf5 import written_hdf5
from writers import WRITERS, content, digest, ended

QUICK = ("similar.tsv", "embed.h5ad", "values.h5ad", "values.zarr", "model", "network.graphml", "checkpoint")
ALL = [pytest.param(name, marks=() if name in QUICK else pytest.mark.nightly) for name in WRITERS]


def refused(write, place, inputs, reason):
    with pytest.raises(InputError, match=reason) as told:
        write(place, inputs)
    assert place.name in str(told.value)
    return True


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("name", ALL)
def test_a_file_that_may_not_grow_is_refused_and_the_old_one_stays(inputs, tmp_path, name):
    # As on a full disk, a write takes a part of what it is given, or nothing.
    resource = pytest.importorskip("resource")
    write, place = WRITERS[name], tmp_path / name
    write(place, inputs)
    old = digest(place)

    def with_little_room():
        # What programs write beside the output is larger.
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
        if name == "checkpoint":
            refused(write, tmp_path / "other", inputs, "checkpoint.*File too large")
        else:
            refused(write, place, inputs, "cannot be written.*File too large")

    assert ended(with_little_room) == 0
    assert digest(place) == old
    assert [one.name for one in tmp_path.iterdir() if one.name != "other"] == [name]
    if name == "checkpoint":
        assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize("name", ALL)
def test_a_place_in_a_file_or_in_no_folder_is_refused(inputs, tmp_path, name):
    (tmp_path / "file").touch()
    for folder in ("file", "file/within"):
        with pytest.raises(InputError, match="file"):
            WRITERS[name](tmp_path / folder / name, inputs)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A disk of little room, where one may be mounted."""
    folder = tmp_path_factory.mktemp("disk")
    made = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], capture_output=True, check=False
        )
        if os.name == "posix" and os.geteuid() == 0
        else None
    )
    if made is None or made.returncode:
        pytest.skip("needs the right to mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def filled(filler, room):
    """Fill a disk but for some bytes."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    os.truncate(filler, max(filler.stat().st_size - room, 0))


@pytest.mark.nightly
@pytest.mark.parametrize("name", [name for name in WRITERS if name not in ("model", "checkpoint")])
@pytest.mark.parametrize("room", [0, 4096, 12288])
def test_a_full_disk_is_refused_and_left_as_it_was(inputs, small_disk, name, room):
    filler, place = small_disk / "filler", small_disk / name
    try:
        filled(filler, room)
        try:
            WRITERS[name](place, inputs)
        except InputError as error:
            told = str(error)
        else:
            content(place)
            assert place.stat().st_size <= room
            place.unlink()
            return
        assert "No space left on device" in told
        assert name in told
        assert [one.name for one in small_disk.iterdir()] == ["filler"]
    finally:
        filler.unlink()


@pytest.mark.nightly
@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_may_only_be_read_is_refused(inputs, small_disk, name):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        with pytest.raises(InputError, match=r"Read-only file system|may not be written"):
            WRITERS[name](small_disk / name, inputs)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)


@pytest.mark.parametrize("lost", range(0, 40, 3))
def test_an_hdf5_file_whose_disk_fills_at_any_write_is_one_error(tmp_path, monkeypatch, lost):
    path, calls = tmp_path / "a.h5", []

    class Full:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, values):
            calls.append(len(values))
            if len(calls) > lost:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(values)

    opened = type(path).open
    monkeypatch.setattr(type(path), "open", lambda *args, **how: Full(opened(*args, **how)))
    with pytest.raises(OSError, match="No space left"), written_hdf5(path) as (file, _):  # noqa: PT012
        for k in range(40):
            file.create_dataset(f"some{k}", data=range(200), chunks=(50,), compression="lzf")
        assert file["some0"][:].sum() == 19900
