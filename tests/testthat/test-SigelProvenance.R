test_that("an object says what was run on it, in order, with what makes it again", {
  skip_if_no_engine()
  section <- run_quick(small_section(), seed.use = 2)
  section <- FindSpatialGenes(section, score = FALSE, verbose = FALSE)
  section <- Seurat::NormalizeData(section, verbose = FALSE)
  table <- SigelProvenance(section)
  expect_equal(table$result, c("RunSIGEL", "FindSpatialGenes"))
  expect_false(is.unsorted(table$finished))
  expect_equal(unique(table$sigel), as.character(utils::packageVersion("sigel")))
  expect_equal(table$seed, c(2, 0))
  expect_equal(table$device, c("cpu", "auto"))
  expect_match(table$call[2], "FindSpatialGenes(section, score = FALSE", fixed = TRUE)
  expect_match(table$data.hash[1], "^[0-9a-f]{16}$")
  expect_gt(table$wall.time[1], 0)
  expect_true(is.na(table$data.hash[2]))
  expect_named(attr(table, "versions"), "RunSIGEL")
  expect_true(all(c("torch", "numpy") %in% names(attr(table, "versions")$RunSIGEL)))
  # The call makes it again.
  again <- eval(str2lang(table$call[2]), list(section = small_section()))
  expect_equal(SpatialGenes(again)$pval, SpatialGenes(section)$pval)
})

test_that("the last call of a verb stays, through a file and for part of the cells", {
  skip_if_no_engine()
  section <- FindSpatialGenes(small_section(), score = FALSE, seed.use = 4, verbose = FALSE)
  section <- FindSpatialGenes(section, score = FALSE, seed.use = 5, verbose = FALSE)
  file <- withr::local_tempfile(fileext = ".rds")
  saveRDS(section, file)
  read <- readRDS(file)
  expect_equal(SigelProvenance(read)$seed, 5)
  expect_equal(SigelProvenance(read[, 1:20]), SigelProvenance(section))
})

test_that("an object without results says that, and what is no object is refused", {
  skip_if_no_engine()
  expect_equal(nrow(SigelProvenance(small_section())), 0)
  expect_refused(SigelProvenance(1:3), "object", "a Seurat object")
})

test_that("what is stored of a view has the call that the user wrote", {
  skip_if_no_engine()
  as_typed <- getFromNamespace("as_typed", "sigel")
  section <- FindSpatialGenes(small_section(), score = FALSE, verbose = FALSE)
  # A verb as it is on a SpatialExperiment, here with a Seurat object that is its own view.
  Verb <- function(object, ...) UseMethod("Verb")
  on_section <- function(object, reference, ...) {
    stored(object, SelectSpatialGenes(object, ...))
  }
  stored <- function(before, view, call = rlang::caller_env()) {
    view@commands <- as_typed(view, before, call)
    view
  }
  assign("Verb.Seurat", on_section)
  calls <- function(object) SigelProvenance(object)$call
  half <- 0.5
  done <- Verb(section, share = half, verbose = FALSE)
  expect_equal(calls(done), c(calls(section), "Verb(section, share = half, verbose = FALSE)"))
  # One that is made again, by a call that holds the objects themselves.
  again <- do.call(Verb, list(done, done, share = 0.25, verbose = FALSE))
  expect_equal(calls(again), c(calls(section), "Verb(object, reference, share = 0.25, verbose = FALSE)"))
})
