test_that("a matrix and an assay give a lawful reduction", {
  skip_if_no_engine()
  section <- small_section()
  counts <- counts_of(section)
  reduction <- run_quick(counts, spot_table(section))
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
  expect_no_match(names(history), "_", fixed = TRUE)
  expect_match(SeuratObject::Misc(reduction)$provenance, "data_hash")

  dense <- run_quick(as.matrix(counts), spot_table(section))
  expect_equal(SeuratObject::Loadings(dense), loadings)
  from_assay <- run_quick(section[["Spatial"]], coordinates = spot_table(section), assay = "Spatial")
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
  by_hand <- run_quick(section, coordinates = spot_table(section))
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
})

test_that("a run on some genes leaves nothing of an earlier run", {
  skip_if_no_engine()
  section <- small_section()
  chosen <- grep("^Gene", rownames(section), value = TRUE)[1:15]
  left_out <- setdiff(rownames(section), chosen)
  first <- run_quick(section)
  again <- run_quick(first, features = chosen, n.groups = 5)
  columns <- again[["Spatial"]][[]]
  expect_true(all(is.na(columns[left_out, "sigel.group"])))
  expect_true(all(is.na(columns[left_out, "sigel.group.prob"])))
  expect_equal(unique(columns[left_out, "sigel.status"]), "not among `features`")
  features <- SeuratObject::Misc(again[["sigel"]])$features
  expect_equal(as.character(columns[chosen, "sigel.group"]), as.character(features[chosen, "group"]))
  expect_equal(columns[chosen, "sigel.status"], features[chosen, "status"])
  expect_equal(levels(columns$sigel.group), levels(features$group))
  expect_equal(columns$programme, section[["Spatial"]][[]]$programme)
})

test_that("genes that the layer lacks are told from those not asked for", {
  add_feature_metadata <- getFromNamespace("add_feature_metadata", "sigel")
  counts <- matrix(1, 3, 2, dimnames = list(c("a", "b", "c"), c("x", "y")))
  assay <- SeuratObject::CreateAssayObject(counts)
  features <- data.frame(gene = "b", group = factor("1"), prob = 1, status = "embedded")
  status <- function(asked) add_feature_metadata(assay, features, asked)[[]]$sigel.status
  expect_equal(status(NULL), c("not in the layer", "embedded", "not in the layer"))
  expect_equal(status("b"), c("not among `features`", "embedded", "not among `features`"))
})

if (nightly()) {
  test_that("the way to the number of groups and the grid of pixels are kept", {
    skip_if_no_engine()
    as_bic <- getFromNamespace("as_bic", "sigel")
    expect_null(as_bic(NULL))
    expect_null(as_bic(list()))
    expect_equal(as_bic(list(`10` = 3, `2` = 5.5)), data.frame(n.groups = c(2L, 10L), bic = c(5.5, 3)))

    section <- small_section()
    given <- SeuratObject::Misc(run_quick(section)[["sigel"]])
    expect_null(given$bic)
    expect_null(given$history$foretold)
    # Of a panel counts choose the number.
    auto <- SeuratObject::Misc(run_quick(section, n.groups = "auto")[["sigel"]])
    expect_null(auto$bic)
    expect_gt(auto$history$foretold[auto$history$stage == "groups"], 0.05)
    expect_match(auto$raster, "\"shape\"")
  })
}

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
  simulated <- function() {
    SimulateSection(
      seed = 2,
      n.rows = 8,
      n.cols = 8,
      n.programmes = 2,
      genes.per.programme = 5,
      n.background.genes = 5
    )
  }
  expect_identical(rlang::hash(simulated()), rlang::hash(simulated()))
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

  # Only the model's own files count.
  model_record <- getFromNamespace("model_record", "sigel")
  dir.create(file.path(folder, "notes"))
  writeLines("of the user", file.path(folder, "notes", "diary.txt"))
  expect_equal(model_record(folder), tool)
  cat(" ", file = file.path(folder, "config.json"), append = TRUE)
  expect_false(model_record(folder)$hash == tool$hash)
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

if (nightly()) {
  test_that("a second reduction has columns of its own", {
    skip_if_no_engine()
    both <- run_quick(
      run_quick(small_section()),
      reduction.name = "other",
      reduction.key = "OTHER_",
      seed.use = 3
    )
    columns <- both[["Spatial"]][[]]
    expect_true(all(c("sigel.group", "other.group", "other.group.prob", "other.status") %in% names(columns)))
    for (name in c("sigel", "other")) {
      features <- SeuratObject::Misc(both[[name]])$features
      expect_equal(as.character(columns[features$gene, paste0(name, ".group")]), as.character(features$group))
    }
  })
}

test_that("coordinates with the cells in a column work", {
  skip_if_no_engine()
  counts <- counts_of(small_section())
  places <- spot_table(small_section())
  column <- data.frame(places[c("y", "x", "array_row", "array_col")], cell = rownames(places))
  rownames(column) <- NULL
  loadings <- function(places) SeuratObject::Loadings(run_quick(counts, places))
  expect_equal(loadings(column), loadings(places))
})

test_that("a preset sets what is not said; what it trains can be plotted, and nothing is otherwise", {
  skip_if_no_engine()
  section <- small_section()
  fast <- RunSIGEL(section, n.dims = 4, n.groups = 3, preset = "fast", verbose = FALSE)
  expect_equal(SeuratObject::Misc(fast[["sigel"]])$history$stage, c("eigenimages", "groups"))
  expect_equal(fast@commands[["RunSIGEL.Spatial"]]@params$preset, "fast")
  expect_error(TrainingPlot(fast), "trains nothing", class = "sigel_error")
  expect_error(RunSIGEL(section, preset = "quick", verbose = FALSE), "thorough", class = "sigel_error")
})

test_that("a run goes on from its checkpoint, and another run is refused it", {
  skip_if_no_engine()
  section <- small_section()
  folder <- withr::local_tempdir()
  first <- run_quick(section, checkpoint = folder)
  expect_equal(list.files(folder), "checkpoint.safetensors")
  again <- run_quick(section, checkpoint = folder)
  expect_identical(SeuratObject::Loadings(again[["sigel"]]), SeuratObject::Loadings(first[["sigel"]]))
  expect_error(run_quick(section, checkpoint = folder, seed.use = 5), "checkpoint", class = "sigel_error")
})

test_that("several sections lie in one space: one representation of all, one of each", {
  skip_if_no_engine()
  section <- small_section()
  places <- spot_table(section)
  labels <- ifelse(places$x < stats::median(places$x), "left", "right")
  section$slide <- labels
  done <- run_quick(section, section = "slide")
  reduction <- done[["sigel"]]
  loadings <- SeuratObject::Loadings(reduction)
  found <- SeuratObject::Misc(reduction)$sections
  expect_setequal(names(found), c("left", "right"))
  for (one in found) {
    expect_equal(dimnames(one), dimnames(loadings))
    there <- !is.na(one[, 1])
    expect_true(any(there))
    expect_equal(unname(rowSums(one[there, ]^2)), rep(ncol(one), sum(there)), tolerance = 1e-4)
  }
  expect_equal(SeuratObject::Misc(reduction)$section, "slide")
  by_hand <- run_quick(counts_of(section), places, section = labels, assay = "Spatial")
  expect_equal(SeuratObject::Misc(by_hand)$sections, found)
  # Its sections are no column of the meta data.
  held <- section
  held[["sigel"]] <- by_hand
  expect_s3_class(GeneImagePlot(held, rownames(loadings)[1L]), "ggplot")

  alone <- run_quick(section)
  expect_null(SeuratObject::Misc(alone[["sigel"]])$sections)
  # One section is the same with a name.
  section$one <- "all of it"
  named <- run_quick(section, section = "one")
  expect_null(SeuratObject::Misc(named[["sigel"]])$sections)
  expect_identical(SeuratObject::Loadings(named[["sigel"]]), SeuratObject::Loadings(alone[["sigel"]]))
  expect_identical(SeuratObject::Embeddings(named[["sigel"]]), SeuratObject::Embeddings(alone[["sigel"]]))
  expect_refused(run_quick(section, section = "slides"), "section", "slides")
  section$slide[3] <- "lone"
  expect_refused(run_quick(section, section = "slide"), "coordinates", "in section 'lone'")
  section$slide[3] <- NA
  expect_refused(run_quick(section, section = "slide"), "section", "missing values")
})
