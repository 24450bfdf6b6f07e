#' A simulated tissue seen by a panel and by a whole transcriptome
#'
#' Simulates one tissue twice: a reference that measures all genes in the spots of
#' a lattice, and a target that measures a panel of them in cells of the same
#' tissue, with counts, library sizes and gene efficiencies of its own. What the
#' panel does not measure comes out, too, to hold [ImputeGenes()] against.
#' **Nothing in it was measured.**
#'
#' @param seed Seed; the same seed gives the same objects. R's own random numbers
#'   are neither used nor changed.
#' @param n.panel Number of genes in the panel, drawn in even shares from each
#'   programme and from the genes without a pattern.
#' @param n.rows,n.cols,n.programmes,genes.per.programme,n.background.genes As in
#'   [SimulateSection()].
#' @param median.counts Median number of counts over all genes.
#' @param lattice That of the reference, as in [SimulateSection()].
#' @param image How the picture of the reference is stored, as in
#'   [SimulateSection()]; cells have no lattice, so that theirs is `"fov"`, or
#'   `"none"`.
#' @param assay Name of the assay.
#' @return A list of Seurat objects: `target` (cells, the genes of the panel in
#'   random order), `reference` (spots, all genes), and `hidden` (the target's
#'   cells, all other genes). The truth is in them as [SimulateSection()] writes it.
#' @seealso [ImputeGenes()]
#' @examples
#' if (sigel_available()) {
#'   panel <- SimulatePanel(n.panel = 20, n.rows = 12, n.cols = 12,
#'     n.programmes = 2, genes.per.programme = 20, n.background.genes = 20)
#'   vapply(panel, dim, integer(2))
#' }
#' @export
SimulatePanel <- function(
  seed = 0,
  n.panel = 80,
  n.rows = 40,
  n.cols = 40,
  n.programmes = 8,
  genes.per.programme = 90,
  n.background.genes = 480,
  median.counts = 3500,
  lattice = c("visium", "square", "cells"),
  image = c("auto", "visium", "fov", "none"),
  assay = "Spatial"
) {
  check_whole(seed, "seed", 0L)
  lattice <- rlang::arg_match(lattice)
  image <- rlang::arg_match(image)
  settings <- list(
    n_panel = n.panel,
    n_rows = n.rows,
    n_cols = n.cols,
    n_programmes = n.programmes,
    genes_per_programme = genes.per.programme,
    n_background_genes = n.background.genes,
    median_counts = median.counts,
    lattice = lattice
  )
  pieces <- sigel_call("simulate_panel", list(settings = as_settings(settings), seed = seed))
  of_cells <- if (image == "none") "none" else "fov"
  images <- c(target = of_cells, reference = image, hidden = of_cells)
  objects <- lapply(names(images), function(name) {
    simulated_object(pieces[[name]], assay, images[[name]], "SimulatePanel")
  })
  stats::setNames(objects, names(images))
}
