# The verbs on a SpatialExperiment say what they say of a Seurat object with the same counts and places.

# Feature metadata of verbs, from an experiment and from a Seurat object.
row_columns <- function(object, names = NULL) {
  table <- as.data.frame(bioc("rowData")(object))
  table[if (is.null(names)) grep("^sigel", names(table)) else names]
}
feature_columns <- function(object, assay = "Spatial") {
  table <- object[[assay]][[]]
  table[grep("^sigel", names(table))]
}

both <- function(...) bioc("cbind", "BiocGenerics")(...)

# A level of one region of the simulated sections.
level_of_one <- c(blob = 0.9)

# Plots of the same data.
same_plot <- function(plot, expected) {
  expect_equal(ggplot2::ggplot_build(plot)$data, ggplot2::ggplot_build(expected)$data)
}

test_that("every function that takes a Seurat object takes an experiment", {
  own <- asNamespace("sigel")
  exported <- Filter(function(name) is.function(own[[name]]), getNamespaceExports(own))
  functions <- Filter(function(name) "object" %in% names(formals(own[[name]])), exported)
  methods <- getNamespaceInfo(own, "S3methods")
  with_method <- function(class) methods[methods[, 2] == class, 1]
  verbs <- with_method("Seurat")
  expect_gte(length(verbs), 12)
  expect_setequal(with_method("SpatialExperiment"), verbs)
  expect_gte(length(functions), 35)
  for (name in setdiff(functions, verbs)) {
    expect_true("as_seurat" %in% all.names(body(own[[name]])), info = name)
  }
})

test_that("a run leaves what it leaves in a Seurat object, where users of the class look for it", {
  skip_without_experiment()
  skip_if_no_engine()
  expected <- grouped_section()
  object <- grouped_experiment()
  results <- kept_in(object)$reductions$sigel
  misc <- SeuratObject::Misc(expected[["sigel"]])
  expect_s4_class(object, "SpatialExperiment")
  expect_equal(sce("reducedDim")(object, "sigel"), SeuratObject::Embeddings(expected[["sigel"]]))
  expect_equal(results$loadings, SeuratObject::Loadings(expected[["sigel"]]))
  expect_equal(row_columns(object), feature_columns(expected))
  expect_equal(results[c("features", "posterior", "params")], misc[c("features", "posterior", "params")])
  expect_identical(results$assay, "counts")
  expect_named(kept_in(object)$commands, "RunSIGEL.counts")
  expect_match(
    SigelProvenance(object)$call,
    "^RunSIGEL\\(as_experiment\\(grouped_section\\(\\)\\), n.dims = 8,"
  )
  expect_identical(bioc("assay")(object), counts_of(expected))
})

test_that("tests and groups of genes are those of a Seurat object", {
  skip_without_experiment()
  skip_if_no_engine()
  expected <- FindSpatialGenes(grouped_section(), verbose = FALSE)
  object <- FindSpatialGenes(grouped_experiment(), verbose = FALSE)
  expect_equal(SpatialGenes(object), SpatialGenes(expected))
  expect_equal(row_columns(object), feature_columns(expected))
  expect_match(
    SigelProvenance(object)$call[2],
    "FindSpatialGenes(grouped_experiment(), verbose = FALSE)",
    fixed = TRUE
  )

  expected <- FindGeneGroups(expected, n.groups = 3, reduction.name = "few")
  object <- FindGeneGroups(object, n.groups = 3, reduction.name = "few")
  expect_same_result(GeneGroups(object, "few"), GeneGroups(expected, "few"))
  expect_same_result(GeneGroups(object), GeneGroups(expected))
  expect_equal(row_columns(object, "few.group")[[1]], expected[["Spatial"]][[]]$few.group)
  expect_setequal(sce("reducedDimNames")(object), c("sigel", "few"))

  expected <- SelectSpatialGenes(expected, verbose = FALSE)
  object <- SelectSpatialGenes(object, verbose = FALSE)
  expect_equal(SpatialGeneSelection(object), SpatialGeneSelection(expected))

  genes <- rownames(SeuratObject::Loadings(expected[["sigel"]]))[1:2]
  table <- FindSimilarGenes(object, genes, n = 4)
  expect_same_result(table, FindSimilarGenes(expected, genes, n = 4))
  sets <- split(rownames(expected), truth_of(expected))
  expect_same_result(GeneGroupEnrichment(object, sets), GeneGroupEnrichment(expected, sets))
  expect_same_result(
    FindGeneGroupStability(object, n.seeds = 1, verbose = FALSE),
    FindGeneGroupStability(expected, n.seeds = 1, verbose = FALSE)
  )

  pattern <- FindPatternGenes(object, "region", level_of_one, n.draws = 2, n.null = 5, verbose = FALSE)
  same <- FindPatternGenes(expected, "region", level_of_one, n.draws = 2, n.null = 5, verbose = FALSE)
  expect_same_result(as.list(pattern), as.list(same))

  skip_without("ggplot2")
  skip_without("patchwork")
  same_plot(GeneImagePlot(object, genes), GeneImagePlot(expected, genes))
  same_plot(GeneMapPlot(object, method = "pca"), GeneMapPlot(expected, method = "pca"))
  same_plot(GeneGroupPlot(object, n.genes = 1), GeneGroupPlot(expected, n.genes = 1))
  same_plot(SpatialGenePlot(object), SpatialGenePlot(expected))
  same_plot(SimilarGenePlot(object, table), SimilarGenePlot(expected, table))
  same_plot(PatternGenePlot(object, pattern, n.genes = 2), PatternGenePlot(expected, same, n.genes = 2))
  expect_s3_class(GeneGroupPage(object, 1, method = "pca"), "patchwork")
  expect_s3_class(GenePairPlot(object, genes), "patchwork")
})

test_that("training, its picture and a saved model are kept", {
  skip_without_experiment()
  skip_if_no_engine()
  folder <- withr::local_tempdir()
  expected <- run_quick(small_section())
  object <- run_quick(as_experiment(small_section()), save.model = folder)
  expect_equal(kept_in(object)$reductions$sigel$loadings, SeuratObject::Loadings(expected[["sigel"]]))
  expect_identical(kept_in(object)$tools$RunSIGEL$path, normalizePath(folder))
  # The model is found again.
  table <- FindPatternGenes(object, "region", level_of_one, n.draws = 2, n.null = 5, verbose = FALSE)
  named <- FindPatternGenes(
    object,
    "region",
    level_of_one,
    n.draws = 2,
    n.null = 5,
    model = folder,
    verbose = FALSE
  )
  expect_equal(table$similarity, named$similarity)
  skip_without("ggplot2")
  same_plot(TrainingPlot(object), TrainingPlot(expected))
})

test_that("domains are those of a Seurat object", {
  skip_without_experiment()
  skip_if_no_engine()
  expected <- domains_section()
  object <- find_quietly(as_experiment(regions_section()))
  expect_equal(object$sigel_domain, unname(expected$sigel_domain))
  expect_equal(object$sigel_domain_prob, unname(expected$sigel_domain_prob))
  expect_identical(
    kept_in(object)$reductions$sigeldomain$genes,
    SeuratObject::Misc(expected[["sigeldomain"]])$genes
  )
  table <- FindSpatialDomainStability(object, n.seeds = 1, verbose = FALSE)
  expect_same_result(table, FindSpatialDomainStability(expected, n.seeds = 1, verbose = FALSE))

  labelled <- LabelSpatialDomains(as_experiment(regions_section()), object, verbose = FALSE)
  same <- LabelSpatialDomains(regions_section(), expected, verbose = FALSE)
  expect_equal(labelled$sigel_domain, unname(same$sigel_domain))

  skip_without("ggplot2")
  skip_without("patchwork")
  same_plot(SpatialDomainPlot(object), SpatialDomainPlot(expected))
  same_plot(SpatialDomainConfusionPlot(object, "region"), SpatialDomainConfusionPlot(expected, "region"))
  expect_s3_class(SpatialDomainStabilityPlot(object, table), "patchwork")
})

test_that("genes are imputed into an experiment beside the panel's", {
  skip_without_experiment()
  skip_if_no_engine()
  panel <- small_panel()
  expected <- imputed_panel()
  target <- as_experiment(panel$target)
  reference <- as_experiment(panel$reference)
  object <- impute_quietly(target, reference)
  imputed <- sce("altExp")(object, "sigel.imputed")
  expect_identical(bioc("assayNames")(imputed), c("logcounts", "lower", "upper"))
  expect_equal(as.matrix(bioc("assay")(imputed)), as.matrix(imputed_values(expected)))
  expect_identical(
    dimnames(bioc("assay")(imputed, withDimnames = FALSE)),
    list(rownames(imputed), colnames(object))
  )
  expect_equal(ImputationReport(object)$genes, ImputationReport(expected)$genes)
  expect_equal(ImputationIntervals(object), ImputationIntervals(expected))
  expect_equal(ImputationReport(from_file(object))$shared, ImputationReport(expected)$shared)

  # A part of the cells, as of a Seurat object.
  some <- 1:40
  expect_equal(
    ImputationIntervals(object[, some]),
    suppressWarnings(ImputationIntervals(subset(expected, cells = colnames(expected)[some])))
  )
  labels <- unique(object$region)
  expect_same_result(
    CompareImputedGenes(object, "region", labels[1], labels[2]),
    CompareImputedGenes(expected, "region", labels[1], labels[2])
  )
  # In a file.
  file <- withr::local_tempfile(fileext = ".h5ad")
  filed <- impute_quietly(target, reference, features = rownames(imputed)[1:2], out = file)
  expect_identical(ImputationReport(filed)$file, normalizePath(file))
  expect_length(sce("altExpNames")(filed), 0)

  # Single cells have no places: a SingleCellExperiment, or counts alone.
  cells <- as(reference, "SingleCellExperiment")
  some <- rownames(imputed)[1:3]
  from_cells <- impute_quietly(target, list(cells), features = some)
  same <- impute_quietly(panel$target, list(counts_of(panel$reference)), features = some)
  expect_equal(as.matrix(bioc("assay")(sce("altExp")(from_cells))), as.matrix(imputed_values(same)))
  expect_refused(
    impute_quietly(target, cells, reference.assay = "logcounts"),
    "reference.assay",
    "Use `reference.assay = \"counts\"`",
    object = target
  )

  skip_without("ggplot2")
  skip_without("patchwork")
  same_plot(ImputationAccuracyPlot(object), ImputationAccuracyPlot(expected))
  same_plot(
    ImputationAccuracyPlot(object, measured = as_experiment(panel$hidden)),
    ImputationAccuracyPlot(expected, measured = panel$hidden)
  )
  expect_s3_class(ImputedGenePlot(object, some[1]), "patchwork")
})

# What a verb of a cohort asks the engine, which is not called.
asked_of_engine <- function(code) {
  testthat::local_mocked_bindings(
    ask_engine = function(name, arguments, ...) rlang::abort("asked", class = "asked", arguments = arguments),
    .package = "sigel"
  )
  tryCatch(code, asked = function(error) error$arguments[c("sections", "names", "joined", "condition")])
}

test_that("sections of a cohort are a list of experiments, or the samples of one", {
  skip_without_experiment()
  skip_if_no_engine()
  sections <- few_donors()
  experiments <- Map(as_experiment, sections, sample = names(sections))
  expect_same_result(
    find_disease(experiments, "condition", donor = "donor"),
    find_disease(sections, "condition", donor = "donor")
  )
  pairs <- pairs_of_programmes(truth_of(sections[[1]]))[1:5, ]
  expect_same_result(find_pairs(experiments[1:2], pairs), find_pairs(sections[1:2], pairs))

  # Each sample is a section.
  suppressWarnings(whole <- merged_donors(sections))
  joined <- do.call(
    both,
    lapply(unname(experiments), function(one) {
      colnames(one) <- paste(one$sample_id, colnames(one), sep = "_")
      one
    })
  )
  named <- function(asked) {
    asked$sections <- lapply(asked$sections, function(section) section[c("i", "p", "x", "genes")])
    replace(asked, "names", list(names(sections)))
  }
  expected <- named(asked_of_engine(find_disease(whole, "condition", donor = "donor")))
  expect_length(expected$sections, 4)
  expect_equal(named(asked_of_engine(find_disease(joined, "condition", donor = "donor"))), expected)
  by_column <- asked_of_engine(find_pairs(joined, pairs, section = "sample_id"))
  expect_equal(by_column$sections, asked_of_engine(find_pairs(whole, pairs))$sections)
  twice <- list(experiments[[1]], experiments[[2]][, c(1, 1)])
  expect_refused(
    find_disease(twice, "condition"),
    "object",
    "in the section \"2\" duplicated column names",
    "`colnames(object) <- make.unique(colnames(object))`",
    object = twice
  )
  expect_refused(find_disease(experiments, "state"), "condition", "`names(colData(object))`")
  skip_without("ggplot2")
  gene <- rownames(joined)[1]
  some <- joined[, joined$sample_id %in% c("D1", "D4")]
  same_plot(
    DiseaseGenePlot(experiments[c("D1", "D4")], gene, "condition"),
    DiseaseGenePlot(some, gene, "condition", section = "sample_id")
  )
})

test_that("samples are sections, and one is taken as lines say", {
  skip_without_experiment()
  skip_if_no_engine()
  expected <- RunSIGEL(two_sections(), section = "slide", n.dims = 8, preset = "fast", verbose = FALSE)
  counts <- joined_counts(expected)
  places <- getFromNamespace("places_of_sections", "sigel")(expected)
  whole <- spatial("SpatialExperiment")(
    assays = list(counts = counts),
    colData = bioc("DataFrame", "S4Vectors")(sample_id = expected$slide, row.names = colnames(counts)),
    spatialCoords = as.matrix(places[c("x", "y")])
  )
  object <- RunSIGEL(whole, section = "sample_id", n.dims = 8, preset = "fast", verbose = FALSE)
  results <- kept_in(object)$reductions$sigel
  expect_equal(results$loadings, SeuratObject::Loadings(expected[["sigel"]]))
  expect_equal(results$sections, SeuratObject::Misc(expected[["sigel"]])$sections)
  expect_refused(
    RunSIGEL(whole, preset = "fast"),
    "image",
    "2 samples: \"one\", \"two\"",
    "`object <- object[, object$sample_id == \"one\"]`",
    "`section = \"sample_id\"`",
    object = whole
  )
  expect_refused(
    RunSIGEL(whole, image = "one", preset = "fast"),
    "image",
    "not in the sample \"one\"",
    "`object <- object[, object$sample_id == \"one\"]`"
  )
  expect_refused(RunSIGEL(whole, image = "three"), "image", "Use `image = \"one\"`")
  # As those lines say.
  one <- whole[, whole$sample_id == "one"]
  table <- FindSpatialGenes(one, score = FALSE, verbose = FALSE)
  own <- colnames(one)
  by_hand <- FindSpatialGenes(counts[, own], places[own, c("x", "y")], score = FALSE, verbose = FALSE)
  expect_equal(SpatialGenes(table)$pval, by_hand$pval)
  skip_without("ggplot2")
  same_plot(
    GeneImagePlot(object, rownames(object)[1:2]),
    GeneImagePlot(expected, rownames(object)[1:2])
  )
  same_plot(
    GeneImagePlot(object, rownames(object)[1], image = "two"),
    GeneImagePlot(expected, rownames(object)[1], image = "two")
  )
})

test_that("genes keep their names, and reading verbs know a part of them and of the cells", {
  skip_without_experiment()
  skip_if_no_engine()
  rename <- function(genes) sub("Gene", "Gene_", genes)
  expected <- grouped_section()
  object <- as_experiment(expected, rename = rename)
  object <- RunSIGEL(object, n.dims = 8, n.groups = 4, preset = "fast", verbose = FALSE)
  loadings <- SeuratObject::Loadings(expected[["sigel"]])
  rownames(loadings) <- rename(rownames(loadings))
  expect_equal(kept_in(object)$reductions$sigel$loadings, loadings)
  expect_identical(rownames(object), rename(rownames(expected)))

  panel <- small_panel()
  target <- as_experiment(panel$target, rename = rename)
  reference <- as_experiment(panel$reference, rename = rename)
  some <- rename(rownames(imputed_values(imputed_panel()))[1:2])
  imputed <- impute_quietly(target, reference, features = some)
  expect_identical(rownames(sce("altExp")(imputed)), some)
  expect_identical(ImputationReport(imputed)$genes$gene, some)

  # Parts, from a file.
  object <- from_file(grouped_experiment())
  expect_same_result(GeneGroups(object), GeneGroups(expected))
  genes <- rownames(loadings)[1:20]
  genes <- sub("_", "", genes)
  cells <- colnames(object)[1:200]
  part <- object[genes, cells]
  same <- suppressWarnings(subset(expected, features = genes, cells = cells))
  expect_same_result(GeneGroups(part), GeneGroups(same))
  skip_without("ggplot2")
  same_plot(GeneMapPlot(part, method = "pca"), GeneMapPlot(same, method = "pca"))
})

test_that("matrices of other classes are read, and those on disk where they are", {
  skip_without_experiment()
  skip_if_no_engine()
  object <- as_experiment(small_section())
  expected <- FindSpatialGenes(object, score = FALSE, verbose = FALSE)
  counts <- bioc("assay")(object)
  others <- list(as.matrix(counts), bioc("DelayedArray", "DelayedArray")(counts), as(counts, "TsparseMatrix"))
  for (other in others) {
    changed <- bioc("assay<-")(object, "counts", value = other)
    changed <- bioc("assay<-")(changed, "logcounts", value = log1p(counts))
    found <- FindSpatialGenes(changed, score = FALSE, verbose = FALSE)
    expect_equal(row_columns(found), row_columns(expected))
    expect_identical(class(bioc("assay")(found)), class(other))
  }
  # Files often have no names.
  nameless <- bioc("DelayedArray", "DelayedArray")(unname(counts))
  changed <- bioc("assay<-")(object, "counts", withDimnames = FALSE, value = nameless)
  expect_equal(row_columns(FindSpatialGenes(changed, score = FALSE, verbose = FALSE)), row_columns(expected))
  # An assay without a name is the only one.
  bare <- bioc("assays<-")(object, value = list(counts))
  expect_equal(row_columns(FindSpatialGenes(bare, score = FALSE, verbose = FALSE)), row_columns(expected))
})

test_that("an experiment is as it was after a refusal, whose line is for its class", {
  skip_without_experiment()
  skip_if_no_engine()
  object <- as_experiment(small_section())
  refused <- function(code, ...) expect_refused(code, ..., object = object)
  refused(RunSIGEL(object, assay = "logcounts"), "assay", "Use `assay = \"counts\"`")
  refused(RunSIGEL(object, layer = "data"), "layer", "Leave it out")
  refused(RunSIGEL(object, section = "smaple_id"), "section", "Did you mean \"sample_id\"?")
  refused(RunSIGEL(object, section = "zzz"), "section", "`names(colData(object))`")
  refused(RunSIGEL(object, n_dims = 3), "...", "Did you mean `n.dims`?")
  refused(RunSIGEL(object, n.dims = 1), "n.dims")
  refused(GeneGroups(object), "reduction", "Call `RunSIGEL()` first.")
  refused(SpatialGenes(object), "object", "Call `FindSpatialGenes()` first.")
  refused(ImputationReport(object), "assay", "Call `ImputeGenes()` first.")
  refused(SpatialDomainPlot(object), "object", "Call `FindSpatialDomains()` first.")
  refused(FindSpatialDomains(object, cluster.name = "region"), "cluster.name", "`object$region <- NULL`")
  refused(ImputeGenes(object), "reference")
  # The first line names the function and what was given.
  error <- expect_error(RunSIGEL(object, n.dims = 1))
  expect_identical(deparse(conditionCall(error)), "RunSIGEL(object, n.dims = 1)")

  wrong <- function(change, ...) {
    changed <- change(object)
    expect_refused(RunSIGEL(changed, preset = "fast"), "object", ..., object = changed)
  }
  wrong(function(x) `colnames<-`(x, NULL), "no column names", "paste0(\"cell\", seq_len(ncol(object)))")
  wrong(function(x) `rownames<-`(x, NULL), "no row names")
  wrong(function(x) x[, c(1:9, 1)], "`colnames(object) <- make.unique(colnames(object))`")
  several <- as_experiment(small_section(), sample = c("a", "b"))[, 1:100]
  colnames(several) <- rep(colnames(several)[1:50], each = 2)
  expect_refused(
    RunSIGEL(several, preset = "fast"),
    "object",
    "`colnames(object) <- paste(object$sample_id, colnames(object), sep = \"_\")`"
  )
  wrong(function(x) x[c(1:9, 1), ], "`rownames(object) <- make.unique(rownames(object))`")
  named <- spatial("spatialCoordsNames<-")
  wrong(function(x) named(x, value = c("a", "b")), "`spatialCoordsNames(object) <- c(\"x\", \"y\")`")
  coords <- spatial("spatialCoords<-")
  lost <- function(x) {
    xy <- spatial("spatialCoords")(x)
    xy[3, 1] <- NA
    coords(x, value = xy)
  }
  wrong(lost, "of 1 of", "object[, is.finite(rowSums(spatialCoords(object)))]")
  # Coordinates that are given stand for them.
  table <- table_of(small_section())
  kept <- FindSpatialGenes(lost(object), coordinates = table, score = FALSE, verbose = FALSE)
  expect_equal(kept_in(kept)$commands[[1]]@params$coordinates, "given")

  # Without places.
  cells <- as(object, "SingleCellExperiment")
  expect_refused(
    RunSIGEL(cells),
    "object",
    "SingleCellExperiment",
    "`object <- SpatialExperiment::SpatialExperiment(assays = assays(object), ",
    "spatialCoordsNames = c(\"array_col\", \"array_row\"))`",
    object = cells
  )
  # The class is told before arguments that it has no use for.
  for (verb in list(RunSIGEL, FindSpatialGenes, FindSpatialDomains, SelectSpatialGenes, ImputeGenes)) {
    expect_refused(verb(cells, layer = "counts"), "object", "SpatialExperiment::SpatialExperiment(")
  }
  expect_refused(FindSimilarGenes(cells, "Gene0001", reduction = "sigel"), "object", "SingleCellExperiment")
  # As that line says.
  made <- spatial("SpatialExperiment")(
    assays = bioc("assays")(cells),
    rowData = bioc("rowData")(cells),
    colData = bioc("colData")(cells),
    spatialCoordsNames = c("array_col", "array_row")
  )
  tested <- FindSpatialGenes(made, score = FALSE, verbose = FALSE)
  expect_gt(nrow(SpatialGenes(tested)), 0)
  expect_refused(RunSIGEL(list(object, object)), "object", "`section = \"sample_id\"`")
  expect_refused(GeneGroups(cells), "object", "a SpatialExperiment")
  expect_refused(
    LabelSpatialDomains(object, cells, reference.column = "region"),
    "reference.image",
    "`reference.coordinates = as.data.frame(colData(reference)["
  )
  twice <- both(object, object)
  expect_refused(ImputeGenes(object, twice), "reference", "`colnames(reference) <- paste(")
  expect_refused(LabelSpatialDomains(object, twice), "reference", "`colnames(reference) <- paste(")
})

test_that("an experiment without places is told how to get them, by those that its columns hold", {
  line <- getFromNamespace("line_with_places", "sigel")
  expect_match(
    line(c("region", "y", "x")),
    "colData = colData(object), spatialCoordsNames = c(\"x\", \"y\"))`.",
    fixed = TRUE
  )
  without <- line("region")
  expect_match(
    without,
    "spatialCoords = as.matrix(places[colnames(object), c(\"x\", \"y\")]))`. `places`: a",
    fixed = TRUE
  )
  # They are code.
  for (text in c(line(c("x", "y")), without)) {
    expect_type(str2lang(regmatches(text, regexpr("object <- [^`]+", text))), "language")
  }
})

test_that("spots beside the tissue take no part, and columns of any kind are kept", {
  skip_without_experiment()
  skip_if_no_engine()
  object <- as_experiment(small_section())
  object$in_tissue <- rep(c(FALSE, TRUE), c(5, ncol(object) - 5))
  object$region <- bioc("Rle", "S4Vectors")(factor(object$region))
  object$odd <- I(matrix(1, ncol(object), 2))
  sce_names <- bioc("rowData")(object)
  sce_names$length <- seq_len(nrow(object))
  object <- bioc("rowData<-")(object, value = sce_names)
  object <- sce("reducedDim<-")(object, "PCA", value = matrix(0, ncol(object), 2))
  expect_warning(found <- run_quick(object, preset = "fast", config = list()), "5 of .* spots lie beside")
  expect_true(all(is.na(sce("reducedDim")(found, "sigel")[1:5, ])))
  expect_identical(sce("reducedDim")(found, "PCA"), sce("reducedDim")(object, "PCA"))
  expect_identical(found$odd, object$odd)
  expect_identical(found$region, object$region)
  expect_identical(bioc("rowData")(found)$length, sce_names$length)
  # Two runs side by side are of different spaces: neither holds.
  beside <- found
  colnames(beside) <- paste0("b", colnames(beside))
  expect_refused(GeneGroups(both(found, beside)), "reduction")
})

test_that("a report is written of an experiment", {
  skip_without_experiment()
  skip_if_no_engine()
  object <- FindSpatialGenes(grouped_experiment(), score = FALSE, verbose = FALSE)
  file <- withr::local_tempfile(fileext = ".html")
  expect_invisible(SigelReport(object, file, method = "pca"))
  other <- withr::local_tempfile(fileext = ".html")
  SigelReport(FindSpatialGenes(grouped_section(), score = FALSE, verbose = FALSE), other, method = "pca")
  size <- file.size(c(file, other))
  expect_lt(abs(diff(size)) / size[1], 0.05)
  expect_refused(SigelReport(as_experiment(small_section()), file), "object", "Call `RunSIGEL()` first")
})
