#' A page about one group of genes
#'
#' The mean image of a group, where the group lies on the map of the genes, and
#' the pictures of its most typical genes, those whose representations lie nearest
#' to the group's mean. All images share one colour scale. It is laid out for 7 x 5 inches, the size of a figure in R
#' Markdown; on larger pages images are larger.
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()].
#' @param group Name of the group.
#' @param n.genes Number of genes shown.
#' @param stability What [FindGeneGroupStability()] returned for that object; NULL
#'   leaves it out.
#' @param ncol Number of columns of genes; NULL: as many as make their images largest.
#' @param method,seed.use Of the map, as in [GeneMapPlot()]; of very many genes outside the group 4,000 are drawn.
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
  ncol = NULL,
  method = c("tsne", "pca", "umap"),
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
  method <- check_choice(method, c("tsne", "pca", "umap"), "method", call)
  check_whole(n.genes, "n.genes", 1L, 8L, call)
  if (!is.null(ncol)) {
    check_whole(ncol, "ncol", 1L, 3L, call)
  }
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
    ggplot2::labs(subtitle = "Mean image") +
    ggplot2::theme(
      legend.key.height = ggplot2::unit(0.5, "lines"),
      legend.title = ggplot2::element_text(size = 7, vjust = 1),
      legend.text = ggplot2::element_text(size = 7),
      legend.margin = ggplot2::margin()
    )
  # Beside the mean image and the map, which take two fifths of the page.
  place <- columns_for(length(typical), images, ncol, across = 280, down = 280)
  names <- data.frame(
    gene = factor(typical, levels = levels(genes$gene)),
    label = typical,
    x = min(genes$x),
    y = min(genes$y),
    face = "italic",
    rank = 0L
  )
  typical_images <- ggplot2::ggplot() +
    pixel_layers(genes, scale) +
    fitted_text(names, "above", sizes = c(5, 9)) +
    ggplot2::facet_wrap(ggplot2::vars(.data$gene), ncol = place$ncol) +
    ggplot2::labs(subtitle = "Most typical genes") +
    ggplot2::theme(
      legend.position = "none",
      strip.text = ggplot2::element_blank(),
      panel.spacing.y = ggplot2::unit(16, "pt"),
      plot.subtitle = ggplot2::element_text(colour = "grey35", margin = ggplot2::margin(b = 18))
    )
  map <- group_on_map(results, group, method, seed.use, call)
  left <- patchwork::wrap_plots(mean_image, map, ncol = 1L, heights = c(1, 1))
  patchwork::wrap_plots(left, typical_images, nrow = 1L, widths = c(2, 3)) +
    patchwork::plot_annotation(
      title = paste("Group", group),
      subtitle = paste(c(paste(facts, collapse = ", "), sections_in_words(images$sections)), collapse = "\n"),
      theme = theme_sigel()
    )
}

# The genes of the group in its colour on the map, all others grey.
group_on_map <- function(results, group, method, seed, call) {
  loadings <- SeuratObject::Loadings(results)
  groups <- droplevels(groups_of(results))
  laid <- places_on_map(loadings, method, seed, call, inside = groups %in% group)
  map <- data.frame(gene = rownames(loadings)[laid$row], x = laid$place[, 1L], y = laid$place[, 2L])
  own <- groups[laid$row] %in% group
  ggplot2::ggplot(map, ggplot2::aes(.data$x, .data$y)) +
    ggplot2::geom_point(data = map[!own, ], size = 1, stroke = 0, colour = "grey80") +
    ggplot2::geom_point(
      data = map[own, ],
      size = 1.4,
      stroke = 0,
      colour = group_colours(levels(groups))[[group]]
    ) +
    ggplot2::labs(subtitle = "Its genes among all", x = paste(laid$axis, 1L), y = paste(laid$axis, 2L)) +
    theme_sigel() +
    ggplot2::theme(
      axis.text = ggplot2::element_blank(),
      axis.title = ggplot2::element_text(size = 8),
      panel.grid = ggplot2::element_blank(),
      aspect.ratio = 0.8
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
