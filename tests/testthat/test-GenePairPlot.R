test_that("two genes and where they meet are drawn, each on a scale of its own", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  section <- small_section()
  before <- rlang::hash(section)
  genes <- rownames(section)[c(2, 5)]
  page <- GenePairPlot(section, genes)
  expect_identical(rlang::hash(section), before)
  titles <- vapply(1:3, function(k) page[[k]]$labels$title, "")
  expect_equal(titles, c(genes, "where they meet"))
  drawn <- lapply(1:3, function(k) {
    data <- page[[k]]$layers[[1]]$data
    data$value[match(seq_len(ncol(section)), data$spot)]
  })
  counts <- as.matrix(counts_of(section))
  log <- log1p(1e4 * sweep(counts, 2, colSums(counts), "/"))
  # On a hexagonal lattice a spot within the tissue has six neighbours, all of one distance.
  away <- as.matrix(stats::dist(spot_table(section)[c("x", "y")]))
  within <- which(rowSums(away < 1.2 * min(away[away > 0])) == 7)
  expect_gt(length(within), 30)
  scaled <- lapply(1:2, function(k) {
    mean <- vapply(within, function(spot) mean(log[genes[k], order(away[spot, ])[1:7]]), 0)
    expect_equal(drawn[[k]][within], unname(mean), tolerance = 1e-5)
    limits <- unname(stats::quantile(drawn[[k]], c(0.01, 0.99)))
    scale <- page[[k]]$scales$get_scales("fill")
    expect_equal(scale$limits, limits, tolerance = 1e-5)
    pmin(pmax((drawn[[k]] - limits[1]) / diff(limits), 0), 1)
  })
  expect_equal(drawn[[3]], sqrt(scaled[[1]] * scaled[[2]]), tolerance = 1e-4)
  expect_equal(page[[3]]$scales$get_scales("fill")$limits, c(0, 1))
  file <- withr::local_tempfile(fileext = ".png")
  expect_no_warning(ggplot2::ggsave(file, page, width = 9, height = 4, dpi = 40))
  # Without a lattice spots are dots, of the same values.
  dots <- GenePairPlot(section, genes, coordinates = spot_table(section)[c("x", "y")], point.size = 1)
  expect_equal(dots[[1]]$layers[[1]]$data$value, drawn[[1]], tolerance = 1e-5)
})

test_that("what cannot be drawn is refused", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  section <- small_section()
  genes <- rownames(section)[1:3]
  refused <- function(argument, ..., said = NULL) {
    expect_refused(GenePairPlot(section, ...), argument, said, object = section)
  }
  refused("features", said = c("nothing", "c(\"Wnt4\", \"Fzd1\")"))
  refused("features", genes, said = "3 names; wanted names of two genes")
  refused("features", 1:2)
  refused("features", c(genes[1], "Gen0002"), said = "nearest: 'Gene0002'")
  refused("features", genes[c(1, 1)], said = "Name two genes")
  refused("point.size", genes[1:2], point.size = 0)
  refused("assay", genes[1:2], assay = "RNA")
  refused("layer", genes[1:2], layer = "tpm")
  refused("image", genes[1:2], image = "slice1")
  expect_refused(GenePairPlot(counts_of(section), genes[1:2]), "object", "a Seurat object")
})
