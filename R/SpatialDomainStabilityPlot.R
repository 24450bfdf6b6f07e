#' Picture of the stability of spatial domains
#'
#' Left, a dot for each domain at its mean stability over the seeds, its area the number
#' of spots, and a line down to the worst seed; the most stable domains come first.
#' Dashed: where a domain counts as found again (0.75) and as dissolved (0.5). Right, the
#' tissue, in colours of the share of the seeds at which each spot stays in its domain.
#'
#' @inheritParams SpatialDomainPlot
#' @param object A Seurat object or a SpatialExperiment after [FindSpatialDomains()].
#' @param table What [FindSpatialDomainStability()] returned for it.
#' @return A ggplot, put together by the package patchwork.
#' @examples
#' if (sigel_available() && requireNamespace("patchwork", quietly = TRUE)) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- FindSpatialDomains(section, n.domains = 4, verbose = FALSE)
#'   stability <- FindSpatialDomainStability(section, n.seeds = 2, verbose = FALSE)
#'   SpatialDomainStabilityPlot(section, stability)
#' }
#' @export
SpatialDomainStabilityPlot <- function(
  object,
  table,
  cluster.name = "sigel_domain",
  section = NULL,
  image = NULL,
  coordinates = NULL,
  point.size = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  require_installed("patchwork", "A page of several plots", call)
  domains <- domain_results(object, cluster.name, call)
  if (!is.null(point.size)) {
    check_positive(point.size, "point.size", "Use `point.size = 1`.", call)
  }
  table <- if (!missing(table)) table
  check_stability_table(table, domains$domain, call)
  spots <- attr(table, "spots")
  names(table)[match(c("domain", "n.spots"), names(table))] <- c("group", "n.genes")
  dots <- stability_dots(table, part = "domain", members = "spots") +
    ggplot2::labs(title = NULL, subtitle = "Domains") +
    ggplot2::theme(legend.position = "top", legend.justification = "left")
  places <- domain_places(object, domains, section, image, coordinates, call)
  # Beside the dots a page is wider than high.
  n.columns <- ceiling(sqrt(2 * nlevels(places$table$section) - 1))
  tissue <- tissue_plot(places, unname(spots[rownames(places$table)]), point.size, n.columns, page = 2) +
    ggplot2::scale_fill_viridis_c(
      option = "mako",
      limits = c(0, 1),
      # Not so pale that the tissue is lost on white.
      end = 0.9,
      guide = ggplot2::guide_colourbar(barheight = 0.5, barwidth = 8)
    ) +
    ggplot2::labs(subtitle = "Spots", fill = "share of seeds") +
    ggplot2::theme(legend.position = "top", legend.justification = "left")
  n_seeds <- length(attr(table, "seeds"))
  # Several panels need more room than one.
  widths <- c(1, if (nlevels(places$table$section) > 2L) 1.6 else 1)
  patchwork::wrap_plots(dots, tissue, nrow = 1L, widths = widths) +
    patchwork::plot_annotation(
      title = "Stability of spatial domains",
      subtitle = if (n_seeds) {
        cli::pluralize("{n_seeds} more seed{?s}, adjusted Rand index {sprintf('%.2f', attr(table, 'ari'))}")
      },
      theme = theme_sigel()
    )
}

# `domain`: that of each spot of the object, by name.
check_stability_table <- function(table, domain, call, argument = "table") {
  needed <- c("domain", "n.spots", "stability", "lowest")
  check_table(table, needed, "FindSpatialDomainStability", call, argument)
  spots <- attr(table, "spots")
  if (is.null(spots)) {
    fix <- "Give what `FindSpatialDomainStability()` returned."
    found <- "a table without its attribute `spots`"
    sigel_abort(argument, found, "the table as it was returned", fix, call)
  }
  cells <- names(domain)
  outside <- setdiff(cells, names(spots))
  if (length(outside)) {
    found <- sprintf("nothing of %d of %d spots: %s", length(outside), length(cells), some(outside))
    fix <- "Call `FindSpatialDomainStability()` on this object."
    sigel_abort(argument, found, "the spots of the object", fix, call)
  }
  check_same_domains(table, domain, call, argument)
}

# A table of another call, or of the whole of which the object is a part, would draw what is not there.
check_same_domains <- function(table, domain, call, argument = "table") {
  own <- table(as.character(domain))
  names <- union(names(own), as.character(table$domain))
  here <- as.integer(own)[match(names, names(own))]
  there <- as.integer(table$n.spots)[match(names, as.character(table$domain))]
  here[is.na(here)] <- 0L
  there[is.na(there)] <- 0L
  other <- which(here != there)
  if (length(other) || anyDuplicated(table$domain)) {
    example <- sprintf(": \"%s\" with %d spots, here %d", names[other], there[other], here[other])
    found <- paste0("the stability of other domains", utils::head(example, 1L))
    fix <- "Call `FindSpatialDomainStability(object)` again."
    sigel_abort(argument, found, "that of the object's domains", fix, call)
  }
}
