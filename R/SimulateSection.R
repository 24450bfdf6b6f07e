#' A simulated section with known truth
#'
#' Simulates counts of a tissue section whose genes follow planted spatial
#' programmes (layers, blobs, rings, gradients), with the depth, dispersion and
#' dropout of a real one, as a Seurat object with a picture of the tissue.
#' **Nothing in it was measured.** It serves demonstrations and tests.
#'
#' @param seed Seed; the same seed gives the same section. R's own random
#'   numbers are neither used nor changed.
#' @param n.rows,n.cols Spots down and across before the tissue is cut out.
#' @param n.programmes Number of planted programmes.
#' @param genes.per.programme,n.background.genes Genes that follow each
#'   programme, and genes without a spatial pattern.
#' @param median.counts Median number of counts of a spot.
#' @param lattice `"visium"` (hexagonal), `"square"`, or `"cells"` (scattered
#'   cells without array positions).
#' @param image How the picture is stored: `"visium"` (needs the package Seurat),
#'   `"fov"`, `"none"`, or `"auto"`: the first where Seurat is installed and there
#'   is a lattice, else the second.
#' @param assay Name of the assay.
#' @return A Seurat object. The truth is in the feature metadata column
#'   `programme` (`"background"` for genes without a pattern) and the cell
#'   metadata column `region`; `Misc(object, "simulated")` says that it is
#'   simulated.
#' @seealso [ReadSection()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 12, n.cols = 12, n.programmes = 2,
#'     genes.per.programme = 10, n.background.genes = 10)
#'   section
#' }
#' @export
SimulateSection <- function(
  seed = 0,
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
    n_rows = n.rows,
    n_cols = n.cols,
    n_programmes = n.programmes,
    genes_per_programme = genes.per.programme,
    n_background_genes = n.background.genes,
    median_counts = median.counts,
    lattice = lattice
  )
  pieces <- sigel_call("simulate", list(settings = as_settings(settings), seed = seed))
  simulated_object(pieces, assay, image, "SimulateSection")
}

# A Seurat object with its truth, which says what made it.
simulated_object <- function(pieces, assay, image, maker) {
  object <- section_object(pieces, assay, "section", image)
  truth <- data.frame(programme = pieces$programme, row.names = rownames(object))
  object[[assay]] <- SeuratObject::AddMetaData(object[[assay]], metadata = truth)
  said <- sprintf("Made by sigel::%s(); nothing in it was measured.", maker)
  SeuratObject::Misc(object, "simulated") <- said
  object
}

# A Seurat object from the pieces of a section.
section_object <- function(pieces, assay, name, image, call = rlang::caller_env()) {
  counts <- matrix_of(pieces, unlist(pieces$cells))
  check_names(rownames(counts), "path", "row", "gene", call)
  check_names(colnames(counts), "path", "column", "cell", call)
  # What is missing in a column of text crosses as empty text.
  columns <- lapply(lapply(pieces$obs, unlist), function(x) {
    if (is.character(x)) replace(x, !nzchar(x), NA) else x
  })
  obs <- as.data.frame(columns, row.names = colnames(counts), stringsAsFactors = FALSE)
  object <- SeuratObject::CreateSeuratObject(counts, assay = assay, meta.data = if (ncol(obs)) obs)
  if (image == "none") {
    return(object)
  }
  add_pictures(object, pieces, assay, name, image, call)
}

# A dgCMatrix from its pieces.
matrix_of <- function(pieces, cells) {
  methods::new(
    "dgCMatrix",
    i = as.integer(pieces$i),
    p = as.integer(pieces$p),
    x = as.double(pieces$x),
    Dim = as.integer(unlist(pieces$dim)),
    Dimnames = list(as.character(unlist(pieces$genes)), as.character(cells))
  )
}
