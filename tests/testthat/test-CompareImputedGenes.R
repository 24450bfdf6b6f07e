test_that("groups are compared as Python compares them, from memory and from a file", {
  skip_if_no_engine()
  object <- imputed_panel()
  before <- rlang::hash(object)
  domains <- names(sort(table(object$region), decreasing = TRUE))[1:3]
  features <- rownames(imputed_values(object))[c(7, 1, 30)]
  compare <- function(object, ...) {
    CompareImputedGenes(object, "region", domains[1], domains[2:3], features, ...)
  }
  found <- compare(object)
  expect_identical(rlang::hash(object), before)
  expect_named(
    found,
    c("gene", "difference", "se", "pval", "qval", "uncertain", "expected.pcc", "trusted")
  )
  expect_identical(found$gene, features)
  expect_identical(rownames(found), features)
  expect_same_result(compare(object), found, tolerance = NULL)
  expect_false(identical(compare(object, seed.use = 1)$pval, found$pval))

  # The expected difference is that of the values, less where they are little to be trusted.
  values <- as.matrix(imputed_values(object))[features, ]
  raw <- rowMeans(values[, object$region == domains[1]]) - rowMeans(values[, object$region %in% domains[2:3]])
  many <- compare(object, n.draws = 300)
  expect_equal(many$difference, unname(raw * sqrt(found$expected.pcc)), tolerance = 0.2)

  file <- withr::local_tempfile(fileext = ".h5ad")
  kept <- impute_quietly(small_panel()$target, small_panel()$reference, features = features, out = file)
  expect_equal(compare(kept)$difference, found$difference, tolerance = 1e-4)
  expect_equal(compare(kept)$pval, found$pval, tolerance = 1e-3)
  # Cells of other names are not those of the file; those beside the tissue are not in it.
  renamed <- suppressWarnings(SeuratObject::RenameCells(kept, add.cell.id = "b"))
  expect_refused(
    compare(renamed),
    "object",
    "cells without intervals",
    "renamed or added since",
    "ImputeGenes()"
  )
})

test_that("genes without a pattern do not differ, however surely predictions do", {
  skip_if_no_engine()
  object <- imputed_panel()
  domains <- names(sort(table(object$region), decreasing = TRUE))[1:2]
  found <- CompareImputedGenes(object, "region", domains[1], domains[2])
  programme <- small_panel()$hidden[["Spatial"]][[]]
  genes <- intersect(found$gene, rownames(programme)[programme$programme == "background"])
  # A pair of domains has few such genes here: all pairs together.
  pairs <- utils::combn(unique(object$region), 2L, simplify = FALSE)
  shares <- vapply(
    pairs,
    function(pair) {
      mean(CompareImputedGenes(object, "region", pair[1], pair[2], genes)[["pval"]] < 0.05)
    },
    0
  )
  expect_lt(mean(shares), 0.05)
  values <- as.matrix(imputed_values(object))[genes, ]
  groups <- lapply(domains, function(domain) object$region == domain)
  plain <- apply(values, 1, function(x) t.test(x[groups[[1]]], x[groups[[2]]])$p.value)
  expect_gt(mean(plain < 0.05), 0.3)
  expect_true(all(found$pval >= 0 & found$pval <= 1))
})

if (nightly()) {
  test_that("labels of cells beside the tissue are left out of a file and of an assay", {
    skip_if_no_engine()
    target <- small_panel()$target
    target$in_tissue <- as.integer(seq_len(ncol(target)) > 30L)
    target$half <- ifelse(seq_len(ncol(target)) %% 2L == 0L, "a", "b")
    features <- rownames(imputed_values(imputed_panel()))[1:3]
    file <- withr::local_tempfile(fileext = ".h5ad")
    impute <- function(...) {
      suppressWarnings(impute_quietly(target, small_panel()$reference, features = features, ...))
    }
    in.file <- CompareImputedGenes(impute(out = file), "half", "a")
    in.memory <- CompareImputedGenes(impute(), "half", "a")
    expect_same_result(in.file, in.memory, tolerance = 1e-3)
  })
}

test_that("cells without a label take no part, and what cannot be compared is refused", {
  skip_if_no_engine()
  object <- imputed_panel()
  gene <- rownames(imputed_values(object))[1]
  object$half <- ifelse(seq_len(ncol(object)) %% 2L == 0L, "a", "b")
  object$half[1:40] <- NA
  object$half[41] <- "lone"
  expect_gt(CompareImputedGenes(object, "half", "a", features = gene)$se, 0)
  expect_same_result(
    CompareImputedGenes(object, "half", "a", c("b", "lone"), gene),
    CompareImputedGenes(object, "half", "a", features = gene),
    tolerance = NULL
  )
  refused <- function(argument, ..., say = NULL) {
    expect_refused(CompareImputedGenes(object, ...), argument, say, object = object)
  }
  refused("group.by", say = "one string")
  refused("group.by", "nothere", "a", say = "nothere")
  refused("first", "half", say = "found nothing")
  refused("first", "half", "c", say = "There are")
  refused("first", "half", "lone", say = "3 or more")
  refused("second", "half", "a", c("a", "b"), say = "in the first group")
  refused("features", "half", "a", features = "nogene")
  refused("n.draws", "half", "a", n.draws = 1)
  refused("seed.use", "half", "a", seed.use = -1)
  expect_refused(CompareImputedGenes(small_panel()$target, "half", "a"), "assay", "ImputeGenes()")
  expect_refused(CompareImputedGenes(1, "half", "a"), "object", "Seurat object")
  file <- withr::local_tempfile(fileext = ".h5ad")
  bare <- impute_quietly(
    small_panel()$target,
    small_panel()$reference,
    features = gene,
    intervals = FALSE,
    out = file
  )
  expect_refused(
    CompareImputedGenes(bare, "region", "ring"),
    "object",
    "without intervals",
    "intervals = TRUE"
  )
})
