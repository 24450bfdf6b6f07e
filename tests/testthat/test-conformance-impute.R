# What the Python door imputes, in a process of its own, and what this one does.

# Both answers to impute.json, computed once: `python` and `r`, lists of tables.
both_imputed <- function() {
  if (is.null(made$both_imputed)) {
    answers <- answers_of_python("impute", read = function(file) utils::read.csv(file, check.names = FALSE))
    case <- answers$case
    python <- answers$tables
    # The columns of the others are cells.
    tables <- c("genes", "shared", "weights", "coverage", "left_out", "sequential_genes")
    python[tables] <- lapply(python[tables], with_dots)
    made$both_imputed <- list(python = python, r = imputed_by_r(case), tolerance = case$tolerance)
  }
  made$both_imputed
}

imputed_by_r <- function(case) {
  # As many as the other door has.
  few <- trees(made$trees)
  withr::defer(trees(few))
  panel <- do.call(SimulatePanel, c(with_dots(case$simulation), seed = case$simulation_seed))
  impute <- function(...) {
    config <- utils::modifyList(case$config, list(...))
    impute_quietly(panel$target, panel$reference, config = config, seed.use = case$seed)
  }
  wide <- function(values) data.frame(gene = rownames(values), as.matrix(values), check.names = FALSE)
  together <- impute()
  sequential <- do.call(impute, case$sequential)
  report <- ImputationReport(together)
  bounds <- ImputationIntervals(together)
  list(
    values = wide(imputed_values(together)),
    lower = wide(bounds$lower),
    upper = wide(bounds$upper),
    genes = report$genes,
    shared = report$shared,
    weights = report$weights,
    coverage = report$coverage,
    left_out = report$left.out,
    sequential = wide(imputed_values(sequential)),
    sequential_genes = ImputationReport(sequential)$genes
  )
}

# Names and words agree, and numbers but for the rounding of two BLAS libraries.
expect_same_table <- function(name) {
  both <- both_imputed()
  python <- both$python[[name]]
  r <- both$r[[name]]
  expect_equal(names(r), names(python), info = name)
  expect_equal(nrow(r), nrow(python), info = name)
  numbers <- vapply(python, is.numeric, logical(1L))
  for (column in names(python)[!numbers]) {
    same <- if (is.logical(r[[column]])) as.logical(python[[column]]) else as.character(python[[column]])
    expect_equal(r[[column]], same, info = paste(name, column))
  }
  # Where no number is in the table none differs.
  a <- as.numeric(unlist(r[numbers]))
  b <- as.numeric(unlist(python[numbers]))
  expect_equal(is.na(a), is.na(b), info = name)
  difference <- max(abs(a - b) / pmax(1, abs(b)), 0, na.rm = TRUE)
  if (nzchar(Sys.getenv("SIGEL_SHOW_DIFFERENCE"))) {
    message(name, " ", format(difference))
  }
  expect_lt(difference, both$tolerance)
}

test_that("R and Python impute the same values and bounds", {
  skip_if_no_engine()
  for (name in c("values", "lower", "upper")) {
    expect_same_table(name)
  }
})

test_that("R and Python say the same of imputed, shared and left-out genes", {
  skip_if_no_engine()
  for (name in c("genes", "shared", "weights", "coverage", "left_out")) {
    expect_same_table(name)
  }
})

test_that("R and Python impute the same in rounds, with zeros", {
  skip_if_no_engine()
  expect_same_table("sequential_genes")
  expect_same_table("sequential")
})
