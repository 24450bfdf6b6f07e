# What the Python door says of similar genes and of groups, in a process of its own, and what this one says.

# Both answers to groups.json, computed once: `python` and `r`, lists of tables.
both_groups <- function() {
  if (is.null(made$both_groups)) {
    read <- function(file) with_dots(utils::read.csv(file, check.names = FALSE))
    python <- answers_of_python("groups", read = read)
    case <- python$case
    made$both_groups <- list(python = python$tables, r = answers_of_r(case), tolerance = case$tolerance)
  }
  made$both_groups
}

answers_of_r <- function(case) {
  section <- do.call(SimulateSection, c(with_dots(case$simulation), seed = case$simulation_seed))
  section <- RunSIGEL(
    section,
    n.dims = case$settings$n_dims,
    n.groups = case$settings$n_groups,
    preset = case$settings$preset,
    seed.use = case$seed,
    device = "cpu",
    verbose = FALSE
  )
  similar <- function(combine) {
    FindSimilarGenes(
      section,
      case$similar$genes,
      n = case$similar$n,
      combine = combine,
      seed.use = case$seed
    )
  }
  steady <- function(object, n.seeds) {
    FindGeneGroupStability(object, n.seeds = n.seeds, seed.use = case$seed, device = "cpu", verbose = FALSE)
  }
  find <- function(...) FindGeneGroups(section, ..., seed.use = case$seed, device = "cpu")
  finer <- find(resolution = case$resolution, reduction.name = "finer")
  regrouped <- find(n.groups = case$n_groups)
  posterior <- SeuratObject::Misc(regrouped[["sigel"]])$posterior
  list(
    together = similar("mean"),
    each = similar("each"),
    described = GeneGroups(section),
    enrichment = GeneGroupEnrichment(
      section,
      split(rownames(section), section[["Spatial"]][[]]$programme),
      min.size = case$enrichment$min_size,
      max.size = case$enrichment$max_size
    ),
    stability = steady(section, case$n_seeds),
    finer = GeneGroups(finer, reduction = "finer"),
    regrouped = GeneGroups(regrouped),
    regrouped_stability = steady(regrouped, 1),
    posterior = data.frame(gene = rownames(posterior), posterior, check.names = FALSE, row.names = NULL)
  )
}

# The two processes use different BLAS libraries, whose rounding the representations carry on. The numbers of groups
# asked for are such that rounding does not choose between groups that are equally good: far more groups than
# patterns are not.
expect_same_table <- function(name, both = both_groups()) {
  python <- both$python[[name]]
  r <- both$r[[name]]
  expect_equal(names(r), names(python), info = name)
  expect_equal(nrow(r), nrow(python), info = name)
  for (column in names(python)) {
    if (is.numeric(python[[column]]) && is.numeric(r[[column]])) {
      difference <- abs(r[[column]] - python[[column]])
      same <- r[[column]] == python[[column]]
      difference[same] <- 0 # infinite ones, too
      if (nzchar(Sys.getenv("SIGEL_SHOW_DIFFERENCE"))) {
        message(name, " ", column, " ", format(max(difference)))
      }
      expect_lt(max(difference), both$tolerance)
    } else {
      as_text <- function(x) if (is.logical(x)) x else toupper(as.character(x))
      expect_equal(as_text(r[[column]]), as_text(as_r_logical(python[[column]])), info = paste(name, column))
    }
  }
}

# pandas writes True and False.
as_r_logical <- function(x) if (all(x %in% c("True", "False"))) x == "True" else x

test_that("R and Python find the same similar genes", {
  skip_if_no_engine()
  expect_same_table("together")
  expect_same_table("each")
})

test_that("R and Python describe and test the same groups", {
  skip_if_no_engine()
  expect_same_table("described")
  expect_same_table("enrichment")
})

test_that("R and Python make the same groups anew", {
  skip_if_no_engine()
  expect_same_table("finer")
  expect_same_table("regrouped")
  expect_same_table("posterior")
})

test_that("R and Python find groups equally stable", {
  skip_if_no_engine()
  expect_same_table("stability")
  expect_same_table("regrouped_stability")
})
