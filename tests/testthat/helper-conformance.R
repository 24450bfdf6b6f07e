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
  # R's LD_LIBRARY_PATH would change which libpython the child loads.
  status <- withr::with_envvar(
    c(
      LD_LIBRARY_PATH = "",
      PYTHONPATH = system.file("python", package = "sigel"),
      PYTHONDONTWRITEBYTECODE = "1"
    ),
    system2(reticulate::py_exe(), shQuote(c(file.path(fixture, script), settings, folder)))
  )
  expect_equal(status, 0L)
  files <- list.files(folder, full.names = TRUE)
  tables <- lapply(files, read)
  list(case = case, tables = stats::setNames(tables, sub("[.]csv$", "", basename(files))))
}
