skip_without_templates <- function() {
  skip_if_no_engine()
  for (package in c("jinja2", "matplotlib")) {
    if (!reticulate::py_module_available(package)) {
      missing_or_skip(paste("the Python package", package))
    }
  }
}

page_of <- function(file) paste(readLines(file, encoding = "UTF-8", warn = FALSE), collapse = "\n")
data_of <- function(page) {
  json <- sub(
    "(?s).*<script type=\"application/json\" id=\"data\">(.*?)</script>.*",
    "\\1",
    page,
    perl = TRUE
  )
  reticulate::import("json")$loads(json)
}
written <- function(object, ...) {
  file <- tempfile(fileext = ".html")
  SigelReport(object, file, method = "pca", ...)
  page_of(file)
}

test_that("a run is told as it is: settings, genes, groups, what is not there", {
  skip_without_templates()
  run <- grouped_section()
  file <- withr::local_tempfile(fileext = ".html")
  expect_equal(expect_invisible(SigelReport(run, file, method = "pca")), file)
  page <- page_of(file)
  expect_lt(file.size(file), 5e6)
  misc <- SeuratObject::Misc(run[["sigel"]])
  known <- reticulate::import("json")$loads(misc$provenance)
  expect_match(page, known$data_hash, fixed = TRUE)
  data <- data_of(page)
  expect_setequal(unlist(data$genes$names), rownames(SeuratObject::Loadings(run[["sigel"]])))
  sizes <- table(misc$features$group)
  for (group in data$groups) {
    name <- sub("No pattern", "no pattern", sub("^Group ", "", group$title))
    expect_equal(group$n, as.integer(sizes[[name]]))
  }
  expect_match(page, "This section is simulated", fixed = TRUE)
  expect_match(page, "FindSpatialGenes(object)", fixed = TRUE)
  expect_match(page, "FindSpatialDomains(object)", fixed = TRUE)
  expect_no_match(page, "sigel.tl", fixed = TRUE)
})

test_that("spatial genes, domains, terms and genes that change are shown where they are", {
  skip_without_templates()
  run <- FindSpatialGenes(grouped_section(), score = FALSE, verbose = FALSE)
  quick <- list(starts = 1, windows = 4, components = 8)
  run <- FindSpatialDomains(run, n.domains = 3, config = quick, verbose = FALSE)
  sets <- split(rownames(run), run[[SeuratObject::DefaultAssay(run)]][[]]$programme)
  table <- data.frame(
    gene = c("Gene0001", "Gene0002"),
    effect = c(2, 1),
    level.effect = c(0.5, 0),
    pval = c(0.001, NA),
    qval = c(0.002, NA),
    status = c("tested", NA)
  )
  page <- written(run, gene.sets = sets, disease.genes = table)
  expect_match(page, "The tissue with its 3 domains", fixed = TRUE)
  called <- sum(SpatialGenes(run)$qval < 0.05, na.rm = TRUE)
  expect_match(page, sprintf("; %d have q &lt; 0.05", called), fixed = TRUE)
  expect_match(page, SpatialGenes(run)$gene[1L], fixed = TRUE)
  expect_match(page, "The first 2 of 2 genes; 1 change pattern", fixed = TRUE)
  first <- GeneGroupEnrichment(run, sets)
  first <- subset(first, qval < 0.05 & overlap > 1 & group != "no pattern")[1L, ]
  expect_match(tolower(page), tolower(sprintf("Group %s: %s", first$group, first$term)), fixed = TRUE)
})

if (nightly()) {
  test_that("spatial genes alone, or domains alone, make a report, and nothing is no report", {
    skip_without_templates()
    section <- small_section()
    tested <- FindSpatialGenes(section, score = FALSE, verbose = FALSE)
    expect_match(written(tested), "There is no map", fixed = TRUE)
    quick <- list(starts = 1, windows = 4, components = 8)
    parted <- FindSpatialDomains(section, n.domains = 2, config = quick, verbose = FALSE)
    expect_match(written(parted), "The tissue with its 2 domains", fixed = TRUE)
    expect_refused(written(section), "object", "no result", "RunSIGEL()")
  })
}

test_that("tables of stability are shown, and those of another object are refused", {
  skip_without_templates()
  run <- grouped_section()
  quick <- list(starts = 1, windows = 4, components = 8)
  run <- FindSpatialDomains(run, n.domains = 3, config = quick, verbose = FALSE)
  domains <- FindSpatialDomainStability(run, n.seeds = 1, verbose = FALSE)
  groups <- FindGeneGroupStability(run, n.seeds = 1, verbose = FALSE)
  page <- written(run, group.stability = groups, domain.stability = domains)
  expect_match(page, "Stability of each group over the fits at other seeds", fixed = TRUE)
  expect_match(page, "Stability of each domain over seeds", fixed = TRUE)
  expect_match(page, "Stability of domains over 1 more seeds", fixed = TRUE)
  expect_no_match(page, "was not tried", fixed = TRUE)
  other <- groups
  other$n.genes <- other$n.genes + 1
  expect_refused(written(run, group.stability = other), "group.stability", "other groups")
  expect_refused(written(run, group.stability = 1), "group.stability", "FindGeneGroupStability")
  domains$n.spots <- domains$n.spots + 1
  expect_refused(written(run, domain.stability = domains), "domain.stability", "other domains")
})

if (nightly()) {
  test_that("domains alone of several sections, and spatial genes of them, are shown section by section", {
    skip_without_templates()
    section <- small_section()
    section$slice <- rep(c("a", "b"), length.out = ncol(section))
    places <- spot_table(section)
    quick <- list(starts = 1, windows = 4, components = 8)
    parted <- FindSpatialDomains(
      section,
      n.domains = 2,
      section = "slice",
      coordinates = places,
      config = quick,
      verbose = FALSE
    )
    expect_match(written(parted, coordinates = places), "2 sections", fixed = TRUE)
    tested <- FindSpatialGenes(
      section,
      score = FALSE,
      section = "slice",
      coordinates = places,
      verbose = FALSE
    )
    expect_no_match(written(tested, coordinates = places), "2 sections", fixed = TRUE)
    expect_match(written(tested, coordinates = places, section = "slice"), "2 sections", fixed = TRUE)
    expect_refused(written(tested, section = "no"), "section", "columns of the meta data")
  })
}

test_that("names that are markup stay names", {
  skip_without_templates()
  read_counts <- getFromNamespace("read_counts", "sigel")
  section <- small_section()
  assay <- SeuratObject::DefaultAssay(section)
  counts <- read_counts(section[[assay]], "counts")
  nasty <- "</script><img src=x onerror=alert(1)>"
  rownames(counts)[1L] <- nasty
  places <- spot_table(section)
  object <- SeuratObject::CreateSeuratObject(counts, assay = assay)
  run <- RunSIGEL(object, coordinates = places, n.dims = 4, n.groups = 3, preset = "fast", verbose = FALSE)
  page <- written(run, coordinates = places, title = nasty)
  expect_no_match(page, "<img src=x", fixed = TRUE)
  expect_true(nasty %in% unlist(data_of(page)$genes$names))
})

test_that("the object stays as it was, and so does a file that nobody asked to be replaced", {
  skip_without_templates()
  run <- grouped_section()
  before <- rlang::hash(run)
  file <- withr::local_tempfile(fileext = ".html", lines = "mine")
  expect_refused(SigelReport(run, file, method = "pca"), "file", "there already", "overwrite = TRUE")
  expect_equal(readLines(file), "mine")
  SigelReport(run, file, method = "pca", overwrite = TRUE)
  expect_gt(file.size(file), 1e4)
  expect_identical(rlang::hash(run), before)
})

test_that("what cannot be used is refused in words of R", {
  skip_without_templates()
  run <- grouped_section()
  file <- withr::local_tempfile(fileext = ".html")
  expect_refused(SigelReport(1), "object", "a Seurat object")
  expect_refused(SigelReport(run, 1), "file", "one string")
  expect_refused(SigelReport(run), "file", "found NULL", "file = \"report.html\"")
  expect_refused(SigelReport(run, "report.pdf"), "file", "ends in .html")
  expect_refused(SigelReport(run, file, method = "umap"), "method", "tsne")
  expect_refused(SigelReport(run, file, title = 1), "title", "one string")
  expect_refused(SigelReport(run, file, nothing = 1), "...", "nothing")
  expect_refused(SigelReport(run, file, reduction = "other"), "object", "other")
  expect_refused(SigelReport(run, file, cluster.name = "other"), "object", "other")
  expect_refused(SigelReport(run, file, disease.genes = 1), "disease.genes", "FindDiseaseGenes")
  genes <- data.frame(gene = "Gene0001", effect = 1, pval = 0.1, qval = 0.1) # as of spatial genes
  expect_refused(SigelReport(run, file, disease.genes = genes), "disease.genes", "level.effect")
  expect_error(SigelReport(run, file, config = list(max_mb = -1)), "max_mb", class = "sigel_error")
  expect_false(file.exists(file))
})
