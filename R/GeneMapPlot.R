#' Map of the genes
#'
#' Lays the gene representations out in two dimensions, a dot for each gene,
#' coloured by group: a t-SNE, the same as in Python and in [SigelReport()].
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()], or its reduction.
#' @param label Whether to write each group's name above its gene nearest to the medians of its places; FALSE:
#'   beside their colours.
#' @param features Names of genes to mark.
#' @param method `"tsne"` (a minute for 10,000 genes), `"pca"` (keeps distances), or `"umap"` by the package
#'   uwot, which leaves R's own random numbers as they were.
#' @param seed.use Seed of t-SNE and UMAP.
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
  method = c("tsne", "pca", "umap"),
  seed.use = 0,
  pt.size = 1.5,
  reduction = "sigel"
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  method <- check_choice(method, c("tsne", "pca", "umap"), "method", call)
  check_flag(label, "label", call)
  check_positive(pt.size, "pt.size", "Use `pt.size = 1.5`.", call)
  results <- sigel_results(object, reduction, call)
  loadings <- SeuratObject::Loadings(results)
  check_has_representation(features, results, call)
  check_embedded(features, loadings, call)
  check_whole(seed.use, "seed.use", 0L, call = call)
  laid <- places_on_map(loadings, method, seed.use, call)
  known <- SeuratObject::Misc(results)$features
  map <- data.frame(
    gene = rownames(loadings),
    group = droplevels(known$group[match(rownames(loadings), known$gene)]),
    x = laid$place[, 1L],
    y = laid$place[, 2L]
  )
  groups <- levels(map$group)
  # Genes without a pattern are none of the number.
  numbered <- setdiff(groups, "no pattern")
  # Drawn in random-looking but fixed order, so that no group covers the others.
  shuffled <- map[order((seq_len(nrow(map)) * 7919) %% 104729), ]
  plot <- ggplot2::ggplot(shuffled, ggplot2::aes(.data$x, .data$y, colour = .data$group)) +
    ggplot2::geom_point(size = pt.size, alpha = 0.8, stroke = 0) +
    ggplot2::scale_colour_manual(
      values = group_colours(groups),
      guide = if (label) "none" else ggplot2::guide_legend(override.aes = list(size = 3, alpha = 1))
    ) +
    ggplot2::labs(
      title = "Map of the genes",
      subtitle = cli::pluralize("{nrow(map)} gene{?s} in {length(numbered)} group{?s}"),
      x = paste(laid$axis, 1L),
      y = paste(laid$axis, 2L),
      colour = "group"
    ) +
    theme_sigel() +
    ggplot2::theme(axis.text = ggplot2::element_blank(), panel.grid = ggplot2::element_blank())
  if (label) {
    plot <- plot + text_on_halo(do.call(rbind, lapply(split(map, map$group), middle_gene)), "group")
  }
  if (length(features)) {
    marked <- map[map$gene %in% features, ]
    plot <- plot +
      names_beside(marked, map, "x") +
      ggplot2::geom_point(data = marked, colour = "black", shape = 21L, size = 2.5)
  }
  plot
}

# The row nearest to the medians of the places, where often nothing is.
middle_gene <- function(map) {
  map[which.min((map$x - stats::median(map$x))^2 + (map$y - stats::median(map$y))^2), ]
}

check_embedded <- function(features, loadings, call) {
  unknown <- setdiff(features, rownames(loadings))
  if (length(unknown)) {
    fix <- paste0(
      "See `rownames(Loadings(object[[\"sigel\"]]))`.",
      nearest_in_words(unknown, rownames(loadings))
    )
    sigel_abort("features", some(unknown), "names of genes that were embedded", fix, call)
  }
}

# From so many on, people are told that a map takes its time.
MANY_GENES <- 5000L

# A place for each gene, or for those of a group (`inside`) and those around them, and what the axes are called.
places_on_map <- function(loadings, method, seed, call, inside = NULL) {
  if (method == "umap") {
    require_installed("uwot", "A UMAP", call)
    return(list(place = umap_places(loadings, seed), row = seq_len(nrow(loadings)), axis = "UMAP"))
  }
  if (method == "tsne" && is.null(inside) && nrow(loadings) > MANY_GENES) {
    n <- format(nrow(loadings), big.mark = ",")
    rlang::inform(c(
      i = sprintf(
        "Laying %s genes out by t-SNE, which may take a minute; `method = \"pca\"` takes a second.",
        n
      )
    ))
  }
  arguments <- list(
    representations = unname(loadings),
    method = method,
    seed = seed,
    inside = if (!is.null(inside)) as.list(inside)
  )
  laid <- sigel_call("gene_map", arguments, call)
  laid$row <- unlist(laid$row) + 1L
  laid
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

# Text with a pale halo, readable on any colour, just above its place, so that the dot there is seen.
text_on_halo <- function(table, column) {
  ggplot2::geom_label(
    ggplot2::aes(.data$x, .data$y, label = .data[[column]]),
    data = table,
    inherit.aes = FALSE,
    size = 4,
    vjust = -0.15,
    fontface = "bold",
    colour = "grey10",
    fill = grDevices::adjustcolor("white", 0.7),
    label.size = 0,
    label.padding = ggplot2::unit(0.12, "lines")
  )
}
