# Objects drawn at random, sound but for a part or two; more of them where somebody asks: SIGEL_EXAMPLES=300.
n_examples <- as.integer(Sys.getenv("SIGEL_EXAMPLES", "12"))

one_of <- function(...) sample(c(...), 1L)

odd_counts <- function() {
  n_genes <- one_of(1L, 2L, 14L, 14L, 14L)
  n_spots <- one_of(1L, 3L, 25L, 49L, 49L, 49L)
  level <- outer(seq_len(n_genes), seq_len(n_spots), function(gene, spot) 3 + 2 * sin(gene + spot / 16))
  counts <- matrix(stats::rpois(length(level), level), n_genes)
  values <- one_of(
    rep("counts", 5L),
    "zeros",
    "fractions",
    "negative",
    "nan",
    "inf",
    "huge",
    "integer",
    "logical"
  )
  counts <- switch(
    values,
    zeros = 0 * counts,
    fractions = log1p(counts),
    negative = replace(counts, 1L, -3),
    nan = replace(counts, 1L, NaN),
    inf = replace(counts, 1L, Inf),
    huge = replace(counts, 1L, 1e30),
    integer = matrix(as.integer(counts), n_genes),
    logical = counts > 3,
    counts
  )
  names <- paste0("Gene", seq_len(n_genes))
  rownames(counts) <- switch(
    one_of(rep("plain", 4L), "greek", "spaces", "numbers", "twice", "capitals"),
    greek = paste0("IL1\u03b2-", names),
    spaces = paste0(" ", names, " / x"),
    numbers = seq_len(n_genes),
    twice = rep(names[1L], n_genes),
    capitals = replace(names, min(2L, n_genes), "GENE1"),
    names
  )
  colnames(counts) <- paste0("Spot", seq_len(n_spots))
  switch(
    one_of("dense", "sparse", "sparse", "by gene", "triplets"),
    dense = counts,
    sparse = as(counts, "CsparseMatrix"),
    `by gene` = as(counts, "RsparseMatrix"),
    triplets = as(as(counts, "CsparseMatrix"), "TsparseMatrix")
  )
}

odd_places <- function(spots) {
  n <- length(spots)
  x <- (seq_len(n) - 1L) %% 7L * 100
  y <- (seq_len(n) - 1L) %/% 7L * 100
  places <- data.frame(x = x, y = y, row.names = spots)
  switch(
    one_of(
      rep("grid", 5L),
      "huge",
      "tiny",
      "on a line",
      "one point",
      "na",
      "inf",
      "text",
      "fewer",
      "one column",
      "matrix"
    ),
    huge = places * 1e12,
    tiny = places * 1e-12,
    `on a line` = transform(places, y = 5),
    `one point` = transform(places, x = 1, y = 1),
    na = transform(places, x = replace(x, 1L, NA)),
    inf = transform(places, x = replace(x, 1L, Inf)),
    text = transform(places, x = as.character(x)),
    fewer = places[-1L, , drop = FALSE],
    `one column` = places["x"],
    matrix = as.matrix(places),
    places
  )
}

# A refusal of ours, or an answer; whichever, what was given is as it was.
expect_answer_or_refusal <- function(call, given, label) {
  before <- rlang::hash(given)
  found <- tryCatch(suppressMessages(suppressWarnings(call())), error = identity)
  expect_identical(rlang::hash(given), before, label = label)
  if (inherits(found, "error")) {
    expect_s3_class(found, "sigel_error")
    expect_no_match(conditionMessage(found), "Traceback|py_call|NoneType", info = label)
  }
  found
}

test_that("whatever matrix and places come, there is an answer or a refusal of ours", {
  skip_if_no_engine()
  withr::local_seed(1)
  answers <- 0L
  for (example in seq_len(n_examples)) {
    counts <- odd_counts()
    places <- odd_places(colnames(counts))
    given <- list(counts, places)
    calls <- list(
      embed = function() {
        RunSIGEL(counts, places, preset = "fast", config = list(image = list(min_spots = 1)), verbose = FALSE)
      },
      genes = function() FindSpatialGenes(counts, places, score = FALSE, verbose = FALSE),
      domains = function() {
        FindSpatialDomains(counts, places, 2, config = list(starts = 2, windows = c(1, 6)), verbose = FALSE)
      }
    )
    for (verb in names(calls)) {
      found <- expect_answer_or_refusal(calls[[verb]], given, sprintf("example %d, %s", example, verb))
      answers <- answers + !inherits(found, "error")
    }
  }
  expect_gt(answers, 0L)
})
