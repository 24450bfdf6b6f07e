columns <- c(
  "gene",
  "score",
  "score.pval",
  "statistic",
  "effect",
  "length.scale",
  "pval",
  "log.pval",
  "qval",
  "rank",
  "status"
)
metadata_columns <- paste0("sigel.spatial.", setdiff(columns, "gene"))

# Found once; without the score it takes no model.
found <- function() {
  if (is.null(made$spatial)) {
    made$spatial <- FindSpatialGenes(small_section(), verbose = FALSE)
  }
  made$spatial
}
quickly <- function(object, ...) FindSpatialGenes(object, ..., score = FALSE, verbose = FALSE)

test_that("planted genes come before genes without a pattern", {
  skip_if_no_engine()
  table <- SpatialGenes(found())
  expect_named(table, columns)
  tested <- table[table$status == "tested", ]
  programme <- found()[["Spatial"]][[]][tested$gene, "programme"]
  planted <- programme != "background"
  # Area under the ROC curve of the test and of the score.
  auc <- function(x) {
    r <- rank(x)
    (sum(r[planted]) - sum(planted) * (sum(planted) + 1) / 2) / (sum(planted) * sum(!planted))
  }
  expect_gt(auc(-tested$rank), 0.9)
  expect_gt(auc(tested$effect), 0.9)
  expect_gt(auc(tested$score), 0.8)
  expect_lt(mean(tested$qval[!planted] < 0.05), 0.3)
})

test_that("the table is lawful: in the order of rank, NA where there is no answer", {
  skip_if_no_engine()
  table <- SpatialGenes(found())
  expect_equal(rownames(table), table$gene)
  expect_setequal(table$gene, rownames(found()))
  tested <- table$status == "tested"
  expect_equal(is.na(table$rank), !tested)
  expect_type(table$rank, "integer")
  expect_false(is.unsorted(table$rank[tested]))
  expect_true(all(which(tested) <= sum(tested)))
  expect_true("excluded by name" %in% table$status)
  for (share in c("effect", "pval", "qval", "score.pval")) {
    expect_true(all(table[[share]][tested] >= 0 & table[[share]][tested] <= 1))
  }
  expect_true(all(table$qval[tested] >= table$pval[tested]))
  expect_equal(exp(table$log.pval[tested]), table$pval[tested])
  expect_equal(table$qval[tested], stats::p.adjust(table$pval[tested], "BH"))
  expect_false(any(is.nan(unlist(table[columns[2:10]]))))
})

test_that("the object gets the columns and the log, and nothing else changes", {
  skip_if_no_engine()
  section <- small_section()
  before <- rlang::hash(section)
  done <- found()
  expect_identical(rlang::hash(section), before)
  expect_equal(done[[]], section[[]])
  expect_equal(counts_of(done), counts_of(section))
  expect_setequal(names(done[["Spatial"]][[]]), c(names(section[["Spatial"]][[]]), metadata_columns))
  expect_equal(names(done@commands), "FindSpatialGenes.Spatial.sigel")
  expect_equal(done@commands[[1]]@params$n.nulls, 1)
  expect_equal(done@commands[[1]]@params$null, "permute")
})

test_that("a matrix, an assay and an object with coordinates give the same table", {
  skip_if_no_engine()
  section <- small_section()
  counts <- counts_of(section)
  places <- spot_table(section)
  whole <- SpatialGenes(quickly(section))
  from_matrix <- quickly(counts, places)
  expect_s3_class(from_matrix, "data.frame")
  expect_same_result(from_matrix, whole)
  expect_true(all(is.na(from_matrix$score)))
  expect_same_result(quickly(as.matrix(counts), coordinates = places), whole)
  expect_same_result(quickly(section[["Spatial"]], coordinates = places), whole)
  by_hand <- quickly(section, coordinates = places)
  expect_equal(SpatialGenes(by_hand), whole)
  expect_equal(SpatialGenes(by_hand[["Spatial"]]), whole)
  expect_equal(by_hand@commands[[1]]@params$coordinates, "given")
})

test_that("a second call on some genes leaves nothing of the first", {
  skip_if_no_engine()
  chosen <- grep("^Gene", rownames(small_section()), value = TRUE)[1:15]
  again <- quickly(found(), features = chosen)
  table <- SpatialGenes(again)
  left_out <- !table$gene %in% chosen
  expect_equal(unique(table$status[left_out]), "not among `features`")
  expect_true(all(is.na(table[left_out, columns[2:9]])))
  expect_setequal(table$gene[!is.na(table$rank)], chosen)
  expect_equal(sum(names(again[["Spatial"]][[]]) %in% metadata_columns), length(metadata_columns))
})

if (nightly()) {
  test_that("the genes and settings of a run are taken up, and a model where it is given", {
    skip_if_no_engine()
    section <- small_section()
    chosen <- grep("^Gene", rownames(section), value = TRUE)[1:30]
    folder <- file.path(withr::local_tempdir(), "model")
    image <- list(image = list(min_spots = 20))
    run <- run_quick(section, features = chosen, save.model = folder, config = c(quick, image))
    score <- function(...) SpatialGenes(FindSpatialGenes(..., verbose = FALSE))
    seen <- score(run)
    expect_setequal(seen$gene[!is.na(seen$rank)], chosen)
    expect_equal(seen[chosen, ], score(section, features = chosen, config = image)[chosen, ])
    expect_equal(unique(seen$status[!seen$gene %in% chosen]), "not in the layer or the run")
    all_genes <- score(run, features = rownames(section), score = FALSE)
    expect_gt(sum(!is.na(all_genes$rank)), 30)

    with_model <- score(run, model = folder)
    expect_equal(with_model[chosen, "pval"], seen[chosen, "pval"])
    expect_gt(max(abs(with_model[chosen, "score"] - seen[chosen, "score"]), na.rm = TRUE), 1e-6)
  })
}

test_that("covariates and sections are columns of the meta data", {
  skip_if_no_engine()
  section <- small_section()
  section$half <- ifelse(section$array_col > stats::median(section$array_col), "right", "left")
  section$side <- as.numeric(section$array_col)
  plain <- SpatialGenes(quickly(section))
  # What explains the pattern takes the effect away.
  given <- SpatialGenes(quickly(section, covariates = c("region", "side")))
  planted <- rownames(section)[section[["Spatial"]][[]]$programme != "background"]
  expect_lt(mean(given[planted, "statistic"], na.rm = TRUE), mean(plain[planted, "statistic"], na.rm = TRUE))
  table <- data.frame(section[[]][c("region", "side")])
  expect_same_result(
    quickly(counts_of(section), spot_table(section), covariates = table[rev(rownames(table)), ]),
    given
  )

  halves <- SpatialGenes(quickly(section, section = "half"))
  expect_gt(max(abs(halves[plain$gene, "statistic"] - plain$statistic), na.rm = TRUE), 1e-6)
  labels <- stats::setNames(section$half, colnames(section))
  expect_same_result(quickly(counts_of(section), spot_table(section), section = rev(labels)), halves)
  expect_same_result(quickly(counts_of(section), spot_table(section), section = factor(section$half)), halves)
})

test_that("the same seed gives the same numbers, and R's random numbers are left alone", {
  skip_if_no_engine()
  set.seed(3)
  before <- .Random.seed
  again <- FindSpatialGenes(small_section(), verbose = FALSE)
  expect_identical(.Random.seed, before)
  expect_equal(SpatialGenes(again), SpatialGenes(found()))
  for (null in c("nb", "zinb")) {
    other <- SpatialGenes(FindSpatialGenes(small_section(), null = null, n.nulls = 2, verbose = FALSE))
    expect_true(all(is.finite(other$score[other$status == "tested"])))
  }
})

test_that("progress is told, and verbose = FALSE is silent", {
  skip_if_no_engine()
  expect_message(FindSpatialGenes(small_section(), verbose = TRUE))
  expect_silent(FindSpatialGenes(small_section(), verbose = FALSE))
})

if (nightly()) {
  test_that("progress says which section it is about", {
    skip_if_no_engine()
    section <- small_section()
    section$half <- ifelse(section$array_col > stats::median(section$array_col), "right", "left")
    said <- capture.output(found <- FindSpatialGenes(section, section = "half"), type = "message")
    tested <- grep("Test of every gene", said, value = TRUE)
    expect_match(tested, "genes in section '(left|right)'$")
    expect_length(unique(tested), 2L)
    said <- capture.output(found <- FindSpatialGenes(section), type = "message")
    expect_no_match(said, "in section")
  })
}

test_that("scattered cells in a field of view work", {
  skip_if_no_engine()
  cells <- small_section(lattice = "cells", image = "fov")
  table <- SpatialGenes(quickly(cells))
  expect_true(any(table$status == "tested"))
})

test_that("assays of Seurat 5 work, with split layers too, and an Assay of Seurat 4", {
  skip_unless_seurat5()
  skip_if_no_engine()
  section <- small_section()
  whole <- SpatialGenes(quickly(section))
  halves <- section
  halves[["Spatial"]] <- split(halves[["Spatial"]], f = rep(c("one", "two"), length.out = ncol(section)))
  expect_equal(SpatialGenes(quickly(halves)), whole)
  expect_same_result(quickly(halves[["Spatial"]], coordinates = spot_table(section)), whole)
  old <- section
  old[["Spatial"]] <- methods::as(section[["Spatial"]], "Assay")
  expect_equal(SpatialGenes(quickly(old)), whole)
})

test_that("the object with its columns saves, loads and subsets", {
  skip_if_no_engine()
  file <- withr::local_tempfile(fileext = ".rds")
  saveRDS(found(), file)
  expect_equal(SpatialGenes(readRDS(file)), SpatialGenes(found()))
  # In the object's order: subset() of SeuratObject 5 mixes up the feature metadata of others.
  genes <- grep("^Gene", rownames(found()), value = TRUE)[1:5]
  part <- SpatialGenes(subset(found(), features = genes))
  expect_setequal(part$gene, genes)
  expect_equal(part[genes, "qval"], SpatialGenes(found())[genes, "qval"])
})

test_that("arguments that cannot be used are refused and the object stays as it was", {
  skip_if_no_engine()
  section <- small_section()
  refused <- function(argument, ..., say = NULL) {
    expect_refused(FindSpatialGenes(section, ..., verbose = FALSE), argument, say, object = section)
  }
  refused("null", null = "shuffle", say = "\"permute\"")
  refused("null", null = 2)
  refused("n.nulls", n.nulls = 0)
  refused("n.nulls", n.nulls = 1.5)
  refused("score", score = NA)
  refused("seed.use", seed.use = -1)
  refused("device", device = "abacus")
  refused("features", features = "nogene", say = "nogene")
  refused("assay", assay = "RNA", say = "\"Spatial\"")
  refused("image", image = "slice1", say = "\"section\"")
  refused("image", image = "section", coordinates = spot_table(section), say = "not both")
  refused("layer", layer = "tpm")
  refused("reduction", reduction = "nope", say = "RunSIGEL()")
  refused("covariates", covariates = "regoin", say = "Did you mean \"region\"")
  refused("covariates", covariates = 3, say = "meta data")
  refused("section", section = c("region", "region"))
  refused("section", section = "nosuchcolumn", say = "names(object[[]])")
  refused("model", model = 3)
  expect_error(
    FindSpatialGenes(section, model = file.path(tempdir(), "nowhere"), verbose = FALSE),
    "`model`: .*save[.]model",
    class = "sigel_error"
  )
  refused("config", config = list(train = list(pretrain_epochs = 3)), say = "image")
  refused("config", config = list(1))
  refused("...", nulls = "nb", say = "Did you mean `null`?")
  expect_error(
    FindSpatialGenes(section, config = list(image = list(min_spot = 3)), verbose = FALSE),
    "min_spots",
    class = "sigel_error"
  )
  section$lost <- replace(section$nCount_Spatial, 2, NA)
  section$half <- replace(rep(c("a", "b"), length.out = ncol(section)), 3, NA)
  refused("covariates", covariates = "lost", say = c("\"lost\"", "1 cell"))
  refused("section", section = "half", say = "missing values")
})

test_that("matrices and coordinates that cannot be used are refused", {
  skip_if_no_engine()
  counts <- counts_of(small_section())
  places <- spot_table(small_section())
  expect_refused(quickly(counts), "coordinates", "found nothing")
  expect_refused(quickly(counts, places[-1, ]), "coordinates", "1 of")
  expect_refused(quickly("section.rds", places), "object", "readRDS()")
  negative <- counts
  negative@x[1] <- -1
  expect_refused(quickly(negative, places), "object", "negative")
  expect_refused(quickly(counts, places, covariates = "region"), "covariates", "data frame")
  few <- data.frame(depth = 1:3, row.names = colnames(counts)[1:3])
  expect_refused(quickly(counts, places, covariates = few), "covariates", "no row for")
  expect_refused(quickly(counts, places, section = c("a", "b")), "section", "2 values for")
  expect_refused(quickly(counts, places, section = places), "section")
})

test_that("errors about a Seurat object show the call that was written", {
  skip_if_no_engine()
  error <- expect_error(FindSpatialGenes(small_section(), n.nulls = 0), class = "sigel_error")
  expect_equal(rlang::call_name(conditionCall(error)), "FindSpatialGenes")
  expect_no_match(paste(deparse(conditionCall(error)), collapse = ""), "coordinates = ")
})

test_that("an object without spatial genes says what to do", {
  object <- SeuratObject::CreateSeuratObject(matrix(1, 3, 3, dimnames = list(letters[1:3], LETTERS[1:3])))
  expect_refused(SpatialGenes(object), "object", "FindSpatialGenes()", object = object)
  expect_refused(SpatialGenes(1), "object", "Seurat object")
  expect_refused(SpatialGenes(object, assay = "none"), "assay", "\"RNA\"")
})

test_that("the plot has a point for each tested gene, and names the first", {
  skip_if_no_engine()
  skip_without("ggplot2")
  plot <- SpatialGenePlot(found(), n.label = 4)
  table <- SpatialGenes(found())
  tested <- table[table$status == "tested", ]
  expect_setequal(plot$data$gene, tested$gene)
  drawn <- ggplot2::ggplot_build(plot)
  expect_equal(nrow(drawn$data[[3]]), nrow(tested))
  expect_setequal(plot$layers[[2]]$data$gene, tested$gene[1:4])
  expect_equal(sum(plot$data$kind == "q < 0.05"), sum(tested$qval < 0.05))
  expect_no_error(ggplot2::ggplot_build(SpatialGenePlot(found(), n.label = 0, max.qval = 1e-300)))
  # The p-value takes the place of a score that was not computed, as far as numbers go.
  unscored <- quickly(counts_of(small_section()), spot_table(small_section()))
  unscored$pval[1] <- 0
  unscored$log.pval[1] <- -2000
  plot <- SpatialGenePlot(unscored)
  expect_equal(max(plot$data$y), 2000 / log(10))
  # Tables of version 0.6 and before have no logarithms.
  expect_equal(max(SpatialGenePlot(unscored[names(unscored) != "log.pval"])$data$y), 300)
  older <- quickly(small_section())
  older[["Spatial"]][["sigel.spatial.log.pval"]] <- NULL
  expect_named(SpatialGenes(older), columns)
  expect_equal(10^-sort(plot$data$y)[1:5], sort(plot$data$pval, decreasing = TRUE)[1:5])
  expect_refused(SpatialGenePlot(found(), n.label = -1), "n.label")
  expect_refused(SpatialGenePlot(found(), max.qval = 2), "max.qval")
  expect_refused(SpatialGenePlot(small_section()), "object", "FindSpatialGenes()")
  expect_refused(SpatialGenePlot(unscored[is.na(unscored$rank), ]), "object", "tested")
})

test_that("names are moved apart as little as need be", {
  spread_down <- getFromNamespace("spread_down", "sigel")
  expect_equal(spread_down(c(9, 6, 1), 2), c(9, 6, 1))
  expect_equal(spread_down(c(5, 5, 5), 1), c(6, 5, 4))
  crowded <- sort(c(3, 3.1, 3.2, 8, 8, 9.5), decreasing = TRUE)
  moved <- spread_down(crowded, 1)
  expect_true(all(-diff(moved) >= 1 - 1e-9))
  expect_equal(mean(moved), mean(crowded))
})

if (nightly()) {
  test_that("known genes of the hippocampus are called, and not once the spots are shuffled", {
    skip_if_no_engine()
    section <- ReadSection(shared_file("st_mousebrain_hippo1.h5ad"))
    known <- c("Slc17a7", "Mbp", "Plp1", "Prox1", "Nrgn")
    counts <- counts_of(section)
    counts <- counts[c(known, setdiff(rownames(counts), known)[seq_len(400)]), ]
    table <- quickly(counts, spot_table(section))
    expect_true(all(table[known, "qval"] < 1e-3))
    shuffled <- counts[, order((seq_len(ncol(counts)) * 7919) %% 104729)]
    colnames(shuffled) <- colnames(counts)
    without <- quickly(shuffled, spot_table(section))
    expect_lt(mean(without$qval < 0.05, na.rm = TRUE), 0.05)
    expect_true(all(table[known, "effect"] > without[known, "effect"]))
  })
}

test_that("a merged object is tested section by section", {
  skip_if_no_engine()
  one <- small_section()
  two <- SeuratObject::RenameCells(small_section(), add.cell.id = "b")
  both <- merge(one, two)
  both$slide <- ifelse(startsWith(colnames(both), "b_"), "second", "first")
  expect_length(SeuratObject::Images(both), 2L)
  found <- SpatialGenes(FindSpatialGenes(both, section = "slide", score = FALSE, verbose = FALSE))
  alone <- SpatialGenes(FindSpatialGenes(one, score = FALSE, verbose = FALSE))[found$gene, ]
  # The same section twice: by Stouffer's method the statistic grows by the root of two.
  expect_equal(found$statistic, alone$statistic * sqrt(2), tolerance = 1e-5)
})

if (nightly()) {
  test_that("what told the sections of a run apart tells them apart in what is asked after it", {
    skip_if_no_engine()
    both <- two_sections()
    run <- RunSIGEL(both, section = "slide", preset = "fast", verbose = FALSE)
    ask <- function(...) SpatialGenes(FindSpatialGenes(run, score = FALSE, verbose = FALSE, ...))
    expect_equal(ask(), ask(section = "slide"))
    domains <- FindSpatialDomains(run, n.domains = 3, config = list(starts = 2, windows = 7), verbose = FALSE)
    expect_equal(domain_about(domains)$section, "slide")
  })
}

test_that("the table is found in the assay that it was written to", {
  skip_if_no_engine()
  section <- FindSpatialGenes(small_section(), score = FALSE, verbose = FALSE)
  section[["other"]] <- SeuratObject::CreateAssayObject(counts_of(section)[1:10, ])
  expected <- SpatialGenes(section)
  SeuratObject::DefaultAssay(section) <- "other"
  expect_equal(SpatialGenes(section), expected)
  expect_refused(SpatialGenes(section, assay = "other"), "object", "FindSpatialGenes")
})
