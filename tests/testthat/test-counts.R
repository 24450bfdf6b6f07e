as_counts <- getFromNamespace("as_counts", "sigel")
join_layers <- getFromNamespace("join_layers", "sigel")

dense <- matrix(c(0, 1, 2, 0, 0, 3), 3, dimnames = list(c("a", "b", "c"), c("x", "y")))
sparse <- methods::as(methods::as(dense, "CsparseMatrix"), "generalMatrix")

test_that("matrices of many kinds become the same dgCMatrix", {
  expect_identical(as_counts(sparse), sparse)
  expect_equal(as_counts(dense), sparse)
  expect_equal(as_counts(methods::as(sparse, "TsparseMatrix")), sparse)
  expect_equal(as_counts(methods::as(sparse, "RsparseMatrix")), sparse)
  integers <- dense
  storage.mode(integers) <- "integer"
  expect_equal(as_counts(integers), sparse)
  pattern <- as_counts(dense > 0)
  expect_s4_class(pattern, "dgCMatrix")
  expect_equal(sum(pattern), 3)
})

test_that("what is no matrix of counts is refused", {
  expect_refused(as_counts(as.data.frame(dense)), "object", "as.matrix()")
  expect_refused(as_counts(1:3), "object", "genes x cells")
  expect_refused(as_counts(matrix("a", 2, 2)), "object", "type character")
  expect_refused(as_counts(unname(dense)), "object", "no row names")
  unnamed <- dense
  colnames(unnamed) <- NULL
  expect_refused(as_counts(unnamed), "object", "no column names", "colnames()")
  twice <- dense
  rownames(twice) <- c("a", "b", "a")
  expect_refused(as_counts(twice), "object", "duplicated row names: \"a\"", "make.unique")
  empty <- dense
  rownames(empty)[2] <- ""
  expect_refused(as_counts(empty), "object", "1 empty or missing row names")
  missing <- dense
  missing[1, 1] <- NA
  expect_refused(as_counts(missing), "object", "1 value that is NA")
})

test_that("split layers are joined by name, absent genes being zero", {
  left <- sparse[c("b", "a"), "x", drop = FALSE]
  right <- sparse[c("a", "c"), "y", drop = FALSE]
  joined <- join_layers(list(left, right), c("a", "b", "c"), c("y", "x"))
  expect_equal(dimnames(joined), list(c("a", "b", "c"), c("y", "x")))
  expect_equal(as.matrix(joined), matrix(c(0, 0, 3, 0, 1, 0), 3, dimnames = dimnames(joined)))
})

test_that("groups are ordered by number", {
  as_group <- getFromNamespace("as_group", "sigel")
  group <- as_group(c("10", "2", "", "1", "2"))
  expect_equal(levels(group), c("1", "2", "10"))
  expect_equal(as.character(group), c("10", "2", NA, "1", "2"))
})

test_that("no verb goes through the counts of an object twice", {
  skip_if_no_engine()
  section <- grouped_section()
  section$half <- rep(c("a", "b"), length.out = ncol(section))
  checks <- 0L
  watch <- function(name, tracer) {
    # The function itself, as its name is not known there.
    suppressMessages(do.call(trace, list(name, tracer, print = FALSE, where = asNamespace("sigel"))))
  }
  unwatch <- function(name) suppressMessages(untrace(name, where = asNamespace("sigel")))
  watch("check_values", function() checks <<- checks + 1L)
  withr::defer(unwatch("check_values"))
  # What comes after is not asked.
  watch("ask_section", function() rlang::abort("enough", class = "enough"))
  withr::defer(unwatch("ask_section"))
  verbs <- alist(
    RunSIGEL(section, verbose = FALSE),
    FindSpatialGenes(section, verbose = FALSE),
    FindPatternGenes(section, "half", levels = c(a = 0.9), verbose = FALSE),
    SelectSpatialGenes(section, verbose = FALSE),
    FindSpatialDomains(section, 3, verbose = FALSE)
  )
  for (verb in verbs) {
    checks <- 0L
    expect_error(eval(verb), class = "enough")
    expect_equal(checks, 1L, label = rlang::call_name(verb))
  }
})

test_that("layers that share cells are modalities, of which one must be named", {
  skip_unless_seurat5()
  skip_if_no_engine()
  section <- small_section()
  genes <- SeuratObject::GetAssayData(section, layer = "counts")
  proteins <- genes[1:4, ] * 40
  rownames(proteins) <- paste0("CD", 1:4)
  both <- list("Antibody Capture" = proteins, "Gene Expression" = genes)
  for (layers in list(both, rev(both))) {
    object <- SeuratObject::CreateSeuratObject(layers, assay = "Spatial")
    object@images <- section@images
    expect_refused(
      FindSpatialGenes(object, score = FALSE, verbose = FALSE),
      "layer",
      sprintf("2 layers that share %d cells", ncol(section)),
      "layer = \"counts.Gene Expression\""
    )
    named <- FindSpatialGenes(object, layer = "counts.Gene Expression", score = FALSE, verbose = FALSE)
    alone <- SpatialGenes(FindSpatialGenes(section, score = FALSE, verbose = FALSE))
    found <- SpatialGenes(named)
    expect_equal(found[match(alone$gene, found$gene), "pval"], alone$pval)
    expect_false(any(c("CD1", "CD4") %in% found$gene[found$status == "tested"]))
    run <- run_quick(object, layer = "counts.Gene Expression")
    embedded <- rownames(SeuratObject::Loadings(run[["sigel"]]))
    expect_true(all(embedded %in% rownames(genes)))
  }
})
