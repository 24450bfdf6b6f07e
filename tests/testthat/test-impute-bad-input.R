test_that("arguments that cannot be used are refused and the object stays as it was", {
  skip_if_no_engine()
  target <- small_panel()$target
  reference <- small_panel()$reference
  refused <- function(argument, ..., say = NULL) {
    expect_refused(impute_quietly(target, reference, ...), argument, say, object = target)
  }
  few <- rownames(from_matrices()$values)[1:2]
  refused("method", method = "magic", say = "\"ensemble\"")
  refused("features", features = 1:3)
  refused("features", features = character())
  refused("features", features = c(few, NA))
  refused("features", features = "Gene9999x")
  refused("features", features = rownames(target)[1], say = rownames(target)[1])
  refused("features", features = c(few, few[1]), say = few[1])
  refused("features", features = "mt-Nd1", say = "excluded by name")
  refused("intervals", intervals = NA)
  refused("orthologs", orthologs = "Actb", say = "named by")
  refused("orthologs", orthologs = data.frame(a = 1, b = 2), say = "columns target and reference")
  refused("orthologs", orthologs = c(Actb = NA_character_), say = "1 pair")
  refused("orthologs", orthologs = stats::setNames("A", ""))
  refused("orthologs", orthologs = c(Actb = "ACTB")[0], say = "no pair")
  refused("config", config = 3)
  refused("config", config = list(3))
  refused("model", model = 3)
  refused("assay", assay = "RNA", say = "\"Spatial\"")
  refused("layer", layer = "tpm")
  refused("image", image = "slice1", say = "\"section\"")
  refused("image", image = "section", coordinates = table_of(target), say = "not both")
  refused("coordinates", coordinates = table_of(target)[-1, ], say = "no row for 1 of")
  refused("reference.assay", reference.assay = "RNA", say = "`reference.assay = \"Spatial\"`")
  refused("reference.assay", reference.assay = c("Spatial", "RNA"), say = "2 for 1 references")
  refused("reference.layer", reference.layer = "tpm")
  refused("reference.image", reference.image = "slice1", say = "`reference.image = \"section\"`")
  refused("reference", reference.coordinates = table_of(reference)[-1, ], say = "no row for 1 of")
  refused("seed.use", seed.use = -1)
  refused("device", device = "abacus")
  refused("...", faetures = few, say = "Did you mean `features`?")
  expect_error(impute_quietly(target, reference, config = list(fold = 3)), "folds", class = "sigel_error")
  expect_error(
    impute_quietly(target, reference, config = list(gan = 3)),
    "`gan`: found 3; wanted a named list"
  )
  expect_error(
    impute_quietly(target, reference, config = list(coverage = 2)),
    "`?coverage`?.*found 2",
    class = "sigel_error"
  )
})

test_that("what the settings of the engine are called is what R users write", {
  in_r_words <- getFromNamespace("in_r_words", "sigel")
  said <- function(text) in_r_words(text, "impute")
  refusal <- function(argument, found, wanted = "B", fix = "", named = "argument") {
    in_words <- getFromNamespace("refusal_in_r_words", "sigel")
    refused <- list(argument, found = found, wanted = wanted, fix = fix)
    in_words(stats::setNames(refused, c(named, names(refused)[-1])), "impute")
  }
  expect_equal(
    refusal("gan", "3", "a dict of settings", named = "setting"),
    list(
      argument = "config",
      shown = "setting `gan`",
      found = "3",
      wanted = "a named list of settings",
      fix = ""
    )
  )
  expect_equal(
    refusal("genes", "'A'", "B", "Use genes=None."),
    list(
      argument = "features",
      shown = "`features`",
      found = "'A'",
      wanted = "B",
      fix = "Use features = NULL."
    )
  )
  expect_equal(refusal("target", "negative")$shown, "`object`")
  expect_equal(said("If so, pass orthologs=."), "If so, pass `orthologs`.")
  asked <- "Do both name genes alike? See target.var_names[:5] and reference.var_names[:5]."
  expect_equal(
    refusal("reference", "A", fix = asked)$fix,
    "Do both name genes alike? See `head(rownames(object))` and `head(rownames(reference))`."
  )
  versions <- "match: adata.var_names = adata.var_names.str.replace(r\"\\.\\d+$\", \"\", regex=True). The"
  remedy <- regmatches(said(versions), regexpr("(?<=`).*(?=`)", said(versions), perl = TRUE))
  here <- list2env(list(counts = matrix(1, 1, 1, dimnames = list("ENSG00000123456.7", "cell"))))
  eval(parse(text = remedy), here)
  expect_equal(rownames(here$counts), "ENSG00000123456")
})

test_that("names of assays that are taken are refused", {
  skip_if_no_engine()
  target <- small_panel()$target
  reference <- small_panel()$reference
  own <- SeuratObject::CreateAssayObject(data = as.matrix(counts_of(target)))
  suppressWarnings(target[["sigel.imputed"]] <- own)
  refused <- function(argument, name, ..., say = NULL) {
    expect_refused(impute_quietly(target, reference, assay.name = name, ...), argument, say, object = target)
  }
  refused("assay.name", "sigel.imputed", say = "did not make")
  refused("assay.name", "Spatial", say = "did not make")
  refused("assay.name", "section", say = "did not make")
  refused("assay.name", "my assay", say = "`assay.name = \"my.assay\"`")
  refused("assay.name", "")
  expect_refused(
    impute_quietly(imputed_panel(), reference, assay = "sigel.imputed"),
    "assay",
    "which is imputed",
    "`assay = \"Spatial\"`"
  )
})

test_that("references that cannot be used are refused", {
  skip_if_no_engine()
  target <- small_panel()$target
  reference <- small_panel()$reference
  refused <- function(reference, ..., say = NULL) {
    expect_refused(impute_quietly(target, reference, ...), "reference", say, object = target)
  }
  expect_refused(ImputeGenes(target, verbose = FALSE), "reference", "found nothing", object = target)
  refused(NULL, say = "found nothing")
  refused("reference.h5ad", say = "reference.h5ad")
  refused(list(), say = "`counts`")
  refused(list(reference, 3), say = "found 3;")
  refused(Matrix::t(counts_of(reference)), say = c("cells x genes", "Matrix::t(reference)"))
  refused(list(coordinates = table_of(reference)))
  broken <- pieces_of(reference)
  broken$counts@x[5] <- NaN
  refused(broken, say = "NaN")
  negative <- pieces_of(reference)
  negative$counts@x[5] <- -2
  refused(negative, say = "negative")
  # Each is named by its number where there are several.
  error <- expect_error(
    impute_quietly(target, list(pieces_of(reference), broken)),
    class = "sigel_input_error"
  )
  expect_match(conditionMessage(error), "`reference`: found in reference 2 ", fixed = TRUE)
  expect_refused(
    impute_quietly(target, list(reference, reference), reference.image = c("section", "a", "b")),
    "reference.image",
    "3 for 2 references"
  )
})

test_that("sections that share too few genes are refused, and names of another case are seen", {
  skip_if_no_engine()
  target <- small_panel()$target
  reference <- pieces_of(small_panel()$reference)
  other <- reference
  rownames(other$counts) <- paste0("x", seq_len(nrow(other$counts)))
  expect_error(impute_quietly(target, other), "shared", class = "sigel_input_error")
  loud <- reference
  rownames(loud$counts) <- toupper(rownames(loud$counts))
  error <- expect_error(impute_quietly(target, loud), class = "sigel_input_error")
  text <- conditionMessage(error)
  expect_match(text, "45 more differ by capitals only", fixed = TRUE)
  # The remedy is R that can be pasted, and it works.
  remedy <- regmatches(text, regexpr("theirs <- [^`]*", text))
  here <- list2env(list(object = target, reference = loud$counts))
  eval(parse(text = remedy), here)
  few <- rownames(from_matrices()$values)[1:2]
  paired <- impute_quietly(target, loud, orthologs = here$orthologs, features = toupper(few))
  expect_equal(unname(as.matrix(imputed_values(paired))), unname(from_matrices()$values[few, ]))
  same <- reference
  same$counts <- same$counts[rownames(target), ]
  expect_refused(impute_quietly(target, same), "reference", "no gene")
})

test_that("matrices and coordinates that cannot be used are refused", {
  skip_if_no_engine()
  panel <- small_panel()
  counts <- counts_of(panel$target)
  places <- table_of(panel$target)
  impute <- function(...) impute_quietly(..., reference = panel$reference)
  expect_refused(impute(counts), "coordinates", "found nothing")
  expect_refused(impute(counts, coordinates = places[-1, ]), "coordinates", "1 of")
  expect_refused(impute("target.rds", coordinates = places), "object", "readRDS()")
  negative <- counts
  negative@x[1] <- -1
  expect_refused(impute(negative, coordinates = places), "object", "negative")
  expect_refused(impute(counts * 0, coordinates = places), "object")
})

test_that("errors about a Seurat object show the call that was written", {
  skip_if_no_engine()
  panel <- small_panel()
  calls <- list(
    expect_error(ImputeGenes(panel$target, panel$reference, method = "magic"), class = "sigel_error"),
    expect_error(ImputeGenes(panel$target, list(3)), class = "sigel_error"),
    expect_error(ImputeGenes(panel$target, panel$reference, reference.image = "a"), class = "sigel_error")
  )
  for (error in calls) {
    expect_equal(rlang::call_name(conditionCall(error)), "ImputeGenes")
    expect_no_match(paste(deparse(conditionCall(error)), collapse = ""), "coordinates = ")
  }
})

test_that("an object without imputed genes says what to do, and unknown genes why they are not there", {
  skip_if_no_engine()
  target <- small_panel()$target
  expect_refused(ImputationReport(target), "assay", "\"Spatial\"", object = target)
  expect_refused(ImputationReport(target, assay = "Spatial"), "assay", "without imputed genes")
  expect_refused(ImputationReport(1), "object", "Seurat object")
  expect_refused(ImputationIntervals(imputed_panel(), "mt-Nd1"), "features", "excluded by name")
  expect_refused(ImputationIntervals(imputed_panel(), "nogene"), "features", "nogene")
  expect_refused(ImputationIntervals(imputed_panel(), 3), "features", "names of imputed genes")
})
