build <- function(plot) ggplot2::ggplot_build(plot)

# The panels of one gene of a page.
panels_of <- function(page, row, n) {
  expect_error(page[[row]][[n + 1L]])
  lapply(seq_len(n), function(k) page[[row]][[k]])
}

test_that("each gene has a row: measured, imputed, interval width", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  object <- imputed_panel()
  hidden <- small_panel()$hidden
  before <- rlang::hash(list(object, hidden))
  genes <- ImputationReport(object)$genes
  best <- genes$gene[order(-genes$expected.pcc)][1:2]
  page <- ImputedGenePlot(object, best, measured = hidden)
  expect_identical(rlang::hash(list(object, hidden)), before)
  expect_s3_class(page, "ggplot")
  panels <- panels_of(page, 1, 3)
  expect_equal(page[[2]][[3]]$labels$subtitle, "interval width")
  expect_error(page[[3]])
  expect_equal(
    vapply(panels, function(panel) panel$labels$subtitle, ""),
    c("measured", "imputed", "interval width")
  )
  # Cells are drawn where they are, in the colour of their values.
  drawn <- panels[[2]]$data
  values <- as.matrix(imputed_values(object))[best[1], ]
  expect_equal(sort(drawn$value), sort(unname(values)))
  places <- table_of(object)
  first <- drawn[which.max(drawn$value), ]
  expect_equal(unname(c(first$x, first$y)), unname(unlist(places[which.max(values), 1:2])))
  bounds <- ImputationIntervals(object, best[1])
  expect_equal(sort(panels[[3]]$data$value), sort(as.vector(bounds$upper - bounds$lower)))
  # What was measured is on the scale of what was imputed: that of the panel's library.
  counts <- counts_of(hidden)[best[1], ]
  truth <- on_panel_scale(rbind(counts), object)[1, ]
  expect_equal(sort(panels[[1]]$data$value), sort(unname(truth)))
  expected <- genes[best[1], "expected.pcc"]
  title <- sprintf("%s: expected correlation %.2f, achieved %.2f", best[1], expected, cor(truth, values))
  expect_match(panels[[1]]$labels$title, title, fixed = TRUE)
  file <- withr::local_tempfile(fileext = ".png")
  expect_no_warning(ggplot2::ggsave(file, page, width = 7, height = 5, dpi = 40))
})

if (nightly()) {
  test_that("cells are drawn smaller the more rows there are", {
    skip_if_no_engine()
    skip_without("ggplot2")
    skip_without("patchwork")
    object <- imputed_panel()
    genes <- rownames(object[["sigel.imputed"]])
    size <- function(n) {
      panel <- panels_of(ImputedGenePlot(object, genes[seq_len(n)]), 1, 2)[[1]]
      build(panel)$data[[1]]$size[1]
    }
    sizes <- c(size(1), size(4), size(8))
    expect_true(all(diff(sizes) < 0))
    # Cells of a row of eighths of a page do not hide each other.
    expect_lt(sizes[3] * 16, 178 / 8)
    page <- ImputedGenePlot(object, genes[1], point.size = 3)
    panels <- panels_of(page, 1, 2)
    expect_equal(build(panels[[1]])$data[[1]]$size[1], 3)
    expect_equal(panels[[1]]$labels$colour, "log1p")
    expect_equal(panels[[2]]$labels$colour, "width")
  })

  test_that("what was not measured is said, and genes that are not trusted are marked", {
    skip_if_no_engine()
    skip_without("ggplot2")
    skip_without("patchwork")
    object <- imputed_panel()
    genes <- rownames(object[["sigel.imputed"]])[1:2]
    seen <- as.matrix(counts_of(small_panel()$hidden))[genes[1], , drop = FALSE]
    page <- ImputedGenePlot(object, rev(genes), measured = seen)
    blank <- page[[1]][[1]]
    expect_equal(blank$labels$subtitle, "not measured")
    expect_no_match(blank$labels$title, "achieved")
    assay <- object[["sigel.imputed"]]
    doubted <- stats::setNames(rep(FALSE, nrow(assay)), rownames(assay))
    object[["sigel.imputed"]] <- SeuratObject::AddMetaData(assay, doubted, "trusted")
    panels <- panels_of(ImputedGenePlot(object, genes), 1, 2)
    expect_match(panels[[1]]$labels$title, "not trusted")
    expect_equal(panels[[1]]$labels$subtitle, "imputed")
    # Normalised values are taken as they are, and a gene that is the same everywhere has no correlation.
    constant <- matrix(1.5, 1L, ncol(object), dimnames = list(genes[1], colnames(object)))
    panels <- panels_of(ImputedGenePlot(object, genes, measured = constant), 1, 3)
    expect_true(all(panels[[1]]$data$value == 1.5))
    expect_no_match(panels[[1]]$labels$title, "achieved")
  })
}

test_that("answers for matrices are drawn, with coordinates", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  panel <- small_panel()
  places <- table_of(panel$target)
  answer <- impute_quietly(
    counts_of(panel$target),
    pieces_of(panel$reference),
    coordinates = places,
    features = rownames(imputed_panel()[["sigel.imputed"]])[1:2],
    intervals = FALSE
  )
  gene <- answer$genes$gene[1]
  plot <- ImputedGenePlot(answer, gene, coordinates = places, point.size = 2)
  expect_no_warning(build(plot))
  expect_refused(ImputedGenePlot(answer, gene), "coordinates", "found nothing")
  expect_refused(
    ImputedGenePlot(answer, gene, measured = counts_of(panel$hidden), coordinates = places),
    "measured",
    "raw counts"
  )
})

test_that("expected accuracy is drawn against the achieved one", {
  skip_if_no_engine()
  skip_without("ggplot2")
  object <- imputed_panel()
  report <- ImputationReport(object)
  plot <- ImputationAccuracyPlot(object)
  expect_equal(plot$data$expected.pcc, report$shared$expected.pcc)
  expect_equal(plot$data$achieved.pcc, report$shared$achieved.pcc)
  expect_match(
    plot$labels$subtitle,
    sprintf("Spearman %.2f over 45 shared genes", report$spearman),
    fixed = TRUE
  )
  drawn <- build(plot)$data
  expect_equal(drawn[[1]]$slope, 1)
  expect_equal(drawn[[2]]$xintercept, 0.1)
  expect_equal(nrow(drawn[[3]]), 45)

  hidden <- small_panel()$hidden
  plot <- ImputationAccuracyPlot(object, measured = hidden)
  more <- plot$data[plot$data$kind == "imputed genes", ]
  there <- intersect(report$genes$gene, rownames(hidden))
  expect_setequal(more$gene, there)
  truth <- on_panel_scale(as.matrix(counts_of(hidden)[there, ]), object)
  values <- as.matrix(imputed_values(object))[there, ]
  achieved <- vapply(there, function(gene) cor(truth[gene, ], values[gene, ]), 0)
  expect_equal(more$achieved.pcc, unname(achieved[more$gene]))
  expect_match(plot$labels$subtitle, sprintf("over %d imputed genes", length(there)), fixed = TRUE)
  expect_no_warning(build(plot))
})

test_that("what cannot be drawn is refused", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  object <- imputed_panel()
  hidden <- small_panel()$hidden
  gene <- rownames(object[["sigel.imputed"]])[1]
  refused <- function(argument, ..., say = NULL) {
    expect_refused(ImputedGenePlot(object, ...), argument, say, object = object)
  }
  refused("features", say = "names of imputed genes")
  refused("features", "nogene", say = "nogene")
  refused("features", "mt-Nd1", say = "excluded by name")
  refused("features", rownames(small_panel()$target)[1])
  refused("point.size", gene, point.size = 0)
  refused("point.size", gene, point.size = "big")
  refused("image", gene, image = "slice1", say = "\"section\"")
  refused("image", gene, image = "section", coordinates = table_of(object), say = "not both")
  refused("coordinates", gene, coordinates = table_of(object)[-1, ], say = "1 of")
  refused("assay", gene, assay = "Spatial", say = "without imputed genes")
  refused("measured", gene, measured = counts_of(hidden)[, -1], say = "nothing of 1 of")
  refused("measured", gene, measured = small_panel()$target, say = gene)
  refused("measured", gene, measured = "hidden.rds")
  refused("assay", gene, assay = "Spatial", say = "Use `assay = \"sigel.imputed\"`.")
  first <- "Call `ImputeGenes()` first."
  expect_refused(ImputedGenePlot(hidden, gene), "assay", "\"Spatial\"", first, object = hidden)
  expect_refused(ImputationAccuracyPlot(hidden), "assay", "\"Spatial\"", first)
  expect_refused(ImputationReport(hidden), "assay", first)
  expect_refused(ImputationReport(hidden, assay = "Spatial"), "assay", first)
  expect_refused(ImputationReport(hidden[["Spatial"]]), "object", first)
  expect_refused(ImputationIntervals(hidden), "assay", first)
  near <- sprintf("Did you mean \"%s\"", gene)
  expect_refused(ImputedGenePlot(object, paste0(gene, "x")), "features", near)
  expect_refused(ImputationAccuracyPlot(3), "object", "Seurat object")
})
