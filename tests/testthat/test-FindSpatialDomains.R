test_that("domains follow the planted regions, and are numbered by size", {
  skip_if_no_engine()
  done <- domains_section()
  expect_gt(rand_index(done$sigel_domain, done$region), 0.5)
  expect_s3_class(done$sigel_domain, "factor")
  expect_equal(levels(done$sigel_domain), as.character(1:4))
  expect_false(is.unsorted(-as.integer(table(done$sigel_domain))))
  expect_true(all(done$sigel_domain_prob >= 0 & done$sigel_domain_prob <= 1))
})

test_that("the object gets meta data, a reduction and the log, and nothing else changes", {
  skip_if_no_engine()
  section <- regions_section()
  done <- domains_section()
  expect_equal(done[[]][names(section[[]])], section[[]])
  expect_setequal(setdiff(names(done[[]]), names(section[[]])), c("sigel_domain", "sigel_domain_prob"))
  expect_equal(done[["Spatial"]][[]], section[["Spatial"]][[]])
  expect_equal(counts_of(done), counts_of(section))
  expect_equal(SeuratObject::Reductions(done), "sigeldomain")
  features <- SeuratObject::Embeddings(done[["sigeldomain"]])
  expect_equal(rownames(features), colnames(section))
  expect_equal(SeuratObject::Key(done[["sigeldomain"]]), "SIGELDOMAIN_")
  expect_equal(colnames(features)[1], "SIGELDOMAIN_1")
  expect_false(is.unsorted(-apply(features, 2, stats::var)))
  about <- domain_about(done)
  expect_equal(about$method, "mixture")
  expect_equal(about$n.domains, 4)
  expect_equal(about$window, 7)
  expect_equal(about$genes, rownames(section))
  expect_false("weight" %in% names(about))
  expect_false(about$refined)
  expect_null(about$number)
  expect_match(about$params, "\"windows\": \\[1, 7\\], .*\"starts\": 1,")
  expect_equal(names(done@commands), "FindSpatialDomains.Spatial.sigel")
  expect_equal(done@commands[[1]]@params$method, "mixture")
})

test_that("a matrix, an assay and an object with coordinates give the same domains", {
  skip_if_no_engine()
  section <- regions_section()
  counts <- counts_of(section)
  places <- spot_table(section)
  whole <- domains_section()
  found <- find_quietly(counts, places)
  expect_s3_class(found, "sigel_domains")
  expect_equal(found$domain, whole$sigel_domain)
  expect_equal(found$prob, whole$sigel_domain_prob)
  expect_equal(unname(found$features), unname(SeuratObject::Embeddings(whole[["sigeldomain"]])))
  expect_output(print(found), "4 domains of")
  from_assay <- find_quietly(section[["Spatial"]], coordinates = places)
  expect_same_result(from_assay, found)
  by_hand <- find_quietly(section, coordinates = places)
  expect_equal(by_hand$sigel_domain, whole$sigel_domain)
  expect_equal(by_hand@commands[[1]]@params$coordinates, "given")
})

test_that("a second call leaves nothing of the first", {
  skip_if_no_engine()
  chosen <- grep("^Gene", rownames(regions_section()), value = TRUE)[1:40]
  again <- find_quietly(domains_section(), n.domains = 2, features = chosen, refine = TRUE)
  expect_equal(levels(again$sigel_domain), c("1", "2"))
  about <- domain_about(again)
  expect_setequal(about$genes, chosen)
  expect_true(about$refined)
  expect_equal(sum(grepl("domain", names(again[[]]))), 2)
  expect_equal(SeuratObject::Reductions(again), "sigeldomain")
})

if (nightly()) {
  test_that("the number of domains is the largest that is found again where none is given", {
    skip_if_no_engine()
    done <- suppressWarnings(
      find_quietly(regions_section(), n.domains = NULL, config = c(few, max_domains = 5)),
      classes = "sigel_warning"
    )
    number <- domain_about(done)$number
    expect_named(number, c("n.domains", "found.again", "agreement", "bic"))
    expect_equal(number$n.domains, 1:5)
    found <- number$n.domains[number$found.again >= 0.75]
    expect_equal(nlevels(done$sigel_domain), max(2, found))
    expect_warning(
      find_quietly(regions_section(), n.domains = NULL, config = c(few, max_domains = 2)),
      "largest number tried|No number of domains is found again.*Give `n.domains` if you know",
      class = "sigel_warning"
    )
  })

  test_that("genes of the run are taken up", {
    skip_if_no_engine()
    section <- regions_section()
    chosen <- grep("^Gene", rownames(section), value = TRUE)[1:60]
    run <- RunSIGEL(section, features = chosen, n.dims = 6, n.groups = 3, preset = "fast", verbose = FALSE)
    done <- find_quietly(run)
    expect_setequal(domain_about(done)$genes, chosen)
    by_hand <- find_quietly(counts_of(section)[chosen, ], spot_table(section))
    expect_equal(by_hand$domain, done$sigel_domain)
    expect_setequal(by_hand$about$genes, domain_about(done)$genes)
    expect_setequal(SeuratObject::Reductions(done), c("sigel", "sigeldomain"))

    named <- RunSIGEL(
      section,
      n.dims = 6,
      n.groups = 3,
      preset = "fast",
      reduction.name = "x",
      verbose = FALSE
    )
    named <- find_quietly(named, reduction = "x")
    expect_true(all(c("x_domain", "x_domain_prob") %in% names(named[[]])))
    expect_equal(SeuratObject::Key(named[["xdomain"]]), "XDOMAIN_")
  })
}

test_that("a new name puts a second set of domains beside the first", {
  skip_if_no_engine()
  first <- domains_section()
  expect_silent(both <- find_quietly(first, n.domains = 2, reduction = "coarse"))
  expect_equal(both[[]][names(first[[]])], first[[]])
  expect_equal(domain_about(both), domain_about(first))
  expect_equal(nlevels(both$coarse_domain), 2)
  expect_setequal(SeuratObject::Reductions(both), c("sigeldomain", "coarsedomain"))
  # Nothing was taken up but the name: the domains are those of any other.
  alone <- find_quietly(regions_section(), n.domains = 2)
  expect_equal(both$coarse_domain, alone$sigel_domain)
})

test_that("cluster.name is the column of the domains, and everything finds them under it", {
  skip_if_no_engine()
  first <- domains_section()
  expect_silent(both <- find_quietly(first, n.domains = 2, cluster.name = "layers"))
  expect_setequal(names(both[[]]), c(names(first[[]]), "layers", "layers_prob"))
  expect_equal(both[[]][names(first[[]])], first[[]])
  expect_setequal(SeuratObject::Reductions(both), c("sigeldomain", "layersdomain"))
  expect_equal(domain_about(both), domain_about(first))
  expect_equal(domain_about(both, "layersdomain")$cluster.name, "layers")
  expect_equal(SeuratObject::Key(both[["layersdomain"]]), "LAYERSDOMAIN_")
  logged <- both@commands[[length(both@commands)]]@params
  expect_equal(logged$cluster.name, "layers")
  # It names what is written, and changes nothing of what is found.
  expect_equal(both$layers, find_quietly(first, n.domains = 2)$sigel_domain)
  # A second call takes the place of the first.
  again <- find_quietly(both, n.domains = 3, cluster.name = "layers")
  expect_equal(nlevels(again$layers), 3)
  expect_setequal(SeuratObject::Reductions(again), c("sigeldomain", "layersdomain"))

  stability <- FindSpatialDomainStability(
    both,
    n.seeds = 1,
    cluster.name = "layers",
    device = "cpu",
    verbose = FALSE
  )
  expect_equal(stability$n.spots, as.integer(table(both$layers)))
  only <- find_quietly(regions_section(), n.domains = 2, cluster.name = "layers")
  expect_refused(SpatialDomainPlot(only), "object", "`cluster.name = \"layers\"`")
  skip_without("ggplot2")
  drawn <- SpatialDomainPlot(both, cluster.name = "layers")
  expect_match(drawn$labels$subtitle, sprintf("%d genes", length(domain_about(both, "layersdomain")$genes)))
  expect_equal(levels(SpatialDomainConfusionPlot(both, "region", "layers")$data$domain), c("2", "1"))
  skip_without("patchwork")
  expect_s3_class(SpatialDomainStabilityPlot(both, stability, "layers"), "ggplot")
  expect_refused(SpatialDomainStabilityPlot(both, stability), "table", "other domains", object = both)
})

if (nightly()) {
  test_that("several sets of domains of one run take it up", {
    skip_if_no_engine()
    chosen <- grep("^Gene", rownames(regions_section()), value = TRUE)[1:60]
    run <- RunSIGEL(
      regions_section(),
      features = chosen,
      n.dims = 6,
      n.groups = 3,
      preset = "fast",
      reduction.name = "x",
      verbose = FALSE
    )
    plain <- find_quietly(run, reduction = "x")
    expect_silent(named <- find_quietly(plain, reduction = "x", cluster.name = "fine"))
    expect_equal(named$fine, named$x_domain)
    expect_true(all(domain_about(named, "finedomain")$genes %in% chosen))
    expect_equal(domain_about(named, "finedomain")$reduction, "x")
    steady <- function(name) {
      FindSpatialDomainStability(named, n.seeds = 1, cluster.name = name, device = "cpu", verbose = FALSE)
    }
    expect_same_result(steady("fine"), steady("x_domain"))
  })

  test_that("domains of 0.5.0, which did not write their name down, are found", {
    skip_if_no_engine()
    old <- domains_section()
    misc <- domain_about(old)
    old@reductions$sigeldomain@misc <- misc[setdiff(names(misc), c("cluster.name", "reduction"))]
    steady <- function(object) {
      FindSpatialDomainStability(object, n.seeds = 1, device = "cpu", verbose = FALSE)
    }
    expect_same_result(steady(old), steady(domains_section()))
    skip_without("ggplot2")
    expect_equal(SpatialDomainPlot(old)$labels, SpatialDomainPlot(domains_section())$labels)
  })

  test_that("a new name beside a run is told, as it may be a slip", {
    skip_if_no_engine()
    chosen <- grep("^Gene", rownames(regions_section()), value = TRUE)[1:40]
    run <- RunSIGEL(
      regions_section(),
      features = chosen,
      n.dims = 6,
      n.groups = 3,
      preset = "fast",
      verbose = FALSE
    )
    expect_message(
      done <- find_quietly(run, reduction = "sigle"),
      "no reduction is called \"sigle\".*\"sigel\""
    )
    expect_false(all(domain_about(done, "sigledomain")$genes %in% chosen))
    # Under a name that is known by now, nothing is to be told.
    expect_silent(find_quietly(done, reduction = "sigle"))
    expect_message(SelectSpatialGenes(run, reduction = "sigle", verbose = FALSE), "sigle")
  })

  test_that("spots of several sections are neighbours within their section", {
    skip_if_no_engine()
    both <- two_sections()
    expect_length(SeuratObject::Images(both), 2)
    wide <- list(starts = 4, windows = 7)
    done <- find_quietly(both, section = "slide", config = wide)
    expect_equal(domain_about(done)$section, "slide")
    # In one picture the sections lie over each other.
    places <- getFromNamespace("places_of_sections", "sigel")(both)
    expect_lt(max(places$x[both$slide == "two"]), 2 * max(places$x[both$slide == "one"]))
    one <- find_quietly(both, coordinates = places, config = wide)
    expect_gt(rand_index(done$sigel_domain, both$region), 0.3)
    expect_lt(rand_index(done$sigel_domain, one$sigel_domain), 1)
    apart <- find_quietly(joined_counts(both), places, section = factor(both$slide), config = wide)
    expect_equal(apart$domain, done$sigel_domain)
  })
}

test_that("a function may find the domains", {
  skip_if_no_engine()
  section <- regions_section()
  seen <- NULL
  by_kmeans <- function(features, n) {
    seen <<- list(dim = dim(features), n = n)
    letters[kmeans(features, n, nstart = 5)$cluster]
  }
  set.seed(1)
  done <- find_quietly(section, method = by_kmeans)
  expect_equal(seen$dim, dim(SeuratObject::Embeddings(done[["sigeldomain"]])))
  expect_equal(seen$n, 4)
  expect_equal(nlevels(done$sigel_domain), 4)
  expect_true(all(is.na(done$sigel_domain_prob)))
  expect_equal(domain_about(done)$method, "function")
  expect_equal(done@commands[[1]]@params$method, "function")
  # A number chosen by the engine reaches the function, too.
  suppressWarnings(classes = "sigel_warning", {
    auto <- find_quietly(section, method = by_kmeans, n.domains = NULL, config = c(few, max_domains = 3))
  })
  expect_equal(seen$n, nlevels(auto$sigel_domain))
})

test_that("mclust is called in R, by R, and gives what it gives by hand", {
  skip_if_no_engine()
  skip_without("mclust")
  section <- regions_section()
  set.seed(3)
  before <- .Random.seed
  expect_silent(done <- find_quietly(section, method = "mclust", model.name = "VVI"))
  expect_identical(.Random.seed, before)
  expect_false("package:mclust" %in% search())
  features <- SeuratObject::Embeddings(done[["sigeldomain"]])
  by_hand <- withr::with_package("mclust", mclust::Mclust(features, 4, "VVI", verbose = FALSE))
  expect_equal(rand_index(done$sigel_domain, by_hand$classification), 1)
  # Features are stored in single precision.
  expect_equal(unname(done$sigel_domain_prob), apply(unname(by_hand$z), 1, max), tolerance = 1e-3)
  expect_equal(domain_about(done)$model.name, "VVI")

  refined <- find_quietly(section, method = "mclust", model.name = "VVI", refine = TRUE)
  changed <- domain_about(refined)$n.changed
  expect_equal(sum(is.na(refined$sigel_domain_prob)), changed)
  kept <- !is.na(refined$sigel_domain_prob)
  expect_equal(refined$sigel_domain_prob[kept], done$sigel_domain_prob[kept])
})

test_that("Leiden finds domains", {
  skip_if_no_engine()
  if (!reticulate::py_module_available("igraph")) {
    missing_or_skip("the Python package igraph")
  }
  done <- find_quietly(regions_section(), method = "leiden")
  expect_gt(rand_index(done$sigel_domain, done$region), 0.2)
  expect_true(all(is.na(done$sigel_domain_prob)))
})

test_that("the same seed gives the same domains, and R's random numbers are left alone", {
  skip_if_no_engine()
  set.seed(3)
  before <- .Random.seed
  again <- find_quietly(regions_section())
  expect_identical(.Random.seed, before)
  expect_equal(again$sigel_domain, domains_section()$sigel_domain)
  expect_equal(again$sigel_domain_prob, domains_section()$sigel_domain_prob)
})

if (nightly()) {
  test_that("progress is told, and verbose = FALSE is silent", {
    skip_if_no_engine()
    section <- regions_section()
    find <- function() FindSpatialDomains(section, n.domains = 3, config = few)
    suppressMessages(expect_message(find(), "Spots within their windows"))
    expect_silent(find_quietly(section, n.domains = 3))
  })
}

test_that("scattered cells in a field of view work", {
  skip_if_no_engine()
  cells <- regions_section(lattice = "cells", image = "fov")
  done <- find_quietly(cells)
  expect_gt(rand_index(done$sigel_domain, cells$region), 0.3)
})

test_that("assays of Seurat 5 work, with split layers too, and an Assay of Seurat 4", {
  skip_unless_seurat5()
  skip_if_no_engine()
  section <- regions_section()
  whole <- domains_section()$sigel_domain
  halves <- section
  halves[["Spatial"]] <- split(halves[["Spatial"]], f = rep(c("one", "two"), length.out = ncol(section)))
  expect_equal(find_quietly(halves)$sigel_domain, whole)
  expect_equal(find_quietly(halves[["Spatial"]], coordinates = spot_table(section))$domain, whole)
  old <- section
  old[["Spatial"]] <- methods::as(section[["Spatial"]], "Assay")
  expect_equal(find_quietly(old)$sigel_domain, whole)
})

test_that("the object with its domains saves, loads and subsets", {
  skip_if_no_engine()
  file <- withr::local_tempfile(fileext = ".rds")
  done <- domains_section()
  saveRDS(done, file)
  back <- readRDS(file)
  expect_equal(back$sigel_domain, done$sigel_domain)
  expect_equal(domain_about(back), domain_about(done))
  some <- colnames(done)[done$sigel_domain != "1"]
  part <- subset(done, cells = some)
  expect_equal(part$sigel_domain, done$sigel_domain[some])
  expect_equal(domain_about(part), domain_about(done))
})

test_that("spots beside the tissue take no part and get no domain", {
  skip_if_no_engine()
  section <- regions_section()
  beside <- colnames(section)[c(3, 20:30)]
  within <- !colnames(section) %in% beside
  alone <- find_quietly(subset(section, cells = colnames(section)[within]))
  kinds <- list(as.integer(within), factor(within))
  if (nightly()) {
    kinds <- c(kinds, list(within, ifelse(within, "TRUE", "FALSE")))
  }
  for (column in kinds) {
    section$in_tissue <- column
    expect_warning(
      done <- find_quietly(section),
      sprintf("12 of %d spots lie beside the tissue", ncol(section)),
      class = "sigel_warning"
    )
    expect_setequal(colnames(done)[is.na(done$sigel_domain)], beside)
    expect_true(all(is.na(done$sigel_domain_prob[!within])))
    expect_identical(as.character(done$sigel_domain[within]), as.character(alone$sigel_domain))
  }
  found <- SeuratObject::Embeddings(done[["sigeldomain"]])
  expect_identical(rownames(found), colnames(done))
  expect_equal(unname(is.na(found[, 1])), !within)
  stability <- FindSpatialDomainStability(done, n.seeds = 1, device = "cpu", verbose = FALSE)
  expect_equal(sum(stability$n.spots), sum(within))
  expect_equal(unname(is.na(attr(stability, "spots"))), !within)
  skip_without("ggplot2")
  expect_s3_class(SpatialDomainPlot(done), "ggplot")
})

if (nightly()) {
  test_that("a column that tells no spots apart says nothing, and one of something else is refused", {
    skip_if_no_engine()
    section <- regions_section()
    for (value in 0:1) {
      section$in_tissue <- value
      expect_no_warning(done <- find_quietly(section))
      expect_false(anyNA(done$sigel_domain))
    }
    section$in_tissue <- "glass"
    expect_refused(find_quietly(section), "object", "\"in_tissue\" with \"glass\"", object = section)
  })
}
