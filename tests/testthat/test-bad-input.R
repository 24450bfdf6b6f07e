test_that("a table of results is no section, and a table without rows is said to be one", {
  skip_if_no_engine()
  table <- SpatialGenes(FindSpatialGenes(grouped_section(), score = FALSE, verbose = FALSE))
  expect_refused(RunSIGEL(table), "object", "Pass the object that the table was made of")
  similar <- FindSimilarGenes(grouped_section(), rownames(grouped_section())[1L])
  expect_refused(SimilarGenePlot(grouped_section(), similar[0, ]), "table", "a table without rows")
})

if (nightly()) {
  test_that("lines for a list of objects do not write the objects out, and give each a name", {
    skip_if_no_engine()
    section <- small_section()
    twice <- tryCatch(do.call(RunSIGEL, list(list(a = section, a = section))), error = conditionMessage)
    expect_match(twice, "sections <- list(...)", fixed = TRUE)
    expect_match(twice, "names(sections) <- c(\"s1\", \"s2\")", fixed = TRUE)
    sections <- list(a = section, b = section)
    expect_no_match(tryCatch(RunSIGEL(sections), error = conditionMessage), "sections <-", fixed = TRUE)
  })
}

test_that("only reductions that RunSIGEL made are named as its results", {
  skip_if_no_engine()
  section <- grouped_section()
  places <- matrix(0, ncol(section), 2L, dimnames = list(colnames(section), c("o_1", "o_2")))
  section[["other"]] <- SeuratObject::CreateDimReducObject(places, key = "o_", assay = "Spatial")
  expect_refused(GeneGroups(section, reduction = "sigle"), "reduction", "under one of \"sigel\".")
  section[["sigel"]] <- NULL
  said <- tryCatch(GeneGroups(section), error = conditionMessage)
  expect_no_match(said, "other", fixed = TRUE)
})

test_that("arguments that cannot be used are refused and the object stays as it was", {
  skip_if_no_engine()
  section <- small_section()
  expect_refused(run_quick(section, n.dims = 1), "n.dims", "2 or more", object = section)
  expect_refused(run_quick(section, n.dims = "a"), "n.dims", object = section)
  expect_refused(run_quick(section, n.groups = 2.5), "n.groups", "\"auto\"", object = section)
  expect_refused(run_quick(section, n.groups = "many"), "n.groups", object = section)
  expect_refused(run_quick(section, seed.use = -1), "seed.use", object = section)
  expect_refused(run_quick(section, seed.use = NULL), "seed.use", object = section)
  expect_refused(run_quick(section, verbose = NA), "verbose", object = section)
  expect_refused(run_quick(section, assay = "RNA"), "assay", "\"Spatial\"", object = section)
  expect_refused(run_quick(section, image = "slice1"), "image", "\"section\"", object = section)
  expect_refused(run_quick(section, layer = "tpm"), "layer", object = section)
  expect_refused(run_quick(section, features = "nogene"), "features", "nogene", object = section)
  expect_refused(run_quick(section, features = 1:3), "features", object = section)
  expect_refused(run_quick(section, config = list(1)), "config", object = section)
  expect_refused(run_quick(section, config = list(n_dims = 3)), "config", "`n.dims`", object = section)
  expect_refused(run_quick(section, device = "abacus"), "device", object = section)
  expect_refused(run_quick(section, reduction.name = ""), "reduction.name", object = section)
  expect_refused(run_quick(section, n.groups = 1000), "n.groups", "n.groups = \"auto\"", object = section)
  file <- withr::local_tempfile(lines = "no folder")
  expect_refused(run_quick(section, save.model = file.path(file, "model")), "save.model", object = section)
  expect_error(run_quick(section, n.dim = 3), "n.dim")
  expect_error(
    run_quick(section, config = list(train = list(tolerance = -1))),
    "tolerance",
    class = "sigel_error"
  )
})

test_that("counts and coordinates that cannot be used are refused", {
  skip_if_no_engine()
  counts <- counts_of(small_section())
  places <- spot_table(small_section())
  expect_refused(run_quick(counts), "coordinates", "found nothing")
  expect_refused(run_quick(counts, places[-1, ]), "coordinates", "1 of")
  negative <- counts
  negative@x[1] <- -1
  expect_refused(run_quick(negative, places), "object", "negative")
  broken <- counts
  broken@x[1] <- NaN
  expect_refused(run_quick(broken, places), "object", "NaN")
  twice <- counts
  rownames(twice)[2] <- rownames(twice)[1]
  expect_refused(run_quick(twice, places), "object", "duplicated")
  few <- counts[, 1:5]
  expect_refused(run_quick(few, places), "coordinates", "5 spots")
  strict <- c(quick, list(image = list(min_spots = 1e4)))
  expect_refused(
    run_quick(counts, places, config = strict),
    "min_spots",
    "config = list(image = list(min_spots"
  )
  lost <- places
  lost$array_row[3] <- NA
  expect_refused(run_quick(counts, lost), "coordinates", "array_row")
})

if (nightly()) {
  test_that("odd but lawful sections work", {
    skip_if_no_engine()
    counts <- counts_of(small_section())
    places <- spot_table(small_section())
    zero <- counts
    zero[2, ] <- 0
    features <- SeuratObject::Misc(run_quick(Matrix::drop0(zero), places))$features
    expect_match(features$status[2], "detected in fewer")
    one_column <- data.frame(x = 1, y = seq_len(ncol(counts)), row.names = colnames(counts))
    expect_s4_class(run_quick(counts, one_column), "DimReduc")
    shuffled <- run_quick(counts, places[sample(nrow(places)), ])
    expect_equal(SeuratObject::Loadings(shuffled), SeuratObject::Loadings(run_quick(counts, places)))
  })

  test_that("cells that are not in the image are refused", {
    skip_if_no_engine()
    section <- small_section(image = "fov")
    two <- merge(section, small_section(lattice = "cells", image = "fov"), add.cell.ids = c("a", "b"))
    images <- SeuratObject::Images(two)
    expect_refused(run_quick(two), "image", "2 images", object = two)
    expect_refused(
      run_quick(two, image = images[1]),
      "image",
      "not in the image",
      "subset(object",
      object = two
    )
    if (!seurat5()) {
      two[[images[2]]] <- NULL
    }
    one <- subset(two, cells = SeuratObject::Cells(two[[images[1]]]))
    expect_s4_class(run_quick(one, image = images[1]), "Seurat")
  })
}

test_that("misspelt arguments are told the nearest one", {
  skip_if_no_engine()
  section <- small_section()
  expect_refused(
    run_quick(section, n.group = 4),
    "...",
    "`n.group`",
    "Did you mean `n.groups`?",
    object = section
  )
  expect_refused(
    run_quick(counts_of(section), spot_table(section), gene = 1),
    "...",
    "an unknown argument `gene`",
    "Did you mean `features`?"
  )
  expect_refused(run_quick(section, colour = "red"), "...", "The arguments are")
})

test_that("a list of objects is refused with the lines that make one of them, which run", {
  skip_if_no_engine()
  skip_without("Seurat")
  a <- small_section()
  b <- small_section(image = "fov")
  lines_of <- function(code) {
    error <- expect_error(code, class = "sigel_input_error")
    lines <- trimws(strsplit(conditionMessage(error), "\n", fixed = TRUE)[[1L]])
    lines[-seq_len(grep("merge them", lines))]
  }
  donors <- list(a = a, b = a)
  lines <- lines_of(RunSIGEL(donors))
  expect_length(lines, 3L)
  expect_identical(lines[3L], "RunSIGEL(object, section = \"slide\")")
  lines[3L] <- "run_quick(object, section = \"slide\")"
  done <- suppressWarnings(eval(parse(text = lines)))
  expect_named(SeuratObject::Misc(done[["sigel"]])$sections, c("a", "b"))
  expect_identical(lines_of(FindSpatialGenes(donors))[3L], "FindSpatialGenes(object, section = \"slide\")")
  expect_identical(lines_of(RunSIGEL(list(x = a, y = b)))[1L], "sections <- list(x = a, y = b)")
  expect_identical(
    lines_of(RunSIGEL(unname(donors)))[1:2],
    c(
      "sections <- unname(donors)",
      "names(sections) <- c(\"s1\", \"s2\")"
    )
  )
})

test_that("words of other packages are told the argument that means the same", {
  meant <- function(verb, ...) {
    known <- setdiff(names(formals(getFromNamespace(verb, "sigel"))), "...")
    words <- c(...)
    found <- vapply(
      names(words),
      function(word) getFromNamespace("nearest_argument", "sigel")(word, known) %||% "",
      ""
    )
    expect_identical(found, words, label = verb)
  }
  meant(
    "FindGeneInteractions.Seurat",
    genes = "features",
    lr_pairs = "pairs",
    partner = "partners.of",
    top = "n"
  )
  meant(
    "RunSIGEL.Seurat",
    Genes = "features",
    group = "n.groups",
    clusters = "n.groups",
    n_groups = "n.groups"
  )
  meant(
    "RunSIGEL.Seurat",
    seed = "seed.use",
    npcs = "n.dims",
    samples = "section",
    key_added = "reduction.name"
  )
  meant("FindSpatialDomains.Seurat", clusters = "n.domains", k = "n.domains", n.groups = "n.domains")
  meant("FindPatternGenes.Seurat", group.by = "region", domain = "region", n.perm = "n.null")
  meant(
    "FindDiseaseGenes.Seurat",
    group.by = "condition",
    patients = "donor",
    batch = "section",
    ident.2 = "control"
  )
  meant("FindSimilarGenes.Seurat", gene = "features", n.genes = "n")
  meant("RunSIGEL.Seurat", fetures = "features", colour = "")
  expect_refused(FindGeneInteractions(matrix(0, 1, 1), genes = "a"), "...", "Did you mean `features`?")
})

test_that("every relative is an argument of some verb", {
  verbs <- grep("^[A-Z]\\w+[.](default|Seurat|list)$", ls(getNamespace("sigel")), value = TRUE)
  known <- unique(unlist(lapply(verbs, function(verb) names(formals(getFromNamespace(verb, "sigel"))))))
  expect_identical(setdiff(names(getFromNamespace("RELATIVES", "sigel")), known), character())
})

test_that("names that Seurat would refuse are refused before training", {
  skip_if_no_engine()
  section <- small_section()
  slow <- list(train = list(pretrain_epochs = 1e5))
  for (name in c("Spatial", "section", "my red", "1st")) {
    expect_refused(
      run_quick(section, reduction.name = name, config = slow),
      "reduction.name",
      object = section
    )
  }
})

test_that("an image and coordinates together are refused", {
  skip_if_no_engine()
  section <- small_section()
  places <- spot_table(section)
  expect_refused(run_quick(section, image = "nope", coordinates = places), "image", "not both")
})

test_that("a path is no section", {
  skip_if_no_engine()
  expect_refused(RunSIGEL("section.rds"), "object", "readRDS()")
})

test_that("what is no section is refused as the object, and a list says how several are taken", {
  skip_if_no_engine()
  for (verb in list(RunSIGEL, FindPatternGenes)) {
    expect_refused(verb(3), "object", "found 3", "a Seurat object, an assay or a matrix")
    expect_refused(verb(NULL), "object", "found NULL")
    expect_refused(
      verb(list(small_section(), small_section())),
      "object",
      "merge(sections[[1]], sections[-1]",
      "section = "
    )
  }
})

test_that("what is no section is told before arguments that its class would take", {
  skip_if_no_engine()
  verbs <- list(
    RunSIGEL,
    FindSpatialGenes,
    FindPatternGenes,
    FindSpatialDomains,
    SelectSpatialGenes,
    LabelSpatialDomains,
    ImputeGenes,
    FindDiseaseGenes,
    FindGeneInteractions,
    FindGeneGroups,
    FindSimilarGenes
  )
  for (verb in verbs) {
    expect_refused(verb("section.rds", layer = "counts"), "object")
  }
})

if (nightly()) {
  test_that("what is left at its default is the preset's to say", {
    skip_if_no_engine()
    section <- small_section()
    brief <- list(train = list(pretrain_epochs = 1, refine_epochs = 1))
    run <- function(object, ...) RunSIGEL(object, ..., preset = "paper", config = brief, verbose = FALSE)
    groups <- function(reduction) {
      reticulate::import("json")$loads(SeuratObject::Misc(reduction)$params)$n_groups
    }
    done <- run(section)[["sigel"]]
    # 500 are more than a third of the genes.
    expect_equal(groups(done), nrow(SeuratObject::Loadings(done)) %/% 3L)
    expect_equal(groups(run(counts_of(section), spot_table(section))), groups(done))
    expect_equal(groups(run(section, n.groups = "auto")[["sigel"]]), "auto")
    expect_refused(run(section, n.groups = 500), "n.groups", "500 groups")
    expect_refused(run(section, n.dims = NULL), "n.dims", "NULL")
  })
}

test_that("coordinates as factors or with capital names are told how to be mended", {
  skip_if_no_engine()
  counts <- counts_of(small_section())
  places <- spot_table(small_section())
  factors <- places
  factors$x <- factor(factors$x)
  expect_refused(run_quick(counts, factors), "coordinates", "as.numeric(as.character(x))")
  text <- transform(places, x = as.character(x))
  expect_refused(run_quick(counts, text), "coordinates", "`as.numeric(x)`")
  capital <- stats::setNames(places[c("x", "y")], c("X", "Y"))
  expect_refused(run_quick(counts, capital), "coordinates", "small letters")
  expect_refused(
    run_quick(counts, data.frame(x = places$x, y = places$y)),
    "coordinates",
    "automatic row names"
  )
})

test_that("the fix of a whole number is one that would do", {
  skip_if_no_engine()
  section <- small_section()
  expect_refused(run_quick(section, seed.use = NA), "seed.use", "seed.use = 0")
  expect_refused(run_quick(section, n.dims = NA), "n.dims", "n.dims = 32")
})

test_that("errors about a Seurat object show the call that was written", {
  skip_if_no_engine()
  section <- small_section()
  error <- expect_error(run_quick(section, n.groups = 1e5), class = "sigel_error")
  expect_equal(rlang::call_name(conditionCall(error)), "RunSIGEL")
  expect_no_match(paste(deparse(conditionCall(error)), collapse = ""), "coordinates = ")
  # Warnings, too; each is told once.
  section <- regions_section()
  skip_if(seurat5(), "needs Seurat < 5: counts are changed by its slot")
  section[["Spatial"]]@counts[, 3] <- 0
  told <- list()
  withCallingHandlers(find_quietly(section), warning = function(w) {
    told <<- c(told, list(w))
    tryInvokeRestart("muffleWarning")
  })
  empty <- Filter(function(w) grepl("1 of .* have no counts", conditionMessage(w)), told)
  expect_length(empty, 1L)
  expect_equal(rlang::call_name(conditionCall(empty[[1L]])), "FindSpatialDomains")
  expect_no_match(paste(deparse(conditionCall(empty[[1L]])), collapse = ""), "seen")
})
