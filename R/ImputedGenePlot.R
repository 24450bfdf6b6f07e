#' Pictures of imputed genes
#'
#' `ImputedGenePlot()` draws a row of panels for each gene: the measured values
#' where there are some, the imputed ones, and the width of the interval of each
#' cell. `ImputationAccuracyPlot()` holds the accuracy that was expected of genes
#' against the one they achieved: of the shared genes when each was left out in
#' turn, and of imputed genes where they were measured after all.
#'
#' @param object A Seurat object or a SpatialExperiment after [ImputeGenes()], or what it returned for a
#'   matrix.
#' @param features Names of imputed genes.
#' @param measured Optionally what was measured of imputed genes in the same cells:
#'   a Seurat object, of which the raw counts are taken, or a matrix, genes x cells.
#'   Counts (whole numbers) are put on the scale of the imputed values, by the
#'   library that the panel has in each cell, and `object` must then be a Seurat
#'   object; other numbers are taken as they are.
#' @param assay Name of the imputed assay.
#' @param image,coordinates Where the cells are, as in [RunSIGEL()].
#' @param point.size Size of a cell; default: as many cells as there are fill a
#'   panel where the page is 7 x 7 in; on a larger page give more.
#' @param histology Whether the picture of the tissue lies under the cells, as in
#'   [SpatialDomainPlot()].
#' @return `ImputedGenePlot()`: a ggplot, put together by the package patchwork.
#'   Each panel has a colour scale of its own, as an expected value varies less than
#'   a measured one. Above a row stand the expected and, where the gene was
#'   measured and varies, the achieved correlation; in grey are genes that are not
#'   trusted. `ImputationAccuracyPlot()`: a ggplot with a dot for each gene. On the
#'   solid line expected and achieved correlation are the same; right of the dashed
#'   one, from `config$min_pcc` on, genes are trusted.
#' @examples
#' if (sigel_available() && requireNamespace("patchwork", quietly = TRUE)) {
#'   panel <- SimulatePanel(n.panel = 40, n.rows = 14, n.cols = 14,
#'     n.programmes = 3, genes.per.programme = 20, n.background.genes = 20)
#'   target <- ImputeGenes(panel$target, panel$reference, verbose = FALSE)
#'   best <- ImputationReport(target)$genes
#'   best <- best$gene[order(-best$expected.pcc)][1:2]
#'   ImputedGenePlot(target, best, measured = panel$hidden)
#'   ImputationAccuracyPlot(target, measured = panel$hidden)
#' }
#' @export
ImputedGenePlot <- function(
  object,
  features,
  measured = NULL,
  assay = "sigel.imputed",
  image = NULL,
  coordinates = NULL,
  point.size = NULL,
  histology = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  require_installed("patchwork", "A page of several plots", call)
  imputed <- imputation_of(object, assay, call)
  features <- imputed_features(if (missing(features)) character() else features, imputed, call)
  if (!is.null(point.size)) {
    check_positive(point.size, "point.size", "Use `point.size = 1`.", call)
  }
  cells <- imputed$cells
  places <- places_of_imputed(object, image, coordinates, cells, call)
  one <- factor(rep("", nrow(places)))
  under <- pictures_under(object, image, coordinates, places, one, histology, call)[[1L]]
  truth <- if (!is.null(measured)) measured_values(measured, features, object, imputed, call)
  values <- as.matrix(imputed$values[features, cells, drop = FALSE])
  width <- if (!is.null(imputed$lower)) {
    bounds <- ImputationIntervals(object, features, assay)
    bounds$upper - bounds$lower
  }
  n.panels <- 1L + !is.null(truth) + !is.null(width)
  size <- point.size %||% fitting_size(places, length(features), n.panels)
  rows <- lapply(features, function(gene) {
    shown <- list(
      measured = if (gene %in% rownames(truth)) truth[gene, ],
      imputed = values[gene, ],
      `interval width` = if (!is.null(width)) width[gene, ]
    )
    shown <- shown[c(!is.null(truth), TRUE, !is.null(width))]
    gene_row(gene, shown, places, imputed$genes[gene, ], size, bar_height(length(features)), under)
  })
  # Together white, as the panels have no ground of their own.
  patchwork::wrap_plots(rows, ncol = 1L) + patchwork::plot_annotation(theme = theme_sigel())
}

#' @rdname ImputedGenePlot
#' @export
ImputationAccuracyPlot <- function(object, measured = NULL, assay = "sigel.imputed") {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  imputed <- imputation_of(object, assay, call, values = !is.null(measured))
  report <- imputed$report
  kinds <- c("shared genes, each left out", "imputed genes")
  dots <- data.frame(imputed$shared[c("gene", "expected.pcc", "achieved.pcc")], kind = kinds[1L])
  told <- sprintf("Spearman %.2f over %d shared genes", report$spearman, nrow(dots))
  if (!is.null(measured)) {
    more <- achieved_of(measured, object, imputed, call)
    rank <- suppressWarnings(stats::cor(more$expected.pcc, more$achieved.pcc, method = "spearman"))
    told <- sprintf("%s,\n%.2f over %d imputed genes", told, rank, nrow(more))
    dots <- rbind(data.frame(more, kind = kinds[2L]), dots)
  }
  dots$kind <- factor(dots$kind, levels = kinds)
  genes <- imputed$genes
  limits <- range(dots$expected.pcc, dots$achieved.pcc, 0, report$min.pcc, na.rm = TRUE)
  ggplot2::ggplot(dots, ggplot2::aes(.data$expected.pcc, .data$achieved.pcc, colour = .data$kind)) +
    ggplot2::geom_abline(slope = 1, intercept = 0, colour = "grey55", linewidth = 0.4) +
    ggplot2::geom_vline(
      xintercept = report$min.pcc,
      colour = "grey55",
      linewidth = 0.4,
      linetype = "dashed"
    ) +
    ggplot2::geom_point(size = 1.8, alpha = 0.7, stroke = 0) +
    ggplot2::scale_colour_manual(
      values = stats::setNames(unname(group_colours(1:2)), kinds),
      guide = if (is.null(measured)) {
        "none"
      } else {
        ggplot2::guide_legend(override.aes = list(size = 3, alpha = 1))
      }
    ) +
    ggplot2::coord_equal(xlim = limits, ylim = limits) +
    ggplot2::labs(
      title = "Accuracy of imputed genes",
      subtitle = sprintf(
        "%s\n%d of %d imputed genes trusted, from %s on",
        told,
        sum(genes$trusted, na.rm = TRUE),
        nrow(genes),
        format(report$min.pcc)
      ),
      x = "expected correlation",
      y = "achieved correlation",
      colour = NULL
    ) +
    theme_sigel() +
    ggplot2::theme(legend.position = "top", legend.justification = "left")
}

# Expected and achieved correlation of the imputed genes that were measured and vary.
achieved_of <- function(measured, object, imputed, call) {
  truth <- measured_values(measured, imputed$genes$gene, object, imputed, call)
  values <- as.matrix(imputed$values[rownames(truth), imputed$cells, drop = FALSE])
  achieved <- row_correlation(truth, values)
  expected <- imputed$genes[rownames(truth), "expected.pcc"]
  table <- data.frame(gene = rownames(truth), expected.pcc = expected, achieved.pcc = achieved)
  table[!is.na(achieved), , drop = FALSE]
}

# Correlation of the rows of two matrices; NA where one does not vary.
row_correlation <- function(a, b) {
  a <- a - rowMeans(a)
  b <- b - rowMeans(b)
  size <- sqrt(rowSums(a^2) * rowSums(b^2))
  ifelse(size > 0, rowSums(a * b) / size, NA_real_)
}

# Millimetres that the panels of a page of 7 x 7 in share, and what titles and colour bars take of each.
PAGE <- c(side = 170, title = 13, bar = 14)

# Size of points so that cells touch: a panel is as large as rows and columns of the page leave it.
fitting_size <- function(places, n.rows, n.columns) {
  room <- PAGE[["side"]] / c(n.columns, n.rows) - PAGE[c("bar", "title")]
  touching_size(places[, 1:2, drop = FALSE], nrow(places), room)
}

# Height of a colour bar in lines, so that one with its title fits into its row.
bar_height <- function(n.rows) {
  max(0.8, min(4, (PAGE[["side"]] / n.rows - PAGE[["title"]]) / 7))
}

# The panels of one gene beside each other; a panel of NULL says that nothing was measured.
gene_row <- function(gene, shown, places, known, size, bar, under = NULL) {
  title <- sprintf("%s: expected correlation %.2f", gene, known$expected.pcc)
  if (!is.null(shown$measured)) {
    achieved <- row_correlation(rbind(shown$measured), rbind(shown$imputed))
    # A gene that was nowhere seen has no correlation.
    title <- paste0(title, if (!is.na(achieved)) sprintf(", achieved %.2f", achieved))
  }
  panels <- lapply(names(shown), function(kind) {
    palette <- if (kind == "interval width") "plasma" else "viridis"
    if (is.null(shown[[kind]])) {
      return(ggplot2::ggplot() + ggplot2::labs(subtitle = "not measured") + theme_pixels())
    }
    cell_panel(places, shown[[kind]], kind, palette, size, bar, under)
  })
  shade <- if (isTRUE(known$trusted)) "black" else "grey50"
  panels[[1L]] <- panels[[1L]] +
    ggplot2::labs(title = paste0(title, if (!isTRUE(known$trusted)) ", not trusted")) +
    ggplot2::theme(plot.title = ggplot2::element_text(face = "bold", size = 10, colour = shade))
  # A ground of its own would cover the title of its neighbour.
  bare <- ggplot2::theme(plot.background = ggplot2::element_blank())
  patchwork::wrap_plots(lapply(panels, function(panel) panel + bare), nrow = 1L)
}

# The cells of the section in the colours of their values, highest on top; over a picture they are discs.
cell_panel <- function(places, value, kind, palette, size, bar, under = NULL) {
  table <- data.frame(x = places[, 1L], y = places[, 2L], value = value)
  table <- table[order(table$value), ]
  label <- if (kind == "interval width") "width" else "log1p"
  cells <- if (is.null(under)) {
    ggplot2::geom_point(size = size, stroke = 0, shape = 16)
  } else {
    discs <- disc_corners(table$x, table$y, under$diameter)
    cell <- rep(seq_len(nrow(table)), each = nrow(discs) / nrow(table))
    pixel_shapes(cbind(cell = cell, discs, value = table$value[cell]), "cell", over = TRUE)
  }
  ggplot2::ggplot(table, ggplot2::aes(.data$x, .data$y, colour = .data$value)) +
    picture_layers(if (!is.null(under)) list(under)) +
    cells +
    ggplot2::scale_colour_viridis_c(
      aesthetics = c("colour", "fill"),
      option = palette,
      limits = colour_limits(value),
      n.breaks = if (bar < 3) 4 else 5,
      oob = function(x, range) pmin(pmax(x, range[1L]), range[2L]),
      guide = ggplot2::guide_colourbar(barwidth = 0.4, barheight = bar)
    ) +
    # A section's y points down, as on the slide.
    ggplot2::scale_y_reverse() +
    ggplot2::coord_fixed(expand = is.null(under), clip = if (is.null(under)) "off" else "on") +
    ggplot2::labs(subtitle = kind, colour = label, fill = label) +
    theme_pixels() +
    ggplot2::theme(
      legend.position = "right",
      legend.title = ggplot2::element_text(size = 7, margin = ggplot2::margin(b = 2)),
      legend.text = ggplot2::element_text(size = 7),
      legend.box.spacing = ggplot2::unit(3, "pt"),
      plot.margin = ggplot2::margin(2, 3, 2, 3),
      plot.subtitle = ggplot2::element_text(size = 9, colour = "grey35", margin = ggplot2::margin(b = 2)),
      plot.title.position = "panel"
    )
}

places_of_imputed <- function(object, image, coordinates, cells, call) {
  if (is.null(coordinates) && !inherits(object, "Seurat")) {
    wanted <- "a data frame with columns x and y, and the cells as row names"
    sigel_abort("coordinates", "nothing", wanted, "Give the place of every cell.", call)
  }
  places_of(object, image, coordinates, cells, call)$coordinates
}

# What was measured of some of the genes, genes x cells, on the scale of the imputed values.
measured_values <- function(measured, features, object, imputed, call) {
  measured <- if (is_experiment(measured)) seurat_view(measured, call) else measured
  if (inherits(measured, "Seurat")) {
    measured <- read_counts(measured[[SeuratObject::DefaultAssay(measured)]], "counts", call)
  }
  measured <- as_counts(measured, "measured", call)
  lost <- setdiff(imputed$cells, colnames(measured))
  if (length(lost)) {
    found <- sprintf("nothing of %d of %d cells: %s", length(lost), length(imputed$cells), some(lost))
    sigel_abort("measured", found, "values of the imputed cells", "Check the names of its cells.", call)
  }
  there <- intersect(features, rownames(measured))
  if (!length(there)) {
    fix <- "Leave it out, or check the spelling of its genes."
    sigel_abort("measured", sprintf("nothing of %s", some(features)), "values of imputed genes", fix, call)
  }
  counts <- all(measured@x >= 0) && all(measured@x == round(measured@x))
  values <- measured[there, imputed$cells, drop = FALSE]
  if (counts) {
    library <- panel_library(object, imputed, call)
    # Cells without counts have no scale.
    scale <- ifelse(library > 0, imputed$report$target.sum / library, 0)
    values <- values %*% Matrix::Diagonal(x = unname(scale))
    values@x <- log1p(values@x)
    dimnames(values) <- list(there, imputed$cells)
  }
  as.matrix(values)
}

# Counts of each cell over the panel that the values were imputed from.
panel_library <- function(object, imputed, call) {
  source <- imputed$report$source
  if (!inherits(object, "Seurat") || !source %in% SeuratObject::Assays(object)) {
    fix <- "Give normalised values, or as `object` the Seurat object that has the panel."
    sigel_abort("measured", "raw counts, without a panel to scale them by", "normalised values", fix, call)
  }
  Matrix::colSums(read_counts(object[[source]], imputed$report$layer, call))[imputed$cells]
}
