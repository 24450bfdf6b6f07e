# The small section, and rows of it that are said to lie beside the tissue.
with_glass <- function(object) {
  object$in_tissue <- as.integer(object$array_row < max(object$array_row) - 3)
  object
}

cut_to_tissue <- function(object) subset(object, cells = colnames(object)[object$in_tissue == 1])

test_that("tables are those of the section cut to its tissue", {
  skip_if_no_engine()
  whole <- with_glass(small_section())
  cut <- cut_to_tissue(whole)
  verbs <- list(
    function(object) SpatialGenes(FindSpatialGenes(object, device = "cpu", verbose = FALSE)),
    function(object) {
      covered <- FindSpatialGenes(
        object,
        covariates = "region",
        score = FALSE,
        device = "cpu",
        verbose = FALSE
      )
      SpatialGenes(covered)
    },
    function(object) {
      table <- FindPatternGenes(
        object,
        "region",
        c(layer = 0.9),
        n.draws = 2,
        n.null = 10,
        device = "cpu",
        verbose = FALSE
      )
      if (requireNamespace("ggplot2", quietly = TRUE)) {
        expect_no_warning(PatternGenePlot(object, table))
      }
      table
    },
    function(object) {
      SpatialGeneSelection(SelectSpatialGenes(object, n.genes = 20, device = "cpu", verbose = FALSE))
    }
  )
  for (verb in verbs) {
    expect_warning(found <- verb(whole), "spots lie beside the tissue", class = "sigel_warning")
    expect_same_result(found, verb(cut))
  }
})

test_that("a run has no values beside the tissue, and pictures leave it out", {
  skip_if_no_engine()
  whole <- with_glass(small_section())
  fast <- function(object) RunSIGEL(object, preset = "fast", n.dims = 8, device = "cpu", verbose = FALSE)
  expect_warning(found <- fast(whole), "spots lie beside the tissue", class = "sigel_warning")
  wanted <- fast(cut_to_tissue(whole))
  expect_equal(SeuratObject::Loadings(found[["sigel"]]), SeuratObject::Loadings(wanted[["sigel"]]))
  embeddings <- SeuratObject::Embeddings(found[["sigel"]])
  expect_identical(rownames(embeddings), colnames(whole))
  expect_equal(embeddings[colnames(wanted), ], SeuratObject::Embeddings(wanted[["sigel"]]))
  expect_true(all(is.na(embeddings[whole$in_tissue == 0, ])))
  expect_identical(whole$in_tissue, found$in_tissue)
  expect_warning(
    stability <- FindGeneGroupStability(found, n.seeds = 1, device = "cpu", verbose = FALSE),
    "beside the tissue"
  )
  expect_same_result(stability, FindGeneGroupStability(wanted, n.seeds = 1, device = "cpu", verbose = FALSE))
  skip_without("ggplot2")
  expect_no_warning(plot <- GeneImagePlot(found, rownames(whole)[1:2]))
  expect_equal(plot$layers[[1]]$data, GeneImagePlot(wanted, rownames(whole)[1:2])$layers[[1]]$data)
})

if (nightly()) {
  test_that("imputed values are NA beside the tissue of the target, and a reference lacks its own", {
    skip_if_no_engine()
    panel <- small_panel()
    target <- panel$target
    places <- SeuratObject::GetTissueCoordinates(target[[SeuratObject::Images(target)]])
    beside <- places$cell[places$y > stats::quantile(places$y, 0.85)]
    target$in_tissue <- !colnames(target) %in% beside
    reference <- with_glass(panel$reference)
    impute <- function(target, reference) {
      ImputeGenes(target, reference, method = "neighbors", device = "cpu", verbose = FALSE)
    }
    expect_warning(
      expect_warning(found <- impute(target, reference), "beside the tissue"),
      "beside the tissue"
    )
    wanted <- impute(cut_to_tissue(target), cut_to_tissue(reference))
    values <- assay_values(found[["sigel.imputed"]])
    expect_identical(colnames(values), colnames(target))
    expect_true(all(is.na(as.matrix(values[, beside]))))
    expect_equal(as.matrix(values[, colnames(wanted)]), as.matrix(assay_values(wanted[["sigel.imputed"]])))
    expect_equal(ImputationReport(found)$genes, ImputationReport(wanted)$genes)
    expect_equal(ImputationIntervals(found), ImputationIntervals(wanted))
    skip_without("ggplot2")
    skip_without("patchwork")
    expect_no_warning(ImputedGenePlot(found, rownames(values)[1], measured = panel$hidden))
  })
}
