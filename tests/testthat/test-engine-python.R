# Which Python is taken, and what is said of one that will not do. Each tries it in a session of its own.

unset <- "Sys.unsetenv(c('RETICULATE_PYTHON', 'RETICULATE_PYTHON_ENV', 'VIRTUAL_ENV'))"

# A virtual environment that finds the packages of the Python in use where `whole`, and none elsewhere.
small_environment <- function(folder, whole = TRUE) {
  made <- system2(
    reticulate::py_exe(),
    c("-m", "venv", "--without-pip", shQuote(folder)),
    env = "LD_LIBRARY_PATH="
  )
  expect_equal(made, 0L)
  packages <- dirname(reticulate::py_to_r(reticulate::import("numpy", convert = FALSE)$`__path__`[0]))
  if (whole) {
    into <- Sys.glob(file.path(folder, "lib", "python*", "site-packages"))
    writeLines(packages, file.path(into, "packages.pth"))
  }
  file.path(folder, "bin", "python")
}

test_that("an environment chosen by use_virtualenv() or use_condaenv() is taken, and told", {
  skip_if_no_engine()
  skip_on_os("windows")
  folder <- withr::local_tempdir()
  small_environment(file.path(folder, "chosen"))
  # use_virtualenv() is use_python() to reticulate.
  for (way in c("use_virtualenv", "use_condaenv", if (nightly()) "use_python")) {
    if (way == "use_condaenv") {
      # What tells an environment of conda's from others.
      dir.create(file.path(folder, "chosen", "conda-meta"))
      conda <- file.path(folder, "chosen", "bin", "conda")
      writeLines(c("#!/bin/sh", "echo conda 24.1.0"), conda)
      Sys.chmod(conda)
      writeLines(paste("# cmd:", conda, "create"), file.path(folder, "chosen", "conda-meta", "history"))
    }
    chosen <- if (way == "use_python") reticulate::py_exe() else file.path(folder, "chosen")
    # A start of the engine in each takes long; `py_exe()` starts Python alone.
    started <- if (way == "use_virtualenv" || nightly()) {
      c(
        "stopifnot(sigel::sigel_available())",
        "stopifnot(sigel::sigel_sitrep(verbose = FALSE)$ready)"
      )
    }
    session <- in_new_session(
      c(
        unset,
        sprintf("options(reticulate.conda_binary = '%s')", file.path(folder, "chosen", "bin", "conda")),
        sprintf("reticulate::%s('%s', required = TRUE)", way, chosen),
        "before <- Sys.getenv('RETICULATE_USE_MANAGED_VENV')",
        "source <- sigel:::python_source()",
        "stopifnot(!reticulate::py_available(), Sys.getenv('RETICULATE_USE_MANAGED_VENV') == before)",
        started,
        "cat('from', source, reticulate::py_exe())"
      ),
      "RETICULATE_PYTHON="
    )
    expect_equal(session$status, 0L, info = session$text)
    expect_match(session$text, "from use_(python|condaenv)")
    expect_match(session$text, chosen, fixed = TRUE)
  }
})

test_that("a Python that ran before and lacks packages is told of, with what helps", {
  skip_if_no_engine()
  skip_on_os("windows")
  folder <- withr::local_tempdir()
  python <- small_environment(file.path(folder, "bare"), whole = FALSE)
  session <- in_new_session(
    c(
      "invisible(reticulate::py_config())",
      "stopifnot(reticulate::py_available(), !sigel::sigel_available())",
      "cat(tryCatch(sigel::SimulateSection(), sigel_engine_error = conditionMessage))"
    ),
    paste0("RETICULATE_PYTHON=", python)
  )
  expect_equal(session$status, 0L, info = session$text)
  expect_match(session$text, "lacks what the engine needs: anndata", fixed = TRUE)
  expect_match(session$text, "was running before the engine was asked for")
  expect_match(session$text, "bare/bin/python -m pip install 'anndata", fixed = TRUE)
})

test_that("a Python of uv's gets a line of py_require(), for it has no pip", {
  told <- fix_of_python(c("torch", "anndata"), "/a/python", running = TRUE, ephemeral = TRUE)
  expect_match(told, 'reticulate::py_require(c("anndata>=0.11", "torch>=2.2"))', fixed = TRUE, all = FALSE)
  expect_no_match(told, "pip install")
})

test_that("without a Python and without a network the error is ours, comes soon and says what helps", {
  skip_if_no_engine()
  skip_on_os("windows")
  home <- withr::local_tempdir()
  session <- in_new_session(
    c(
      unset,
      "options(reticulate.uv_binary = NULL, timeout = 60)",
      "began <- proc.time()[['elapsed']]",
      "said <- tryCatch(sigel::SimulateSection(), sigel_engine_error = conditionMessage)",
      "cat(said, '\\n')",
      "stopifnot(getOption('timeout') == 60, 'torch>=2.2' %in% reticulate::py_require()$packages)"
    ),
    # No uv on the path, and a proxy where nobody listens.
    c(
      "RETICULATE_PYTHON=",
      "RETICULATE_PYTHON_ENV=",
      "RETICULATE_UV=",
      paste0("HOME=", home),
      paste0("WORKON_HOME=", home),
      paste0("R_USER_CACHE_DIR=", home),
      "PATH=/usr/bin:/bin",
      "https_proxy=http://localhost:9"
    )
  )
  expect_equal(session$status, 0L, info = session$text)
  expect_match(session$text, "reticulate tries to make one")
  expect_match(session$text, "No Python could be started for the engine")
  expect_match(session$text, "Run `install_sigel()` once", fixed = TRUE)
  expect_no_match(session$text, "Error in download.file")
})

test_that("a Python or a reticulate that is too old is told of", {
  error <- expect_error(check_python("3.9", "/old/python"), class = "sigel_engine_error")
  expect_match(conditionMessage(error), "/old/python is version 3.9; the engine needs 3.10", fixed = TRUE)
  expect_match(engine_fix(error), "Python 3.10 or newer")
  expect_silent(check_python("3.10", "/new/python"))
  expect_null(reticulate_too_old(numeric_version("1.41.0.1")))
  problem <- reticulate_too_old(numeric_version("1.28"))
  expect_error(
    check_reticulate(NULL, problem),
    "reticulate is version 1.28; sigel needs 1.41",
    class = "sigel_engine_error"
  )
})

test_that("what reticulate tries in vain while it looks for a Python is not shown", {
  skip_if_no_engine()
  skip_on_os(c("windows", "mac"))
  # A Python beside which no folder `lib` lies, as those that pyenv puts first.
  folder <- withr::local_tempdir()
  dir.create(file.path(folder, "shims"))
  shim <- file.path(folder, "shims", c("python", "python3"))
  for (file in shim) {
    writeLines(c("#!/bin/sh", sprintf("exec %s \"$@\"", shQuote(reticulate::py_exe()))), file)
  }
  Sys.chmod(shim)
  session <- in_new_session(
    c(
      unset,
      sprintf("Sys.setenv(PATH = paste0('%s:', Sys.getenv('PATH')))", file.path(folder, "shims")),
      "Sys.unsetenv('RETICULATE_USE_MANAGED_VENV')",
      "available <- sigel::sigel_available()",
      "stopifnot(!available)",
      "invisible(sigel::sigel_sitrep(verbose = FALSE))"
    ),
    "RETICULATE_PYTHON="
  )
  expect_equal(session$status, 0L, info = session$text)
  expect_equal(session$text, "")
})
