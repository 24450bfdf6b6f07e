# One epoch each: that real sections go through, not what is learned from them.
once <- list(train = list(pretrain_epochs = 1, refine_epochs = 1), encoder = list(dim = 16, depth = 1))

# Read once.
cortex <- function() {
  made$cortex <- made$cortex %||% ReadSection(shared_file("dlpfc_151510.h5ad"))
  made$cortex
}

check_real <- function(section, n_genes) {
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
  done <- check_real(ReadSection(shared_file("st_mousebrain_hippo1.h5ad")), 1000)
  expect_true(all(c("array_row", "array_col") %in% names(done[[]])))
})

if (nightly()) {
  test_that("a human cortex section goes through", {
    skip_if_no_engine()
    done <- check_real(cortex(), 500)
    expect_true("layer" %in% names(done[[]]))
  })

  test_that("known genes of the white matter follow its pattern", {
    skip_if_no_engine()
    table <- FindPatternGenes(cortex(), "layer", c(WM = 0.9), n.null = 0, verbose = FALSE)
    known <- c("MBP", "PLP1", "MOBP", "CNP", "MAG")
    expect_lt(max(table[known, "rank"]), 0.05 * max(table$rank, na.rm = TRUE))
    expect_true(all(is.na(table$pval)))
  })
}
