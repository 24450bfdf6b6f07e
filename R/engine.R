# Finding the Python engine, checking it, and calling it.

ENVIRONMENT <- "r-sigel"

# Python packages that the engine imports: name to install, name to import.
ENGINE_MODULES <- c(
  "anndata>=0.11" = "anndata",
  "h5py>=3.8" = "h5py",
  "jaxtyping>=0.2.36" = "jaxtyping",
  "lazy-loader>=0.4" = "lazy_loader",
  "lightning-fabric>=2.4.0" = "lightning_fabric",
  "numpy>=1.26" = "numpy",
  "pandas>=2.1.1" = "pandas",
  "psutil>=5.9" = "psutil",
  "safetensors>=0.4.3" = "safetensors",
  "scikit-learn>=1.4" = "sklearn",
  "scipy>=1.12" = "scipy",
  "threadpoolctl>=3" = "threadpoolctl",
  "torch>=2.2" = "torch"
)

# What the report, files of platforms and the command line need beside it, which `install_sigel()` brings along: little
# next to torch.
COMPANIONS <- c(
  "cyclopts>=4",
  "jinja2>=3.1",
  "matplotlib>=3.8",
  "pillow>=10",
  "pyarrow>=16",
  "zarr>=2.18.7,!=3.0.*"
)

#' Is the engine ready to use?
#'
#' TRUE where a Python with all that the engine needs is already running, is
#' named by the environment variable `RETICULATE_PYTHON` or `RETICULATE_PYTHON_ENV`,
#' was chosen by `reticulate::use_python()`, `use_virtualenv()` or `use_condaenv()`,
#' or was made by [install_sigel()]. Asking never downloads anything: where no such Python is
#' set up the answer is FALSE and no Python starts.
#'
#' @return TRUE or FALSE.
#' @seealso [sigel_sitrep()], which says what is missing and how to mend it.
#' @examples
#' sigel_available()
#' @export
sigel_available <- function() {
  if (!is.null(the$bridge)) {
    return(TRUE)
  }
  if (!is.null(reticulate_too_old()) || python_source() == "none") {
    return(FALSE)
  }
  tryCatch(
    {
      sigel_engine()
      TRUE
    },
    error = function(e) FALSE
  )
}

# Which Python would be used, found without starting one or downloading anything.
python_source <- function() {
  if (reticulate::py_available(initialize = FALSE)) {
    return("running")
  }
  asked <- Sys.getenv("RETICULATE_PYTHON")
  if (nzchar(asked) && asked != "managed") {
    return("RETICULATE_PYTHON")
  }
  chosen_python() %||% if (reticulate::virtualenv_exists(ENVIRONMENT)) ENVIRONMENT else "none"
}

# By what the user chose a Python: a function such as use_python(), or RETICULATE_PYTHON_ENV; NULL where by nothing.
chosen_python <- function() {
  # Looking for a Python must neither make an environment nor download one.
  managed <- Sys.getenv("RETICULATE_USE_MANAGED_VENV", NA)
  on.exit(
    if (is.na(managed)) {
      Sys.unsetenv("RETICULATE_USE_MANAGED_VENV")
    } else {
      Sys.setenv(RETICULATE_USE_MANAGED_VENV = managed)
    }
  )
  Sys.setenv(RETICULATE_USE_MANAGED_VENV = "no")
  by <- tryCatch(untold(suppressWarnings(reticulate::py_discover_config()))$forced, error = function(e) NULL)
  if (is.character(by) && any(grepl("function$|^RETICULATE_PYTHON_ENV$", by))) by[1L]
}

# The Python module with the functions that R calls; the first call starts Python.
sigel_engine <- function(call = rlang::caller_env()) {
  if (is.null(the$bridge)) {
    if (cli::is_dynamic_tty()) {
      cli::cli_progress_message("Starting Python and loading the engine ...")
    }
    source <- start_python(call)
    check_python(call = call)
    bridge <- import_bridge(call, running = source == "running")
    check_version(reticulate::py_to_r(bridge$version()), call = call)
    the$bridge <- bridge
  }
  warn_slow_blas()
  the$bridge
}

# Installing and loading look at no versions of packages that are called by `::` alone.
RETICULATE_NEEDED <- "1.41"
RETICULATE_FIX <- "Run `install.packages(\"reticulate\")` and restart R."

reticulate_too_old <- function(version = utils::packageVersion("reticulate")) {
  if (version < RETICULATE_NEEDED) {
    sprintf("The R package reticulate is version %s; sigel needs %s or newer.", version, RETICULATE_NEEDED)
  }
}

check_reticulate <- function(call, problem = reticulate_too_old()) {
  if (!is.null(problem)) {
    rlang::abort(c(problem, i = RETICULATE_FIX), class = c("sigel_engine_error", "sigel_error"), call = call)
  }
}

# Starts Python where none runs; says where it is from.
start_python <- function(call) {
  check_reticulate(call)
  source <- python_source()
  if (source == "RETICULATE_PYTHON") {
    asked <- Sys.getenv("RETICULATE_PYTHON")
    if (!file.exists(path.expand(asked))) {
      rlang::abort(
        c(
          sprintf("RETICULATE_PYTHON names %s, where there is nothing.", asked),
          i = "Set it to a Python that has the engine's packages, or unset it: `Sys.unsetenv(\"RETICULATE_PYTHON\")`."
        ),
        class = c("sigel_python_missing", "sigel_engine_error", "sigel_error"),
        call = call
      )
    }
  }
  if (source == ENVIRONMENT) {
    # A hint, not an order: a Python that the user asked for by use_python() comes first.
    reticulate::use_virtualenv(ENVIRONMENT, required = FALSE)
  } else if (source == "none") {
    reticulate::py_require(names(ENGINE_MODULES), python_version = ">=3.10")
  }
  started <- if (source == "none") started_by_uv() else started_as_it_is()
  if (!isTRUE(started)) {
    rlang::abort(
      c(
        "No Python could be started for the engine.",
        x = if (is.character(started)) started,
        i = "Run `install_sigel()` once, restart R, and try again.",
        i = "Or name a Python that has the engine's packages: `Sys.setenv(RETICULATE_PYTHON = \"/path/to/python\")`."
      ),
      class = c("sigel_engine_error", "sigel_error"),
      call = call
    )
  }
  source
}

# A Python that is too old is told of before its packages are: they cannot be had for it.
check_python <- function(version = reticulate::py_version(), python = reticulate::py_exe(), call = NULL) {
  if (numeric_version(version) < "3.10") {
    rlang::abort(
      c(
        sprintf("The Python at %s is version %s; the engine needs 3.10 or newer.", python, version),
        i = "Run `install_sigel()` once and restart R, or name a newer Python that has the engine's packages:",
        " " = "Sys.setenv(RETICULATE_PYTHON = \"/path/to/python\")"
      ),
      class = c("sigel_python_old", "sigel_engine_error", "sigel_error"),
      call = call
    )
  }
}

# TRUE, FALSE, or what went wrong.
started_as_it_is <- function() {
  tryCatch(untold(reticulate::py_available(initialize = TRUE)), error = conditionMessage)
}

# Looking for a Python, reticulate tries what may fail, a Python of pyenv's among it, and prints the failures.
untold <- function(code) {
  before <- options(show.error.messages = FALSE)
  on.exit(options(before))
  code
}

# The same where reticulate has to make a Python: it downloads uv where there is none, then Python and the packages.
# What goes wrong on the way it prints, or warns of; here it becomes the reason of our error.
started_by_uv <- function() {
  cli::cli_inform(c(
    i = "No Python is set up for the engine: reticulate tries to make one, which may download several GB.",
    i = "`install_sigel()` makes one that stays, and can take the smaller build of torch."
  ))
  seconds <- getOption("timeout")
  before <- options(timeout = min(seconds, 20))
  on.exit(options(before))
  reason <- NULL
  started <- withCallingHandlers(started_as_it_is(), warning = function(w) {
    reason <<- c(reason, conditionMessage(w))
    tryInvokeRestart("muffleWarning")
  })
  if (!isFALSE(started)) {
    return(started)
  }
  if (length(reason)) paste("reticulate could not make one:", utils::tail(reason, 1L)) else FALSE
}

# Where the engine lies; "" where the package came without it. In the sources `inst/python` is a link, and git on
# Windows may leave a text file with its target instead.
engine_folder <- function(path = system.file("python", package = "sigel"), call = rlang::caller_env()) {
  if (nzchar(path) && !dir.exists(file.path(path, "sigel"))) {
    rlang::abort(
      c(
        "The R package was installed without its engine.",
        x = sprintf("%s is no folder with the engine in it: a link was copied as a text file.", path),
        i = "Install a release, or clone again with links: `git clone -c core.symlinks=true`.",
        i = "On Windows that wants developer mode, or a terminal of the administrator."
      ),
      class = c("sigel_engine_lost", "sigel_engine_error", "sigel_error"),
      call = call
    )
  }
  path
}

# The package carries its engine; a separately installed one serves only where it does not. `running`: whether Python
# was running before the engine was asked for.
import_bridge <- function(call, running = FALSE) {
  path <- engine_folder(call = call)
  tryCatch(
    if (nzchar(path)) {
      reticulate::import_from_path("sigel.bridge", path = path, convert = FALSE)
    } else {
      reticulate::import("sigel.bridge", convert = FALSE)
    },
    error = function(e) {
      python <- reticulate::py_exe() %||% "python"
      missing <- missing_modules()
      rlang::abort(
        c(
          if (length(missing)) {
            sprintf("The Python at %s lacks what the engine needs: %s.", python, toString(missing))
          } else {
            sprintf("The engine does not start in the Python at %s.", python)
          },
          x = if (!length(missing)) python_message(e),
          fix_of_python(missing, python, running, isTRUE(reticulate::py_config()$ephemeral))
        ),
        class = c("sigel_engine_error", "sigel_error"),
        call = call
      )
    }
  )
}

# What helps where packages are missing. A Python of uv's has no pip and is gone with the session.
fix_of_python <- function(missing, python, running, ephemeral) {
  packages <- names(ENGINE_MODULES)[ENGINE_MODULES %in% missing]
  c(
    i = if (running) {
      "It was running before the engine was asked for: restart R, and use sigel first, or another Python."
    },
    i = "Run `install_sigel()` once and restart R.",
    if (length(missing) && ephemeral) {
      c(
        i = "Or begin a new session with",
        " " = sprintf("reticulate::py_require(c(%s))", toString(dQuote(packages, FALSE)))
      )
    } else if (length(missing)) {
      c(
        i = "Or install them into this Python:",
        " " = sprintf("%s -m pip install %s", python, paste(shQuote(packages), collapse = " "))
      )
    }
  )
}

missing_modules <- function(modules = unname(ENGINE_MODULES)) {
  there <- vapply(modules, reticulate::py_module_available, logical(1L))
  modules[!there]
}

# Engine and package must agree in major.minor.
check_version <- function(engine, package = utils::packageVersion("sigel"), call = rlang::caller_env()) {
  minor <- function(version) paste(unlist(numeric_version(version))[1:2], collapse = ".")
  if (minor(engine) != minor(package)) {
    rlang::abort(
      c(
        sprintf("The Python engine is version %s and the R package is version %s.", engine, package),
        i = "Another sigel was imported first in this session: restart R, or run `pip uninstall sigel` in this Python."
      ),
      class = c("sigel_engine_error", "sigel_error"),
      call = call
    )
  }
}

# Call a function of the engine by the names of its arguments; what is NULL is left out, as it is None there. Python's
# warnings become R's, its errors an R error with the message alone; an interrupt stays an interrupt.
sigel_call <- function(name, arguments = list(), call = rlang::caller_env()) {
  bridge <- sigel_engine(call)
  warnings <- reticulate::import("warnings", convert = FALSE)
  recorder <- warnings$catch_warnings(record = TRUE)
  caught <- recorder$`__enter__`()
  result <- tryCatch(
    reticulate::py_to_r(do.call(bridge[[name]], Filter(Negate(is.null), arguments), quote = TRUE)),
    error = function(e) {
      if (inherits(e, "python.builtin.KeyboardInterrupt")) {
        rlang::interrupt()
      }
      abort_as_r(e, name, call)
    },
    finally = recorder$`__exit__`(NULL, NULL, NULL)
  )
  for (warning in reticulate::py_to_r(caught)) {
    if (!inherits(warning$category, "python.builtin.type") || shown_to_users(warning)) {
      rlang::warn(
        in_r_words(reticulate::py_str(warning$message), name),
        class = "sigel_warning",
        call = call
      )
    }
  }
  apart_from_record(result)
}

# An answer whose record, how it was made, is an attribute of it and no part.
apart_from_record <- function(answer) {
  if (is.list(answer) && !is.null(answer[["record"]])) {
    record <- answer[["record"]]
    answer[["record"]] <- NULL
    attr(answer, "record") <- record
  }
  answer
}

# An error of the engine's function `name` as an R error; what the engine refused names R's argument.
abort_as_r <- function(e, name, call) {
  of_argument <- inherits(e, "sigel.errors.InputError")
  if (of_argument || inherits(e, "sigel.errors.ConfigError")) {
    parts <- c(if (of_argument) "argument" else "setting", "found", "wanted", "fix")
    refused <- lapply(stats::setNames(nm = parts), function(part) {
      as.character(reticulate::py_get_attr(e, part))
    })
    said <- refusal_in_r_words(refused, name)
    sigel_abort(said$argument, said$found, said$wanted, said$fix, call, said$shown)
  }
  message <- python_message(e)
  if (inherits(e, "sigel.errors.SIGELError")) {
    message <- in_r_words(message, name)
  }
  rlang::abort(message, class = "sigel_error", call = call)
}

# DeprecationWarning and its kin speak to programmers.
shown_to_users <- function(warning) {
  builtins <- reticulate::import_builtins(convert = FALSE)
  hidden <- list(builtins$DeprecationWarning, builtins$PendingDeprecationWarning, builtins$FutureWarning)
  !any(vapply(
    hidden,
    function(kind) reticulate::py_to_r(builtins$issubclass(warning$category, kind)),
    logical(1L)
  ))
}

# The message of a Python exception: bare for the engine's own, with its type for others.
python_message <- function(e) {
  if (!inherits(e, "python.builtin.BaseException")) {
    return(conditionMessage(e))
  }
  text <- reticulate::py_str(e)
  if (inherits(e, "sigel.errors.SIGELError")) {
    return(text)
  }
  paste0(
    sub(".*[.]", "", class(e)[1L]),
    ": ",
    text,
    " (unexpected; `reticulate::py_last_error()` shows where)"
  )
}

# A named list of settings as Python sees it: names kept at every level. An empty list is one of no settings
# where settings or a part of them are meant, and a value without elements inside a part.
as_settings <- function(config, level = 0L) {
  if (!is.list(config) || length(config) && is.null(names(config))) {
    return(config)
  }
  if (!length(config) && level > 1L) {
    return(list())
  }
  do.call(reticulate::dict, c(lapply(config, as_settings, level = level + 1L), convert = FALSE))
}

# A vector as a one-dimensional NumPy array: element by element a long one would take minutes.
as_vector <- function(x) array(x, dim = length(x))
