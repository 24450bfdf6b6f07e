#' Picture of the stability of spatial domains
#'
#' Left, a dot for each domain at its mean stability over the seeds, its area the number
#' of spots, and a line down to the worst seed; the most stable domains come first.
#' Dashed: where a domain counts as found again (0.75) and as dissolved (0.5). Right, the
#' tissue, in colours of the share of the seeds at which each spot stays in its domain.
#'
#' @inheritParams SpatialDomainPlot
#' @param object A Seurat object after [FindSpatialDomains()].
#' @param table What [SpatialDomainStability()] returned for it.
#' @return A ggplot, put together by the package patchwork.
#' @examples
#' if (sigel_available() && requireNamespace("patchwork", quietly = TRUE)) {
#'   section <- SimulateSection(n_rows = 16, n_cols = 16, n_programmes = 3,
#'     genes_per_programme = 20, n_background_genes = 20)
#'   section <- FindSpatialDomains(section, n.domains = 4, verbose = FALSE)
#'   stability <- SpatialDomainStability(section, n.seeds = 2, verbose = FALSE)
#'   SpatialDomainStabilityPlot(section, stability)
#' }
#' @export
SpatialDomainStabilityPlot <- function(
  object,
  table,
  reduction = "sigel",
  section = NULL,
  image = NULL,
  coordinates = NULL,
  point.size = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  require_installed("patchwork", "A page of several plots", call)
  domains <- domain_results(object, reduction, call)
  check_point_size(point.size, call)
  table <- if (!missing(table)) table
  check_stability_table(table, domains$domain, call)
  spots <- attr(table, "spots")
  names(table)[match(c("domain", "n_spots"), names(table))] <- c("group", "n_genes")
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
check_stability_table <- function(table, domain, call) {
  needed <- c("domain", "n_spots", "stability", "lowest")
  spots <- attr(table, "spots")
  lawful <- is.data.frame(table) && all(needed %in% names(table)) && nrow(table)
  if (!lawful || is.null(spots)) {
    found <- if (lawful) "a table without its attribute `spots`" else describe(table)
    fix <- "Give what `SpatialDomainStability()` returned."
    sigel_abort("table", found, paste("a data frame with columns", toString(needed)), fix, call)
  }
  cells <- names(domain)
  outside <- setdiff(cells, names(spots))
  if (length(outside)) {
    found <- sprintf("nothing of %d of %d spots: %s", length(outside), length(cells), some(outside))
    fix <- "Call `SpatialDomainStability()` on this object."
    sigel_abort("table", found, "the spots of the object", fix, call)
  }
  check_same_domains(table, domain, call)
}

# A table of another call, or of the whole of which the object is a part, would draw what is not there.
check_same_domains <- function(table, domain, call) {
  own <- table(as.character(domain))
  names <- union(names(own), as.character(table$domain))
  here <- as.integer(own)[match(names, names(own))]
  there <- as.integer(table$n_spots)[match(names, as.character(table$domain))]
  here[is.na(here)] <- 0L
  there[is.na(there)] <- 0L
  other <- which(here != there)
  if (length(other) || anyDuplicated(table$domain)) {
    example <- sprintf(": \"%s\" with %d spots, here %d", names[other], there[other], here[other])
    found <- paste0("the stability of other domains", utils::head(example, 1L))
    fix <- "Call `SpatialDomainStability(object)` again."
    sigel_abort("table", found, "that of the object's domains", fix, call)
  }
}
