#' Genes that move between conditions, and how far to trust the labels
#'
#' `GeneChangePlot()` is the map of the genes by their pattern in the first condition; an
#' arrow leads each called gene to where it lies in the last. `CalibrationPlot()` holds
#' what the labels as given find against what other labellings of the donors find.
#'
#' @param table From [FindDiseaseGenes()]; for `GeneChangePlot()` its attribute `map` is
#'   read, for `CalibrationPlot()` its attribute `calibration`.
#' @param n.label Called genes that are named, the clearest first; 0 names none.
#' @return A ggplot. `GeneChangePlot()`: genes near each other have alike patterns; the
#'   plane is that of the first two principal components of the representations. Called
#'   are genes with q < 0.05. `CalibrationPlot()`: a dot for each labelling. Genes called
#'   at q < 0.05: labels that tell something stand right of others. Distance of the
#'   p-values from uniform ones (Kolmogorov and Smirnov): says of others how far p-values
#'   can be trusted.
#' @seealso [FindDiseaseGenes()], [DiseaseGenePlot()]
#' @examples
#' if (sigel_available() && requireNamespace("ggplot2", quietly = TRUE)) {
#'   sections <- SimulateCohort(n.donors = c(3, 3), n.changed = 4, n.rows = 10,
#'     n.cols = 10, n.programmes = 2, genes.per.programme = 20, n.background.genes = 15)
#'   table <- FindDiseaseGenes(sections, "condition", donor = "donor", verbose = FALSE)
#'   GeneChangePlot(table)
#'   CalibrationPlot(table)
#' }
#' @export
GeneChangePlot <- function(table, n.label = 15) {
  needs_ggplot()
  call <- rlang::current_env()
  check_whole(n.label, "n.label", 0L, 15L, call)
  map <- attribute_of_disease(table, "map", call)
  map <- map[match(intersect(table$gene, map$gene), map$gene), , drop = FALSE]
  map$qval <- table$qval[match(map$gene, table$gene)]
  called <- map[which(map$qval < 0.05), , drop = FALSE]
  others <- map[!map$gene %in% called$gene, , drop = FALSE]
  levels <- attr(table, "levels")
  ends <- if (length(levels)) levels[c(1L, length(levels))] else c("low", "high")
  told <- if (all(is.na(map$qval))) {
    sprintf("%d genes, not tested: no repeats of a condition", nrow(map))
  } else {
    sprintf("%d of %d genes called (q < 0.05)", nrow(called), nrow(map))
  }
  if (nrow(called)) {
    told <- sprintf("%s; arrows from %s to %s", told, ends[1L], ends[2L])
  }
  plot <- ggplot2::ggplot(mapping = ggplot2::aes(.data$from.x, .data$from.y)) +
    ggplot2::geom_point(data = others, colour = "grey78", size = 1.4, stroke = 0)
  if (nrow(called)) {
    plot <- plot +
      # Bent, as many of them begin and end at the same genes.
      ggplot2::geom_curve(
        ggplot2::aes(xend = .data$to.x, yend = .data$to.y),
        data = called,
        colour = CHANGED,
        linewidth = 0.5,
        curvature = 0.12,
        arrow = grid_arrow()
      ) +
      ggplot2::geom_point(data = called, colour = CHANGED, size = 1.8, stroke = 0) +
      names_at_tips(utils::head(called, n.label), map)
  }
  plot +
    ggplot2::labs(
      title = "Genes that change their pattern",
      subtitle = told,
      x = "PC 1 of the patterns",
      y = "PC 2"
    ) +
    ggplot2::coord_cartesian(clip = "off") +
    theme_sigel() +
    ggplot2::theme(axis.text = ggplot2::element_blank(), panel.grid = ggplot2::element_blank())
}

CHANGED <- "#C8553D"

grid_arrow <- function() ggplot2::arrow(length = ggplot2::unit(0.08, "inches"), type = "closed")

# Names at the tips' nearer side of the map, each tied to its tip and none over another.
names_at_tips <- function(first, map) {
  if (!nrow(first)) {
    return(list())
  }
  x <- range(map$from.x, map$to.x)
  y <- range(map$from.y, map$to.y)
  left <- first$to.x < mean(x)
  sides <- lapply(split(first, left), function(own) {
    own <- own[order(-own$to.y), , drop = FALSE]
    own$at <- spread_down(own$to.y, 0.05 * max(diff(y), 1e-9))
    own
  })
  first <- do.call(rbind, unname(sides))
  left <- first$to.x < mean(x)
  first$beside <- ifelse(left, x[1L] - 0.06 * diff(x), x[2L] + 0.06 * diff(x))
  first$hjust <- ifelse(left, 1.08, -0.08)
  list(
    ggplot2::geom_segment(
      ggplot2::aes(.data$to.x, .data$to.y, xend = .data$beside, yend = .data$at),
      data = first,
      colour = "grey70",
      linewidth = 0.3
    ),
    ggplot2::geom_text(
      ggplot2::aes(.data$beside, .data$at, label = .data$gene, hjust = .data$hjust),
      data = first,
      size = 3,
      fontface = "italic",
      colour = "grey10"
    ),
    ggplot2::scale_x_continuous(expand = ggplot2::expansion(0.16))
  )
}

#' @rdname GeneChangePlot
#' @export
CalibrationPlot <- function(table) {
  needs_ggplot()
  call <- rlang::current_env()
  found <- attribute_of_disease(table, "calibration", call)
  if (!nrow(found)) {
    fix <- "Add donors: with one for each condition nothing is tested."
    sigel_abort("table", "one whose p-values are NA", "a table of tested genes", fix, call)
  }
  given <- found$labelling == "as given"
  n <- found$n.called[given]
  others <- sum(!given)
  told <- sprintf("Labels as given call %d %s", n, if (n == 1) "gene" else "genes")
  if (others) {
    as.many <- sum(found$n.called[!given] >= n)
    as.many <- if (as.many) as.character(as.many) else "none"
    of <- if (others == 1L) "labelling" else "labellings"
    told <- sprintf("%s; %s of %d other %s as many", told, as.many, others, of)
  }
  kinds <- c("labels as given", "other labellings")
  measures <- c(n.called = "genes called (q < 0.05)", ks = "distance of p-values from uniform")
  dots <- do.call(
    rbind,
    lapply(names(measures), function(column) {
      data.frame(
        x = found[[column]],
        height = stacked(found[[column]], given),
        kind = factor(ifelse(given, kinds[1L], kinds[2L]), levels = kinds),
        measure = factor(measures[[column]], levels = measures)
      )
    })
  )
  marked <- dots[dots$kind == kinds[1L], ]
  ggplot2::ggplot(dots[order(dots$kind, decreasing = TRUE), ], ggplot2::aes(.data$x, .data$height)) +
    ggplot2::geom_vline(ggplot2::aes(xintercept = .data$x), data = marked, colour = CHANGED, alpha = 0.4) +
    ggplot2::geom_point(ggplot2::aes(colour = .data$kind, shape = .data$kind, size = .data$kind)) +
    ggplot2::facet_wrap(ggplot2::vars(.data$measure), scales = "free_x", strip.position = "bottom") +
    ggplot2::scale_colour_manual(values = stats::setNames(c(CHANGED, "#9AA5B1"), kinds)) +
    ggplot2::scale_shape_manual(values = stats::setNames(c(18, 16), kinds)) +
    ggplot2::scale_size_manual(values = stats::setNames(c(4.5, 2), kinds)) +
    ggplot2::scale_y_continuous(limits = c(0, max(dots$height, 5) + 1), expand = c(0, 0)) +
    ggplot2::labs(
      title = "Do the labels stand out?",
      subtitle = told,
      x = NULL,
      y = NULL,
      colour = NULL,
      shape = NULL,
      size = NULL
    ) +
    theme_sigel() +
    ggplot2::theme(
      axis.text.y = ggplot2::element_blank(),
      panel.grid = ggplot2::element_blank(),
      axis.line.x = ggplot2::element_line(colour = "grey40", linewidth = 0.3),
      strip.placement = "outside",
      legend.position = "top",
      legend.justification = "left"
    )
}

# Heights at which dots of about equal values lie upon each other; the marked one lies at the bottom.
stacked <- function(x, marked) {
  low <- min(x, 0, na.rm = TRUE)
  bin <- round((x - low) / max((max(x, na.rm = TRUE) - low) / 30, 1e-12))
  height <- rep(1, length(x))
  height[!marked] <- stats::ave(bin[!marked], bin[!marked], FUN = seq_along)
  height
}

# An attribute of the table that FindDiseaseGenes() made; or a refusal.
attribute_of_disease <- function(table, name, call) {
  found <- if (is.data.frame(table) && all(c("gene", "qval") %in% names(table))) attr(table, name)
  if (is.null(found)) {
    said <- describe(table)
    if (is.data.frame(table)) {
      said <- sprintf("a data frame without its attribute \"%s\"", name)
    }
    fix <- "Pass its table as it is: rows taken out of a data frame lose what is said of all."
    sigel_abort("table", said, "what `FindDiseaseGenes()` returned", fix, call)
  }
  found
}
