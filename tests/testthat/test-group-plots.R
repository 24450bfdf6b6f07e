build <- function(plot) ggplot2::ggplot_build(plot)

if (nightly()) {
  test_that("similar genes are drawn behind the genes asked about", {
    skip_if_no_engine()
    skip_without("ggplot2")
    section <- grouped_section()
    before <- rlang::hash(section)
    table <- FindSimilarGenes(section, c("Gene0001", "Gene0003"), n = 6)
    drawn <- build(SimilarGenePlot(section, table, n.genes = 3))
    expect_identical(rlang::hash(section), before)
    expect_equal(nrow(drawn$layout$layout), 5L)
    shown <- drawn$plot$layers[[1]]$data
    panels <- unique(shown[c("panel", "gene")])
    expect_equal(as.character(panels$gene), c("Gene0001", "Gene0003", table$gene[1:3]))
    # Each pixel is drawn once in each panel, with its corners in their order.
    expect_equal(unname(c(table(shown$panel))), rep(6L * ncol(section), 5))
    image <- build(GeneImagePlot(section, table$gene[1]))$plot$layers[[1]]$data
    expect_equal(
      shown[shown$panel == 3, c("x", "y", "value")],
      image[c("x", "y", "value")],
      ignore_attr = TRUE
    )
    each <- FindSimilarGenes(section, c("Gene0001", "Gene0003"), n = 2, combine = "each")
    expect_equal(nrow(build(SimilarGenePlot(section, each))$layout$layout), 6L)
  })
}

test_that("similar genes have their names above and similarities below, in columns that suit their images", {
  skip_if_no_engine()
  skip_without("ggplot2")
  section <- grouped_section()
  table <- FindSimilarGenes(section, "Gene0001", n = 5)
  plot <- SimilarGenePlot(section, table)
  text <- lapply(plot$layers[2:3], function(layer) layer$data)
  expect_equal(text[[1]]$label, c("Gene0001", table$gene))
  expect_equal(text[[1]]$face, rep(c("bold.italic", "italic"), c(1, 5)))
  expect_equal(text[[2]]$label, c("asked", sprintf("%.2f", table$similarity)))
  images <- GeneImagePlot(section, c("Gene0001", table$gene))
  columns <- function(plot) max(build(plot)$layout$layout$COL)
  expect_equal(columns(plot), columns(images))
  expect_equal(columns(SimilarGenePlot(section, table, ncol = 2)), 2L)
  file <- withr::local_tempfile(fileext = ".png")
  ggplot2::ggsave(file, plot, width = 5, height = 4, dpi = 50)
  expect_gt(file.size(file), 1000)
})

test_that("a table that is not of similar genes is refused", {
  skip_if_no_engine()
  skip_without("ggplot2")
  section <- grouped_section()
  table <- FindSimilarGenes(section, "Gene0001", n = 2)
  expect_refused(SimilarGenePlot(section), "table", "FindSimilarGenes()")
  by_name <- SimilarGenePlot(section, "Gene0001", n.genes = 2)
  expect_equal(by_name$layers[[1]]$data, SimilarGenePlot(section, table)$layers[[1]]$data)
  expect_refused(SimilarGenePlot(section, "nogene"), "table", "nogene")
  expect_refused(SimilarGenePlot(section, "gene0001"), "table", "nearest: \"Gene0001\"")
  expect_refused(SimilarGenePlot(section, character(0)), "table", "no name")
  expect_refused(SimilarGenePlot(section, 1), "table", "FindSimilarGenes()")
  expect_refused(SimilarGenePlot(section, table[0, ]), "table")
  expect_refused(SimilarGenePlot(section, table[1:2]), "table", "similarity")
  expect_refused(SimilarGenePlot(section, table, n.genes = 0), "n.genes")
  expect_refused(SimilarGenePlot(section, table, ncol = 0), "ncol")
  expect_refused(SimilarGenePlot(section[["sigel"]], table), "object", "DimReduc")
  expect_refused(SimilarGenePlot(section, transform(table, gene = "nogene")), "features", "nogene")
})

test_that("the page of a group has its mean image, its genes and its place on the map", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  section <- grouped_section()
  page <- GeneGroupPage(section, 2, n.genes = 3, method = "pca")
  expect_s3_class(page, "ggplot")
  features <- SeuratObject::Misc(section[["sigel"]])$features
  members <- features$gene[which(features$group == "2")]
  typical <- page[[2]]$layers[[1]]$data
  expect_setequal(as.character(unique(typical$gene)), strsplit(GeneGroups(section)$typical[2], ",")[[1]][1:3])
  # The mean image is the mean of its members' images.
  values <- GeneImagePlot(section, members)$layers[[1]]$data
  corners <- table(values$gene)[[1]]
  mean <- rowMeans(matrix(values$value, nrow = corners))
  expect_equal(page[[1]][[1]]$layers[[1]]$data$value, mean, tolerance = 1e-5)
  dots <- page[[1]][[2]]$layers
  expect_setequal(dots[[2]]$data$gene, members)
  expect_equal(nrow(dots[[1]]$data) + nrow(dots[[2]]$data), sum(features$status == "embedded"))
  expect_match(page$patches$annotation$subtitle, sprintf("%d genes", length(members)))
  expect_no_match(page$patches$annotation$subtitle, "stability")
  file <- withr::local_tempfile(fileext = ".png")
  expect_no_error(ggplot2::ggsave(file, page, width = 7, height = 7, dpi = 40))
})

if (nightly()) {
  test_that("the page has room for its genes at 7 x 5 inches, the columns asked for, and names that do not meet", {
    skip_if_no_engine()
    skip_without("ggplot2")
    skip_without("patchwork")
    panels <- function(...) GeneGroupPage(grouped_section(), 1, method = "pca", ...)[[2]]
    across <- function(plot) max(build(plot)$layout$layout$COL)
    expect_equal(vapply(1:4, function(n) across(panels(n.genes = n)), 1), c(1, 1, 2, 2))
    expect_equal(across(panels()), 3)
    expect_equal(across(panels(ncol = 4)), 4)
    names <- Find(function(layer) "label" %in% names(layer$data), panels()$layers)
    expect_equal(names$data$label, levels(panels()$layers[[1L]]$data$gene))
  })
}

test_that("the page tells the stability where it is known", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  section <- grouped_section()
  stability <- data.frame(group = factor(1:2), stability = c(0.25, 0.75))
  subtitle <- function(group, ...) {
    GeneGroupPage(section, group, n.genes = 1, method = "pca", ...)$patches$annotation$subtitle
  }
  expect_match(subtitle("2", stability = stability), "stability 0.75", fixed = TRUE)
  expect_no_match(subtitle("3", stability = stability), "stability", fixed = TRUE)
  expect_refused(subtitle("1", stability = 0.5), "stability", "FindGeneGroupStability()")
  expect_refused(subtitle("99"), "group", "\"1\"")
  expect_refused(subtitle(NA), "group")
  expect_refused(subtitle(c("1", "2")), "group")
  expect_refused(subtitle("1", ncol = 0), "ncol")
  expect_refused(subtitle("1", seed.use = "a"), "seed.use")
  expect_refused(GeneGroupPage(section, method = "pca"), "group", "found nothing")
  expect_refused(GeneGroupPage(section, 1, method = "isomap"), "method", "\"umap\"")
  expect_refused(GeneGroupPage(section, 1, n.genes = 0), "n.genes")
  expect_refused(GeneGroupPage(section[["sigel"]], 1), "object", "DimReduc")
})

test_that("stability is drawn with the most stable group first", {
  skip_without("ggplot2")
  table <- data.frame(
    group = factor(1:4),
    n.genes = c(90, 40, 12, 30),
    stability = c(0.6, 0.8, 0.4, 0.95),
    lowest = c(0.5, 0.6, 0.2, 0.9)
  )
  plot <- GeneGroupStabilityPlot(table)
  expect_equal(levels(plot$data$group), c("4", "2", "1", "3"))
  expect_null(plot$labels$subtitle)
  expect_no_warning(build(plot))
  told <- structure(table, ari = 0.876, seeds = 1:5)
  expect_equal(GeneGroupStabilityPlot(told)$labels$subtitle, "5 more fits, adjusted Rand index 0.88")
  expect_no_warning(build(GeneGroupStabilityPlot(table[1, ])))
  expect_refused(GeneGroupStabilityPlot(), "table", "FindGeneGroupStability()")
  expect_refused(GeneGroupStabilityPlot(table[1:2]), "table", "stability")
  expect_refused(GeneGroupStabilityPlot(table[0, ]), "table")
})

test_that("groups may come twice, as numbers or as a factor, but not not at all", {
  skip_if_no_engine()
  section <- grouped_section()
  first <- GeneGroups(section)$group[1L]
  once <- GeneGroupPlot(section, groups = as.character(first))
  for (groups in list(c(first, first), factor(first), as.integer(as.character(first)))) {
    expect_equal(GeneGroupPlot(section, groups = groups)$layers[[1L]]$data, once$layers[[1L]]$data)
  }
  expect_refused(GeneGroupPlot(section, groups = character()), "groups")
  expect_refused(
    GeneGroupPlot(section, list(a = rownames(section))),
    "groups",
    "list of length 1",
    "gene.sets = "
  )
})

test_that("groups are called after the set that they are richest in", {
  skip_if_no_engine()
  skip_without("ggplot2")
  section <- grouped_section()
  features <- SeuratObject::Misc(section[["sigel"]])$features
  first <- as.character(GeneGroups(section)$group[1L])
  sets <- list(HALLMARK_OF_IT = features$gene[which(features$group == first)])
  heads <- GeneGroupPlot(section, gene.sets = sets)$layers[[3L]]$data
  expect_equal(grep(": ", heads$label, value = TRUE), heads$label[heads$group == first])
  expect_match(heads$label[heads$group == first], sprintf("^Group %s \\(.* genes\\): Of it$", first))
  expect_refused(GeneGroupPlot(section, gene.sets = "nowhere.gmt"), "gene.sets", "no file")
  expect_refused(GeneGroupPlot(section, gene.sets = list(a = c("X", "Y"))), "gene.sets")
})

test_that("genes without a pattern stay on a page, and are none of the number of groups", {
  skip_if_no_engine()
  section <- grouped_section()
  results <- section[["sigel"]]
  known <- SeuratObject::Misc(results)$features
  names <- levels(droplevels(known$group))
  sizes <- sort(table(known$group), decreasing = TRUE)
  last <- names(sizes)[sum(sizes > 0)]
  group <- as.character(known$group)
  group[group == last] <- "no pattern"
  known$group <- factor(group, levels = c(setdiff(names, c(last, "no pattern")), "no pattern"))
  methods::slot(results, "misc")$features <- known
  section[["sigel"]] <- results
  n <- nlevels(known$group) - 1L
  page <- GeneGroupPlot(section, max.groups = 2, n.genes = 1)
  expect_equal(
    page$layers[[3L]]$data$group,
    c(setdiff(names(sizes), c(last, "no pattern"))[1L], "no pattern")
  )
  expect_match(page$labels$subtitle, sprintf("%d more group", n - 1L), fixed = TRUE)
  expect_match(GeneMapPlot(section, method = "pca")$labels$subtitle, sprintf("in %d group", n), fixed = TRUE)
  sets <- list(two = rownames(section)[1:2])
  expect_refused(GeneGroupPlot(section, gene.sets = sets), "gene.sets", "min.size = 1")
  expect_s3_class(GeneGroupPlot(section, gene.sets = sets, min.size = 1), "ggplot")
})

if (nightly()) {
  test_that("a page is drawn however few genes its last groups have", {
    skip_if_no_engine()
    skip_without("ggplot2")
    section <- FindGeneGroups(grouped_section(), n.groups = 20)
    few <- names(which(table(SeuratObject::Misc(section[["sigel"]])$features$group) == 1L))
    expect_true(length(few) > 1L)
    for (plot in list(GeneGroupPlot(section), GeneGroupPlot(section, groups = few, n.genes = 5))) {
      expect_s3_class(ggplot2::ggplotGrob(plot), "gtable")
    }
  })

  test_that("names on a page of groups fit their images, or stand on two lines, or are cut", {
    skip_without("ggplot2")
    fitted <- function(label, width, lines = 1L, side = "below") {
      data <- data.frame(x = 0, y = 0, label = label, face = "plain", rank = 1)
      layer <- fitted_text(data, side, lines = lines)
      grid::pushViewport(grid::viewport(width = grid::unit(width, "pt")))
      on.exit(grid::popViewport())
      grob <- grid::makeContent(layer$geom$draw_panel(data, NULL, list(transform = function(data, ...) data)))
      text <- grob$children[[1L]]
      wide <- grid::convertWidth(grid::grobWidth(text), "pt", valueOnly = TRUE)
      list(label = text$label, size = text$gp$fontsize, wide = wide)
    }
    grDevices::pdf(NULL, 7, 5)
    withr::defer(grDevices::dev.off())
    long <- "ENSMUSG00000051951"
    roomy <- fitted(long, 200)
    expect_identical(roomy$label, long)
    expect_equal(roomy$size, 8)
    tight <- fitted(long, 75)
    expect_identical(tight$label, long)
    expect_lt(tight$size, 8)
    expect_lte(tight$wide, 76)
    cut <- fitted(long, 30)
    expect_match(cut$label, "^ENSM.*[.]{3}$")
    expect_lte(cut$wide, 31)
    expect_identical(fitted(long, 35, lines = 2L)$label, long)
    expect_identical(fitted("Mbp", 30)$label, "Mbp")
  })
}

test_that("images of a page of groups are of a size that is seen, whatever their number", {
  shape <- function(n, several = FALSE) {
    images <- list(corners = data.frame(x = c(0, 10), y = c(0, 10)), several = several)
    place_on_page(n, 3L, images, 14L)
  }
  for (n in 1:24) {
    place <- shape(n)
    expect_equal(nrow(unique(as.data.frame(place[c("row", "first")]))), n)
    expect_true(all(diff(order(place$first, place$row)) == 1L))
    across <- max(place$first) + 3L
    expect_length(place$between, across - 1L)
    # Inches of an image where a page is 7 inches wide and 5 high.
    inches <- min(6 / across, (290 / 72 - (max(place$row) - 1) * place$below / 72) / max(place$row))
    expect_gte(inches, if (n <= 13) 0.45 else 0.29)
  }
})
