# Which genes change by the Python door, in a process of its own, and by this one.

test_that("R and Python find the same genes that change between conditions", {
  skip_if_no_engine()
  python <- answers_of_python("cohort")
  case <- python$case
  sections <- do.call(SimulateCohort, c(with_dots(case$simulation), seed = case$simulation_seed))
  condition <- vapply(sections, function(one) as.character(one$condition[[1]]), "")
  condition <- factor(condition, levels = case$levels)
  find <- function(object, ...) find_disease(object, ..., seed.use = case$seed)
  merged <- merge(sections[[1]], sections[-1], add.cell.ids = names(sections))
  merged$condition <- factor(merged$condition, levels = case$levels)
  tables <- list(
    list = find(sections, condition, covariates = data.frame(batch = case$batch)),
    joined = find(merged, "condition", section = "donor")
  )
  for (name in names(tables)) {
    r <- tables[[name]]
    theirs <- with_dots(python$tables[[name]])
    expect_equal(r$gene, theirs$name, info = name)
    for (column in setdiff(names(r), "gene")) {
      text <- is.character(r[[column]])
      there <- if (text) replace(theirs[[column]], is.na(theirs[[column]]), "") else theirs[[column]]
      expect_equal(r[[column]], there, tolerance = case$tolerance, info = paste(name, column))
    }
  }
  expect_equal(
    attr(tables$list, "calibration"),
    with_dots(python$tables$calibration)[names(attr(tables$list, "calibration"))],
    tolerance = case$tolerance
  )
})
