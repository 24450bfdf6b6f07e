#' Pictures of genes
#'
#' `GeneImagePlot()` draws the pictures of named genes as the model sees them,
#' normalised and scaled, all on one colour scale. `GeneGroupPlot()` draws a page
#' of groups: the mean image of each, on a scale that the mean images share, and
#' the genes most typical of it, those whose representations lie nearest to the
#' group's mean (cosine, about the mean of all genes). Genes without a pattern
#' come last. Several sections lie row by row in their order. Where cells lie on no
#' lattice, a pixel that none of them lies in is white.
#'
#' @param object A Seurat object or a SpatialExperiment; for `GeneGroupPlot()` after [RunSIGEL()].
#' @param features Names of genes.
#' @param groups Names of groups; default: the `max.groups` largest.
#' @param gene.sets Path of a GMT file or a named list of character vectors, as in
#'   [GeneGroupEnrichment()]: a group is called after the set with the smallest
#'   p-value there, where its `qval` is below 0.05.
#' @param n.genes Genes of each group.
#' @param max.groups Most groups on a page, genes without a pattern among them; 12 fit one that is 7 inches wide and 5
#'   high, 24 one of 10 and 8. Names that are longer than their image is wide are cut.
#' @param min.size,max.size Sets that are looked at, as in [GeneGroupEnrichment()].
#' @param ncol Number of columns.
#' @param histology Whether the picture of the tissue lies under the images, whose
#'   pixels are discs then, as in [SpatialDomainPlot()]; default: images alone, as the
#'   model sees them.
#' @param reduction Name of the reduction; where it is there, its settings of the
#'   images are used, and the genes that the run was given.
#' @param assay,image,coordinates As in [RunSIGEL()]; after a run over several
#'   sections, an image that is named shows its section alone.
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
  layer = NULL,
  histology = FALSE
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  check_seurat(object, call)
  features <- unique(if (!missing(features)) features)
  check_gene_names(features, "See `rownames(object)`.", call)
  if (!is.null(ncol)) {
    check_whole(ncol, "ncol", 1L, 4L, call)
  }
  check_histology(histology, call)
  images <- gene_pixels(object, features, reduction, assay, image, coordinates, layer, call)
  place <- columns_for(length(features), images, ncol)
  under <- picture_under_images(object, image, coordinates, images$centres, histology, call)
  if (!is.null(under)) {
    images$corners <- discs_of_pixels(images$centres, under$diameter)
  }
  ggplot2::ggplot() +
    pixel_layers(pixel_table(images), under = if (!is.null(under)) list(under)) +
    ggplot2::facet_wrap(ggplot2::vars(.data$gene), ncol = place$ncol) +
    ggplot2::labs(
      subtitle = sections_in_words(images$sections),
      caption = if (images$scattered && is.null(under)) "White pixels within the tissue hold no cell."
    ) +
    ggplot2::theme(strip.text = ggplot2::element_text(size = place$letters)) +
    if (images$several) ggplot2::theme(panel.spacing = ggplot2::unit(1.4, "lines"))
}

#' @rdname GeneImagePlot
#' @export
GeneGroupPlot <- function(
  object,
  groups = NULL,
  gene.sets = NULL,
  n.genes = 3,
  max.groups = 24,
  min.size = 5,
  max.size = 500,
  reduction = "sigel",
  image = NULL,
  coordinates = NULL,
  layer = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  check_seurat(object, call)
  results <- sigel_results(object, reduction, call)
  check_whole(n.genes, "n.genes", 1L, 3L, call)
  check_whole(max.groups, "max.groups", 1L, 24L, call)
  if (n.genes > 15) {
    fix <- "For more genes of a group use `GeneImagePlot()`, which breaks lines."
    sigel_abort("n.genes", describe(n.genes), "at most 15, for which a row has room", fix, call)
  }
  check_sizes(min.size, max.size, call)
  called <- if (!is.null(gene.sets)) {
    enriched(results, as_gene_sets(gene.sets, call), min.size, max.size, call)$called
  }
  sizes <- table(SeuratObject::Misc(results)$features$group)
  groups <- groups_to_show(groups, sizes, max.groups, call)
  chosen <- do.call(rbind, lapply(groups, function(group) typical_genes(results, group, n.genes)))
  embedded <- rownames(SeuratObject::Loadings(results))
  members <- lapply(groups, function(group) embedded[which(groups_of(results) == group)])
  assay <- SeuratObject::DefaultAssay(results)
  images <- gene_pixels(object, chosen$gene, reduction, assay, image, coordinates, layer, call, members)
  place <- place_on_page(length(groups), n.genes, images, max(nchar(chosen$gene)))
  panels <- rbind(
    data.frame(gene = sprintf("mean of %s", groups), group = groups, rank = 0L),
    chosen
  )
  rownames(images$mean) <- panels$gene[seq_along(groups)]
  means <- on_scale_of(images$mean, images$values)
  table <- pixel_table(list(values = rbind(means, images$values), corners = images$corners))
  at <- match(panels$group, groups)
  panels$row <- place$row[at]
  # Columns that no group fills are drawn too: blocks are as wide as each other.
  panels$column <- factor(place$first[at] + panels$rank, levels = seq_len(place$columns))
  panels$x <- mean(range(table$x))
  panels$y <- max(table$y)
  panels$label <- ifelse(panels$rank == 0L, "mean", panels$gene)
  heads <- panels[panels$rank == 0L, ]
  heads$x <- min(table$x)
  heads$y <- min(table$y)
  heads$label <- headings_of(groups, sizes, called)
  heads$face <- "bold"
  panels$face <- ifelse(panels$rank == 0L, "plain", "italic")
  columns <- c("group", "rank", "row", "column")
  table[columns] <- panels[match(table$gene, panels$gene), columns]
  left_out <- length(setdiff(names(sizes), c(groups, "no pattern")))
  ggplot2::ggplot() +
    pixel_layers(table, as.vector(images$values), named = "scaled\nexpression") +
    fitted_text(panels, "below", between = place$within, lines = place$lines) +
    fitted_text(
      heads,
      "above",
      span = n.genes + 1L,
      between = place$within,
      sizes = c(7, 9)
    ) +
    ggplot2::facet_grid(ggplot2::vars(.data$row), ggplot2::vars(.data$column), drop = FALSE) +
    ggplot2::labs(
      title = "Gene groups",
      subtitle = paste(
        c(
          "Mean image and most typical genes of each",
          if (left_out > 0) sprintf("%d more %s not shown", left_out, ngettext(left_out, "group", "groups")),
          sections_in_words(images$sections)
        ),
        collapse = "\n"
      ),
      caption = "Mean images have a scale of their own."
    ) +
    ggplot2::theme(
      strip.text = ggplot2::element_blank(),
      panel.spacing.x = place$between,
      # Room for names below, and for the headings of the next row.
      panel.spacing.y = ggplot2::unit(place$below, "pt"),
      plot.subtitle = ggplot2::element_text(colour = "grey35", margin = ggplot2::margin(b = 16)),
      legend.position = "right",
      legend.justification = "top",
      legend.title = ggplot2::element_text(size = 8),
      legend.text = ggplot2::element_text(size = 8),
      legend.margin = ggplot2::margin(),
      # Under the names of the last row.
      plot.caption = ggplot2::element_text(colour = "grey35", margin = ggplot2::margin(t = place$below - 7))
    )
}

# Which of several pages makes images largest: the first of those with `across` and `down` points for each.
largest <- function(images, across, down) {
  extent <- vapply(images$corners[c("x", "y")], function(v) diff(range(v)), double(1L))
  which.max(round(pmin(across / extent[1L], down / extent[2L]) * max(extent)))
}

# Columns of `n` images, those that make them largest in the room, in points, that a page 7 inches wide and 5 high has,
# and the size of letters by which names of some eight letters stand above them; `text`: points that a row needs for it.
columns_for <- function(n, images, ncol = NULL, across = 430, down = 300, text = 18) {
  columns <- if (is.null(ncol)) seq_len(n) else ncol
  across <- across / columns - 6
  down <- down / ceiling(n / columns) - text
  best <- largest(images, across, down)
  list(ncol = columns[best], letters = min(9, max(5, across[best] / 5)))
}

# Which section is where in a picture of several, or NULL.
sections_in_words <- function(names, width = 70L) {
  if (length(names) > 1L) {
    text <- paste0("Sections, row by row from the top: ", paste(names, collapse = ", "))
    paste(strwrap(text, width), collapse = "\n")
  }
}

# Row and first column of each group on a page, the space between columns (`within` a group), and lines of names and
# their room in points: groups are in as many blocks beside each other as make images largest where a page is 7 inches
# wide and 5 high. `letters`: of the longest name.
place_on_page <- function(n, n.genes, images, letters) {
  width <- n.genes + 1L
  within <- if (images$several) 1 else 0.3
  blocks <- seq_len(min(n, 6L))
  rows <- ceiling(n / blocks)
  across <- (430 - 20 * (blocks - 1L)) / (blocks * width) - 12 * within
  # Two lines of names where they would not fit on one, and the heading of the next row.
  lines <- ifelse(4 * letters > across, 2L, 1L)
  below <- 18 + 7 * lines
  down <- (290 - below * (rows - 1L)) / rows
  best <- largest(images, across, down)
  block <- (seq_len(n) - 1L) %/% rows[best]
  blocks <- max(block) + 1L
  space <- rep(within, blocks * width - 1L)
  space[width * seq_len(blocks - 1L)] <- within + 1.1
  list(
    row = (seq_len(n) - 1L) %% rows[best] + 1L,
    first = block * width + 1L,
    columns = blocks * width,
    within = ggplot2::unit(within, "lines"),
    between = ggplot2::unit(space, "lines"),
    lines = lines[best],
    below = below[best]
  )
}

# Mean images are paler than those of genes: their own range on the colours of these.
on_scale_of <- function(means, values) {
  from <- colour_limits(means)
  to <- colour_limits(values)
  (means - from[1L]) / diff(from) * diff(to) + to[1L]
}

# Name and size of each group, and what it is called after.
headings_of <- function(groups, sizes, called) {
  n <- as.integer(sizes[groups])
  name <- ifelse(groups == "no pattern", "No pattern", paste("Group", groups))
  term <- vapply(groups, function(group) called[[group]] %||% "", "")
  name <- sprintf("%s (%d %s)", name, n, ifelse(n == 1L, "gene", "genes"))
  ifelse(nzchar(term), paste0(name, ": ", term), name)
}

# The groups named, or the largest, in their own order; genes without a pattern keep their place among these.
groups_to_show <- function(groups, sizes, most, call) {
  if (is.null(groups)) {
    flat <- if (most > 1 || length(sizes) == 1L) intersect("no pattern", names(sizes))
    numbered <- sizes[setdiff(names(sizes), "no pattern")]
    largest <- c(names(utils::head(sort(numbered, decreasing = TRUE), most - length(flat))), flat)
    groups <- names(sizes)[names(sizes) %in% largest]
  }
  if (is.list(groups)) {
    fix <- "Sets of genes, by which groups are called, are `gene.sets = `."
    sigel_abort("groups", describe(groups), "names of groups", fix, call)
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
