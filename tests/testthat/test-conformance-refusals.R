# What both doors say of the same wrong input.

# Calls that are refused, by the names of tests/conformance/refusals_csv.py.
refused_calls <- function(section) {
  run <- RunSIGEL(section, n.groups = 3, preset = "fast", verbose = FALSE)
  counts <- counts_of(section)
  places <- spot_table(section)
  with_count <- function(value) {
    counts@x[1] <- value
    counts
  }
  same_name <- counts
  rownames(same_name)[1] <- rownames(counts)[2]
  lost <- places
  lost$x[3] <- NaN
  bare <- SeuratObject::CreateSeuratObject(counts, assay = "Spatial")
  other <- counts
  rownames(other) <- paste0("Other", seq_len(nrow(counts)))
  elsewhere <- list(counts = other, coordinates = places)
  embed <- function(object = section, ...) RunSIGEL(object, ..., verbose = FALSE)
  spatial <- function(object = section, ...) FindSpatialGenes(object, ..., verbose = FALSE)
  patterns <- function(region = "region", ...) FindPatternGenes(section, region, ..., verbose = FALSE)
  domains <- function(n.domains = 3, ...) {
    FindSpatialDomains(section, n.domains = n.domains, ..., verbose = FALSE)
  }
  impute <- function(reference = section, ...) ImputeGenes(section, reference, ..., verbose = FALSE)
  half <- seq_len(ncol(section)) %% 2 == 1
  two <- list(section[, half], section[, !half])
  list(
    "unknown gene" = function() FindSimilarGenes(run, "GENE0001"),
    "no result yet" = function() FindSimilarGenes(section, "Gene0001"),
    "unknown layer" = function() embed(layer = "tpm"),
    "negative counts" = function() embed(with_count(-1), places),
    "NaN counts" = function() embed(with_count(NaN), places),
    "no coordinates" = function() spatial(bare),
    "NaN coordinates" = function() embed(counts, lost),
    "duplicated genes" = function() embed(same_name, places),
    "text for a number" = function() embed(n.groups = "many"),
    "half a number" = function() embed(n.groups = 2.5),
    "too many groups" = function() embed(n.groups = 1000),
    "number below its range" = function() embed(n.dims = 1),
    "negative seed" = function() spatial(seed.use = -1),
    "unknown device" = function() spatial(device = "abacus"),
    "unknown preset" = function() embed(preset = "quick"),
    "unknown setting" = function() embed(config = list(train = list(epochs = 3))),
    "setting out of range" = function() embed(config = list(train = list(pretrain_epochs = -3))),
    "setting of another type" = function() embed(config = list(image = list(min_spots = "five"))),
    "no spots" = function() embed(counts[, 0], places),
    "no genes" = function() embed(counts[0, ], places),
    "one gene" = function() domains(features = "Gene0001"),
    "five spots" = function() embed(counts[, 1:5], places),
    "genes in too few spots" = function() embed(config = list(image = list(min_spots = 10000))),
    "unknown column of sections" = function() embed(section = "slide"),
    "unknown covariate" = function() spatial(covariates = "depth"),
    "unknown null" = function() spatial(null = "shuffle"),
    "unknown column of regions" = function() patterns("layers"),
    "level of no region" = function() patterns(levels = c(rind = 0.9)),
    "level that is no quantile" = function() patterns(levels = c(ring = 9)),
    "one domain" = function() domains(1),
    "more domains than spots allow" = function() domains(1000),
    "unknown method" = function() domains(method = "magic"),
    "no shared genes" = function() impute(elsewhere),
    "unknown gene to impute" = function() impute(features = "Nothing"),
    "one fold" = function() impute(config = list(folds = 1)),
    "unknown column of donors" = function() {
      FindDiseaseGenes(section, "condition", donor = "donor", section = "slide", verbose = FALSE)
    },
    "unknown control" = function() FindDiseaseGenes(two, c("ill", "well"), control = "Well", verbose = FALSE),
    "unknown group column" = function() CompareImputedGenes(section, "region", first = "ring"),
    "share above one" = function() SelectSpatialGenes(section, share = 2, verbose = FALSE),
    "unknown partner" = function() FindGeneInteractions(section, partners.of = "GENE0001", verbose = FALSE)
  )
}

# R looks at these itself, before Python starts or in the terms of its objects, in words of its own: what they name is
# the same, and they too say what was found, what was wanted and what helps.
in_own_words <- c(
  "no result yet",
  "unknown layer",
  "NaN counts",
  "no coordinates",
  "NaN coordinates",
  "duplicated genes",
  "text for a number",
  "half a number",
  "number below its range",
  "negative seed",
  "unknown column of sections",
  "unknown covariate",
  "unknown column of regions",
  "unknown column of donors",
  "unknown method",
  "unknown group column",
  "share above one"
)

# What a refusal of Python begins with, as R has it.
led_by <- function(argument) {
  own <- c(
    key = "reduction",
    spatial_key = "image",
    "adata.obsm['spatial']" = "coordinates",
    region_key = "region",
    imputed = "assay"
  )
  known <- c(own, unlist(unname(getFromNamespace("ARGUMENTS", "sigel"))))
  unique(c(known[names(known) == argument], argument))
}

plain_quotes <- function(text) gsub("'", "\"", text, fixed = TRUE)

test_that("both doors refuse the same input, and say the same of it", {
  skip_if_no_engine()
  answers <- answers_of_python("refusals")
  python <- answers$tables$refusals
  simulation <- with_dots(answers$case$simulation)
  section <- do.call(SimulateSection, c(simulation, seed = answers$case$simulation_seed))
  calls <- refused_calls(section)
  expect_setequal(names(calls), python$case)
  in_r_words <- getFromNamespace("in_r_words", "sigel")
  for (k in seq_len(nrow(python))) {
    row <- python[k, ]
    text <- conditionMessage(expect_error(calls[[row$case]](), class = "sigel_error"))
    leads <- vapply(sprintf("`%s`: found ", led_by(row$argument)), grepl, logical(1L), x = text, fixed = TRUE)
    expect_true(any(leads), info = text)
    # Nothing of Python reaches R.
    expect_no_match(text, "adata|obsm|sigel[.]tl|\\bNone\\b|\\bdict\\b|Config\\b|unexpected")
    if (row$case %in% in_own_words) {
      expect_match(text, "found .+; wanted .+[.]\n.+")
    } else {
      both <- in_r_words(sprintf("found %s; wanted %s.", row$found, row$wanted), "domains")
      expect_match(plain_quotes(text), plain_quotes(both), fixed = TRUE)
    }
  }
})
