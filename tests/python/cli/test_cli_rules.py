"""Exit codes, refusals, what is left of a failure, what is said where."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys

import anndata
import pytest

pytest.importorskip("cyclopts")

import sigel
from sigel.cli import _outputs
from sigel.cli._inputs import read_given
from sigel.cli._options import Reading
from sigel.cli._samples import samples_at
from sigel.cli._values import levels_in, names_in, settings_in
from sigel.cli._words import in_words_of_command_line
from sigel.errors import InputError
from sigel.io import _read


def names_in_folder(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_verb_or_an_option_that_there_is_not_is_a_usage_error(run, files):
    for words in (["nothing"], ["embed"], ["genes", files / "section.h5ad", "-o", "-", "--nothing", 1]):
        said = run(*words)
        assert (said.code, said.out) == (2, "")
        assert "--help says what can be asked for" in said.err
    assert "Unknown option" in said.err
    assert "'x'" in run("genes", "x", "-o", "-", "--n-nulls", "x").err.replace('"', "'")


def test_an_error_is_told_in_words_of_the_command_line(run, files):
    said = run("similar", files / "embedded.h5ad", "-o", "-", "--genes", "GENE0001")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("sigel: --genes: found 'GENE0001', unknown here (nearest: 'Gene0001'")
    assert "Traceback" not in said.err
    said = run("similar", files / "section.h5ad", "-o", "-", "--genes", "Gene0001")
    assert "Call sigel embed INPUT -o OUTPUT.h5ad" in said.err
    assert "tl." not in said.err


def test_debug_shows_where_an_error_comes_from(run, files):
    with pytest.raises(InputError):
        run("similar", files / "embedded.h5ad", "-o", "-", "--genes", "nothing", "--debug")


def test_an_input_that_there_is_not(run, tmp_path):
    said = run("genes", tmp_path / "nothing", "-o", "-")
    assert said.code == 1
    assert said.err.startswith("sigel: INPUT: found ")


def test_two_inputs_of_one_name_are_refused(run, files, tmp_path):
    (tmp_path / "section.h5ad").write_bytes((files / "section.h5ad").read_bytes())
    said = run("genes", files / "section.h5ad", tmp_path / "section.h5ad", "-o", "-")
    assert said.code == 1
    assert "two sections named 'section'" in said.err


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("out.docx", "ends in .tsv, .csv, .json or .h5ad, or - for standard output"),
        ("no/folder/out.tsv", "a folder that is not there"),
        ("folder.tsv", "a folder"),
        ("there.tsv", "is there already"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_work(
    run, files, tmp_path, monkeypatch, output, words
):
    (tmp_path / "folder.tsv").mkdir()
    (tmp_path / "there.tsv").write_text("mine")
    monkeypatch.setattr("sigel.cli._genes.read_given", None)  # would fail otherwise
    said = run("genes", files / "section.h5ad", "-o", tmp_path / output)
    assert said.code == 1
    assert words in said.err
    assert said.err.startswith("sigel: --output: found ")
    assert (tmp_path / "there.tsv").read_text() == "mine"


def test_a_verb_without_a_table_has_none_for_standard_output(run, files):
    said = run("embed", files / "section.h5ad", "-o", "-")
    assert said.code == 1
    assert "wanted a name that ends in .h5ad." in said.err


def test_the_input_is_replaced_only_by_force(run, files, tmp_path):
    path = tmp_path / "section.h5ad"
    path.write_bytes((files / "section.h5ad").read_bytes())
    before = path.read_bytes()
    said = run("genes", path, "-o", path, "--no-score")
    assert said.code == 1
    assert "which is the input" in said.err
    assert "--force" in said.err
    assert path.read_bytes() == before
    assert run("genes", path, "-o", path, "--no-score", "--force").code == 0
    assert "sigel_spatial_rank" in anndata.read_h5ad(path).var


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there_and_nothing_else(run, files, tmp_path, monkeypatch, error):
    to = tmp_path / "out.h5ad"
    to.write_text("mine")

    def fail(self, path, **_):
        path.write_text("half")
        raise error

    monkeypatch.setattr("sigel.io._hdf5.write_h5ad", fail)
    said = run("genes", files / "section.h5ad", "-o", to, "--no-score", "--force")
    assert said.code == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert ("interrupted" if said.code == 130 else "No space left") in said.err
    assert names_in_folder(tmp_path) == ["out.h5ad"]
    assert to.read_text() == "mine"


def test_what_appears_while_the_work_is_done_is_not_replaced(tmp_path):
    path = tmp_path / "out.tsv"

    def write():
        with _outputs.replaced(path, force=False) as place:
            place.write_text("new")
            path.write_text("of another")

    with pytest.raises(InputError, match="there already"):
        write()
    assert path.read_text() == "of another"
    assert names_in_folder(tmp_path) == ["out.tsv"]


def test_what_was_not_foreseen_is_one_line(run, files, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(sigel.tl, "spatial_genes", fail)
    said = run("genes", files / "section.h5ad", "-o", "-")
    assert said.code == 1
    assert "ZeroDivisionError: by zero" in said.err
    assert "--debug" in said.err


def test_warnings_are_told_on_standard_error_unless_quiet(run, files, monkeypatch):
    from sigel import errors

    real = sigel.tl.spatial_genes

    def warns(*given, **options):
        errors.warn("Mind `n_nulls`.")
        return real(*given, **options)

    monkeypatch.setattr(sigel.tl, "spatial_genes", warns)
    words = ("genes", files / "section.h5ad", "-o", "-", "--no-score")
    assert run(*words).err == "sigel: warning: Mind --n-nulls.\n"
    said = run(*words, "--quiet")
    assert said.err == ""
    assert said.out.startswith("gene\t")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_ctrl_c_ends_with_130_and_no_output(files, tmp_path):
    # As a terminal does, while the work goes on: however fast the machine, it has not ended.
    code = (
        "import os, signal, time, sigel.tl\n"
        # What runs in the background of a script is started with the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def interrupted(*_, **__):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(50)\n"
        "sigel.tl.disease_genes = interrupted\n"
        "from sigel.__main__ import main\n"
        "main()"
    )
    words = ["compare", "-o", str(tmp_path / "out.tsv"), "--samples", str(files / "samples.csv")]
    process = subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT), err
    assert names_in_folder(tmp_path) == []


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_a_job_that_is_ended_while_it_writes_leaves_nothing(files, tmp_path):
    code = (
        "import os, signal, sigel.io._hdf5 as hdf5\n"
        "def write(self, path, **_):\n"
        "    path.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "hdf5.write_h5ad = write\n"
        "from sigel.__main__ import main\n"
        "main()"
    )
    words = ["genes", str(files / "section.h5ad"), "-o", str(tmp_path / "out.h5ad"), "--no-score"]
    assert subprocess.run([sys.executable, "-c", code, *words]).returncode == 128 + signal.SIGTERM
    assert names_in_folder(tmp_path) == []


@pytest.mark.nightly
def test_a_reader_that_has_enough_is_no_error(files):
    code = "import sys; from sigel.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "genes", str(files / "section.h5ad"), "-o", "-", "--no-score"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=120) == 141
    assert err == ""


def test_words_of_functions_become_words_of_the_command_line():
    options = ["n_groups", "n", "genes", "raw"]
    said = in_words_of_command_line("`n_groups`: found 0. Use n_groups=20, or raw=True; `adata`.", options)
    assert said == "--n-groups: found 0. Use --n-groups 20, or --raw; INPUT."
    assert in_words_of_command_line("`sections[1]`: found x", options) == "INPUT 2: found x"
    assert in_words_of_command_line("xn=3 and mean=4", options) == "xn=3 and mean=4"
    said = in_words_of_command_line("wanted 2 or None. Use n=2, or None to have it chosen.", options)
    assert said == "wanted 2 or nothing. Use --n 2, or nothing to have it chosen."
    assert in_words_of_command_line("Use genes=None for all.", options) == "Use no --genes for all."
    said = in_words_of_command_line('Lower it, for example config={"image": {"min_spots": 1}}, or', options)
    assert said == """Lower it, for example --config '{"image": {"min_spots": 1}}', or"""


def test_a_refusal_about_few_genes_names_the_option_that_mends_it(run, files, tmp_path):
    for name in ("section", "second"):
        anndata.read_h5ad(files / f"{name}.h5ad")[:, :15].write_h5ad(tmp_path / f"{name}.h5ad")
    few = (tmp_path / "section.h5ad", tmp_path / "second.h5ad")
    strict = '{"image": {"min_spots": 10000}}'
    for words in (few, (files / "section.h5ad", "--config", strict)):
        said = run("embed", *words, "-o", tmp_path / "out.h5ad")
        assert said.code == 1
        assert """--config '{"image": {"min_spots": 1}}'""" in said.err
        assert "config=" not in said.err
    said = run("embed", *few, "-o", tmp_path / "out.h5ad")
    last = said.err.splitlines()[-1]
    assert last.startswith("sigel: INPUT: found 15 genes with an image in all sections")


def test_values_that_stand_for_nothing_are_refused(tmp_path):
    (tmp_path / "list.json").write_text("[1]")
    for text in ("{", str(tmp_path / "nothing.json"), str(tmp_path / "list.json")):
        with pytest.raises(InputError, match="`config`"):
            settings_in(text)
    (tmp_path / "empty.txt").write_text("\n")
    for word in (f"@{tmp_path / 'empty.txt'}", "@nothing"):
        with pytest.raises(InputError, match="`genes`"):
            names_in([word], "genes")
    for word in ("ring", "ring=high", "=0.9"):
        with pytest.raises(InputError, match="`levels`"):
            levels_in([word])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("name,condition\na,x\n", "Call the column of the names of sections section"),
        ("section,condition\na,x\na,y\n", "'a' twice"),
        ("section,condition\na,x\n,y\n", "a row without a section"),
        ("section,condition\ndonor0,x\ndonor2,y\n", "without the section"),
    ],
)
def test_a_table_of_samples_that_cannot_be_used(run, files, tmp_path, table, words):
    (tmp_path / "samples.csv").write_text(table)
    inputs = (files / "donor0.h5ad", files / "donor1.h5ad")
    said = run("compare", *inputs, "-o", "-", "--samples", tmp_path / "samples.csv")
    assert said.code == 1
    assert said.err.startswith("sigel: --samples: found ")
    assert words in said.err


def test_a_table_of_samples_that_cannot_be_read(run, files, tmp_path):
    inputs = (files / "donor0.h5ad", files / "donor1.h5ad")
    for name, content in {"empty.csv": b"", "packed.csv.gz": b"no such thing", "none.csv": None}.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        said = run("compare", *inputs, "-o", "-", "--samples", tmp_path / name)
        assert said.code != 0
        assert "--samples" in said.err
        assert name in said.err


def test_a_row_of_samples_without_a_file_is_refused(run, tmp_path):
    (tmp_path / "samples.csv").write_text("section,path,condition\na,a.h5ad,x\nb,,y\n")
    said = run("compare", "-o", "-", "--samples", tmp_path / "samples.csv")
    assert said.err.startswith("sigel: --samples: found no path for the section 'b'; wanted a path for each")


@pytest.mark.parametrize(
    "name", ["samples.csv", "samples.csv.gz", "SAMPLES.CSV.GZ", "samples.tsv", "samples.gz"]
)
def test_a_table_of_samples_may_be_packed(tmp_path, name):
    between = "," if "csv" in name.lower() else "\t"
    text = "section,condition\na,x\nb,y\n".replace(",", between).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.lower().endswith("gz") else text)
    assert samples_at(tmp_path / name)["condition"].tolist() == ["x", "y"]


def test_an_input_is_read_again_only_where_it_has_no_counts_but_in_the_layer(tmp_path, monkeypatch):
    adata = sigel.datasets.simulated_section(8, 8, 2, 4, 6)
    adata.layers["counts"] = adata.X.copy()
    adata.X = None
    adata.write_h5ad(tmp_path / "a.h5ad")
    asked = []
    real = _read.read_samples
    monkeypatch.setattr(_read, "read_samples", lambda *given: asked.append(given[3].layer) or real(*given))
    reading = Reading(layer="counts")
    assert read_given([tmp_path / "a.h5ad"], reading).sections["a"].X is not None
    assert asked == [None, "counts"]
    asked.clear()
    (tmp_path / "b.h5ad").write_bytes(b"no HDF5 file")
    with pytest.raises(InputError, match="cannot be read"):
        read_given([tmp_path / "b.h5ad"], reading)
    assert asked == [None]


@pytest.mark.parametrize(("verb", "ending"), [("embed", ".h5ad"), ("genes", ".tsv"), ("report", ".html")])
def test_a_command_without_an_output_is_told_the_call(run, verb, ending):
    done = run(verb, "section.h5ad")
    assert done.code == 2
    assert f"wants -o OUTPUT, the file to write: sigel {verb} INPUT -o OUTPUT{ending}" in done.err


def test_a_table_of_samples_without_its_columns_is_told_of_both(run, tmp_path):
    (tmp_path / "samples.csv").write_text("a,b\n1,2\n")
    done = run("compare", "-o", tmp_path / "out.tsv", "--samples", tmp_path / "samples.csv")
    assert "names of sections section, or that of their files path." in done.err
    assert run("compare", "-o", tmp_path / "out.tsv").err.startswith("sigel: INPUT: found none")


def test_a_folder_of_files_is_told_to_name_one(run, tmp_path):
    for name in ("b.h5ad", "a.h5ad", "table.tsv.gz"):
        (tmp_path / name).write_text("")
    done = run("info", tmp_path)
    assert f"wanted one file, or the folder of a platform. Name one: '{tmp_path / 'a.h5ad'}'" in done.err
    done = run("info", tmp_path / "a.h5ad", "--platform", "visium")
    assert f"Give the folder that it lies in: '{tmp_path}'" in done.err
    done = run("info", tmp_path / "table.tsv.gz")
    assert "Name an .h5ad file, or the folder that an instrument's software wrote." in done.err


def test_a_folder_of_no_platform_is_told_what_platforms_have(run, tmp_path):
    (tmp_path / "notes.txt").write_text("")
    done = run("info", tmp_path)
    assert (
        "wanted the folder of a platform. Name the folder with the files of one:\n  Space Ranger" in done.err
    )
    assert max(map(len, done.err.splitlines()[1:])) < 100
