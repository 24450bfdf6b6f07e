"""mclust through rpy2: R's own numbers, R and process left as they were, what can be missing, inside R."""

from __future__ import annotations

import doctest
import importlib
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from planted_tissue import find, planted_domains
from sigel.errors import InputError
from sigel.tasks.domains.mclust import mclust

ROOT = Path(__file__).resolve().parents[4]
MODELS = ("EEE", "VVV", "EII", "VVI")


def environment(**changes):
    """Of a child: the project's R library, and this Python for reticulate."""
    libraries = os.pathsep.join(filter(None, [str(ROOT / ".rlib"), os.environ.get("R_LIBS")]))
    wanted = {**os.environ, "R_LIBS": libraries, "RETICULATE_PYTHON": sys.executable, **changes}
    return {name: value for name, value in wanted.items() if value is not None}


def rscript(code, *arguments):
    """What R prints for some code."""
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("R is not installed")
    command = [program, "-e", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def r():
    """R, running."""
    rinterface = pytest.importorskip("rpy2.rinterface", exc_type=Exception)
    try:
        mclust(np.random.default_rng(0).normal(size=(30, 2)), 1)
    except InputError as error:
        if error.argument == "method":
            pytest.skip(str(error))
        raise
    return lambda code: rinterface.evalr_expr(rinterface.parse(code))


@pytest.fixture
def draws(r):
    """mclust draws rows for its start where there are more than 200, not 2,000 as ever."""
    r('unlockBinding(".mclust", asNamespace("mclust"))')  # as attaching it would
    r("mclust::mclust.options(subset = 200)")
    yield
    r("mclust::mclust.options(subset = 2000)")


def blobs(n_points=300, n_columns=3, n_groups=3, gap=4.0, seed=0):
    """Overlapping groups of unlike spread, and which point is of which."""
    rng = np.random.default_rng(seed)
    which = np.arange(n_points) % n_groups
    centres = gap * rng.normal(size=(n_groups, n_columns))
    return centres[which] + rng.normal(size=(n_points, n_columns)) * (1 + which[:, None] / 2), which


# --- the numbers -----------------------------------------------------------------------------------------


def test_labels_posteriors_and_bic_are_those_of_r(r, draws, tmp_path):
    x, _ = blobs(gap=1.5)
    many, _ = blobs(600, 4, 4, gap=1.2, seed=1)
    x.tofile(tmp_path / "x")
    many.tofile(tmp_path / "many")
    code = """
    suppressMessages(library(mclust))
    folder <- commandArgs(TRUE)[1]
    read <- function(name, columns) {
      file <- file.path(folder, name)
      matrix(readBin(file, "double", file.size(file) / 8), ncol = columns, byrow = TRUE)
    }
    write <- function(fit, name) {
      writeBin(c(fit$bic, fit$classification, fit$z), file.path(folder, paste0(name, ".out")))
    }
    x <- read("x", 3)
    mclust.options(subset = 200)
    set.seed(0)
    write(Mclust(x, 1:4, "VVV", verbose = FALSE), "chosen")
    set.seed(11)
    write(Mclust(read("many", 4), 4, "EEE", verbose = FALSE), "many")
    mclust.options(subset = 2000)
    for (model in commandArgs(TRUE)[-1]) write(Mclust(x, 3, model, verbose = FALSE), model)
    """
    rscript(code, tmp_path, *MODELS)

    def check(found, name):
        wanted = np.fromfile(tmp_path / f"{name}.out")
        n = len(found.label)
        assert found.bic == pytest.approx(wanted[0], rel=1e-9)
        assert np.array_equal(found.label, wanted[1 : n + 1] - 1)
        # Another process may round otherwise, as with other threads of the BLAS.
        assert np.allclose(found.posterior, wanted[n + 1 :].reshape(n, -1, order="F"), atol=1e-6)
        assert found.n_components == found.posterior.shape[1]

    check(mclust(x, range(1, 5), "VVV"), "chosen")
    check(mclust(many, 4, seed=11), "many")
    r("mclust::mclust.options(subset = 2000)")
    for model in MODELS:
        found = mclust(x, 3, model)
        assert found.model_name == model
        check(found, model)


def test_groups_far_apart_are_found_and_their_number_too(r):
    x, which = blobs(gap=20)
    found = mclust(x, [1, 2, 3, 4, 5], "VVV")
    assert found.n_components == 3
    assert len(set(zip(which, found.label, strict=True))) == 3
    assert found.label.dtype.kind == "i"
    assert np.allclose(found.posterior.sum(axis=1), 1)
    assert np.array_equal(found.posterior.argmax(axis=1), found.label)


def test_the_seed_alone_decides_where_rows_are_drawn(r, draws):
    x, _ = blobs(600, 4, 4, gap=0.8)
    first, again, other = (mclust(x, 4, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.posterior, again.posterior)
    assert not np.array_equal(first.posterior, other.posterior)
    assert mclust(x[:50], 2, seed=2**40).n_components == 2  # R's seeds end before that


def test_single_columns_and_single_components(r):
    x, _ = blobs(gap=20)
    assert mclust(x[:, :1], 3, "E").posterior.shape == (300, 3)
    only = mclust(x, 1)
    assert not only.label.any()
    assert np.allclose(only.posterior, 1)


def test_rows_keep_their_order_in_any_layout(r):
    x, _ = blobs(gap=1.5)
    wanted = mclust(x, 3).label
    assert np.array_equal(mclust(np.asfortranarray(x), 3).label, wanted)
    assert np.array_equal(mclust(np.repeat(x, 2, axis=1)[:, ::2], 3).label, wanted)
    assert np.array_equal(mclust(x.tolist(), 3).label, wanted)


def test_the_example():
    module = importlib.import_module("sigel.tasks.domains.mclust")
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


# --- what is left behind ---------------------------------------------------------------------------------


def seed_of(r):
    return list(r('get0(".Random.seed", globalenv(), inherits = FALSE)')), list(r("RNGkind()"))


@pytest.mark.parametrize(
    "kind",
    ['"Mersenne-Twister", "Inversion", "Rejection"', '"Wichmann-Hill", "Box-Muller", "Rounding"'],
)
@pytest.mark.parametrize("fails", [False, True])
def test_random_numbers_of_r_go_on_as_they_were(r, draws, kind, fails):
    r(f"suppressWarnings(RNGkind({kind}))")
    r("set.seed(5)")
    r("c(runif(3), rnorm(1))")
    before = seed_of(r)
    try:
        if fails:
            with pytest.raises(InputError):
                mclust(np.zeros((30, 2)), 2, "VVV")
        else:
            mclust(blobs()[0], 3)
        assert seed_of(r) == before
        drawn = list(r("runif(2)"))
        r("set.seed(5)")
        r("c(runif(3), rnorm(1))")
        assert list(r("runif(2)")) == drawn
    finally:
        r('suppressWarnings(RNGkind("default", "default", "default"))')


def test_an_r_that_has_drawn_nothing_still_has_not(r, draws):
    r('if (exists(".Random.seed", globalenv())) rm(".Random.seed", envir = globalenv())')
    mclust(blobs()[0], 3)
    assert not r('exists(".Random.seed", globalenv(), inherits = FALSE)')[0]


def test_nothing_is_attached_written_or_printed(r, capfd):
    def state():
        return list(r("c(search(), ls(globalenv(), all.names = TRUE))"))

    r("set.seed(1)")
    before = state()
    mclust(blobs()[0], 3)
    with pytest.raises(InputError):
        mclust(np.zeros((30, 2)), 2, "VVV")
    assert state() == before
    assert capfd.readouterr() == ("", "")


# A fresh process, in which R has not run: what importing and what starting it changes.
STARTING = """
import os, signal, sys
import sigel, sigel.bridge, sigel.pl, sigel.tl, sigel.tasks.domains.mclust
assert not [name for name in sys.modules if name.split(".")[0] in {"rpy2", "igraph", "leidenalg", "SpaGCN"}]
mine = lambda *_: None
signal.signal(signal.SIGINT, mine)
before = dict(os.environ)
import numpy as np
try:
    print(sigel.tasks.domains.mclust.mclust(np.arange(40.0).reshape(20, 2) ** 1.1, 1).n_components)
except sigel.errors.InputError as error:
    print(error)
assert signal.getsignal(signal.SIGINT) is mine
assert {name: os.environ.get(name) for name in before} == before
assert all(name.startswith(("R_", "PYTHON_SESSION")) for name in set(os.environ) - set(before))
"""


def started(**changes):
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", STARTING],
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.nightly
def test_importing_does_not_start_r_and_starting_it_leaves_the_process_alone(r):
    assert started() == "1\n"


# --- what can be missing ---------------------------------------------------------------------------------


def test_without_rpy2_the_line_that_installs_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "rpy2", None)
    with pytest.raises(InputError, match=r'`method`.*rpy2 is not installed.*pip install "sigel\[mclust\]"'):
        mclust(np.eye(5), 1)


def test_an_rpy2_that_does_not_import_with_this_r_is_said(monkeypatch):
    if shutil.which("R") is None:
        pytest.skip("R is not installed")
    monkeypatch.setitem(sys.modules, "rpy2", types.ModuleType("rpy2"))
    monkeypatch.delitem(sys.modules, "rpy2.rinterface", raising=False)
    with pytest.raises(InputError, match=r'`method`.*does not work with this R.*"sigel\[mclust\]"'):
        mclust(np.eye(5), 1)


@pytest.mark.nightly
def test_without_r_its_absence_is_said(tmp_path):
    pytest.importorskip("rpy2")
    said = started(PATH=str(tmp_path), R_HOME=None)
    assert "`method`: found 'mclust', but R is not installed or not on the PATH" in said
    assert 'install.packages("mclust")' in said


@pytest.mark.nightly
def test_without_mclust_in_r_the_line_that_installs_it_is_said(r, tmp_path):
    if list(r('list.files(.Library, "^mclust$")')):
        pytest.skip("mclust is among the packages that R itself came with")
    elsewhere = dict.fromkeys(("R_LIBS", "R_LIBS_SITE", "R_LIBS_USER"), str(tmp_path))
    said = started(**elsewhere)
    assert "`method`: found 'mclust', but R has no mclust" in said
    assert 'install.packages("mclust")' in said


def test_the_verb_finds_the_planted_domains(r):
    adata = find(planted_domains(), 4, method="mclust")
    assert adjusted_rand_score(adata.obs["region"], adata.obs["sigel_domain"]) >= 0.8
    assert adata.uns["sigel"]["domains"]["method"] == "mclust"
    assert adata.obs["sigel_domain_prob"].between(0.25, 1).all()


# --- wrong input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"model_name": "EEEE"}, r"`model_name`.*'EEEE'.*nearest.*'EEE'.*one of EII, VII, .*VVV"),
        ({"model_name": 3}, r"`model_name`.*3"),
        ({"n_components": 0}, "`n_components`.*0"),
        ({"n_components": 301}, "`n_components`.*301.*300 points"),
        ({"n_components": 2.5}, "`n_components`.*2.5"),
        ({"n_components": True}, "`n_components`.*True"),
        ({"n_components": "3"}, "`n_components`.*'3'"),
        ({"n_components": []}, r"`n_components`.*\[\]"),
        ({"n_components": [2, None]}, "`n_components`.*None"),
        ({"n_components": None}, "`n_components`.*None"),
        ({"x": np.full((5, 2), np.nan)}, "`x`.*NaN"),
        ({"x": np.arange(5.0)}, r"`x`.*\(5,\)"),
        ({"x": np.zeros((0, 2))}, r"`x`.*\(0, 2\)"),
        ({"seed": -1}, "`seed`.*-1"),
        ({"seed": 1.5}, "`seed`.*1.5"),
    ],
)
def test_bad_arguments_are_named(r, arguments, words):
    with pytest.raises(InputError, match=words):
        mclust(**{"x": blobs()[0], "n_components": 3, **arguments})


def test_models_of_single_columns_are_named(r):
    with pytest.raises(InputError, match=r"`model_name`.*'EEE'.*one of E, V\. "):
        mclust(blobs()[0][:, :1], 3)


def test_a_mixture_that_cannot_be_fitted_is_said_with_what_to_try(r):
    x = np.random.default_rng(0).normal(size=(8, 10))  # more columns than points
    with pytest.raises(InputError, match=r"`model_name`.*no VVV mixture of 2 or 3 .* 8 x 10 .*EEE, EEI, EII"):
        mclust(x, [2, 3], "VVV")
    with pytest.raises(InputError, match=r"`model_name`.*no VVV mixture of 2 components.*zero"):
        mclust(np.zeros((30, 2)), 2, "VVV")  # here R itself stops


# --- inside R --------------------------------------------------------------------------------------------

WITHIN = """
library(reticulate)
sigel <- import("sigel.tasks.domains.mclust")
signal <- import("signal")
handlers <- function() {
  of_process <- py_eval("__import__('ctypes').pythonapi.PyOS_getsig")
  of_process$restype <- py_eval("__import__('ctypes').c_void_p")
  list(py_str(signal$getsignal(2L)), format(of_process(2L)))
}
set.seed(2)
x <- matrix(rnorm(900), 300) + rep(c(0, 3, 6), each = 100)
Sys.setenv(SIGEL_SINCE = "after Python began")
own <- local({
  frame <- new.env(parent = asNamespace("mclust"))
  frame$x <- x
  eval(quote(Mclust(x, 3, "VVV", verbose = FALSE)), frame)
})
ours <- handlers()
RNGkind("Wichmann-Hill")
set.seed(3)
environment_before <- Sys.getenv()
search_before <- search()
found <- error <- zero <- said <- i <- again <- seed_before <- seed_after <- names_before <- NULL
names_before <- ls(all.names = TRUE)
seed_before <- .Random.seed
found <- sigel$mclust(x, 3L, "VVV")
seed_after <- .Random.seed
said <- function(call) tryCatch(call, error = conditionMessage)
error <- said(sigel$mclust(x, 3L, "VVVV"))
zero <- said(sigel$mclust(x * 0, 3L, "VVV"))
for (i in 1:5) again <- sigel$mclust(x, 1:4, "VVV")
result <- c(
  labels = identical(as.integer(found$label) + 1L, as.integer(own$classification)),
  bic = isTRUE(all.equal(found$bic, own$bic)),
  posterior = isTRUE(all.equal(unname(found$posterior), unname(own$z))),
  again = again$n_components == 3,
  seed = identical(seed_before, seed_after) && identical(seed_before, .Random.seed),
  kind = RNGkind()[1] == "Wichmann-Hill",
  environment = identical(environment_before, Sys.getenv()),
  search = identical(search_before, search()),
  names = identical(names_before, ls(all.names = TRUE)),
  handlers = identical(ours, handlers()),
  error = grepl("model_name.*one of EII", error),
  zero = grepl("no VVV mixture", zero)
)
if (!all(result)) cat(names(result)[!result], sep = "\n")
message("the console is R's own")
cat("end\\n")
"""


@pytest.mark.nightly
def test_it_works_within_r_and_leaves_that_r_alone(r):
    code = 'cat(all(vapply(c("reticulate", "mclust"), requireNamespace, NA, quietly = TRUE)))'
    if rscript(code) != "TRUE":
        pytest.skip("R has no reticulate or no mclust")
    assert rscript(WITHIN) == "end\n"
