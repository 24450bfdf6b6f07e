#' Map of the genes
#'
#' Lays the gene representations out in two dimensions, a dot for each gene,
#' coloured by group. With the package uwot installed the map is a UMAP by cosine
#' distance, else the first two principal components. R's own random numbers are
#' left as they were.
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()], or its reduction.
#' @param label Whether to write the groups' names at their middles.
#' @param features Names of genes to mark.
#' @param method `"auto"`, `"umap"` or `"pca"`.
#' @param seed.use Seed of the UMAP.
#' @param pt.size Size of the dots.
#' @param reduction Name of the reduction.
#' @return A ggplot; its data has the columns `gene`, `group`, `x` and `y`.
#' @examples
#' if (sigel_available() && requireNamespace("ggplot2", quietly = TRUE)) {
#'   section <- SimulateSection(n.rows = 12, n.cols = 12, n.programmes = 2,
#'     genes.per.programme = 15, n.background.genes = 10)
#'   quick <- list(train = list(pretrain_epochs = 2, refine_epochs = 1))
#'   section <- RunSIGEL(section, n.dims = 8, n.groups = 3, config = quick,
#'     verbose = FALSE)
#'   GeneMapPlot(section, method = "pca")
#' }
#' @export
GeneMapPlot <- function(
  object,
  label = TRUE,
  features = NULL,
  method = c("auto", "umap", "pca"),
  seed.use = 0,
  pt.size = 1.5,
  reduction = "sigel"
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  method <- check_choice(method, c("auto", "umap", "pca"), "method", call)
  check_flag(label, "label", call)
  check_positive(pt.size, "pt.size", "Use `pt.size = 1.5`.", call)
  results <- sigel_results(object, reduction, call)
  loadings <- SeuratObject::Loadings(results)
  check_embedded(features, loadings, call)
  if (method == "umap") {
    require_installed("uwot", "A UMAP", call)
  }
  umap <- method == "umap" ||
    (method == "auto" && nrow(loadings) > 15L && requireNamespace("uwot", quietly = TRUE))
  places <- if (umap) umap_places(loadings, seed.use) else pca_places(loadings)
  known <- SeuratObject::Misc(results)$features
  map <- data.frame(
    gene = rownames(loadings),
    group = droplevels(known$group[match(rownames(loadings), known$gene)]),
    x = places[, 1L],
    y = places[, 2L]
  )
  groups <- levels(map$group)
  # Genes without a pattern are none of the number.
  numbered <- setdiff(groups, "no pattern")
  axes <- if (umap) c("UMAP 1", "UMAP 2") else c("PC 1", "PC 2")
  # Drawn in random-looking but fixed order, so that no group covers the others.
  shuffled <- map[order((seq_len(nrow(map)) * 7919) %% 104729), ]
  plot <- ggplot2::ggplot(shuffled, ggplot2::aes(.data$x, .data$y, colour = .data$group)) +
    ggplot2::geom_point(size = pt.size, alpha = 0.8, stroke = 0) +
    ggplot2::scale_colour_manual(
      values = group_colours(groups),
      guide = ggplot2::guide_legend(override.aes = list(size = 3, alpha = 1))
    ) +
    ggplot2::labs(
      title = "Map of the genes",
      subtitle = cli::pluralize("{nrow(map)} gene{?s} in {length(numbered)} group{?s}"),
      x = axes[1L],
      y = axes[2L],
      colour = "group"
    ) +
    theme_sigel() +
    ggplot2::theme(axis.text = ggplot2::element_blank(), panel.grid = ggplot2::element_blank())
  if (label) {
    middles <- stats::aggregate(map[c("x", "y")], by = map["group"], FUN = stats::median)
    plot <- plot + text_on_halo(middles, "group", size = 4, bold = TRUE)
  }
  if (length(features)) {
    marked <- map[map$gene %in% features, ]
    plot <- plot +
      ggplot2::geom_point(data = marked, colour = "black", shape = 21L, size = 2.5) +
      text_on_halo(marked, "gene", size = 3, bold = FALSE, vjust = -1)
  }
  plot
}

check_embedded <- function(features, loadings, call) {
  unknown <- setdiff(features, rownames(loadings))
  if (length(unknown)) {
    fix <- "See `rownames(Loadings(object[[\"sigel\"]]))`."
    sigel_abort("features", some(unknown), "names of genes that were embedded", fix, call)
  }
}

umap_places <- function(loadings, seed) {
  neighbours <- min(15L, nrow(loadings) - 1L)
  # One thread: the same map on every machine.
  with_own_seed(
    seed,
    uwot::umap(
      loadings,
      n_neighbors = neighbours,
      metric = "cosine",
      init = "spca",
      min_dist = 0.2,
      n_threads = 1L,
      n_sgd_threads = 1L
    )
  )
}

pca_places <- function(loadings) {
  places <- stats::prcomp(loadings, rank. = 2L)$x
  if (ncol(places) < 2L) cbind(places, 0) else places
}

# Text with a pale halo, readable on any colour.
text_on_halo <- function(table, column, size, bold, vjust = 0.5) {
  ggplot2::geom_label(
    ggplot2::aes(.data$x, .data$y, label = .data[[column]]),
    data = table,
    inherit.aes = FALSE,
    size = size,
    fontface = if (bold) "bold" else "plain",
    vjust = vjust,
    colour = "grey10",
    fill = grDevices::adjustcolor("white", 0.7),
    label.size = 0,
    label.padding = ggplot2::unit(0.12, "lines")
  )
}
