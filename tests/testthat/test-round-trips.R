finished <- function() {
  if (is.null(made$finished)) {
    made$finished <- run_quick(small_section())
  }
  made$finished
}

test_that("the object saves and loads", {
  skip_if_no_engine()
  file <- withr::local_tempfile(fileext = ".rds")
  saveRDS(finished(), file)
  expect_equal(readRDS(file), finished())
})

test_that("the object subsets by cells and by features", {
  skip_if_no_engine()
  done <- finished()
  cells <- colnames(done)[seq(1, ncol(done), by = 2)]
  part <- subset(done, cells = cells)
  expect_equal(
    SeuratObject::Embeddings(part[["sigel"]]),
    SeuratObject::Embeddings(done[["sigel"]])[cells, ]
  )
  expect_s4_class(run_quick(part), "Seurat")
  genes <- rownames(done)[1:20]
  part <- subset(done, features = genes)
  expect_true(all(rownames(SeuratObject::Loadings(part[["sigel"]])) %in% genes))
  expect_true("sigel.group" %in% names(part[["Spatial"]][[]]))
  expect_true(is.data.frame(SeuratObject::Misc(part[["sigel"]])$features))
})

test_that("Seurat goes on from the reduction: neighbours, clusters, pictures", {
  skip_if_no_engine()
  skip_without("Seurat")
  skip_without("ggplot2")
  done <- Seurat::NormalizeData(finished(), verbose = FALSE)
  done <- Seurat::FindNeighbors(done, reduction = "sigel", dims = 1:4, verbose = FALSE)
  expect_true(any(grepl("snn", names(done@graphs))))
  done <- Seurat::FindClusters(done, resolution = 0.5, verbose = FALSE)
  expect_true("seurat_clusters" %in% names(done[[]]))
  build <- function(plot) ggplot2::ggplot_build(plot)
  expect_no_error(build(Seurat::DimPlot(done, reduction = "sigel")))
  # A dimension that is not an axis of the plot: Seurat 5 refuses the others, for PCA too.
  expect_no_error(build(Seurat::FeaturePlot(done, features = "SIGEL_3", reduction = "sigel")))
  expect_no_error(build(Seurat::SpatialFeaturePlot(done, features = rownames(done)[1])[[1]]))
  expect_no_error(build(Seurat::SpatialDimPlot(done)[[1]]))
  expect_no_error(build(Seurat::VizDimLoadings(done, dims = 1, reduction = "sigel")[[1]]))
})

test_that("running twice replaces the results", {
  skip_if_no_engine()
  once <- finished()
  twice <- run_quick(once, seed.use = 5)
  expect_equal(SeuratObject::Reductions(twice), "sigel")
  expect_equal(names(twice[["Spatial"]][[]]), names(once[["Spatial"]][[]]))
})
