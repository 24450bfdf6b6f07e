test_that("arguments that cannot be used are refused and the object stays as it was", {
  skip_if_no_engine()
  section <- regions_section()
  refused <- function(argument, ..., say = NULL) {
    expect_refused(find_quietly(section, ...), argument, say, object = section)
  }
  refused("n.domains", n.domains = 1, say = "2")
  refused("n.domains", n.domains = 2.5)
  refused("n.domains", n.domains = c(2, 3))
  refused("n.domains", n.domains = 5000, say = "n.domains = ")
  refused("method", method = "magic", say = "\"mixture\"")
  refused("method", method = 3)
  refused("features", features = 1:3)
  refused("features", features = character())
  refused("features", features = c("Gene0001", NA))
  refused("features", features = "Gene00001", say = "Did you mean \"Gene0001\"")
  refused("features", features = "Gene0001", say = "2 or more")
  refused("refine", refine = NA)
  refused("assay", assay = "RNA", say = "\"Spatial\"")
  refused("layer", layer = "tpm")
  refused("image", image = "slice1", say = "\"section\"")
  refused("image", image = "section", coordinates = spot_table(section), say = "not both")
  refused("coordinates", coordinates = spot_table(section)[-1, ], say = "no row for 1 of")
  refused("section", section = "nosuchcolumn", say = "names(object[[]])")
  refused("section", section = c("region", "region"))
  refused("reduction", reduction = "my own", say = "reduction = \"my.own\"")
  refused("reduction", reduction = 3)
  refused("cluster.name", cluster.name = 3)
  refused("cluster.name", cluster.name = "my own", say = "cluster.name = \"my.own\"")
  refused("cluster.name", cluster.name = "section", say = "the name of an assay, an image")
  refused("cluster.name", cluster.name = "region", say = "did not make")
  refused("seed.use", seed.use = -1)
  refused("device", device = "abacus")
  refused("config", config = 3)
  refused("config", config = list(3))
  refused("...", n_domains = 3, say = "Did you mean `n.domains`?")
  section$half <- replace(rep(c("a", "b"), length.out = ncol(section)), 3, NA)
  refused("section", section = "half", say = "missing values")
  section$few <- replace(rep("a", ncol(section)), 1:3, "b")
  refused("object", section = "few", say = "3 spots in the section 'b'")
  unknown <- expect_error(find_quietly(section, config = list(rings = 3)), "windows", class = "sigel_error")
  expect_no_match(conditionMessage(unknown), "Config")
  expect_error(find_quietly(section, config = list(window = 0)), "found 0", class = "sigel_error")
  expect_error(find_quietly(section, config = list(windows = c(7, 1))), "rising", class = "sigel_error")
  wide <- expect_error(find_quietly(section, config = list(windows = c(1, 500))), class = "sigel_error")
  expect_match(
    conditionMessage(wide),
    "`windows`: found 500 spots; wanted up to .* half of the smallest section"
  )
})

test_that("models that mclust does not know, or cannot fit, are refused", {
  skip_if_no_engine()
  skip_without("mclust")
  section <- regions_section()
  by_mclust <- function(...) find_quietly(section, method = "mclust", ...)
  expect_refused(by_mclust(model.name = "EEX"), "model.name", "\"EEE\"", object = section)
  expect_refused(by_mclust(model.name = 3), "model.name", object = section)
  expect_refused(
    by_mclust(model.name = "VVV", n.domains = 20),
    "model.name",
    "no VVV mixture of 20 domains",
    "fewer domains",
    "\"EEE\", \"EEI\", \"EII\"",
    object = section
  )
})

test_that("what a function does wrong is told", {
  skip_if_no_engine()
  section <- regions_section()
  refused <- function(f, say) {
    expect_refused(find_quietly(section, method = f), "method", say, object = section)
  }
  refused(function(features, n) stop("I cannot"), "I cannot")
  refused(function(features, n) 1:3, "length 3")
  refused(function(features, n) list(1, 2), "list")
  refused(function(features, n) rep(NA, nrow(features)), "missing values")
  refused(function(features) 1, "unused argument")
})

test_that("matrices, coordinates and facts of genes that cannot be used are refused", {
  skip_if_no_engine()
  counts <- counts_of(regions_section())
  places <- spot_table(regions_section())
  expect_refused(find_quietly(counts), "coordinates", "found nothing")
  expect_refused(find_quietly(counts, places[-1, ]), "coordinates", "1 of")
  expect_refused(find_quietly("section.rds", places), "object", "readRDS()")
  # What is no matrix is said before places are asked for.
  expect_refused(FindSpatialDomains(3), "object", "a Seurat object")
  expect_refused(FindSpatialDomains(data.frame(a = 1)), "object", "as.matrix()")
  expect_refused(SelectSpatialGenes(3), "object", "a Seurat object")
  expect_refused(find_quietly(counts[, 1:12], places), "object", "12 spots")
  negative <- counts
  negative@x[1] <- -1
  expect_refused(find_quietly(negative, places), "layer", "negative")
  choose <- function(facts) SelectSpatialGenes(counts, places, facts = facts, verbose = FALSE)
  expect_refused(choose(3), "facts", "data frame")
  expect_refused(choose(data.frame(a = 1)), "facts", "group")
  expect_refused(choose(data.frame(group = "1", row.names = "x")), "facts", "no row")
  expect_refused(find_quietly(counts, places, facts = data.frame(group = "1")), "...")
  expect_refused(find_quietly(counts, places, section = c("a", "b")), "section", "2 values for")
})

test_that("choices of genes that cannot be made are refused", {
  skip_if_no_engine()
  section <- regions_section()
  refused <- function(argument, ..., say = NULL) {
    expect_refused(SelectSpatialGenes(section, ..., verbose = FALSE), argument, say, object = section)
  }
  refused("share", share = 0)
  refused("share", share = 1.2, say = "share = 0.25")
  refused("share", share = "a")
  refused("n.genes", n.genes = 0)
  refused("n.genes", n.genes = 1e6, say = "1 to")
  refused("balance", balance = 2, say = c("found 2;", "balance = 0"))
  refused("balance", balance = "a")
  refused("features", features = "nogene", say = "nogene")
  refused("section", section = 3)
  refused("config", config = list(window = 3), say = "image")
  refused("...", n_genes = 3, say = "Did you mean `n.genes`?")
  expect_refused(SpatialGeneSelection(section), "object", "SelectSpatialGenes()")
  expect_refused(SpatialGeneSelection(section, assay = "RNA"), "assay", "\"Spatial\"")
  expect_refused(SpatialGeneSelection(3), "object", "Seurat object")
})

test_that("errors about a Seurat object show the call that was written", {
  skip_if_no_engine()
  section <- regions_section()
  calls <- list(
    expect_error(FindSpatialDomains(section, method = "magic"), class = "sigel_error"),
    expect_error(FindSpatialDomains(section, n.domains = 1), class = "sigel_error"),
    expect_error(FindSpatialDomains(section, section = "nope"), class = "sigel_error")
  )
  for (error in calls) {
    expect_equal(rlang::call_name(conditionCall(error)), "FindSpatialDomains")
    expect_no_match(paste(deparse(conditionCall(error)), collapse = ""), "coordinates = ")
  }
})

if (nightly()) {
  test_that("several images are taken one by one, or together where the verb can", {
    skip_if_no_engine()
    both <- two_sections()
    refused <- function(code) expect_refused(code, "image", "2 images", "subset(object", object = both)
    together <- "section = \"slide\""
    for (code in list(
      quote(find_quietly(both)),
      quote(SelectSpatialGenes(both, verbose = FALSE)),
      quote(FindSpatialGenes(both, verbose = FALSE)),
      quote(FindPatternGenes(both, "region")),
      quote(run_quick(both))
    )) {
      refused(eval(code))
      expect_error(eval(code), together, fixed = TRUE)
    }
    # This one has no argument for sections.
    code <- quote(GeneImagePlot(both, rownames(both)[1L]))
    refused(eval(code))
    text <- conditionMessage(expect_error(eval(code)))
    expect_no_match(text, "section = ", fixed = TRUE)
  })
}

test_that("names that are taken are refused before the work", {
  skip_if_no_engine()
  section <- regions_section()
  embeddings <- matrix(0, ncol(section), 2, dimnames = list(colnames(section), c("a_1", "a_2")))
  other <- SeuratObject::CreateDimReducObject(embeddings, key = "a_", assay = "Spatial")
  section[["sigeldomain"]] <- other
  expect_refused(find_quietly(section), "reduction", "\"sigeldomain\"", object = section)
})

test_that("what the engine says of Python is said of R", {
  in_r_words <- getFromNamespace("in_r_words", "sigel")
  said <- function(text, name = "domains") in_r_words(text, name)
  refusal <- function(argument, found = "1", fix = "") {
    in_words <- getFromNamespace("refusal_in_r_words", "sigel")
    in_words(list(argument = argument, found = found, wanted = "2", fix = fix), "domains")
  }
  number <- refusal("n_domains", fix = "Use n_domains=7, or None to have it chosen.")
  expect_equal(number$shown, "`n.domains`")
  expect_equal(number$fix, "Use n.domains = 7, or NULL to have it chosen.")
  expect_match(said("Use genes=None for all."), "features = NULL", fixed = TRUE)
  expect_match(said("Give `n_domains` if you know it."), "Give `n.domains`", fixed = TRUE)
  expect_match(said("tried (`max_domains`, and"), "`config$max_domains`", fixed = TRUE)
  expect_equal(refusal("genes", fix = "See var_names.")$fix, "See `rownames(object)`.")
  expect_equal(refusal("device", fix = "Use device=\"auto\".")$fix, "Use `device = \"auto\"`.")
  expect_equal(refusal("window", "7.0")$found, "7")
  expect_equal(refusal("window", "7.05")$found, "7.05")
  expect_equal(refusal("window")$argument, "config")
  leiden <- said("Install it: pip install \"sigel[leiden]\".")
  expect_match(leiden, "`install_sigel(c(\"igraph\"))`", fixed = TRUE)
  expect_no_match(leiden, "pip")
  spagcn <- "Install it: pip install \"sigel[spagcn]\". It also brings a setuptools that louvain works with."
  expect_match(said(spagcn), "\"SpaGCN\", \"setuptools<81\"", fixed = TRUE)
  expect_no_match(said(spagcn), "pip")
})

test_that("names of domains that would take each other's place are refused", {
  skip_if_no_engine()
  done <- domains_section()
  # What is found goes into the same reduction.
  expect_refused(find_quietly(done, cluster.name = "sigel"), "cluster.name", "\"sigeldomain\"", object = done)
  expect_refused(find_quietly(done, cluster.name = "sigeldomain"), "cluster.name", "a name of its own")
  half <- done
  half$layers_prob <- 1
  expect_refused(
    find_quietly(half, cluster.name = "layers"),
    "cluster.name",
    "\"layers_prob\"",
    object = half
  )
})
