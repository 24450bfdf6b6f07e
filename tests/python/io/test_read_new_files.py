"""Files of later versions: cells of Space Ranger 4, zarr stores of Xenium; and what is refused of them."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

import sigel
from platform_folders import CONTROLS, GENES, visium, visium_cells, xenium, xenium_zarr
from sigel import bridge
from sigel.errors import InputError

# --- cells of Visium HD -----------------------------------------------------------------------------------


@pytest.mark.parametrize("matrix", ["h5", "mtx"])
@pytest.mark.parametrize("given", ["brain", "brain/outs", "brain/outs/segmented_outputs"])
def test_cells_of_space_ranger_4_lie_at_the_centres_of_their_outlines(tmp_path, matrix, given):
    counts, centres = visium_cells(tmp_path / "brain" / "outs" / "segmented_outputs", matrix=matrix)
    adata = sigel.io.read(tmp_path / given)
    assert adata.obs_names.tolist()[:2] == ["cellid_000000003-1", "cellid_000000001-1"]
    np.testing.assert_array_equal(adata.X.toarray(), counts)
    np.testing.assert_allclose(adata.obsm["spatial"], centres)
    assert set(adata.uns["spatial"]["brain"]["images"]) == {"hires", "lowres"}
    (found,) = sigel.io.describe(tmp_path / given)
    assert (found.platform, found.sample, found.n_obs) == ("visium_hd_cells", "brain", 4)
    assert sigel.io.read(tmp_path / given, raw=True).n_obs == 4


def test_bins_go_before_cells_unless_these_are_asked_for(tmp_path):
    outs = tmp_path / "outs"
    visium_cells(outs / "segmented_outputs")
    visium(outs / "binned_outputs" / "square_008um", positions="tissue_positions.parquet")
    assert "array_row" in sigel.io.read(outs).obs
    assert sigel.io.describe(outs)[0].choices["platform"] == ("visium_hd", "visium_hd_cells")
    cells = sigel.io.read(outs, platform="visium_hd_cells")
    assert cells.obs_names[0].startswith("cellid_")
    assert sigel.io.read(outs / "segmented_outputs").shape == cells.shape
    with pytest.raises(InputError, match=r"`bin_size`.*Space Ranger"):
        sigel.io.read(outs, platform="visium_hd_cells", bin_size=8)


def test_cells_reach_r_with_their_picture(tmp_path):
    _, centres = visium_cells(tmp_path / "segmented_outputs")
    pieces = bridge.read_section(path=str(tmp_path / "segmented_outputs"))
    np.testing.assert_allclose(pieces["coordinates"], centres)
    (picture,) = pieces["pictures"].values()
    assert str(picture["path"]).endswith("tissue_lowres_image.png")


def test_pieces_of_the_outlines_may_end_anywhere(tmp_path, monkeypatch):
    _, centres = visium_cells(tmp_path)
    for size in (1, 7, 64):
        monkeypatch.setattr("sigel.io._geojson._PIECE", size)
        np.testing.assert_allclose(sigel.io.read(tmp_path).obsm["spatial"], centres)


def test_a_hole_is_no_part_of_a_cell(tmp_path):
    visium_cells(tmp_path)
    path = tmp_path / "cell_segmentations.geojson"
    said = json.loads(path.read_text())
    outer = [[0, 0], [4, 0], [4, 2], [0, 2], [0, 0]]
    hole = [[2, 0], [4, 0], [4, 2], [2, 2], [2, 0]]
    said["features"][-1]["geometry"] = {"type": "Polygon", "coordinates": [outer, hole]}
    path.write_text(json.dumps(said))
    assert sigel.io.read(tmp_path).obsm["spatial"][0].tolist() == [1.0, 1.0]


def test_cells_without_an_outline_are_left_out_and_it_is_said(tmp_path):
    counts, centres = visium_cells(tmp_path)
    path = tmp_path / "cell_segmentations.geojson"
    said = json.loads(path.read_text())
    said["features"] = said["features"][1:]  # that of the last cell
    path.write_text(json.dumps(said))
    with pytest.warns(UserWarning, match="1 of 4 cells have no outline"):
        adata = sigel.io.read(tmp_path)
    np.testing.assert_array_equal(adata.X.toarray(), counts[:3])
    np.testing.assert_allclose(adata.obsm["spatial"], centres[:3])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[: len(text) // 2], "cut off"),
        (lambda text: text.replace("features", "fixtures"), "no list of features"),
        (lambda text: text.replace("Polygon", "Point"), "shapes of kind"),
        (lambda text: text.replace('"cell_id": 3}', '"cell_id": 1}'), "cell 1 twice"),
        (lambda text: text.replace('"cell_id"', '"name"'), "without the number"),
        (lambda text: text.replace('"cell_id": ', '"cell_id": 9'), "none of which has an outline"),
        (lambda text: text.replace('"cell_id": ', f'"cell_id": {10**19}'), "without the number"),
        (lambda text: text.replace("[8.0,", "[NaN,"), "without places"),
        (lambda _: "", "no list of features"),
        (lambda _: '{"features": []}', "no outline in it"),
        (lambda _: '{"features": [3]}', "cannot be read"),
    ],
)
def test_outlines_that_cannot_be_used_are_refused(tmp_path, change, says):
    visium_cells(tmp_path)
    path = tmp_path / "cell_segmentations.geojson"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=f"`path`.*{says}"):
        sigel.io.read(tmp_path)


def test_the_number_of_a_cell_is_the_last_of_its_name():
    from sigel.io._geojson import _number_of

    names = {"sample2_cellid_5": 5, "cellid_000000012-1": 12, "7": 7}
    assert {name: _number_of({"properties": {"cell_id": name}}) for name in names} == names


def test_half_a_folder_of_cells_says_what_is_missing(tmp_path):
    visium_cells(tmp_path)
    (tmp_path / "cell_segmentations.geojson").unlink()
    with pytest.raises(InputError, match=r"outlines of the cells: cell_segmentations\.geojson"):
        sigel.io.read(tmp_path)
    visium_cells(tmp_path / "b" / "segmented_outputs")
    for path in (tmp_path / "b" / "segmented_outputs").glob("*.h5"):
        path.unlink()
    with pytest.raises(InputError, match=r"counts: filtered_feature_cell_matrix\.h5"):
        sigel.io.read(tmp_path / "b")


# --- bins of one tissue -----------------------------------------------------------------------------------


def test_bins_of_one_tissue_are_never_taken_for_sections(tmp_path, monkeypatch):
    bins = tmp_path / "brain" / "outs" / "binned_outputs"
    for size in ("008", "016"):
        visium(bins / f"square_{size}um", positions="tissue_positions.parquet")
    wanted = sigel.io.read(bins)
    monkeypatch.chdir(bins)
    for same in (".", "../binned_outputs"):
        there = sigel.io.read(same)
        assert (there.shape, list(there.uns["spatial"])) == (wanted.shape, ["brain"])
    monkeypatch.chdir(bins / "square_016um")
    assert sigel.io.describe("..")[0].choices == {"bin_size": (8, 16)}
    bins.rename(tmp_path / "bins")
    with pytest.raises(InputError, match="bins of one tissue: square_008um, square_016um"):
        sigel.io.read(tmp_path / "bins")


# --- zarr stores of Xenium --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "cells", "within"),
    [(True, True, ""), (True, True, "cells.zarr/"), (True, False, ""), (False, True, "")],
)
def test_xenium_is_read_from_its_zarr_stores_where_others_are_missing(tmp_path, matrix, cells, within):
    counts = xenium(tmp_path / "plain")
    wanted = sigel.io.read(tmp_path / "plain")
    xenium_zarr(tmp_path / "x", matrix=matrix, cells=cells, within=within)
    for path in (tmp_path / "x").glob("*.zarr.zip") if within else ():
        # As a folder that was packed by hand.
        rewritten(path, lambda parts: {k: v for k, v in parts.items() if k.startswith(within)})
    adata = sigel.io.read(tmp_path / "x")
    assert adata.obs_names.tolist() == [f"aaab{letter}aaa-1" for letter in "abcdefg"]
    np.testing.assert_array_equal(adata.X.toarray(), counts[:, : len(GENES)])
    np.testing.assert_allclose(adata.obsm["spatial"], wanted.obsm["spatial"])
    assert adata.obs.columns.tolist() == ["cell_area"]
    assert adata.var_names.tolist() == GENES
    others = adata.uns["other_features"]
    assert dict(others["feature_types"]) == CONTROLS  # and no sums over genes
    np.testing.assert_array_equal(adata.obsm["other_features"].toarray(), counts[:, len(GENES) :])
    (found,) = sigel.io.describe(tmp_path / "x")
    assert (found.platform, found.n_obs, found.n_vars) == ("xenium", 7, 5)


def rewritten(path, change):
    """The zip file with other parts: `change` takes and gives them by name."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in change(parts).items():
            archive.writestr(name, content)


def of_shape(parts, name, shape):
    said = json.loads(parts[name])
    return {**parts, name: json.dumps({**said, "shape": shape, "chunks": shape}).encode()}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda parts: {**parts, "../../evil": b"x"}, "outside of it"),
        (lambda parts: {**parts, "/evil": b"x"}, "outside of it"),
        (lambda parts: {**parts, "C:\\evil": b"x"}, "outside of it"),
        (lambda parts: {**parts, "cell_features/more": bytes(1 << 24)}, "once unpacked"),
        (lambda parts: of_shape(parts, "cell_features/data/.zarray", [10**12]), "once unpacked"),
        (lambda parts: {k: v for k, v in parts.items() if k != "cell_features/indices/0"}, "lacks 1 of 1"),
        (lambda parts: {k: v for k, v in parts.items() if not k.endswith("zgroup")}, "no zarr store in it"),
        (lambda parts: {k: v for k, v in parts.items() if "indptr" not in k}, "without 'indptr'"),
        (lambda parts: {k: v for k, v in parts.items() if "cell_features" not in k}, "found 'cell_feature_m"),
    ],
)
def test_a_zip_file_that_is_damaged_or_meant_to_harm_is_refused(tmp_path, change, says, monkeypatch):
    monkeypatch.setattr("sigel.io._zarr_zip._SPARED", 1 << 20)
    xenium_zarr(tmp_path / "x")
    rewritten(tmp_path / "x" / "cell_feature_matrix.zarr.zip", change)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=f"`path`.*{says}"):
        sigel.io.read(tmp_path / "x")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "cells_of",
    [
        lambda cells: np.where(np.arange(len(cells)) == 1, -400_000_000, cells.astype(np.int64)),
        lambda cells: np.where(np.arange(len(cells)) == 1, -1, cells.astype(np.int64)),
        lambda cells: cells + 7,
        lambda cells: cells + 0.5,
    ],
    ids=["far before", "before", "behind", "between"],
)
def test_counts_of_cells_that_are_not_there_are_refused(tmp_path, cells_of):
    xenium_zarr(tmp_path, cells_of=cells_of)
    with pytest.raises(InputError, match="whose counts do not go together"):
        sigel.io.read(tmp_path)


def test_a_file_that_is_no_zip_file_is_refused(tmp_path):
    xenium_zarr(tmp_path)
    path = tmp_path / "cells.zarr.zip"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match=r"cells\.zarr\.zip', which cannot be read"):
        sigel.io.read(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"places of the cells: .*cells\.zarr\.zip"):
        sigel.io.read(tmp_path)


def test_cells_that_have_numbers_for_names_keep_them():
    from sigel.io._xenium_zarr import names_of_cells

    assert names_of_cells(np.array([1, 20], dtype=np.uint32)).tolist() == ["1", "20"]
    assert names_of_cells(np.array([[0, 2]], dtype=np.uint32)).tolist() == ["aaaaaaaa-2"]
