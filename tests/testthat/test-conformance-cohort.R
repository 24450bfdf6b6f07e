# Which genes change, and which belong together, by the Python door, in a process of its own, and by this one.

both_cohorts <- function() {
  if (is.null(made$both)) {
    python <- answers_of_python("cohort")
    case <- python$case
    sections <- do.call(SimulateCohort, c(with_dots(case$simulation), seed = case$simulation_seed))
    made$both <- list(python = python, case = case, sections = sections)
  }
  made$both
}

test_that("R and Python find the same genes that change between conditions", {
  skip_if_no_engine()
  python <- both_cohorts()$python
  case <- both_cohorts()$case
  sections <- both_cohorts()$sections
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

test_that("R and Python score pairs of genes alike", {
  skip_if_no_engine()
  python <- both_cohorts()$python
  case <- both_cohorts()$case
  sections <- both_cohorts()$sections
  find <- function(object, ...) find_pairs(object, ..., seed.use = case$seed)
  merged <- merge(sections[[1]], sections[-1], add.cell.ids = names(sections))
  known <- pairs_of_programmes(truth_of(sections[[1]]), case$programmes)
  tables <- list(
    partners = find(sections, partners.of = case$partners_of, n = case$n),
    pairs_joined = find(merged, features = case$genes, section = "donor"),
    pairs_one = find(sections[[1]], features = case$genes),
    known = find(sections, known[1:9, ], known = known)
  )
  for (name in names(tables)) {
    r <- tables[[name]]
    theirs <- with_dots(python$tables[[name]])
    expect_equal(names(r), names(theirs)[-1], info = name)
    for (column in names(r)) {
      expect_equal(r[[column]], theirs[[column]], tolerance = case$tolerance, info = paste(name, column))
    }
    about <- with_dots(python$tables[[paste0(name, "_attrs")]])
    for (column in setdiff(names(about), c("name", "seed"))) {
      info <- paste(name, column)
      expect_equal(attr(r, column), about[[column]], tolerance = case$tolerance, info = info)
    }
  }
})
