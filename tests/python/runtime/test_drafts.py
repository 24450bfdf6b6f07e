"""Files and folders that are whole or not there."""

from __future__ import annotations

import pytest

from sigel.runtime.drafts import drafted


def write(draft, text, folder):
    if folder:
        draft.mkdir()
        (draft / "part").write_text(text)
    else:
        draft.write_text(text)


def write_and_fail(draft, folder):
    write(draft, "third", folder)
    raise RuntimeError("lost")


def text_of(place):
    return (place / "part" if place.is_dir() else place).read_text()


@pytest.mark.parametrize("folder", [False, True])
def test_what_is_whole_takes_the_place_and_what_fails_leaves_what_was_there(tmp_path, folder):
    place = tmp_path / "a.zarr"
    for text in ("first", "second"):
        with drafted(place) as draft:
            write(draft, text, folder)
            assert not place.exists() or text_of(place) == "first"
        assert text_of(place) == text
    with pytest.raises(RuntimeError, match="lost"), drafted(place) as draft:
        write_and_fail(draft, folder)
    assert text_of(place) == "second"
    assert [one.name for one in tmp_path.iterdir()] == ["a.zarr"]


def test_a_link_to_a_folder_stays_a_link_to_what_is_new(tmp_path):
    disk = tmp_path / "disk"
    place = disk / "big.zarr"
    place.mkdir(parents=True)
    (place / "part").write_text("first")
    link = tmp_path / "a.zarr"
    link.symlink_to(place)
    with drafted(link) as draft:
        write(draft, "second", folder=True)
    assert link.is_symlink()
    assert text_of(link) == text_of(place) == "second"
    assert {one.name for one in tmp_path.iterdir()} == {"a.zarr", "disk"}
    assert [one.name for one in disk.iterdir()] == ["big.zarr"]
