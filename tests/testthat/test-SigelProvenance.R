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
  # What "auto" stood for.
  expect_match(table$device, "^(cpu|cuda:0)$")
  expect_match(table$call[2], "FindSpatialGenes(section, score = FALSE", fixed = TRUE)
  expect_match(table$data.hash, "^[0-9a-f]{16}$")
  # Of the same data.
  expect_length(unique(table$data.hash), 1)
  expect_true(all(table$wall.time > 0))
  expect_named(attr(table, "versions"), table$result)
  for (record in attr(table, "versions")) {
    expect_true(all(c("python", "torch", "numpy", "scikit-learn", "threads") %in% names(record)))
  }
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
  bare <- data.frame(gene = "a")
  expect_refused(
    SigelProvenance(bare),
    "object",
    "without the attribute \"provenance\"",
    "a table that a verb"
  )
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

# One row that says all, for a result of its data.
expect_told <- function(object, verb, call, n.hashes = 1) {
  table <- SigelProvenance(object)
  row <- table[table$result == verb, ]
  expect_equal(nrow(row), 1)
  expect_match(row$call, call, fixed = TRUE)
  expect_match(row$data.hash, sprintf("^[0-9a-f]{16}(-[0-9a-f]{16}){%d}$", n.hashes - 1))
  expect_gte(row$wall.time, 0)
  expect_equal(row$device, "cpu")
  expect_equal(row$sigel, as.character(utils::packageVersion("sigel")))
  expect_lte(row$finished, Sys.time())
  expect_true(all(c("torch", "numpy") %in% names(attr(table, "versions")[[verb]])))
  invisible(row$data.hash)
}

test_that("what verbs write into an object says how it was made, with one hash for one section", {
  skip_if_no_engine()
  section <- regions_section()
  made <- find_quietly(section, seed.use = 3)
  hash <- expect_told(made, "FindSpatialDomains", "FindSpatialDomains(object, ...,")
  made <- SelectSpatialGenes(made, n.genes = 30, device = "cpu", verbose = FALSE)
  made <- LabelSpatialDomains(
    made,
    made,
    cluster.name = "b_domain",
    config = few,
    device = "cpu",
    verbose = FALSE
  )
  expect_equal(expect_told(made, "SelectSpatialGenes", "SelectSpatialGenes(made, n.genes = 30"), hash)
  both <- expect_told(made, "LabelSpatialDomains", "LabelSpatialDomains(made, made, ", 2)
  expect_equal(both, paste(hash, hash, sep = "-"))
  grouped <- FindGeneGroups(grouped_section(), n.groups = 2, device = "cpu")
  of_groups <- expect_told(grouped, "FindGeneGroups", "FindGeneGroups(grouped_section(), n.groups = 2")
  expect_null(attr(grouped[["sigel"]], "provenance"))
  run <- SigelProvenance(grouped)
  expect_false(of_groups == run$data.hash[run$result == "RunSIGEL"])
  # Two data sets, of which one is a reference.
  expect_told(imputed_panel(), "ImputeGenes", "ImputeGenes(object, reference, ...", 2)
})

test_that("tables say how they were made, and so do their parts", {
  skip_if_no_engine()
  section <- grouped_section()
  run <- SigelProvenance(section)$data.hash
  region <- c(blob = 0.9)
  pattern <- FindPatternGenes(section, "region", region, n.null = 10, device = "cpu", verbose = FALSE)
  expect_equal(
    expect_told(pattern, "FindPatternGenes", "FindPatternGenes(section, \"region\", region, n"),
    run
  )
  expect_equal(SigelProvenance(head(pattern, 3)), SigelProvenance(pattern))
  expect_equal(SigelProvenance(pattern)$call, attr(pattern, "provenance")$call)
  again <- eval(str2lang(SigelProvenance(pattern)$call))
  expect_equal(again$pval, pattern$pval)
  stability <- FindGeneGroupStability(section, n.seeds = 1, device = "cpu", verbose = FALSE)
  expect_equal(expect_told(stability, "FindGeneGroupStability", "FindGeneGroupStability(section, n.s"), run)
  similar <- FindSimilarGenes(section, rownames(SeuratObject::Loadings(section[["sigel"]]))[1])
  of_run <- expect_told(similar, "FindSimilarGenes", "FindSimilarGenes(section, rownames(")
  expect_equal(expect_told(GeneGroups(section), "GeneGroups", "GeneGroups(section)"), of_run)
  sets <- list(first = rownames(section)[1:20], second = rownames(section)[21:40])
  expect_told(GeneGroupEnrichment(section, sets), "GeneGroupEnrichment", "GeneGroupEnrichment(section, sets)")
  domains <- domains_section()
  stable <- FindSpatialDomainStability(domains, n.seeds = 1, device = "cpu", verbose = FALSE)
  hash <- expect_told(stable, "FindSpatialDomainStability", "FindSpatialDomainStability(domains, n.seeds = 1")
  expect_equal(hash, SigelProvenance(domains)$data.hash)
  panel <- imputed_panel()
  panel$half <- rep_len(c("a", "b"), ncol(panel))
  compared <- CompareImputedGenes(panel, "half", "a", n.draws = 5)
  expect_told(compared, "CompareImputedGenes", "CompareImputedGenes(panel, \"half\", \"a\", n.draws = 5)")
})

test_that("tables of cohorts have a hash of each object, or of the one that holds all sections", {
  skip_if_no_engine()
  expect_told(disease_table(), "FindDiseaseGenes", "FindDiseaseGenes(object, ..., device = device", 6)
  merged <- merged_donors(few_donors())
  merged$donor <- merged$section_name <- sub("_.*", "", colnames(merged))
  one <- FindDiseaseGenes(merged, "condition", section = "donor", device = "cpu", verbose = FALSE)
  expect_told(one, "FindDiseaseGenes", "FindDiseaseGenes(merged, \"condition\", section = \"donor\"")
  pairs <- FindGeneInteractions(small_section(), partners.of = "Gene0003", device = "cpu", verbose = FALSE)
  hash <- expect_told(pairs, "FindGeneInteractions", "FindGeneInteractions(small_section(), partners.of =")
  expect_equal(
    hash,
    SigelProvenance(FindSpatialGenes(small_section(), score = FALSE, verbose = FALSE))$data.hash
  )
})

test_that("what is made of matrices and assays says the call of its user", {
  skip_if_no_engine()
  section <- small_section()
  counts <- counts_of(section)
  places <- spot_table(section)
  assay <- section[["Spatial"]]
  genes <- FindSpatialGenes(counts, places, score = FALSE, device = "cpu", verbose = FALSE)
  hash <- expect_told(genes, "FindSpatialGenes", "FindSpatialGenes(counts, places, score = FALSE")
  table <- FindSpatialGenes(assay, coordinates = places, score = FALSE, device = "cpu", verbose = FALSE)
  expect_equal(expect_told(table, "FindSpatialGenes", "FindSpatialGenes(assay, coordinates = places, "), hash)
  chosen <- SelectSpatialGenes(counts, places, n.genes = 10, device = "cpu", verbose = FALSE)
  expect_equal(expect_told(chosen, "SelectSpatialGenes", "SelectSpatialGenes(counts, places, n."), hash)
  found <- FindSpatialDomains(counts, places, 2, config = few, device = "cpu", verbose = FALSE)
  expect_equal(expect_told(found, "FindSpatialDomains", "FindSpatialDomains(counts, places, 2, "), hash)
  run <- run_quick(assay, coordinates = places, device = "cpu")
  expect_equal(expect_told(run, "RunSIGEL", "RunSIGEL(object, ..., n.dims = n.dims"), hash)
  # Whatever a function is called by, its name is known.
  by_do_call <- do.call(
    FindGeneGroupStability,
    list(grouped_section(), n.seeds = 1, device = "cpu", verbose = FALSE)
  )
  expect_told(by_do_call, "FindGeneGroupStability", "FindGeneGroupStability(object, n.seeds = 1")
})

test_that("the hash is that of the data, whichever door they come by", {
  skip_if_no_engine()
  section <- small_section()
  hash_of <- function(counts, places = spot_table(section)) {
    SigelProvenance(FindSpatialGenes(counts, places, score = FALSE, verbose = FALSE))$data.hash
  }
  counts <- counts_of(section)
  expect_equal(hash_of(as.matrix(counts)), hash_of(counts))
  counted <- counts
  counted@x[7] <- counted@x[7] + 1
  moved <- spot_table(section)
  moved$x <- moved$x + 1
  renamed <- counts
  rownames(renamed)[3] <- "another"
  hashes <- c(hash_of(counts), hash_of(counted), hash_of(counts, moved), hash_of(renamed))
  expect_length(unique(hashes), 4)
  # Python's own door, asked about the same counts at the same places.
  engine <- reticulate::import("sigel")
  same <- engine$datasets$simulated_section(12L, 12L, 2L, 14L, 12L, seed = 1L)
  engine$tl$spatial_genes(same, score = FALSE, progress = FALSE)
  told <- jsonlite::fromJSON(as.character(same$uns["sigel_calls"][[1]]))
  places <- data.frame(same$obsm["spatial"], row.names = colnames(counts))
  names(places) <- c("x", "y")
  expect_equal(told$data_hash, hash_of(counts, places))
})

test_that("a command that takes the place of an earlier one has its own record", {
  skip_if_no_engine()
  section <- run_quick(small_section(), seed.use = 1)
  section <- FindSpatialGenes(section, score = FALSE, seed.use = 2, verbose = FALSE)
  kept <- section@commands[["FindSpatialGenes.Spatial.sigel"]]
  section <- run_quick(section, seed.use = 3)
  records <- attr(SigelProvenance(section), "versions")
  expect_equal(
    vapply(records, function(record) as.double(record$seed), 1),
    c(FindSpatialGenes = 2, RunSIGEL = 3)
  )
})

test_that("results of earlier versions have what was kept with them", {
  skip_if_no_engine()
  section <- FindSpatialGenes(run_quick(small_section()), score = FALSE, verbose = FALSE)
  for (name in names(section@commands)) {
    section@commands[[name]]@params$provenance <- NULL
  }
  table <- SigelProvenance(section)
  expect_match(table$data.hash[1], "^[0-9a-f]{16}$")
  expect_equal(is.na(table$wall.time), c(FALSE, TRUE))
  expect_equal(table$device, c("cpu", "auto"))
  expect_named(attr(table, "versions"), "RunSIGEL")
})

test_that("what cannot be kept of a result is told, and the result stays", {
  with_record <- getFromNamespace("with_record", "sigel")
  broken <- structure(list(), record = "{no JSON")
  expect_warning(
    made <- with_record(1:3, broken, rlang::current_env()),
    "could not be kept",
    class = "sigel_warning"
  )
  expect_identical(made, 1:3)
})
