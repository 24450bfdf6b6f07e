# Imputed values in a file.

imputed_to <- function(file, ...) {
  impute_quietly(small_panel()$target, small_panel()$reference, out = file, ...)
}

test_that("a file has the values that the assay would have, and the object what is known of them", {
  skip_if_no_engine()
  file <- withr::local_tempfile(fileext = ".h5ad")
  target <- small_panel()$target
  done <- imputed_to(file, config = list(batch_genes = 20))
  wanted <- as.matrix(imputed_values(imputed_panel()))
  genes <- rownames(wanted)[c(5, 2)]
  found <- ReadImputed(file, genes)
  expect_identical(dimnames(found), list(genes, colnames(target)))
  expect_equal(found, wanted[genes, ], tolerance = 1e-5)
  expect_equal(ReadImputed(file), wanted, tolerance = 1e-5)
  bounds <- ReadImputed(file, genes, intervals = TRUE)
  expect_named(bounds, c("values", "lower", "upper"))
  expect_equal(bounds[c("lower", "upper")], ImputationIntervals(imputed_panel(), genes), tolerance = 1e-5)
  expect_identical(ReadImputed(file, genes[1]), found[1, , drop = FALSE])

  expect_identical(SeuratObject::Assays(done), SeuratObject::Assays(target))
  expect_identical(done[["Spatial"]], target[["Spatial"]])
  expect_identical(done[[]], target[[]])
  report <- ImputationReport(done)
  known <- ImputationReport(imputed_panel())
  expect_identical(report$file, normalizePath(file))
  expect_equal(report$genes, known$genes, tolerance = 1e-5)
  expect_equal(report$left.out, known$left.out)
  expect_equal(report$target.sum, known$target.sum)
  expect_output(print(report), basename(file), fixed = TRUE)
  # No values lie in the object.
  expect_lt(as.numeric(utils::object.size(methods::slot(done, "misc"))), 1e5)
  # An assay of that name takes the place of what was known of the file.
  again <- impute_quietly(done, small_panel()$reference, features = genes)
  expect_null(ImputationReport(again)$file)
  expect_null(methods::slot(again, "misc")[["sigel.imputed"]])
})

test_that("of a matrix the answer names the file", {
  skip_if_no_engine()
  file <- withr::local_tempfile(fileext = ".h5ad")
  target <- small_panel()$target
  found <- impute_quietly(
    counts_of(target),
    pieces_of(small_panel()$reference),
    coordinates = table_of(target),
    features = rownames(from_matrices()$values)[1:2],
    out = file,
    intervals = FALSE
  )
  expect_s3_class(found, "sigel_imputation")
  expect_null(found$values)
  expect_output(print(found), sprintf("2 genes x %d cells", ncol(target)))
  expect_identical(rownames(ReadImputed(found$file)), found$genes$gene)
  expect_null(ReadImputed(found$file, intervals = TRUE)$lower)
})

if (nightly()) {
  test_that("a call says where the values are and how to read them", {
    skip_if_no_engine()
    file <- withr::local_tempfile(fileext = ".h5ad")
    genes <- rownames(from_matrices()$values)[1:2]
    heard <- character()
    withCallingHandlers(
      ImputeGenes(
        small_panel()$target,
        small_panel()$reference,
        features = genes,
        out = file,
        device = "cpu"
      ),
      message = function(m) {
        heard <<- c(heard, conditionMessage(m))
        tryInvokeRestart("muffleMessage")
      }
    )
    heard <- cli::ansi_strip(paste(heard, collapse = " "))
    expect_match(gsub("[[:space:]]", "", heard), paste0("ReadImputed(\"", normalizePath(file)), fixed = TRUE)
  })

  test_that("zarr folders are written and read", {
    skip_if_no_engine()
    skip_if_not(reticulate::py_module_available("zarr"))
    file <- withr::local_tempfile(fileext = ".zarr")
    genes <- rownames(from_matrices()$values)[1:2]
    imputed_to(file, features = genes)
    expect_equal(
      ReadImputed(file, rev(genes)),
      as.matrix(from_matrices()$values)[rev(genes), ],
      tolerance = 1e-5
    )
  })
}

test_that("what cannot be written or read is refused in R's words, and nothing is left", {
  skip_if_no_engine()
  folder <- withr::local_tempdir()
  target <- small_panel()$target
  reference <- small_panel()$reference
  refused <- function(argument, out, ..., say) {
    expect_refused(impute_quietly(target, reference, out = out, ...), argument, say, object = target)
  }
  refused("out", "imputed.rds", say = c("ends on .h5ad or .zarr", "out = \"imputed.h5ad\""))
  refused("out", "", say = "ends on .h5ad")
  refused("out", 3, say = "the path of a file")
  refused("out", file.path(folder, "none", "imputed.h5ad"), say = "folder that is not there")
  file <- file.path(folder, "imputed.h5ad")
  refused("out", file, config = list(rounds = 2), say = "config = list(rounds = 1)")
  expect_refused(
    impute_quietly(imputed_panel(), reference, out = file),
    "assay.name",
    "an assay of an earlier call",
    "object[[\"sigel.imputed\"]] <- NULL"
  )
  own <- target
  SeuratObject::Misc(own, "markers") <- "mine"
  expect_refused(
    impute_quietly(own, reference, out = file, assay.name = "markers"),
    "assay.name",
    "`Misc()` of the object has",
    object = own
  )
  expect_length(list.files(folder, all.files = TRUE, no.. = TRUE), 0L)

  done <- imputed_to(file, features = rownames(from_matrices()$values)[1:2])
  for (call in list(ImputationIntervals, function(x) ImputedGenePlot(x, "Gene0001"))) {
    expect_refused(call(done), "object", "in the file", "ReadImputed(")
  }
  skip_without("ggplot2")
  expect_s3_class(ImputationAccuracyPlot(done), "ggplot")
  expect_refused(ReadImputed(), "path", "one string")
  expect_refused(ReadImputed(file.path(folder, "a.h5ad")), "path", "not there", "ImputeGenes(out = ...)")
  expect_refused(ReadImputed(file, "nogene"), "features", "nogene", "ImputationReport(object)$left.out")
  expect_refused(ReadImputed(file, 3), "features", "names of imputed genes")
  expect_refused(ReadImputed(file, intervals = NA), "intervals")
})
