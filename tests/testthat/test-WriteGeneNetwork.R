skip_without_igraph <- function() {
  skip_if_no_engine()
  if (!reticulate::py_module_available("igraph")) {
    missing_or_skip("the Python package igraph")
  }
}

test_that("a network is read back with its genes and values", {
  skip_without_igraph()
  section <- small_cohort()[[1]]
  table <- find_pairs(section, features = rownames(section)[1:6])
  chosen <- table[table$similarity > 0, ]
  before <- chosen
  file <- withr::local_tempfile(fileext = ".graphml")
  expect_equal(expect_invisible(WriteGeneNetwork(chosen, file)), file)
  expect_identical(chosen, before)
  igraph <- reticulate::import("igraph")
  graph <- igraph$Graph$Read_GraphML(file)
  names <- unlist(graph$vs["name"])
  ends <- do.call(rbind, lapply(graph$get_edgelist(), unlist)) + 1L
  # Without a direction, so that either gene may come first.
  sorted <- function(a, b) cbind(pmin(a, b), pmax(a, b))
  expect_equal(sorted(names[ends[, 1]], names[ends[, 2]]), sorted(chosen$gene.a, chosen$gene.b))
  for (column in c("similarity", "pval", "qval")) {
    expect_equal(unlist(graph$es[column]), chosen[[column]], tolerance = 1e-12)
  }
  expect_silent(WriteGeneNetwork(table[1, ], file))
})

test_that("what is no table of pairs, or no file, is refused", {
  skip_without_igraph()
  table <- data.frame(gene.a = c("a", "b"), gene.b = c("b", "c"), similarity = c(0.5, NA))
  file <- withr::local_tempfile(fileext = ".graphml")
  expect_refused(WriteGeneNetwork(), "table", "nothing", "FindGeneInteractions()")
  expect_refused(WriteGeneNetwork(table["gene.a"], file), "table", "gene.b")
  expect_refused(WriteGeneNetwork(table[0, ], file), "table")
  expect_refused(WriteGeneNetwork(table[2, ], file), "table", "none with a similarity")
  expect_refused(WriteGeneNetwork(table), "file", "network.graphml")
  expect_refused(
    WriteGeneNetwork(table, "network.csv"),
    "file",
    "ends in .graphml",
    "file = \"network.graphml\""
  )
  expect_refused(WriteGeneNetwork(table, file.path(file, "a.graphml")), "file", "Make the folder first")
})
