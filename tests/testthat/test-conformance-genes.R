# What the Python door says of the genes of a section, in a process of its own, and what this one says.

# Both answers, computed once.
both_answers <- function() {
  if (is.null(made$answers)) {
    answers <- answers_of_python("genes", read = function(file) {
      with_dots(utils::read.csv(file, row.names = 1))
    })
    case <- answers$case
    python <- answers$tables
    section <- do.call(SimulateSection, c(with_dots(case$simulation), seed = case$simulation_seed))
    section$depth <- as.numeric(section$array_row)
    config <- list(image = case$config)
    spatial <- FindSpatialGenes(
      section,
      covariates = "depth",
      null = case$spatial$null,
      n.nulls = case$spatial$n_nulls,
      seed.use = case$seed,
      device = "cpu",
      config = config,
      verbose = FALSE
    )
    patterns <- FindPatternGenes(
      section,
      "region",
      levels = unlist(case$patterns$levels),
      background = case$patterns$background,
      n.draws = case$patterns$n_draws,
      n.null = case$patterns$n_null,
      seed.use = case$seed,
      device = "cpu",
      config = config,
      verbose = FALSE
    )
    made$answers <- list(
      spatial = list(python = python$spatial, r = SpatialGenes(spatial)),
      patterns = list(python = python$patterns, r = patterns),
      tolerance = case$tolerance,
      genes = rownames(section)
    )
  }
  made$answers
}

# The two processes use different BLAS libraries, whose rounding a model carries on.
expect_same_numbers <- function(answer, columns, tolerance) {
  python <- answer$python
  r <- answer$r[rownames(python), ]
  for (column in columns) {
    expect_equal(is.na(r[[column]]), is.na(python[[column]]), info = column)
    difference <- abs(r[[column]] - python[[column]]) / pmax(1, abs(python[[column]]))
    if (nzchar(Sys.getenv("SIGEL_SHOW_DIFFERENCE"))) {
      message(column, " ", format(max(difference, na.rm = TRUE)))
    }
    expect_lt(max(difference, na.rm = TRUE), tolerance)
  }
}

test_that("R and Python give the same spatial genes", {
  skip_if_no_engine()
  answers <- both_answers()
  spatial <- answers$spatial
  expect_equal(rownames(spatial$python), answers$genes)
  expect_setequal(spatial$r$gene, answers$genes)
  expect_equal(names(spatial$python), setdiff(names(spatial$r), "gene"))
  expect_equal(spatial$r[answers$genes, "status"], spatial$python$status)
  numbers <- setdiff(names(spatial$python), c("status", "rank", "score.pval"))
  expect_same_numbers(spatial, numbers, answers$tolerance)
  # A score that rounding moves past one image without a pattern moves its p-value by one of them.
  expect_same_numbers(spatial, "score.pval", 0.02)
})

test_that("R and Python find the same genes for a pattern", {
  skip_if_no_engine()
  answers <- both_answers()
  patterns <- answers$patterns
  expect_equal(rownames(patterns$python), answers$genes)
  expect_equal(names(patterns$python), setdiff(names(patterns$r), "gene"))
  expect_equal(patterns$r[answers$genes, "status"], patterns$python$status)
  # R's coordinates begin elsewhere, which must not change the random patterns.
  expect_same_numbers(patterns, c("similarity", "pval", "qval"), answers$tolerance)
})
