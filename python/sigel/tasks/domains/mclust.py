"""Gaussian mixtures by R's mclust, through rpy2. From R the package calls mclust itself."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from sigel.errors import InputError, unknown_name
from sigel.runtime.requires import install_line, requires
from sigel.runtime.seeds import check_seed

# Names of models for several columns, or NULL where R has no mclust.
_MODELS = """
function() if (requireNamespace("mclust", quietly = TRUE)) mclust::mclust.options("emModelNames")
"""
# A function: nothing is left in R's global environment. Mclust() finds mclustBIC() from where it is called
# only, so that is inside its namespace. Above mclust.options("subset") rows it draws some for its start.
_FIT = """
function(x, n_columns, n_components, model, seed) {
  before <- get0(".Random.seed", globalenv(), inherits = FALSE)
  kind <- as.list(RNGkind())
  on.exit({
    suppressWarnings(do.call(RNGkind, kind))
    if (!is.null(before)) {
      assign(".Random.seed", before, envir = globalenv())
      stats::runif(1, 0, 0)  # draws nothing, but has R read the seed: reticulate writes R's own copy back
    } else if (exists(".Random.seed", globalenv(), inherits = FALSE)) {
      rm(".Random.seed", envir = globalenv())
    }
  })
  set.seed(seed, "Mersenne-Twister", "Inversion", "Rejection")
  frame <- new.env(parent = asNamespace("mclust"))
  frame$x <- matrix(x, ncol = n_columns)
  frame$n_components <- n_components
  frame$model <- model
  call <- quote(Mclust(x, G = n_components, modelNames = model, verbose = FALSE))
  tryCatch(
    {
      utils::capture.output(suppressMessages(suppressWarnings(fit <- eval(call, frame))))
      if (!is.null(fit)) {
        list(label = as.integer(fit$classification), posterior = as.double(fit$z), bic = fit$bic)
      }
    },
    error = function(e) list(error = conditionMessage(e))
  )
}
"""
# What R keeps of the environment that rpy2 gives it; a library path, above all, would reach other programs.
_KEPT = ("R_", "PYTHON_SESSION_INITIALIZED")
# Models of few parameters, to be tried where another can't be fitted.
SIMPLE = ("EEE", "EEI", "EII", "E")


@dataclass(frozen=True)
class Mclust:
    """A mixture that mclust fitted.

    Parameters
    ----------
    label
        Component of each point, from 0, `(n_points,)`.
    posterior
        `(n_points, n_components)`.
    bic
        As mclust counts it: twice the log-likelihood less parameters times log points; larger is better.
    model_name
        What components share, as `"EEE"`: volume, shape, orientation, each equal, variable or identity.
    n_components
        Their number; the one of the largest `bic` where several were tried.
    """

    label: np.ndarray
    posterior: np.ndarray
    bic: float
    model_name: str
    n_components: int


def mclust(
    x: np.ndarray,
    n_components: int | Sequence[int],
    model_name: str = "EEE",
    *,
    seed: int = 0,
) -> Mclust:
    """Fit a Gaussian mixture with `mclust::Mclust` of R.

    Parameters
    ----------
    x
        Points, `(n_points, n_columns)`.
    n_components
        Number of components, or several of which the largest BIC chooses one.
    model_name
        One of `mclust.options("emModelNames")`, or `"E"` or `"V"` for a single column.
    seed
        Of the rows that mclust starts from where there are more than 2,000.

    Returns
    -------
    Mclust
        Labels, posteriors and BIC.

    Raises
    ------
    InputError
        When rpy2, R or mclust is missing or does not work, the model is unknown or can't be fitted, or an
        argument is no finite matrix or number of components.

    Notes
    -----
    Scrucca, Fop, Murphy and Raftery 2016 (The R Journal 8:289). R is started at the first call, or is the one
    that Python runs in. Its random numbers, global environment and console are left as they were, and so
    are the variables and the interrupts of this process.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = np.vstack([rng.normal(-4, 1, (40, 2)), rng.normal(4, 1, (60, 2))])
    >>> np.sort(np.bincount(mclust(x, 2).label)).tolist()
    [40, 60]
    """
    points = _points(x)
    numbers = _numbers(n_components, len(points))
    check_seed(seed)
    r = _running_r()
    from rpy2.rinterface_lib import openrlib

    with openrlib.rlock:
        names = _function(r, _MODELS)()
        if names == r.NULL:
            fix = 'Install it in R: install.packages("mclust").'
            raise InputError("method", "'mclust', but R has no mclust", "the R package mclust", fix)
        known = list(names) if points.shape[1] > 1 else ["E", "V"]
        if model_name not in known:
            found, wanted = unknown_name(model_name, known), f"one of {', '.join(known)}"
            raise InputError("model_name", found, wanted, f'Use "{"EEE" if "EEE" in known else "E"}".')
        result = _function(r, _FIT)(
            r.FloatSexpVector(points.ravel(order="F")),
            r.IntSexpVector([points.shape[1]]),
            r.IntSexpVector(numbers),
            r.StrSexpVector([model_name]),
            r.IntSexpVector([int(seed) % 2**31]),
        )
        fit = {} if result == r.NULL else dict(zip(result.names, result, strict=True))
    if "label" not in fit:
        raise _not_fitted(fit, points.shape, numbers, model_name, known)
    label = np.array(fit["label"], dtype=np.int64) - 1
    posterior = np.array(fit["posterior"], dtype=np.float64).reshape(len(points), -1, order="F")
    return Mclust(label, posterior, float(fit["bic"][0]), model_name, posterior.shape[1])


def _not_fitted(
    fit: dict[str, Any], shape: tuple[int, ...], numbers: list[int], model_name: str, known: list[str]
) -> InputError:
    """The refusal of a mixture that mclust could not fit."""
    why = f" ({fit['error'][0]})" if fit else ""
    tried = " or ".join(map(str, numbers))
    found = f"no {model_name} mixture of {tried} components for {' x '.join(map(str, shape))} values{why}"
    simpler = [name for name in SIMPLE if name in known and name != model_name]
    fix = f"Try fewer components or columns, or a model of fewer parameters: {', '.join(simpler)}."
    return InputError("model_name", found, "one that mclust can fit", fix)


def _points(x: np.ndarray) -> np.ndarray:
    """A finite matrix, or an error that says what is wrong."""
    points = np.asarray(x, dtype=np.float64)
    if points.ndim != 2 or not points.size:
        found = f"an array of shape {points.shape}"
        raise InputError("x", found, "a matrix of points and columns", "Use x[:, None] for a single column.")
    if not np.isfinite(points).all():
        raise InputError("x", "NaN or infinite values", "finite numbers", "Drop those points.")
    return points


def _numbers(n_components: int | Sequence[int], n_points: int) -> list[int]:
    """Numbers of components to try, in rising order."""
    several: Any = [n_components] if isinstance(n_components, Integral) else n_components
    usable = isinstance(several, (Sequence, np.ndarray)) and not isinstance(several, str) and len(several) > 0
    if usable:
        whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in several)
        usable = whole and min(several) >= 1 and max(several) <= n_points
    if not usable:
        wanted = f"whole numbers from 1 to the {n_points} points"
        raise InputError("n_components", repr(n_components), wanted, "Use n_components=7.")
    return sorted({int(n) for n in several})


def _running_r() -> Any:
    """`rpy2.rinterface` with R running, or an error that names the missing piece."""
    note = "Where it does not build, set RPY2_CFFI_MODE=ABI first."
    requires("rpy2", "method", "'mclust'", note=note)
    try:
        from rpy2 import rinterface

        _start(rinterface)
    except Exception as error:
        if not os.environ.get("R_HOME") and shutil.which("R") is None:
            found, wanted = "R is not installed or not on the PATH", "R with the package mclust"
            fix = 'Install R, then mclust in it: install.packages("mclust").'
        else:
            found, wanted = f"rpy2 does not work with this R: {error}", "a release of rpy2 that does"
            fix = f"Install the one that fits: {install_line('rpy2')}."
        raise InputError("method", f"'mclust', but {found}", wanted, fix) from error
    return rinterface


def _start(rinterface: Any) -> None:
    """Start R, or join the one that this Python runs in."""
    from rpy2.rinterface_lib import embedded, openrlib

    with openrlib.rlock, _interrupts_kept():
        if embedded.isready():
            return
        if embedded.is_r_externally_initialized() or openrlib.rlib.R_NilValue != openrlib.ffi.NULL:
            # The simple start leaves R's environment alone, but would end R together with Python.
            embedded._setinitialized()
            rinterface.initr_simple()
            atexit.unregister(rinterface.endr)
            return
        before = dict(os.environ)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one for each variable that R sets
            rinterface.initr()
        for name in set(os.environ) - set(before):
            if not name.startswith(_KEPT):
                del os.environ[name]
        os.environ.update(before)


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Leave Ctrl-C to whom it belonged, which rpy2 takes for Python; within R that is R."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    get, put = ctypes.pythonapi.PyOS_getsig, ctypes.pythonapi.PyOS_setsig
    get.argtypes, get.restype = [ctypes.c_int], ctypes.c_void_p
    put.argtypes, put.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
    of_python, of_process = signal.getsignal(signal.SIGINT), get(signal.SIGINT)
    try:
        yield
    finally:
        if of_python is not None:
            signal.signal(signal.SIGINT, of_python)
        put(signal.SIGINT, of_process)


def _function(r: Any, code: str) -> Any:
    """An R function from its code."""
    return r.evalr_expr(r.parse(code), envir=r.baseenv)
