#' Make a Python environment for the engine
#'
#' Makes the virtual environment `r-sigel` and installs the Python packages that
#' the engine needs. It runs only when you call it. Once made, the environment
#' is found by itself; no setting is needed. The engine proper is not downloaded:
#' it travels with this R package.
#'
#' On Linux pip's own build of torch brings several GB for NVIDIA cards. Where
#' there is none, `index` names the CPU builds. Where reticulate makes a Python by
#' its `uv`, `UV_INDEX` does, set to the same address before the engine is first
#' used. pip's own settings (`PIP_INDEX_URL`, `PIP_EXTRA_INDEX_URL`) are honoured.
#'
#' A Python that you prefer is used instead when it is already running in the
#' session or is named by the environment variable `RETICULATE_PYTHON` or
#' `RETICULATE_PYTHON_ENV`, or was chosen by [reticulate::use_python()],
#' [reticulate::use_virtualenv()] or [reticulate::use_condaenv()].
#'
#' @param packages Python packages to install, as pip writes them. Default: all
#'   that the engine needs, and the few that [SigelReport()], [sigel_command()] and
#'   the folders of some platforms need beside it. Name a build to choose it, for example
#'   `"torch==2.5.1"`.
#' @param envname Name of the virtual environment, or a path. Only the default
#'   is found by itself.
#' @param index Address of an extra package index, or NULL. On Linux the
#'   standard build of torch carries several GB for NVIDIA cards; where there is
#'   no such card, give the index of the CPU builds, named on PyTorch's
#'   installation page.
#' @param python Python to make the environment from; NULL lets reticulate
#'   choose one of version 3.10 or newer.
#' @param ask Whether to ask before anything is installed; by default where a
#'   person can answer.
#' @param ... Passed to [reticulate::virtualenv_install()].
#' @return The path of the environment's Python, invisibly; NULL when you
#'   answered no.
#' @seealso [sigel_sitrep()]
#' @examples
#' \dontrun{
#' install_sigel()
#' }
#' @export
install_sigel <- function(
  packages = NULL,
  envname = "r-sigel",
  index = NULL,
  python = NULL,
  ask = interactive(),
  ...
) {
  check_reticulate(rlang::current_env())
  packages <- packages %||% c(names(ENGINE_MODULES), COMPANIONS)
  check_string(envname, "envname", "Use `envname = \"r-sigel\"`.")
  check_flag(ask, "ask")
  exists <- reticulate::virtualenv_exists(envname)
  if (ask) {
    question <- sprintf(
      "%s the virtual environment \"%s\" and install %s into it (up to several GB)?",
      if (exists) "Use" else "Make",
      envname,
      toString(packages)
    )
    # Where nobody can answer, silence is no yes.
    if (!isTRUE(utils::askYesNo(question, default = if (interactive()) TRUE else NA))) {
      cli::cli_inform("Nothing was installed.")
      return(invisible(NULL))
    }
  }
  if (!exists) {
    python <- python %||% reticulate::virtualenv_starter(">=3.10")
    if (is.null(python)) {
      sigel_abort(
        "python",
        "no Python of version 3.10 or newer",
        "one that can make virtual environments",
        "Install Python (on Debian and Ubuntu: `sudo apt-get install python3-venv`) or give its path as `python`."
      )
    }
    # FALSE: not even pip is fetched anew.
    reticulate::virtualenv_create(envname, python = python, packages = FALSE)
  }
  if (length(packages)) {
    options <- if (!is.null(index)) c("--extra-index-url", index) else character()
    reticulate::virtualenv_install(envname, packages = packages, pip_options = options, ...)
  }
  if (reticulate::py_available(initialize = FALSE)) {
    cli::cli_inform(c(i = "Python is already running in this session: restart R to use the new environment."))
  }
  invisible(reticulate::virtualenv_python(envname))
}
