# The process of the Python door that answers all cases, started once: it is not this session's Python.
python_of_answers <- function(fixture) {
  if (is.null(made$answering)) {
    run <- reticulate::import("subprocess")
    # R's LD_LIBRARY_PATH would change which libpython the child loads.
    made$answering <- withr::with_envvar(
      c(
        LD_LIBRARY_PATH = "",
        PYTHONPATH = system.file("python", package = "sigel"),
        PYTHONDONTWRITEBYTECODE = "1"
      ),
      {
        # Python read the environment when it started.
        env <- as.list(Sys.getenv())
        run$Popen(
          c(reticulate::py_exe(), file.path(fixture, "answers.py")),
          stdin = run$PIPE,
          stdout = run$PIPE,
          text = TRUE,
          env = env
        )
      }
    )
  }
  made$answering
}

# The settings of tests/conformance/NAME.json, and what the Python door answers to them in a process of its own: the
# tables that NAME_csv.py writes, read by `read`.
answers_of_python <- function(name, script = paste0(name, "_csv.py"), read = utils::read.csv) {
  fixture <- test_path("..", "conformance")
  if (!dir.exists(fixture)) {
    missing_or_skip("tests/conformance")
  }
  json <- reticulate::import("json")
  settings <- file.path(fixture, paste0(name, ".json"))
  case <- json$loads(paste(readLines(settings), collapse = "\n"))
  folder <- withr::local_tempdir()
  process <- python_of_answers(fixture)
  asked <- normalizePath(c(file.path(fixture, script), settings, folder), winslash = "/")
  process$stdin$write(paste0(paste(asked, collapse = "\t"), "\n"))
  process$stdin$flush()
  # Nothing comes of a process that has died.
  said <- trimws(process$stdout$readline())
  if (said != "done") {
    made$answering <- NULL
  }
  expect_equal(said, "done")
  files <- list.files(folder, full.names = TRUE)
  tables <- lapply(files, read)
  list(case = case, tables = stats::setNames(tables, sub("[.]csv$", "", basename(files))))
}
