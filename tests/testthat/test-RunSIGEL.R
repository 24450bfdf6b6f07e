test_that("a matrix and an assay give a lawful reduction", {
  skip_if_no_engine()
  section <- small_section()
  counts <- counts_of(section)
  reduction <- run_quick(counts, places_of(section))
  expect_s4_class(reduction, "DimReduc")
  features <- SeuratObject::Misc(reduction)$features
  expect_equal(features$gene, rownames(counts))
  embedded <- features$gene[features$status == "embedded"]
  loadings <- SeuratObject::Loadings(reduction)
  expect_equal(dimnames(loadings), list(embedded, paste0("SIGEL_", 1:4)))
  expect_true(all(is.finite(loadings)))
  embeddings <- SeuratObject::Embeddings(reduction)
  expect_equal(dimnames(embeddings), list(colnames(counts), paste0("SIGEL_", 1:4)))
  expect_true(all(is.finite(embeddings)))
  expect_equal(is.na(features$group), features$status != "embedded")
  expect_equal(is.finite(features$prob), features$status == "embedded")
  expect_true("excluded by name" %in% features$status)
  history <- SeuratObject::Misc(reduction)$history
  expect_s3_class(history, "data.frame")
  expect_true(all(c("stage", "epoch", "loss") %in% names(history)))
  expect_match(SeuratObject::Misc(reduction)$provenance, "data_hash")

  dense <- run_quick(as.matrix(counts), places_of(section))
  expect_equal(SeuratObject::Loadings(dense), loadings)
  from_assay <- run_quick(section[["Spatial"]], coordinates = places_of(section), assay = "Spatial")
  expect_equal(SeuratObject::Loadings(from_assay), loadings)
  expect_equal(SeuratObject::DefaultAssay(from_assay), "Spatial")
})

test_that("a Seurat object gets the reduction, the columns and the log, and nothing else changes", {
  skip_if_no_engine()
  section <- small_section()
  before <- rlang::hash(section)
  done <- run_quick(section)
  expect_identical(rlang::hash(section), before)
  expect_equal(SeuratObject::Reductions(done), "sigel")
  expect_equal(counts_of(done), counts_of(section))
  expect_equal(done[[]], section[[]])
  columns <- done[["Spatial"]][[]]
  expect_true(all(c("programme", "sigel.group", "sigel.group.prob", "sigel.status") %in% names(columns)))
  features <- SeuratObject::Misc(done[["sigel"]])$features
  expect_equal(as.character(columns[features$gene, "sigel.group"]), as.character(features$group))
  expect_equal(columns[features$gene, "sigel.group.prob"], features$prob)
  expect_equal(columns[features$gene, "sigel.status"], features$status)
  expect_equal(names(done@commands), "RunSIGEL.Spatial")
  expect_equal(done@commands[["RunSIGEL.Spatial"]]@params$n.dims, 4)
  by_hand <- run_quick(section, coordinates = places_of(section))
  expect_equal(SeuratObject::Loadings(by_hand[["sigel"]]), SeuratObject::Loadings(done[["sigel"]]))
  expect_equal(by_hand@commands[["RunSIGEL.Spatial"]]@params$coordinates, "given")
})

test_that("the words of Seurat are heeded: names, layer and slot, features", {
  skip_if_no_engine()
  section <- small_section()
  done <- run_quick(section, reduction.name = "genes", reduction.key = "GENES_", slot = "counts")
  expect_equal(SeuratObject::Reductions(done), "genes")
  expect_equal(colnames(SeuratObject::Loadings(done[["genes"]]))[1], "GENES_1")
  chosen <- grep("^Gene", rownames(section), value = TRUE)[1:15]
  some <- run_quick(section, features = chosen)
  expect_setequal(SeuratObject::Misc(some[["sigel"]])$features$gene, chosen)
  left_out <- setdiff(rownames(section), chosen)
  expect_true(all(is.na(some[["Spatial"]][[]][left_out, "sigel.status"])))
})

test_that("the same seed gives the same numbers, and R's random numbers are left alone", {
  skip_if_no_engine()
  section <- small_section()
  set.seed(11)
  before <- .Random.seed
  first <- run_quick(section, seed.use = 3)
  expect_identical(.Random.seed, before)
  again <- run_quick(section, seed.use = 3)
  other <- run_quick(section, seed.use = 4)
  loadings <- function(object) SeuratObject::Loadings(object[["sigel"]])
  expect_identical(loadings(again), loadings(first))
  expect_gt(max(abs(loadings(other) - loadings(first))), 1e-3)
  expect_identical(rlang::hash(SimulateSection(seed = 2, n_rows = 8, n_cols = 8)), {
    rlang::hash(SimulateSection(seed = 2, n_rows = 8, n_cols = 8))
  })
  expect_identical(.Random.seed, before)
})

test_that("the fitted model is saved, and the object remembers where and which", {
  skip_if_no_engine()
  folder <- file.path(withr::local_tempdir(), "model")
  done <- run_quick(small_section(), save.model = folder)
  tool <- SeuratObject::Tool(done, "RunSIGEL")
  expect_equal(tool$path, normalizePath(folder))
  expect_match(tool$hash, "^[0-9a-f]{32}$")
  expect_true(file.exists(file.path(folder, "config.json")))
  expect_false(any(grepl("pkl|pickle|[.]pt$", list.files(folder))))
})

test_that("progress is told stage by stage, and verbose = FALSE is silent", {
  skip_if_no_engine()
  section <- small_section()
  expect_message(run_quick(section, verbose = TRUE), "Module I")
  expect_silent(run_quick(section, verbose = FALSE))
})

test_that("a field of view and scattered cells work", {
  skip_if_no_engine()
  cells <- small_section(lattice = "cells", image = "fov")
  expect_s4_class(cells[["section"]], "FOV")
  done <- run_quick(cells)
  expect_equal(nrow(SeuratObject::Embeddings(done[["sigel"]])), ncol(cells))
})

test_that("split layers are joined for reading only", {
  skip_unless_seurat5()
  skip_if_no_engine()
  section <- small_section()
  whole <- run_quick(section)
  halves <- section
  halves[["Spatial"]] <- split(halves[["Spatial"]], f = rep(c("one", "two"), length.out = ncol(section)))
  layers <- getExportedValue("SeuratObject", "Layers")
  expect_equal(layers(halves), c("counts.one", "counts.two"))
  before <- rlang::hash(halves)
  done <- run_quick(halves)
  expect_identical(rlang::hash(halves), before)
  expect_equal(layers(done), c("counts.one", "counts.two"))
  expect_equal(SeuratObject::Loadings(done[["sigel"]]), SeuratObject::Loadings(whole[["sigel"]]))
  expect_refused(run_quick(halves, layer = "data"), "layer", "\"counts.one\"", object = halves)
})

test_that("an Assay of Seurat 4 works in Seurat 5 too", {
  skip_unless_seurat5()
  skip_if_no_engine()
  section <- small_section()
  old <- section
  old[["Spatial"]] <- methods::as(section[["Spatial"]], "Assay")
  expect_s4_class(old[["Spatial"]], "Assay")
  done <- run_quick(old)
  expect_equal(
    SeuratObject::Loadings(done[["sigel"]]),
    SeuratObject::Loadings(run_quick(section)[["sigel"]])
  )
})
