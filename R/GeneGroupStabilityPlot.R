#' Stability of the groups of genes
#'
#' A dot for each group at its mean stability over the fits, its area the number
#' of genes, and a line down to the worst fit; the most stable groups come first.
#' Dashed: where a group counts as found again (0.75) and as dissolved (0.5).
#'
#' @param table What [FindGeneGroupStability()] returned.
#' @return A ggplot.
#' @examples
#' if (requireNamespace("ggplot2", quietly = TRUE)) {
#'   table <- data.frame(group = factor(1:3), n.genes = c(90, 40, 12),
#'     stability = c(0.95, 0.81, 0.4), lowest = c(0.9, 0.6, 0.2))
#'   GeneGroupStabilityPlot(table)
#' }
#' @export
GeneGroupStabilityPlot <- function(table) {
  needs_ggplot()
  call <- rlang::current_env()
  table <- if (!missing(table)) table
  check_table(table, c("group", "n.genes", "stability", "lowest"), "FindGeneGroupStability", call)
  n_fits <- length(attr(table, "seeds"))
  stability_dots(table, "gene group", "genes") +
    ggplot2::labs(
      title = "Stability of gene groups",
      subtitle = if (n_fits) {
        cli::pluralize("{n_fits} more fit{?s}, adjusted Rand index {sprintf('%.2f', attr(table, 'ari'))}")
      }
    )
}

# A dot for each part (`group`), its area the number of its members (`n.genes`), the most stable first.
stability_dots <- function(table, part, members) {
  first <- order(-table$stability, -table$n.genes)
  table$group <- factor(table$group, levels = as.character(table$group)[first])
  colour <- unname(group_colours("1"))
  limits <- data.frame(at = c(0.75, 0.5), label = c("found again", "dissolved"), vjust = c(-0.4, 1.4))
  ggplot2::ggplot(table, ggplot2::aes(.data$group, .data$stability)) +
    ggplot2::geom_hline(yintercept = limits$at, linetype = "dashed", linewidth = 0.3, colour = "grey60") +
    ggplot2::geom_text(
      ggplot2::aes(Inf, .data$at, label = .data$label, vjust = .data$vjust),
      data = limits,
      hjust = 1,
      size = 3,
      colour = "grey40"
    ) +
    ggplot2::geom_segment(
      ggplot2::aes(xend = .data$group, yend = .data$lowest),
      colour = colour,
      alpha = 0.6
    ) +
    ggplot2::geom_point(ggplot2::aes(size = .data$n.genes), colour = colour) +
    ggplot2::scale_size_area(max_size = 6, n.breaks = 4, name = members) +
    ggplot2::scale_y_continuous(limits = c(0, 1)) +
    ggplot2::scale_x_discrete(expand = ggplot2::expansion(add = c(0.7, 2))) +
    ggplot2::labs(x = part, y = "Jaccard index, mean and lowest") +
    theme_sigel() +
    ggplot2::theme(panel.grid.major.x = ggplot2::element_blank())
}
