#' Pictures of spatial domains
#'
#' `SpatialDomainPlot()` draws the domains on the tissue: one pixel a spot where the array
#' positions of a lattice are known, else dots; over a picture of the tissue discs of
#' their true width. `SpatialDomainConfusionPlot()` holds them
#' against other labels of the same spots, such as layers that an anatomist drew.
#'
#' @param object A Seurat object or a SpatialExperiment after [FindSpatialDomains()]; for
#'   `SpatialDomainPlot(group.by = )` any other with places, too.
#' @param group.by Name of another column of the meta data to draw in place of the
#'   domains, text or numbers.
#' @param cluster.name Name of the column of the meta data with the domains, the
#'   `cluster.name` of the call of [FindSpatialDomains()].
#' @param section Name of the column of the meta data that tells sections apart, each of
#'   which gets a panel; default: that of the call.
#' @param image,coordinates Where the spots are, as in [RunSIGEL()].
#' @param point.size Size of a dot; default: as many as there are fill a panel where the
#'   page is 7 x 7 in. Pixels have no size.
#' @param ncol Number of columns of panels.
#' @param histology Whether the picture of the tissue, that of an image of class
#'   `VisiumV1` or `VisiumV2`, lies under the spots, paled: `NULL`, where there is one
#'   and spots leave room for it, as Visium's do; `TRUE`, also where they hide most of
#'   it; `FALSE`, never.
#' @return A ggplot. `SpatialDomainPlot()`: beside each domain stands its number of spots.
#'   `SpatialDomainConfusionPlot()`: a row for each domain, a column for each label, the
#'   colour the share of the domain's spots with that label; domains are in the order of
#'   the labels that they are matched to. Above stand the adjusted Rand index and the
#'   normalised mutual information; spots without a label are left out.
#' @seealso [SpatialDomainStabilityPlot()]
#' @examples
#' if (sigel_available() && requireNamespace("ggplot2", quietly = TRUE)) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- FindSpatialDomains(section, n.domains = 4, verbose = FALSE)
#'   SpatialDomainPlot(section)
#'   SpatialDomainConfusionPlot(section, "region")
#' }
#' @export
SpatialDomainPlot <- function(
  object,
  group.by = NULL,
  cluster.name = "sigel_domain",
  section = NULL,
  image = NULL,
  coordinates = NULL,
  point.size = NULL,
  ncol = NULL,
  histology = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  domains <- if (has_column(object, group.by) && !has_column(object, cluster.name)) {
    list(domain = stats::setNames(object[[]][[group.by]], rownames(object[[]])), about = NULL)
  } else {
    domain_results(object, cluster.name, call)
  }
  if (!is.null(point.size)) {
    check_positive(point.size, "point.size", "Use `point.size = 1`.", call)
  }
  if (!is.null(ncol)) {
    check_whole(ncol, "ncol", 1L, 3L, call)
  }
  places <- domain_places(object, domains, section, image, coordinates, call, histology)
  cells <- rownames(places$table)
  shown <- if (is.null(group.by)) {
    domains$domain[cells]
  } else {
    check_string(group.by, "group.by", "Give the name of one column of the meta data.", call)
    meta_columns(object, group.by, cells, "group.by", call)[[1L]]
  }
  if (is.character(shown) || is.logical(shown)) {
    shown <- factor(shown)
  }
  tissue_plot(places, shown, point.size, ncol) +
    fill_tissue(shown) +
    ggplot2::labs(
      title = group.by %||% "Spatial domains",
      subtitle = if (is.null(group.by)) said_of_domains(domains$about),
      fill = if (is.factor(shown)) paste(group.by %||% "domain", "(spots)")
    ) +
    ggplot2::theme(legend.position = "right", legend.justification = "top")
}

# How the domains were found, in a line; NULL where the object does not hold it any more.
said_of_domains <- function(about) {
  if (is.null(about)) {
    return(NULL)
  }
  paste(c(about$method, number_of(length(about$genes), "gene"), windows_in_words(about)), collapse = ", ")
}

# The windows that a method saw: mixtures, and labels by a reference, many; SpaGCN none; others that of the features.
windows_in_words <- function(about) {
  if (about$method == "spagcn") {
    return(NULL)
  }
  seen <- about$window
  if (about$method %in% c("mixture", "reference")) {
    asked <- if (!is.null(about$params)) jsonlite::fromJSON(about$params)
    if (is.null(asked$windows)) {
      return(NULL)
    }
    # None is wider than half of the smallest section, which that of the features is where it is less than asked for.
    seen <- pmin(asked$windows, if (isTRUE(seen < asked$window)) seen else Inf)
  }
  spots <- unique(range(seen))
  if (identical(as.integer(spots), 1L)) {
    "single spots"
  } else {
    sprintf("windows of %s spots", paste(spots, collapse = " to "))
  }
}

# Colours of domains or labels, with their sizes, or of numbers.
fill_tissue <- function(shown) {
  if (!is.factor(shown)) {
    return(ggplot2::scale_fill_viridis_c(na.value = "grey85"))
  }
  levels <- levels(droplevels(shown))
  sizes <- table(shown)[levels]
  ggplot2::scale_fill_manual(
    values = group_colours(levels),
    breaks = levels,
    labels = sprintf("%s (%d)", levels, as.integer(sizes)),
    na.value = "grey85",
    guide = ggplot2::guide_legend(
      ncol = if (length(levels) > 18L) 2L else 1L,
      override.aes = list(colour = NA, size = 4)
    )
  )
}

has_column <- function(object, name) {
  inherits(object, "Seurat") && rlang::is_string(name) && name %in% names(object[[]])
}

# The domain of each spot, by name, and how they were found (NULL where that was lost on the way).
domain_results <- function(object, cluster.name, call) {
  if (!inherits(object, "Seurat")) {
    fix <- "Pass what `FindSpatialDomains()` returned."
    sigel_abort("object", describe(object), AN_OBJECT, fix, call)
  }
  check_string(cluster.name, "cluster.name", "Use `cluster.name = \"sigel_domain\"`.", call)
  metadata <- object[[]]
  if (!cluster.name %in% names(metadata)) {
    found <- sprintf("an object without \"%s\"", cluster.name)
    others <- columns_of_domains(object)
    fix <- if (length(others)) {
      sprintf("Use `cluster.name = \"%s\"`.", others[1L])
    } else {
      "Call `FindSpatialDomains()` first."
    }
    sigel_abort("object", found, "spatial domains", fix, call)
  }
  domain <- stats::setNames(metadata[[cluster.name]], rownames(metadata))
  list(domain = domain, about = about_domains(object, cluster.name))
}
