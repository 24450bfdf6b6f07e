"""Files and folders that are whole or not there."""

from __future__ import annotations

import pytest

from sigel.errors import InputError
from sigel.runtime.drafts import check_absent, check_place, drafted


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


def test_a_link_to_a_file_stays_a_link_to_what_is_new(tmp_path):
    (tmp_path / "disk").mkdir()
    place, link = tmp_path / "disk" / "big.tsv", tmp_path / "a.tsv"
    place.write_text("first")
    link.symlink_to(place)
    with drafted(link) as draft:
        draft.write_text("second")
    assert link.is_symlink()
    assert place.read_text() == "second"


def test_a_place_where_nothing_can_be_made_is_refused_in_the_words_of_the_caller(tmp_path, monkeypatch):
    check_place(tmp_path / "new.tsv", "out", "Choose.")
    with pytest.raises(InputError, match=r"`out`.*in a folder that is not there.*Make the folder first"):
        check_place(tmp_path / "no" / "new.tsv", "out", "Choose.")
    with pytest.raises(InputError, match=r"`out`.*, a folder; wanted a file\. Choose\."):
        check_place(tmp_path, "out", "Choose.")
    check_place(tmp_path, "out", "Choose.", folder=True)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(InputError, match=r"may not be written to"):
        check_place(tmp_path / "new.tsv", "out", "Choose.")


def test_a_place_that_is_taken_is_refused(tmp_path):
    check_absent(tmp_path / "new.tsv", "out", "Choose.")
    (tmp_path / "new.tsv").touch()
    with pytest.raises(InputError, match=r"which is there already; wanted a new file\. Choose\."):
        check_absent(tmp_path / "new.tsv", "out", "Choose.")
    with pytest.raises(InputError, match="which is the input"):
        check_absent(tmp_path / "new.tsv", "out", "Choose.", what="the input")
