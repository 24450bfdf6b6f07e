#' Pictures of genes
#'
#' `GeneImagePlot()` draws the pictures of named genes as the model sees them,
#' normalised and scaled, all on one colour scale. `GeneGroupPlot()` draws a page
#' with a row for each group and the genes most typical of it, those whose
#' representations lie nearest to the group's mean (cosine, about the mean of all
#' genes).
#'
#' @param object A Seurat object; for `GeneGroupPlot()` after [RunSIGEL()].
#' @param features Names of genes.
#' @param groups Names of groups; default: the `max.groups` largest.
#' @param n.genes Genes of each group.
#' @param max.groups Most groups on a page.
#' @param ncol Number of columns.
#' @param reduction Name of the reduction; where it is there, its settings of the
#'   images are used, and the genes that the run was given.
#' @param assay,image,coordinates As in [RunSIGEL()].
#' @param layer Layer with the raw counts; default: that of the run, else
#'   `"counts"`.
#' @return A ggplot.
#' @examples
#' if (sigel_available() && requireNamespace("ggplot2", quietly = TRUE)) {
#'   section <- SimulateSection(n.rows = 12, n.cols = 12, n.programmes = 2,
#'     genes.per.programme = 15, n.background.genes = 10)
#'   GeneImagePlot(section, rownames(section)[1:4], ncol = 2)
#' }
#' @export
GeneImagePlot <- function(
  object,
  features,
  ncol = NULL,
  reduction = "sigel",
  assay = NULL,
  image = NULL,
  coordinates = NULL,
  layer = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  check_seurat(object, call)
  features <- unique(if (!missing(features)) features)
  check_gene_names(features, "See `rownames(object)`.", call)
  if (!is.null(ncol)) {
    check_whole(ncol, "ncol", 1L, 4L, call)
  }
  table <- pixel_table(gene_pixels(object, features, reduction, assay, image, coordinates, layer, call))
  ggplot2::ggplot() +
    pixel_layers(table) +
    ggplot2::facet_wrap(ggplot2::vars(.data$gene), ncol = ncol)
}

#' @rdname GeneImagePlot
#' @export
GeneGroupPlot <- function(
  object,
  groups = NULL,
  n.genes = 5,
  max.groups = 12,
  reduction = "sigel",
  image = NULL,
  coordinates = NULL,
  layer = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  check_seurat(object, call)
  results <- sigel_results(object, reduction, call)
  check_whole(n.genes, "n.genes", 1L, 5L, call)
  check_whole(max.groups, "max.groups", 1L, 12L, call)
  if (n.genes > 15) {
    fix <- "For more genes of a group use `GeneImagePlot()`, which breaks lines."
    sigel_abort("n.genes", describe(n.genes), "at most 15, for which a row has room", fix, call)
  }
  sizes <- table(SeuratObject::Misc(results)$features$group)
  groups <- groups_to_show(groups, sizes, max.groups, call)
  chosen <- do.call(rbind, lapply(groups, function(group) typical_genes(results, group, n.genes)))
  assay <- SeuratObject::DefaultAssay(results)
  images <- gene_pixels(object, chosen$gene, reduction, assay, image, coordinates, layer, call)
  table <- merge(pixel_table(images), chosen, by = "gene", sort = FALSE)
  label <- group_labels(groups, sizes)
  table$group <- factor(label[match(table$group, groups)], levels = label)
  chosen$group <- factor(label[match(chosen$group, groups)], levels = label)
  chosen$x <- mean(range(table$x))
  chosen$y <- min(table$y)
  left_out <- length(sizes) - length(groups)
  ggplot2::ggplot() +
    pixel_layers(table) +
    ggplot2::geom_text(
      ggplot2::aes(.data$x, .data$y, label = .data$gene),
      data = chosen,
      size = 2.8,
      vjust = -0.5,
      colour = "grey15"
    ) +
    ggplot2::facet_grid(ggplot2::vars(.data$group), ggplot2::vars(.data$rank), switch = "y") +
    ggplot2::labs(
      title = "Gene groups",
      subtitle = paste0(
        "The genes most typical of each group",
        if (left_out > 0) sprintf("; %d more groups not shown", left_out)
      )
    ) +
    ggplot2::theme(
      strip.text.x = ggplot2::element_blank(),
      strip.text.y.left = ggplot2::element_text(angle = 0, hjust = 1),
      panel.spacing.y = ggplot2::unit(1, "lines"),
      # Room for the names above the first row.
      plot.subtitle = ggplot2::element_text(colour = "grey35", margin = ggplot2::margin(b = 4)),
      legend.margin = ggplot2::margin(b = 14)
    )
}

# The groups named, or the largest, in their own order.
groups_to_show <- function(groups, sizes, most, call) {
  if (is.null(groups)) {
    largest <- names(utils::head(sort(sizes, decreasing = TRUE), most))
    groups <- names(sizes)[names(sizes) %in% largest]
  }
  groups <- unique(as.character(groups))
  unknown <- setdiff(groups, names(sizes))
  if (length(unknown) || !length(groups)) {
    found <- if (length(unknown)) some(unknown) else "no name"
    wanted <- paste("some of", some(names(sizes), 20L))
    sigel_abort("groups", found, wanted, "Name groups of the object.", call)
  }
  groups
}

group_labels <- function(groups, sizes) {
  n <- as.integer(sizes[groups])
  sprintf("group %s\n%d %s", groups, n, ifelse(n == 1L, "gene", "genes"))
}

# The genes of a group that point most nearly where it points, seen from the mean of all genes, as in the table of
# `GeneGroups()`.
typical_genes <- function(results, group, n) {
  loadings <- SeuratObject::Loadings(results)
  unit <- sweep(loadings, 2L, colMeans(loadings))
  unit <- unit / pmax(sqrt(rowSums(unit^2)), 1e-12)
  own <- unit[which(groups_of(results) == group), , drop = FALSE]
  nearest <- utils::head(rownames(own)[order(-drop(own %*% colMeans(own)))], n)
  data.frame(gene = nearest, group = rep(group, length(nearest)), rank = seq_along(nearest))
}
