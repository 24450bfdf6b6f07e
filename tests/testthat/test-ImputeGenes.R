metadata_columns <- c(
  "expected.pcc",
  "trusted",
  "similarity",
  "nearest.gene",
  "level",
  "spatial",
  "spread",
  "beyond",
  "round"
)

test_that("genes with a planted pattern are imputed, and known to be better than those without", {
  skip_if_no_engine()
  panel <- small_panel()
  values <- as.matrix(imputed_values(imputed_panel()))
  genes <- intersect(rownames(values), rownames(panel$hidden))
  truth <- as.matrix(counts_of(panel$hidden)[genes, colnames(values)])
  truth <- on_panel_scale(truth, panel$target)
  achieved <- vapply(genes, function(gene) cor(truth[gene, ], values[gene, ]), 0)
  planted <- panel$hidden[["Spatial"]][[]][genes, "programme"] != "background"
  expect_gt(mean(achieved[planted]), mean(achieved[!planted]) + 0.15)
  expected <- imputed_panel()[["sigel.imputed"]][[]][genes, "expected.pcc"]
  expect_gt(cor(expected, achieved, method = "spearman"), 0.4)
  expect_gt(mean(expected[planted]), mean(expected[!planted]))
  # The scale is that of the panel's median library, as the truth's is above: means agree with it.
  expect_lt(abs(mean(values[genes, ]) - mean(truth)), 0.25 * mean(truth))
  expect_true(all(values >= 0))
})

test_that("the object gets an assay and the log, and nothing else changes", {
  skip_if_no_engine()
  target <- small_panel()$target
  reference <- small_panel()$reference
  before <- rlang::hash(list(target, reference))
  done <- imputed_panel()
  expect_identical(rlang::hash(list(target, reference)), before)
  expect_identical(done[["Spatial"]], target[["Spatial"]])
  expect_identical(done[["section"]], target[["section"]])
  expect_equal(done[[]], target[[]])
  expect_equal(SeuratObject::DefaultAssay(done), "Spatial")
  expect_equal(SeuratObject::Assays(done), c("Spatial", "sigel.imputed"))
  expect_equal(colnames(done[["sigel.imputed"]]), colnames(target))
  expect_equal(names(done@commands), "ImputeGenes.Spatial")
  logged <- done@commands[[1L]]@params
  expect_equal(logged$method, "auto")
  expect_equal(logged$assay.name, "sigel.imputed")
  # Neither sections nor places are in the log.
  expect_lt(as.numeric(utils::object.size(logged)), 1e5)
})

test_that("the assay holds what the engine answered", {
  skip_if_no_engine()
  answer <- from_matrices()
  assay <- imputed_panel()[["sigel.imputed"]]
  expect_s3_class(answer, "sigel_imputation")
  expect_equal(as.matrix(imputed_values(imputed_panel())), answer$values)
  metadata <- assay[[]]
  expect_named(metadata, metadata_columns)
  expect_equal(rownames(metadata), answer$genes$gene)
  expect_equal(unname(as.list(metadata)), unname(as.list(answer$genes[metadata_columns])))
  expect_type(metadata$trusted, "logical")
  expect_equal(metadata$trusted, metadata$expected.pcc >= 0.1)
  expect_true(all(metadata$nearest.gene %in% rownames(small_panel()$target)))
  expect_true(all(metadata$round == 1L))
  misc <- SeuratObject::Misc(assay)
  parts <- c("lower", "upper", "shared", "weights", "coverage", "left.out", "params", "provenance", "method")
  expect_true(all(parts %in% names(misc)))
  for (part in c("shared", "weights", "coverage", "left.out")) {
    expect_s3_class(misc[[part]], "data.frame")
    expect_equal(misc[[part]], answer[[part]])
  }
  expect_equal(dimnames(misc$lower), dimnames(answer$values))
  if (inherits(assay, "Assay")) {
    expect_length(assay@counts, 0)
  } else {
    expect_equal(getExportedValue("SeuratObject", "Layers")(assay), "data")
  }
})

test_that("the default is every gene with an image that the target lacks; those left out say why", {
  skip_if_no_engine()
  panel <- small_panel()
  imputed <- rownames(imputed_panel()[["sigel.imputed"]])
  report <- ImputationReport(imputed_panel())
  expect_false(any(imputed %in% rownames(panel$target)))
  expect_setequal(
    c(imputed, report$left.out$gene),
    setdiff(rownames(panel$reference), rownames(panel$target))
  )
  expect_match(report$left.out[c("mt-Nd1", "ERCC-00002"), "status"], "excluded by name", fixed = TRUE)
  expect_true(all(nzchar(report$left.out$status)))
})

test_that("the report gathers tables and numbers, and prints the main points", {
  skip_if_no_engine()
  report <- ImputationReport(imputed_panel())
  expect_s3_class(report, "sigel_imputation_report")
  expect_equal(report$n.shared, nrow(report$shared))
  expect_setequal(report$shared$gene, rownames(small_panel()$target))
  expect_true(all(c("achieved.pcc", "expected.pcc", "similarity") %in% names(report$shared)))
  expect_equal(
    report$spearman,
    cor(report$shared$expected.pcc, report$shared$achieved.pcc, method = "spearman")
  )
  expect_equal(report$method, "ensemble")
  expect_equal(report$target.sum, stats::median(Matrix::colSums(counts_of(small_panel()$target))))
  expect_equal(report$min.pcc, 0.1)
  expect_true(report$converged)
  expect_named(report$weights, c("predictor", "cells", "weight"))
  expect_true(all(report$weights$weight >= 0))
  expect_equal(report$coverage$stratum, seq_len(nrow(report$coverage)))
  expect_match(report$params, "\"target_sum\": null", fixed = TRUE)
  expect_match(report$provenance, "data_hash", fixed = TRUE)
  expect_equal(ImputationReport(from_matrices())$genes, report$genes)
  expect_equal(ImputationReport(imputed_panel()[["sigel.imputed"]])$genes, report$genes)
  printed <- paste(utils::capture.output(print(report)), collapse = " ")
  for (words in c(
    "ensemble",
    "45 shared genes",
    sprintf("%d trusted", sum(report$genes$trusted)),
    "Converged"
  )) {
    expect_match(printed, words, fixed = TRUE)
  }
  expect_match(printed, sprintf("%.2f", mean(report$shared$achieved.pcc)), fixed = TRUE)
  expect_output(print(from_matrices()), "values, lower, upper", fixed = TRUE)
  report$converged <- FALSE
  expect_output(print(report), "Not converged", fixed = TRUE)
})

test_that("no table of the report has underscores, and those of 0.5.0 are read", {
  skip_if_no_engine()
  report <- ImputationReport(imputed_panel())
  tables <- Filter(is.data.frame, report)
  expect_no_match(unlist(lapply(tables, names)), "_", fixed = TRUE)
  old <- imputed_panel()[["sigel.imputed"]]
  for (part in intersect(names(tables), names(old@misc))) {
    names(old@misc[[part]]) <- gsub(".", "_", names(old@misc[[part]]), fixed = TRUE)
  }
  expect_equal(ImputationReport(old), report)
})

test_that("nine in ten measured values lie in the intervals", {
  skip_if_no_engine()
  panel <- small_panel()
  bounds <- ImputationIntervals(imputed_panel())
  expect_named(bounds, c("lower", "upper"))
  values <- as.matrix(imputed_values(imputed_panel()))
  expect_equal(dimnames(bounds$lower), dimnames(values))
  expect_true(all(bounds$lower <= values + 1e-6 & values <= bounds$upper + 1e-6))
  genes <- intersect(rownames(values), rownames(panel$hidden))
  truth <- as.matrix(counts_of(panel$hidden)[genes, ])
  truth <- on_panel_scale(truth, panel$target)
  inside <- truth >= bounds$lower[genes, ] & truth <= bounds$upper[genes, ]
  expect_gt(mean(inside), 0.8)
  two <- ImputationIntervals(imputed_panel(), genes[2:1])
  expect_equal(two$upper, bounds$upper[genes[2:1], ])
  expect_equal(ImputationIntervals(from_matrices(), genes[1])$lower, bounds$lower[genes[1], , drop = FALSE])
})

test_that("without intervals there are none, and the values are the same", {
  skip_if_no_engine()
  panel <- small_panel()
  done <- impute_quietly(panel$target, panel$reference, intervals = FALSE)
  expect_equal(imputed_values(done), imputed_values(imputed_panel()))
  expect_null(SeuratObject::Misc(done[["sigel.imputed"]])$lower)
  expect_refused(ImputationIntervals(done), "object", "intervals = TRUE")
})

if (nightly()) {
  test_that("matrices, objects and coordinates by hand give the same values", {
    skip_if_no_engine()
    panel <- small_panel()
    values <- from_matrices()$values
    few <- rownames(values)[1:4]
    same <- function(answer) expect_equal(answer$values[few, ], values[few, ])
    dense <- pieces_of(panel$reference)
    dense$counts <- as.matrix(dense$counts)
    places <- table_of(panel$target)
    same(impute_quietly(as.matrix(counts_of(panel$target)), dense, coordinates = places, features = few))
    same(impute_quietly(counts_of(panel$target), panel$reference, coordinates = places, features = few))
    beside <- pieces_of(panel$reference)
    array <- c("array_row", "array_col")
    beside$lattice <- beside$coordinates[array]
    beside$coordinates <- beside$coordinates[setdiff(names(beside$coordinates), array)]
    same(impute_quietly(counts_of(panel$target), list(beside), coordinates = places, features = few))
    by_hand <- impute_quietly(
      panel$target,
      panel$reference,
      features = few,
      coordinates = places[rev(rownames(places)), ],
      reference.coordinates = table_of(panel$reference)
    )
    expect_equal(as.matrix(imputed_values(by_hand)), values[few, ])
    expect_equal(by_hand@commands[[1L]]@params$coordinates, "given")
  })
}

test_that("asked genes come out in their order, each once", {
  skip_if_no_engine()
  panel <- small_panel()
  asked <- rev(rownames(from_matrices()$values))[1:3]
  done <- impute_quietly(panel$target, panel$reference, features = asked)
  expect_equal(rownames(done[["sigel.imputed"]]), asked)
  expect_equal(as.matrix(imputed_values(done)), from_matrices()$values[asked, ])
  expect_equal(done[["sigel.imputed"]][[]], imputed_panel()[["sigel.imputed"]][[]][asked, ])
})

test_that("an earlier answer is replaced and that is said; other assays are not", {
  skip_if_no_engine()
  panel <- small_panel()
  few <- rownames(from_matrices()$values)[2:3]
  expect_message(
    again <- ImputeGenes(
      imputed_panel(),
      panel$reference,
      features = few,
      config = list(folds = 2),
      device = "cpu"
    ),
    "sigel.imputed"
  )
  expect_equal(rownames(again[["sigel.imputed"]]), few)
  expect_identical(again[["Spatial"]], panel$target[["Spatial"]])
  expect_silent(impute_quietly(imputed_panel(), panel$reference, features = few))
  if (nightly()) {
    # The same where it is the default assay, which it stays.
    main <- imputed_panel()
    SeuratObject::DefaultAssay(main) <- "sigel.imputed"
    main <- impute_quietly(main, panel$reference, features = few[1], assay = "Spatial")
    expect_equal(SeuratObject::DefaultAssay(main), "sigel.imputed")
    expect_equal(rownames(main), few[1])
  }
  beside <- impute_quietly(imputed_panel(), panel$reference, features = few, assay.name = "second")
  expect_equal(SeuratObject::Assays(beside), c("Spatial", "sigel.imputed", "second"))
  expect_equal(as.matrix(imputed_values(beside, "second")), from_matrices()$values[few, ])
})

test_that("answers save, load and are subset", {
  skip_if_no_engine()
  file <- withr::local_tempfile(fileext = ".rds")
  saveRDS(imputed_panel(), file)
  back <- readRDS(file)
  expect_equal(ImputationReport(back), ImputationReport(imputed_panel()))
  genes <- rownames(back[["sigel.imputed"]])[1:3]
  cells <- colnames(back)[c(2, 5, 9, 11)]
  part <- suppressWarnings(subset(back, cells = cells))
  bounds <- ImputationIntervals(part, genes)
  expect_equal(bounds$lower, ImputationIntervals(back)$lower[genes, cells])
  renamed <- suppressWarnings(SeuratObject::RenameCells(part, add.cell.id = "b"))
  expect_refused(ImputationIntervals(renamed), "object", "renamed")
})

test_that("an assay answers as its matrix does", {
  skip_if_no_engine()
  panel <- small_panel()
  few <- rownames(from_matrices()$values)[1:3]
  reference <- pieces_of(panel$reference)
  impute <- function(object, ...) {
    impute_quietly(object, reference, coordinates = table_of(panel$target), features = few, ...)
  }
  answer <- impute(panel$target[["Spatial"]])
  expect_s3_class(answer, "sigel_imputation")
  expect_equal(answer$values, impute(counts_of(panel$target))$values)
  expect_equal(impute(panel$target[["Spatial"]], slot = "counts")$values, answer$values)
  expect_refused(impute(panel$target[["Spatial"]], layer = "tpm"), "layer")
  alone <- function(...) ImputeGenes(panel$target[["Spatial"]], ..., verbose = FALSE)
  expect_refused(alone(coordinates = table_of(panel$target)), "reference", "found nothing")
  expect_error(impute(panel$target[["Spatial"]], faetures = few), "Did you mean", class = "sigel_error")
})

test_that("assays of Seurat 5 work, with split layers too, and an Assay of Seurat 4", {
  skip_unless_seurat5()
  skip_if_no_engine()
  panel <- small_panel()
  whole <- as.matrix(imputed_values(imputed_panel()))
  expect_s4_class(imputed_panel()[["sigel.imputed"]], "Assay5")
  halves <- lapply(panel[c("target", "reference")], function(object) {
    object[["Spatial"]] <- split(object[["Spatial"]], f = rep(c("one", "two"), length.out = ncol(object)))
    object
  })
  done <- impute_quietly(halves$target, halves$reference)
  expect_equal(as.matrix(imputed_values(done)), whole)
  expect_identical(done[["Spatial"]], halves$target[["Spatial"]])
  split_assay <- halves$target[["Spatial"]]
  answer <- impute_quietly(split_assay, halves$reference, coordinates = table_of(panel$target))
  expect_equal(as.matrix(answer$values), whole)
  old <- panel$target
  suppressWarnings(old[["Spatial"]] <- methods::as(old[["Spatial"]], "Assay"))
  done <- impute_quietly(old, panel$reference)
  expect_s4_class(done[["sigel.imputed"]], "Assay")
  expect_equal(as.matrix(imputed_values(done)), whole)
})

test_that("a simulated panel says so, and holds what it hides", {
  skip_if_no_engine()
  panel <- small_panel()
  expect_named(panel, c("target", "reference", "hidden"))
  for (object in panel) {
    expect_match(SeuratObject::Misc(object, "simulated"), "SimulatePanel", fixed = TRUE)
    expect_true("region" %in% names(object[[]]))
    expect_true("background" %in% object[["Spatial"]][[]]$programme)
  }
  expect_equal(nrow(panel$target), 45)
  expect_equal(colnames(panel$target), colnames(panel$hidden))
  expect_setequal(
    c(rownames(panel$target), rownames(panel$hidden)),
    grep("^Gene", rownames(panel$reference), value = TRUE)
  )
  expect_refused(SimulatePanel(seed = -1), "seed")
  expect_error(SimulatePanel(n.panel = 1e6), "n.panel", class = "sigel_error")
  bare <- SimulatePanel(
    n.panel = 20,
    n.rows = 10,
    n.cols = 10,
    n.programmes = 2,
    genes.per.programme = 15,
    n.background.genes = 10,
    image = "none"
  )
  expect_equal(lengths(lapply(bare, SeuratObject::Images)), c(target = 0L, reference = 0L, hidden = 0L))
})
