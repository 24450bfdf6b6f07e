draw_disease <- function(object, feature = "Gene0001", condition = "condition", ...) {
  DiseaseGenePlot(object, feature, condition, ...)
}

test_that("every section has a panel in the order of conditions and donors, all at one scale", {
  skip_if_no_engine()
  skip_without("ggplot2")
  sections <- small_cohort()
  before <- rlang::hash(sections)
  plot <- draw_disease(sections, donor = "donor")
  expect_identical(rlang::hash(sections), before)
  built <- ggplot2::ggplot_build(plot)
  pixels <- plot$layers[[1]]$data
  expect_equal(unique(pixels$panel), names(sections))
  titles <- plot$layers[[2]]$data
  expect_equal(titles$label, names(sections))
  expect_equal(plot$layers[[3]]$data$label, c("control  (3 sections)", "case  (3 sections)"))
  # Two rows of three panels, none over another.
  expect_length(unique(titles$y), 2L)
  expect_equal(titles$x[1:3], titles$x[4:6])
  spans <- split(pixels$x, pixels$panel)
  expect_lt(max(spans$D1), min(spans$D2))
  limits <- built$plot$scales$get_scales("fill")$limits
  value <- pixels$value[!duplicated(pixels$pixel)]
  expect_equal(limits, unname(stats::quantile(value, c(0.01, 0.99))))
  donors <- c("P10", "P9", "P10", "Q", "Q", "Q")
  titles <- draw_disease(sections, donor = donors, ncol = 2)$layers[[2]]$data
  expect_equal(titles$label, c("P9, D2", "P10, D1", "P10, D3", "Q, D4", "Q, D5", "Q, D6"))
  expect_length(unique(titles$y), 4L)
})

test_that("y points down, as on the slide", {
  skip_if_no_engine()
  skip_without("ggplot2")
  sections <- small_cohort()
  plot <- draw_disease(sections)
  expect_equal(
    plot$scales$get_scales("y")$trans$name %||% plot$scales$get_scales("y")$transformation$name,
    "reverse"
  )
  pixels <- plot$layers[[1]]$data
  # A section far from its own mirror image.
  own <- pixels[pixels$panel == "D2", ]
  places <- plain_cohort()$places$D2
  # Every cell lies in a pixel; were the section turned over, some would lie beside it.
  middle <- function(v) v - mean(range(v))
  scale <- max(diff(range(places$x)), diff(range(places$y)))
  outside <- function(turn) {
    away <- vapply(seq_len(nrow(places)), 0, FUN = function(k) {
      x <- middle(own$x) - middle(places$x)[k] / scale
      min(x^2 + (middle(own$y) - turn * middle(places$y)[k] / scale)^2)
    })
    max(sqrt(away))
  }
  expect_lt(outside(1), 0.1)
  expect_gt(outside(-1), 2 * outside(1))
})

if (nightly()) {
  test_that("one object, a list and matrices are the same picture", {
    skip_if_no_engine()
    skip_without("ggplot2")
    by_list <- draw_disease(small_cohort(), donor = "donor")$layers[[1]]$data
    merged <- draw_disease(merged_cohort(), donor = "donor", section = "donor")$layers[[1]]$data
    # Where a section has no count of a gene it is none of the genes that all measured.
    expect_equal(merged, by_list, tolerance = 1e-3)
    plain <- plain_cohort()
    condition <- factor(rep(c("control", "case"), each = 3), levels = c("control", "case"))
    matrices <- draw_disease(plain$counts, condition = condition, coordinates = plain$places)
    expect_equal(matrices$layers[[1]]$data, by_list, tolerance = 1e-5)
  })
}

test_that("a section without the gene says so", {
  skip_if_no_engine()
  skip_without("ggplot2")
  sections <- small_cohort()
  sections$D2 <- subset(sections$D2, features = setdiff(rownames(sections$D2), "Gene0001"))
  plot <- draw_disease(sections)
  expect_equal(plot$layers[[4]]$data$label, "not measured")
  expect_equal(plot$layers[[4]]$data$x, plot$layers[[2]]$data$x[2])
  expect_false("D2" %in% plot$layers[[1]]$data$panel)
  expect_no_error(ggplot2::ggplot_build(plot))
})

test_that("means and their difference are drawn on one frame, levels by domain", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  counts <- plain_cohort()$counts[c(1, 4)]
  n <- min(vapply(counts, ncol, 1L))
  places <- data.frame(x = seq_len(n) %% 12, y = seq_len(n) %/% 12)
  counts <- lapply(counts, function(own) own[, seq_len(n)])
  tables <- lapply(counts, function(own) data.frame(places, row.names = colnames(own)))
  plot <- draw_disease(counts, condition = c("a", "b"), coordinates = tables, frame = "shared")
  expect_s3_class(plot, "patchwork")
  expect_equal(levels(plot[[1]]$layers[[1]]$data$gene), c("a\nmean of 1 donor", "b\nmean of 1 donor"))
  change <- plot[[2]]$layers[[1]]$data
  expect_equal(levels(change$gene), "b\nminus a")
  means <- split(plot[[1]]$layers[[1]]$data$value, plot[[1]]$layers[[1]]$data$gene)
  expect_equal(change$value, means[[2]] - means[[1]])
  limits <- plot[[2]]$scales$get_scales("fill")$limits
  expect_equal(limits[1], -limits[2])
  dots <- draw_disease(small_cohort(), donor = "donor", group.by = "region")
  expect_equal(levels(dots$data$condition), c("control", "case"))
  expect_true(all(table(dots$data$domain, dots$data$condition) <= 3))
  expect_no_error(ggplot2::ggplot_build(dots))
})

test_that("what cannot be drawn is refused in R's words", {
  skip_if_no_engine()
  skip_without("ggplot2")
  sections <- small_cohort()
  refused <- function(argument, said, ...) {
    expect_refused(draw_disease(sections, ...), argument, said, object = sections)
  }
  refused("feature", "'Gene0001'", feature = "GENE0001")
  refused("feature", "one string", feature = c("Gene0001", "Gene0002"))
  refused("condition", "condition", condition = "conditon")
  refused("frame", "the section '", frame = "shared")
  refused("frame", "one of", frame = "mine")
  refused("group.by", "Did you mean", group.by = "regoin")
  refused("group.by", "one kind of picture", group.by = "region", frame = "shared")
  refused("group.by", "FindSpatialDomains", group.by = "donor")
  refused("ncol", "whole number", ncol = 0)
  refused("config", "image", config = list(train = list()))
  expect_refused(draw_disease(1), "object", "a list of sections")
  expect_refused(DiseaseGenePlot(sections, "Gene0001"), "condition", "nothing")
})

test_that("arrows lead called genes and no others", {
  skip_if_no_engine()
  skip_without("ggplot2")
  table <- disease_table()
  called <- table$gene[which(table$qval < 0.05)]
  plot <- GeneChangePlot(table, n.label = 3)
  arrows <- plot$layers[[2]]$data
  expect_equal(arrows$gene, called)
  map <- attr(table, "map")
  expect_equal(arrows[names(map)], map[match(called, map$gene), ], ignore_attr = TRUE)
  expect_setequal(plot$layers[[1]]$data$gene, setdiff(map$gene, called))
  expect_setequal(plot$layers[[5]]$data$gene, called[1:3])
  expect_match(plot$labels$subtitle, sprintf("%d of %d genes called", length(called), nrow(map)))
  expect_match(plot$labels$subtitle, "from control to case")
  expect_no_error(ggplot2::ggplot_build(plot))
  none <- table
  none$qval <- NA_real_
  expect_length(GeneChangePlot(none)$layers, 1L)
  expect_refused(GeneChangePlot(data.frame(gene = "a", qval = 1)), "table", "without its attribute \"map\"")
  expect_refused(GeneChangePlot(table, n.label = -1), "n.label")
})

test_that("the labels as given are marked among the others", {
  skip_if_no_engine()
  skip_without("ggplot2")
  table <- disease_table()
  found <- attr(table, "calibration")
  plot <- CalibrationPlot(table)
  dots <- plot$data
  expect_equal(nrow(dots), 2L * nrow(found))
  marked <- dots[dots$kind == "labels as given", ]
  expect_equal(marked$x, c(found$n.called[1], found$ks[1]))
  expect_match(plot$labels$subtitle, sprintf("call %d genes", found$n.called[1]))
  expect_no_error(ggplot2::ggplot_build(plot))
  bare <- table
  attr(bare, "calibration") <- found[0, ]
  expect_refused(CalibrationPlot(bare), "table", "NA")
  expect_refused(CalibrationPlot(1), "table", "FindDiseaseGenes")
})
