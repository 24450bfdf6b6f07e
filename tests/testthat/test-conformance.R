# The Python door in a process of its own, and this one, given the same section, settings and seed.

test_that("R and Python give the same representations", {
  skip_if_no_engine()
  fixture <- test_path("..", "conformance")
  if (!dir.exists(fixture)) {
    missing_or_skip("tests/conformance")
  }
  json <- reticulate::import("json")
  case <- json$loads(paste(readLines(file.path(fixture, "settings.json")), collapse = "\n"))

  folder <- withr::local_tempdir()
  engine <- system.file("python", package = "sigel")
  # R's LD_LIBRARY_PATH would change which libpython the child loads.
  status <- withr::with_envvar(
    c(LD_LIBRARY_PATH = "", PYTHONPATH = engine, PYTHONDONTWRITEBYTECODE = "1"),
    system2(
      reticulate::py_exe(),
      shQuote(c(file.path(fixture, "embed_csv.py"), file.path(fixture, "settings.json"), folder))
    )
  )
  expect_equal(status, 0L)
  genes <- utils::read.csv(file.path(folder, "genes.csv"), row.names = 1, colClasses = c(group = "character"))
  spots <- utils::read.csv(file.path(folder, "spots.csv"), row.names = 1)

  section <- do.call(SimulateSection, c(case$simulation, seed = case$simulation_seed))
  config <- case$settings
  dims <- config$n_dims
  groups <- config$n_groups
  config[c("n_dims", "n_groups")] <- NULL
  done <- RunSIGEL(
    section,
    n.dims = dims,
    n.groups = groups,
    seed.use = case$seed,
    device = "cpu",
    config = config,
    verbose = FALSE
  )
  features <- SeuratObject::Misc(done[["sigel"]])$features
  loadings <- SeuratObject::Loadings(done[["sigel"]])

  expect_equal(rownames(genes), features$gene)
  expect_equal(genes$status, features$status)
  embedded <- rownames(loadings)
  columns <- paste0("dim", seq_len(dims) - 1L)
  apart <- function(a, b) max(abs(as.matrix(a) - as.matrix(b)))
  difference <- c(
    genes = apart(genes[embedded, columns], loadings),
    spots = apart(spots[, columns], SeuratObject::Embeddings(done[["sigel"]])),
    prob = apart(genes[embedded, "prob"], features[embedded, "prob"])
  )
  if (nzchar(Sys.getenv("SIGEL_SHOW_DIFFERENCE"))) {
    message(paste(names(difference), format(difference), collapse = ", "))
  }
  # The two processes use different BLAS libraries; training carries their rounding on.
  expect_lt(max(difference), case$tolerance)
  certain <- features$gene %in% embedded & !is.na(features$prob) & features$prob > 0.6
  expect_equal(genes$group[certain], as.character(features$group[certain]))
})
