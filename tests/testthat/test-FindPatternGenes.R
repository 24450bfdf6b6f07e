columns <- c("gene", "similarity", "rank", "pval", "qval", "status")

quickly <- function(object, ..., n.draws = 3, n.null = 30) {
  FindPatternGenes(object, ..., n.draws = n.draws, n.null = n.null, verbose = FALSE)
}
# The region of one planted programme and the level it gets.
planted_region <- function(section = small_section()) {
  programmes <- setdiff(unique(section[["Spatial"]][[]]$programme), "background")
  sort(intersect(programmes, unique(section$region)))[1]
}
high <- function(level = 0.95) stats::setNames(level, planted_region())
found <- function() {
  if (is.null(made$pattern)) {
    made$pattern <- quickly(small_section(), "region", high())
  }
  made$pattern
}
# Mean rank of the genes of the planted programme among those with an answer, 0 to 1.
place_of <- function(table, section = small_section()) {
  programme <- section[["Spatial"]][[]][table$gene, "programme"]
  mean(table$rank[programme == planted_region()], na.rm = TRUE) / max(table$rank, na.rm = TRUE)
}

test_that("genes of the planted programme come first, by quantile, by multiple and by numbers", {
  skip_if_no_engine()
  section <- small_section()
  expect_lt(place_of(found()), 0.35)
  expect_lt(place_of(quickly(section, "region", high(4), unit = "multiple")), 0.35)
  section$mask <- as.numeric(section$region == planted_region())
  numbers <- quickly(section, "mask")
  expect_lt(place_of(numbers), 0.35)
  section$inside <- section$mask == 1
  expect_equal(quickly(section, "inside")$similarity, numbers$similarity)
  expect_lt(place_of(quickly(section, "region", high(), similarity = "euclidean")), 0.35)
})

test_that("the table is lawful: in the order of rank, NA where there is no answer", {
  skip_if_no_engine()
  table <- found()
  expect_s3_class(table, "data.frame")
  expect_named(table, columns)
  expect_equal(rownames(table), table$gene)
  expect_setequal(table$gene, rownames(small_section()))
  answered <- !is.na(table$rank)
  expect_type(table$rank, "integer")
  expect_equal(table$rank[answered], seq_len(sum(answered)))
  expect_false(is.unsorted(-table$similarity[answered]))
  expect_true(all(abs(table$similarity[answered]) <= 1 + 1e-6))
  expect_true(all(table$pval[answered] > 0 & table$pval[answered] <= 1))
  expect_equal(table$qval[answered], stats::p.adjust(table$pval[answered], "BH"))
  expect_true(all(is.na(table$similarity[!answered])))
  expect_true("excluded by name" %in% table$status[!answered])
  pattern <- attr(table, "pattern")
  expect_equal(pattern$region, "region")
  expect_equal(pattern$levels, high())
  expect_equal(nrow(pattern$pixels), ncol(small_section()))
  expect_true(all(is.finite(pattern$pixels$value)))
})

test_that("the drawn pattern is high where it was asked to be", {
  skip_if_no_engine()
  section <- small_section()
  pixels <- attr(found(), "pattern")$pixels
  places <- spot_table(section)
  nearest <- vapply(
    seq_len(nrow(pixels)),
    function(k) which.min((places$x - pixels$x[k])^2 + (places$y - pixels$y[k])^2),
    1L
  )
  expect_setequal(nearest, seq_len(ncol(section)))
  inside <- section$region[nearest] == planted_region()
  expect_gt(mean(pixels$value[inside]), mean(pixels$value[!inside]))
})

test_that("a matrix, an assay and an object give the same table, and the object is left as it was", {
  skip_if_no_engine()
  section <- small_section()
  before <- rlang::hash(section)
  counts <- counts_of(section)
  places <- spot_table(section)
  region <- unname(section$region)
  named <- stats::setNames(region, colnames(section))
  plain <- function(table) data.frame(table[columns])
  whole <- plain(found())
  expect_equal(plain(quickly(counts, region, high(), coordinates = places)), whole)
  expect_equal(plain(quickly(as.matrix(counts), factor(region), high(), coordinates = places)), whole)
  expect_equal(plain(quickly(section[["Spatial"]], rev(named), high(), coordinates = places)), whole)
  expect_equal(plain(quickly(section, "region", as.list(high()), coordinates = places)), whole)
  expect_identical(rlang::hash(section), before)
})

if (nightly()) {
  test_that("cells without a region or a number take the background", {
    skip_if_no_engine()
    section <- small_section()
    similarity <- function(object, ...) quickly(object, ...)$similarity
    section$gaps <- ifelse(section$region == planted_region(), section$region, NA)
    expect_equal(similarity(section, "gaps", high()), found()$similarity)
    section$zero <- as.numeric(section$region == planted_region())
    section$holes <- ifelse(section$zero == 1, 1, NA)
    section$holes[which(section$zero == 0)[1]] <- 0
    expect_equal(similarity(section, "holes"), similarity(section, "zero"))
  })

  test_that("settings reach the engine: background, null, seed, draws", {
    skip_if_no_engine()
    section <- small_section()
    other <- function(...) quickly(section, "region", high(), ...)
    differs <- function(a, b) max(abs(a[b$gene, "similarity"] - b$similarity), na.rm = TRUE) > 1e-6
    expect_true(differs(other(background = 0.6), found()))
    expect_true(differs(other(seed.use = 5), found()))
    expect_true(differs(other(n.draws = 4), found()))
    shuffled <- other(null = "spots")
    expect_equal(shuffled$similarity, found()$similarity)
    expect_false(isTRUE(all.equal(shuffled[found()$gene, "pval"], found()$pval)))
    logical_levels <- section
    logical_levels$inside <- section$region == planted_region()
    by_name <- quickly(logical_levels, "inside", c("TRUE" = unname(high())))
    expect_equal(by_name$similarity, found()$similarity)
  })

  test_that("the genes, settings and model of a run are taken up", {
    skip_if_no_engine()
    section <- small_section()
    chosen <- grep("^Gene", rownames(section), value = TRUE)[1:30]
    folder <- file.path(withr::local_tempdir(), "model")
    run <- run_quick(section, features = chosen, save.model = folder)
    table <- quickly(run, "region", high())
    expect_setequal(table$gene, chosen)
    given <- quickly(section, "region", high(), features = chosen, model = folder)
    expect_equal(table$similarity, given$similarity)
    eigen <- quickly(section, "region", high(), features = chosen)
    expect_gt(max(abs(eigen[table$gene, "similarity"] - table$similarity), na.rm = TRUE), 1e-6)
    # A model that is no longer what was saved, or gone, is not used.
    cat(" ", file = file.path(folder, "config.json"), append = TRUE)
    expect_equal(quickly(run, "region", high())$similarity, eigen$similarity)
    unlink(folder, recursive = TRUE)
    expect_equal(quickly(run, "region", high())$similarity, eigen$similarity)
  })
}

test_that("the same seed gives the same numbers, R's random numbers are left alone, progress is told", {
  skip_if_no_engine()
  set.seed(3)
  before <- .Random.seed
  expect_silent(again <- quickly(small_section(), "region", high()))
  expect_identical(.Random.seed, before)
  expect_same_result(again, found())
  expect_message(FindPatternGenes(
    small_section(),
    "region",
    high(),
    n.draws = 2,
    n.null = 10,
    verbose = TRUE
  ))
})

test_that("scattered cells in a field of view work", {
  skip_if_no_engine()
  cells <- small_section(lattice = "cells", image = "fov")
  expect_true(any(!is.na(quickly(cells, "nCount_Spatial")$rank)))
})

test_that("assays of Seurat 5 work, with split layers too", {
  skip_unless_seurat5()
  skip_if_no_engine()
  section <- small_section()
  halves <- section
  halves[["Spatial"]] <- split(halves[["Spatial"]], f = rep(c("one", "two"), length.out = ncol(section)))
  expect_same_result(quickly(halves, "region", high()), found())
  region <- section$region
  by_assay <- quickly(halves[["Spatial"]], region, high(), coordinates = spot_table(section))
  expect_equal(by_assay$similarity, found()$similarity)
})

test_that("arguments that cannot be used are refused and the object stays as it was", {
  skip_if_no_engine()
  section <- small_section()
  refused <- function(argument, region = "region", levels = high(), ..., say = NULL) {
    code <- quote(FindPatternGenes(section, region, levels, ..., verbose = FALSE))
    expect_refused(eval(code), argument, say, object = section)
  }
  refused("region", region = "regoin", say = "Did you mean \"region\"")
  refused("region", region = NULL)
  refused("region", region = c("region", "region"))
  refused("levels", levels = 0.9, say = "named")
  refused("levels", levels = c(nowhere = 0.9), say = c("nowhere", planted_region()))
  refused("levels", levels = high(1.5), say = "1.5")
  refused("levels", levels = high(NA_real_))
  refused("levels", levels = c(high(), high()), say = "several")
  refused("levels", levels = NULL, say = "levels = c(\"")
  refused("levels", levels = high(-1), unit = "multiple")
  refused("levels", region = "nCount_Spatial", say = "as.character()")
  refused("background", background = "low")
  refused("background", background = 2)
  refused("unit", unit = "percent", say = "\"quantile\"")
  refused("null", null = "shuffle", say = "\"regions\"")
  refused("similarity", similarity = "dot", say = "\"cosine\"")
  refused("n.draws", n.draws = 0)
  refused("n.null", n.null = 2.5)
  refused("seed.use", seed.use = -1)
  refused("device", device = "abacus")
  refused("model", model = 3)
  expect_error(
    quickly(section, "region", high(), model = file.path(tempdir(), "nowhere")),
    "`model`: .*save[.]model",
    class = "sigel_error"
  )
  refused("features", features = "nogene", say = "nogene")
  refused("layer", layer = "tpm")
  refused("reduction", reduction = "nope", say = "RunSIGEL()")
  refused("config", config = list(train = list(pretrain_epochs = 3)), say = "image")
  refused("...", draws = 3, say = "Did you mean")
  section$flat <- 1
  refused("region", region = "flat", levels = NULL)
  expect_refused(FindPatternGenes(section), "region", "one string")
})

test_that("matrices that cannot be used are refused", {
  skip_if_no_engine()
  counts <- counts_of(small_section())
  places <- spot_table(small_section())
  region <- unname(small_section()$region)
  expect_refused(quickly(counts, region, high()), "coordinates", "found nothing")
  expect_refused(quickly(counts, coordinates = places), "region", "found nothing")
  expect_refused(quickly(counts, region[1:3], high(), coordinates = places), "region", "3 values for")
  expect_refused(quickly(counts, list(region), high(), coordinates = places), "region")
  strange <- stats::setNames(region, rev(paste0(colnames(counts), "x")))
  expect_refused(quickly(counts, strange, high(), coordinates = places), "region", "no value for", "unname()")
  expect_refused(quickly("section.rds", region, high(), coordinates = places), "object", "readRDS()")
})

test_that("a model of other genes is refused", {
  skip_if_no_engine()
  folder <- file.path(withr::local_tempdir(), "model")
  section <- small_section()
  run_quick(section, save.model = folder)
  other <- counts_of(section)
  rownames(other) <- paste0("Other", seq_len(nrow(other)))
  expect_refused(
    quickly(other, section$region, high(), coordinates = spot_table(section), model = folder),
    "model",
    "model = NULL"
  )
})

test_that("errors about a Seurat object show the call that was written", {
  skip_if_no_engine()
  error <- expect_error(
    FindPatternGenes(small_section(), "region", c(nowhere = 0.9), verbose = FALSE),
    class = "sigel_error"
  )
  expect_equal(rlang::call_name(conditionCall(error)), "FindPatternGenes")
  expect_no_match(paste(deparse(conditionCall(error)), collapse = ""), "coordinates = ")
})

test_that("the pattern is drawn beside the genes that follow it, on one scale", {
  skip_if_no_engine()
  skip_without("ggplot2")
  section <- small_section()
  plot <- PatternGenePlot(section, found(), n.genes = 3)
  drawn <- ggplot2::ggplot_build(plot)
  expect_equal(nrow(drawn$layout$layout), 4)
  expect_equal(levels(plot$layers[[1]]$data$gene), c("pattern", found()$gene[1:3]))
  by_panel <- split(plot$layers[[1]]$data$value, plot$layers[[1]]$data$panel)
  expect_equal(unname(vapply(by_panel, mean, 0)), rep(0, 4), tolerance = 1e-6)
  expect_equal(unname(vapply(by_panel, function(x) mean(x^2), 0)), rep(1, 4), tolerance = 1e-6)
  some <- found()[found()$gene %in% found()$gene[c(2, 5)], ]
  expect_equal(levels(PatternGenePlot(section, some)$layers[[1]]$data$gene), c("pattern", some$gene))
  # The pictures are made as the pattern was.
  chosen <- grep("^Gene", rownames(section), value = TRUE)[1:30]
  part <- quickly(section, "region", high(), features = chosen)
  expect_no_error(ggplot2::ggplot_build(PatternGenePlot(section, part)))
  expect_refused(PatternGenePlot(section), "table", "found nothing")
  bare <- data.frame(found())
  attr(bare, "pattern") <- NULL
  expect_refused(PatternGenePlot(section, bare), "table", "FindPatternGenes()")
  expect_refused(PatternGenePlot(section, found()[is.na(found()$rank), ]), "table", "status")
  expect_refused(PatternGenePlot(section, found(), n.genes = 0), "n.genes")
  half <- subset(section, cells = colnames(section)[1:60])
  expect_refused(PatternGenePlot(half, found()), "object", "grid of pixels")
})

if (nightly()) {
  test_that("a pattern over several sections is asked of all of them, and drawn in all of them", {
    skip_if_no_engine()
    one <- small_section()
    both <- merge(one, SeuratObject::RenameCells(small_section(), add.cell.id = "b"))
    both$slide <- ifelse(startsWith(colnames(both), "b_"), "second", "first")
    both$mask <- both$array_col > stats::median(both$array_col)
    find <- function(object, ...) {
      FindPatternGenes(object, "mask", n.draws = 3, n.null = 50, verbose = FALSE, ...)
    }
    expect_refused(find(both), "image", "2 images")
    found <- find(both, section = "slide")
    alone <- find(subset(both, cells = colnames(one)), image = SeuratObject::Images(both)[1L])
    shared <- intersect(found$gene[!is.na(found$rank)], alone$gene[!is.na(alone$rank)])
    match_in <- function(table) table$similarity[match(shared, table$gene)]
    expect_gt(stats::cor(match_in(found), match_in(alone), method = "spearman"), 0.9)
    drawn <- attr(found, "pattern")$pixels
    expect_equal(nrow(drawn), 2L * nrow(attr(alone, "pattern")$pixels))
    skip_if_not_installed("ggplot2")
    shown <- ggplot2::ggplot_build(PatternGenePlot(both, found, n.genes = 2))
    expect_length(unique(shown$data[[1L]]$PANEL), 3L)
  })

  test_that("after a run over several sections a pattern is asked of these, and of its model only with all of them", {
    skip_if_no_engine()
    both <- merge(small_section(), SeuratObject::RenameCells(small_section(), add.cell.id = "b"))
    both$slide <- ifelse(startsWith(colnames(both), "b_"), "second", "first")
    both$mask <- both$array_col > stats::median(both$array_col)
    done <- run_quick(both, section = "slide", save.model = withr::local_tempfile())
    find <- function(object, ...) {
      FindPatternGenes(object, "mask", n.draws = 3, n.null = 0, verbose = FALSE, ...)
    }
    found <- find(done)
    expect_same_result(found, find(done, section = "slide"), tolerance = NULL)
    expect_false(isTRUE(all.equal(found$similarity, find(both, section = "slide")$similarity)))
    first <- subset(done, cells = colnames(small_section()))
    image <- SeuratObject::Images(first)[1L]
    for (alone in list(find(first), find(first, image = image))) {
      expect_true(any(!is.na(alone$rank)))
    }
    renamed <- done
    renamed$slide <- NULL
    expect_refused(find(renamed), "image", "The column \"slide\" told the sections of the run apart")
    skip_if_not_installed("ggplot2")
    expect_s3_class(PatternGenePlot(done, found, n.genes = 2), "ggplot")
    expect_refused(PatternGenePlot(renamed, found), "object", "slide")
  })
}
