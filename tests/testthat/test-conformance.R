# The Python door in a process of its own, and this one, given the same section, settings and seed.

test_that("R and Python give the same representations", {
  skip_if_no_engine()
  answers <- answers_of_python("settings", "embed_csv.py", function(file) {
    text <- if (basename(file) == "genes.csv") c(group = "character") else NA
    utils::read.csv(file, row.names = 1, colClasses = text)
  })
  case <- answers$case
  genes <- answers$tables$genes
  spots <- answers$tables$spots

  section <- do.call(SimulateSection, c(with_dots(case$simulation), seed = case$simulation_seed))
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
