#' Two genes on the tissue, and where they meet
#'
#' Draws two genes, for example of a row of what [FindGeneInteractions()] returned, and beside
#' them where both are high.
#'
#' The first two pictures are `log1p` of counts per 10,000, a mean over the 7 nearest spots, each
#' gene from the 1 to the 99 % quantile of its own. The third is the geometric mean of the two on
#' these scales: 1 only where both are high, 0 where one is low. Spots beside the tissue, where
#' the meta data have 0 in `in_tissue`, are left out.
#'
#' @param object A Seurat object or a SpatialExperiment with one section.
#' @param features Names of two genes.
#' @param assay,image,coordinates As in [RunSIGEL()].
#' @param layer Layer with the raw counts.
#' @param point.size Size of a dot; default: as many as there are fill a panel where the
#'   page is 9 x 4 in. Pixels have no size.
#' @param histology Whether the picture of the tissue lies under the spots, as in
#'   [SpatialDomainPlot()].
#' @return A ggplot, put together by the package patchwork.
#' @seealso [FindGeneInteractions()], [GeneImagePlot()]
#' @examples
#' if (sigel_available() && requireNamespace("patchwork", quietly = TRUE)) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   GenePairPlot(section, c("Gene0001", "Gene0002"))
#' }
#' @export
GenePairPlot <- function(
  object,
  features,
  assay = NULL,
  image = NULL,
  coordinates = NULL,
  layer = "counts",
  point.size = NULL,
  histology = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  require_installed("patchwork", "A page of several plots", call)
  check_seurat(object, call)
  features <- if (!missing(features)) features
  fix <- "For example `features = c(\"Wnt4\", \"Fzd1\")`."
  check_gene_names(features, fix, call, "names of two genes")
  if (length(features) != 2L) {
    found <- sprintf("%d %s", length(features), ngettext(length(features), "name", "names"))
    sigel_abort("features", found, "names of two genes", fix, call)
  }
  if (!is.null(point.size)) {
    check_positive(point.size, "point.size", "Use `point.size = 1`.", call)
  }
  assay <- choose_assay(object, assay, call)
  counts <- as_counts(read_counts(object[[assay]], layer, call), "layer", call)
  places <- places_of(object, image, coordinates, colnames(counts), call)
  seen <- within_tissue_of(object, counts, places, call, told = FALSE)
  counts <- seen$counts
  places <- seen$places
  arguments <- list(gene_a = features[[1L]], gene_b = features[[2L]])
  found <- ask_section("gene_pair", list(counts = counts, places = places), arguments, call = call)
  section <- factor(rep("", ncol(counts)))
  under <- pictures_under(object, image, coordinates, places$coordinates, section, histology, call)
  spots <- sections_side_by_side(places, section, under)
  limits <- lapply(found$limits, unlist)
  mean <- "log1p of counts per 10,000,\nmean of 7 spots"
  panel <- function(values, limits, palette, title, label, face) {
    pair_panel(spots, as.vector(values), limits, palette, title, label, face, point.size)
  }
  patchwork::wrap_plots(
    panel(found$first, limits[[1L]], "viridis", features[[1L]], mean, "italic"),
    panel(found$second, limits[[2L]], "viridis", features[[2L]], mean, "italic"),
    panel(found$together, c(0, 1), "magma", "where they meet", "1: both are high,\n0: one is low", "plain"),
    nrow = 1L
  )
}

# One picture, its colour bar below.
pair_panel <- function(spots, values, limits, palette, title, label, face, point.size) {
  tissue_plot(spots, values, point.size, n.columns = 3L, page = 2) +
    ggplot2::scale_fill_viridis_c(
      option = palette,
      limits = limits,
      oob = function(x, range) pmin(pmax(x, range[1L]), range[2L]),
      guide = ggplot2::guide_colourbar(
        barheight = 0.5,
        barwidth = 8,
        title.position = "bottom",
        title.hjust = 0.5
      )
    ) +
    ggplot2::labs(title = title, fill = label) +
    ggplot2::theme(
      legend.position = "bottom",
      legend.justification = "centre",
      legend.title = ggplot2::element_text(size = 8),
      legend.text = ggplot2::element_text(size = 8),
      plot.title.position = "panel",
      plot.title = ggplot2::element_text(face = face, hjust = 0.5, size = 11)
    )
}
