# Objects that earlier versions saved are read, and every question still finds what it needs in them.

archives <- function() {
  folder <- test_path("..", "archives")
  if (!dir.exists(folder)) {
    missing_or_skip("tests/archives")
  }
  list.dirs(folder, recursive = FALSE)
}

test_that("a section that an earlier version saved answers as it did", {
  skip_if_no_engine()
  skip_without("Seurat")
  for (folder in archives()) {
    section <- readRDS(file.path(folder, "section.rds"))
    loadings <- SeuratObject::Loadings(section[["sigel"]])
    expect_true(all(is.finite(loadings)))
    genes <- SpatialGenes(section)
    expect_identical(sort(rownames(genes)), sort(rownames(section)))
    expect_true(all(c("gene", "score", "effect", "pval", "qval", "rank", "status") %in% names(genes)))
    expect_gt(nrow(GeneGroups(section)), 0L)
    similar <- FindSimilarGenes(section, rownames(loadings)[1L], n = 3)
    expect_identical(nrow(similar), 3L)
    expect_s3_class(SpatialDomainPlot(section), "ggplot")
    # Since 0.7.0 domains have other settings.
    refused <- expect_error(
      FindSpatialDomainStability(section, n.seeds = 1, verbose = FALSE),
      class = "sigel_error"
    )
    expect_match(conditionMessage(refused), "another version.*Call `FindSpatialDomains\\(\\)` again")
    expect_s3_class(GeneMapPlot(section), "ggplot")
    again <- FindSpatialGenes(section, verbose = FALSE)
    # Since 0.7.0 residuals are interpolated between totals of genes, to four digits.
    expect_equal(SpatialGenes(again)$effect, genes$effect, tolerance = 1e-3)
  }
})

test_that("an imputed panel that an earlier version saved is reported and drawn", {
  skip_without("Seurat")
  for (folder in archives()) {
    panel <- readRDS(file.path(folder, "panel.rds"))
    expect_true("sigel.imputed" %in% SeuratObject::Assays(panel))
    report <- ImputationReport(panel)
    expect_output(print(report), "imputed")
    expect_gt(nrow(report$genes), 0L)
    expect_true(is.numeric(report$genes$expected.pcc))
    expect_s3_class(ImputedGenePlot(panel, report$genes$gene[1L]), "ggplot")
  }
})
