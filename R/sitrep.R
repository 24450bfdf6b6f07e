#' What is there, what is missing, and how to mend it
#'
#' Prints the Python that the engine uses, the versions that matter, the device,
#' the BLAS library of R and whether it will be slow, and one line that mends
#' each shortcoming. Works without any Python. Downloads nothing.
#'
#' @param verbose Whether to print.
#' @return Invisibly, a list: `ready` (TRUE where [RunSIGEL()] can run),
#'   `python` (where the Python comes from), `versions` (named strings),
#'   `device`, `threads`, `gflops` (speed of a matrix product, in 1e9 operations
#'   a second), `blas` (path), `blas.slow`, and `fixes` (strings, none where all
#'   is well).
#' @examples
#' report <- sigel_sitrep()
#' report$ready
#' @export
sigel_sitrep <- function(verbose = TRUE) {
  check_flag(verbose, "verbose")
  report <- list(
    ready = FALSE,
    python = python_source(),
    versions = r_versions(),
    device = NA_character_,
    threads = NA_integer_,
    gflops = NA_real_,
    blas = blas_path(),
    blas.slow = is_reference_blas(),
    fixes = character()
  )
  problem <- reticulate_too_old()
  if (!is.null(problem)) {
    report$fixes <- RETICULATE_FIX
  } else if (report$python == "none") {
    problem <- "No Python is set up for the engine."
    report$fixes <- "Run `install_sigel()` once, or set RETICULATE_PYTHON to a Python that has the engine's packages."
  } else {
    # The slow BLAS has its own line below.
    engine <- tryCatch(
      suppressWarnings(sigel_call("sitrep"), classes = "sigel_slow_blas"),
      error = function(e) e
    )
    if (inherits(engine, "error")) {
      problem <- strsplit(conditionMessage(engine), "\n", fixed = TRUE)[[1L]][1L]
      report$fixes <- engine_fix(engine)
    } else {
      report$ready <- TRUE
      report$device <- engine$device
      report$threads <- as.integer(engine$threads)
      report$gflops <- as.numeric(engine$torch_gflops)
      parts <- engine[intersect(c("python", "sigel", "torch", "anndata", "numpy"), names(engine))]
      names(parts)[names(parts) == "sigel"] <- "engine"
      report$versions <- c(report$versions, unlist(parts))
    }
  }
  if (report$blas.slow) {
    report$fixes <- c(report$fixes, BLAS_FIX)
  }
  if (verbose) {
    print_sitrep(report, problem)
  }
  invisible(report)
}

# What mends an engine that does not start.
engine_fix <- function(error) {
  if (inherits(error, "sigel_python_old")) {
    "Run `install_sigel()` once and restart R, or set RETICULATE_PYTHON to Python 3.10 or newer."
  } else if (inherits(error, "sigel_python_missing")) {
    "Set RETICULATE_PYTHON to a Python that has the engine's packages, or unset it."
  } else if (inherits(error, "sigel_engine_lost")) {
    "Install a release of the R package, or clone again with links: `git clone -c core.symlinks=true`."
  } else {
    "Run `install_sigel()` once and restart R."
  }
}

r_versions <- function() {
  packages <- c("sigel", "SeuratObject", "Seurat", "reticulate")
  found <- vapply(
    packages,
    function(package) {
      if (requireNamespace(package, quietly = TRUE)) {
        as.character(utils::packageVersion(package))
      } else {
        NA_character_
      }
    },
    character(1L)
  )
  c(R = as.character(getRversion()), found)
}

print_sitrep <- function(report, problem) {
  said <- function(ok, text) if (ok) cli::cli_alert_success("{text}") else cli::cli_alert_danger("{text}")
  known <- report$versions[!is.na(report$versions)]
  cli::cli_h3("sigel")
  cli::cli_text("{paste(names(known), known, collapse = ', ')}")
  if (is.null(problem)) {
    said(TRUE, sprintf("Engine ready (Python: %s, %s).", report$python, reticulate::py_exe()))
    speed <- sprintf("Device: %s, %d threads, %.0f GFLOP/s.", report$device, report$threads, report$gflops)
    cli::cli_alert_info("{speed}")
  } else {
    said(FALSE, problem)
  }
  if (report$blas.slow) {
    said(FALSE, sprintf("Slow reference BLAS: %s", report$blas))
  } else {
    said(TRUE, sprintf("BLAS: %s", if (nzchar(report$blas)) report$blas else "built in"))
  }
  for (fix in report$fixes) {
    cli::cli_alert_info("{fix}")
  }
}
