# Which domains the Python door finds, in a process of its own, and which this one finds.

# Both answers to domains.json, computed once.
both_domains <- function() {
  if (is.null(made$both_domains)) {
    read <- function(file) with_dots(utils::read.csv(file, row.names = 1, check.names = FALSE))
    python <- answers_of_python("domains", read = read)
    made$both_domains <- c(
      list(python = python$tables, case = python$case),
      domains_by_r(python$case)
    )
  }
  made$both_domains
}

domains_by_r <- function(case) {
  section <- do.call(SimulateSection, c(with_dots(case$simulation), seed = case$simulation_seed))
  section$half <- ifelse(section$array_col > stats::median(section$array_col), "b", "a")
  find <- function(n, ...) {
    find_quietly(section, n.domains = n, config = case$config, seed.use = case$seed, ...)
  }
  chosen <- SelectSpatialGenes(
    section,
    n.genes = case$n_genes,
    config = list(image = case$image),
    seed.use = case$seed,
    device = "cpu",
    verbose = FALSE
  )
  found <- find(case$n_domains)
  stability <- FindSpatialDomainStability(
    found,
    n.seeds = case$n_seeds,
    seed.use = case$seed,
    device = "cpu",
    verbose = FALSE
  )
  odd <- found$array_row %% 2 == 1
  part <- function(own) subset(found, cells = colnames(found)[own])
  labelled <- LabelSpatialDomains(
    part(odd),
    part(!odd),
    config = case$config,
    seed.use = case$seed,
    device = "cpu",
    verbose = FALSE
  )
  list(
    domains = found,
    labelled = labelled,
    halves = find(case$n_domains, section = "half", refine = TRUE),
    by_bic = suppressWarnings(find(NULL), classes = "sigel_warning"), # BIC speaks for one
    selection = SpatialGeneSelection(chosen),
    stability = stability
  )
}

expect_near <- function(a, b, tolerance, info) {
  expect_equal(is.na(a), is.na(b), info = info)
  difference <- max(abs(a - b) / pmax(1, abs(b)), 0, na.rm = TRUE)
  if (nzchar(Sys.getenv("SIGEL_SHOW_DIFFERENCE"))) {
    message(info, " ", format(difference))
  }
  expect_lt(difference, tolerance)
}

test_that("R and Python find the same domains, as sure of each spot", {
  skip_if_no_engine()
  both <- both_domains()
  for (name in c("domains", "halves", "by_bic", "labelled")) {
    r <- both[[name]][[]]
    python <- both$python[[name]]
    expect_equal(rownames(r), rownames(python), info = name)
    expect_equal(as.character(r$sigel_domain), as.character(python$sigel.domain), info = name)
    expect_near(r$sigel_domain_prob, python$sigel.domain.prob, both$case$tolerance, name)
  }
  features <- SeuratObject::Embeddings(both$domains[["sigeldomain"]])
  expect_near(unname(features), unname(as.matrix(both$python$features)), both$case$tolerance, "features")
  number <- domain_about(both$by_bic)$number
  for (column in names(number)) {
    python <- both$python$number[[column]]
    expect_near(number[[column]], python, both$case$tolerance, column)
  }
})

test_that("R and Python choose the same genes", {
  skip_if_no_engine()
  both <- both_domains()
  python <- both$python$selection
  r <- both$selection[rownames(python), ]
  expect_equal(r$selected, as.logical(python$selected))
  # A gene without a group is none in both.
  group <- function(x) replace(as.character(x), !nzchar(as.character(x)), NA)
  expect_equal(group(r$group), group(python$group))
  for (name in c("group.rank", "rank", "effect", "weight")) {
    expect_near(r[[name]], python[[name]], both$case$tolerance, name)
  }
})

test_that("R and Python find the same stability", {
  skip_if_no_engine()
  both <- both_domains()
  python <- both$python$stability
  expect_equal(as.character(both$stability$domain), as.character(python$domain))
  for (name in c("n.spots", "stability", "lowest")) {
    expect_near(both$stability[[name]], python[[name]], both$case$tolerance, name)
  }
  expect_near(attr(both$stability, "ari"), python$ari[1], both$case$tolerance, "ari")
  kept <- both$python$kept$sigel.domain.stability
  expect_near(unname(attr(both$stability, "spots")), kept, both$case$tolerance, "spots")
})
