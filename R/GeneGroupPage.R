#' A page about one group of genes
#'
#' The mean image of a group, where the group lies on the map of the genes, and
#' the pictures of its most typical genes, those whose representations lie nearest
#' to the group's mean. All images share one colour scale.
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()].
#' @param group Name of the group.
#' @param n.genes Number of genes shown.
#' @param stability What [FindGeneGroupStability()] returned for that object; NULL
#'   leaves it out.
#' @param ncol Number of columns of genes.
#' @param method,seed.use Of the map, as in [GeneMapPlot()].
#' @param reduction,image,coordinates,layer As in [GeneImagePlot()].
#' @return A ggplot, put together by the package patchwork.
#' @seealso [GeneGroupPlot()] for all groups at once, [GeneGroups()]
#' @examples
#' if (sigel_available() && requireNamespace("patchwork", quietly = TRUE)) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- RunSIGEL(section, n.dims = 8, n.groups = 4, preset = "fast",
#'     verbose = FALSE)
#'   GeneGroupPage(section, group = 1, method = "pca")
#' }
#' @export
GeneGroupPage <- function(
  object,
  group,
  n.genes = 8,
  stability = NULL,
  ncol = 4,
  method = c("auto", "umap", "pca"),
  seed.use = 0,
  reduction = "sigel",
  image = NULL,
  coordinates = NULL,
  layer = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  require_installed("patchwork", "A page of several plots", call)
  check_seurat(object, call)
  method <- check_choice(method, c("auto", "umap", "pca"), "method", call)
  check_whole(n.genes, "n.genes", 1L, 8L, call)
  check_whole(ncol, "ncol", 1L, 4L, call)
  check_whole(seed.use, "seed.use", 0L, call = call)
  results <- sigel_results(object, reduction, call)
  group <- check_group(if (missing(group)) NULL else group, results, call)
  share <- group_stability_of(stability, group, call)

  loadings <- SeuratObject::Loadings(results)
  members <- rownames(loadings)[which(groups_of(results) == group)]
  typical <- typical_genes(results, group, n.genes)$gene
  assay <- SeuratObject::DefaultAssay(results)
  images <- gene_pixels(object, typical, reduction, assay, image, coordinates, layer, call, list(members))
  genes <- pixel_table(images)
  rownames(images$mean) <- "mean"
  average <- pixel_table(list(values = images$mean, corners = images$corners))
  # One scale for the page; its key stands once.
  scale <- c(genes$value, average$value)
  facts <- c(
    cli::pluralize("{length(members)} gene{?s}"),
    sprintf("mean posterior %.2f", mean(SeuratObject::Misc(results)$features[members, "prob"])),
    if (!is.null(share)) sprintf("stability %.2f", share)
  )
  mean_image <- ggplot2::ggplot() +
    pixel_layers(average, scale) +
    ggplot2::labs(subtitle = "Mean image")
  # Genes few enough for one row leave no holes beside them.
  typical_images <- ggplot2::ggplot() +
    pixel_layers(genes, scale) +
    ggplot2::facet_wrap(ggplot2::vars(.data$gene), ncol = min(ncol, length(typical))) +
    ggplot2::labs(subtitle = "Most typical genes") +
    ggplot2::theme(legend.position = "none")
  map <- group_on_map(results, group, method, seed.use, speaking_for_map = call)
  n.rows <- ceiling(length(typical) / ncol)
  top <- patchwork::wrap_plots(mean_image, map, nrow = 1L, widths = c(1, 1))
  patchwork::wrap_plots(top, typical_images, ncol = 1L, heights = c(1.1, 0.62 * n.rows)) +
    patchwork::plot_annotation(
      title = paste("Group", group),
      subtitle = paste(facts, collapse = ", "),
      theme = theme_sigel()
    )
}

# The genes of the group in its colour on the map, all others grey.
group_on_map <- function(results, group, method, seed, speaking_for_map) {
  plain <- speaking_for(
    speaking_for_map,
    GeneMapPlot(results, label = FALSE, method = method, seed.use = seed)
  )
  map <- plain$data
  own <- !is.na(map$group) & map$group == group
  colour <- group_colours(levels(map$group))[[group]]
  ggplot2::ggplot(map, ggplot2::aes(.data$x, .data$y)) +
    ggplot2::geom_point(data = map[!own, ], size = 1.5, stroke = 0, colour = "grey80") +
    ggplot2::geom_point(data = map[own, ], size = 2, stroke = 0, colour = colour) +
    ggplot2::labs(subtitle = "Its genes among all", x = plain$labels$x, y = plain$labels$y) +
    theme_sigel() +
    ggplot2::theme(
      axis.text = ggplot2::element_blank(),
      panel.grid = ggplot2::element_blank(),
      aspect.ratio = 1
    )
}

check_group <- function(group, results, call) {
  known <- levels(droplevels(groups_of(results)))
  lawful <- (is.character(group) || is.numeric(group) || is.factor(group)) && length(group) == 1L
  if (!lawful || !as.character(group) %in% known) {
    found <- if (is.null(group)) "nothing" else describe(group)
    fix <- sprintf("Use, for example, `group = \"%s\"`.", known[1L])
    sigel_abort("group", found, paste("one of", some(known, 20L)), fix, call)
  }
  as.character(group)
}

# Stability of one group from the table of all, NULL where it is not known.
group_stability_of <- function(table, group, call) {
  if (is.null(table)) {
    return(NULL)
  }
  if (!is.data.frame(table) || !all(c("group", "stability") %in% names(table))) {
    fix <- "Give what `FindGeneGroupStability()` returned, or NULL."
    sigel_abort("stability", describe(table), "a data frame with columns group and stability", fix, call)
  }
  share <- table$stability[match(group, as.character(table$group))]
  if (is.na(share)) NULL else share
}
