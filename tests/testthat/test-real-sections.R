# One epoch each: that real sections go through, not what is learned from them.
once <- list(train = list(pretrain_epochs = 1, refine_epochs = 1), encoder = list(dim = 16, depth = 1))

check_real <- function(file, n_genes) {
  section <- ReadSection(shared_file(file))
  keep <- rownames(section)[seq_len(min(n_genes, nrow(section)))]
  done <- RunSIGEL(section, features = keep, n.dims = 8, n.groups = 10, config = once, verbose = FALSE)
  features <- SeuratObject::Misc(done[["sigel"]])$features
  expect_equal(features$gene, keep)
  expect_gt(mean(features$status == "embedded"), 0.5)
  expect_equal(dim(SeuratObject::Embeddings(done[["sigel"]])), c(ncol(section), 8L))
  expect_true(all(is.finite(SeuratObject::Loadings(done[["sigel"]]))))
  done
}

test_that("a mouse hippocampus section goes through", {
  skip_if_no_engine()
  done <- check_real("st_mousebrain_hippo1.h5ad", 1000)
  expect_true(all(c("array_row", "array_col") %in% names(done[[]])))
})

test_that("a human cortex section goes through", {
  skip_if_no_engine()
  done <- check_real("dlpfc_151510.h5ad", 500)
  expect_true("layer" %in% names(done[[]]))
})
