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

#' Read a section from an h5ad file
#'
#' Reads counts (`X`), coordinates (`obsm["spatial"]`) and cell metadata of an
#' AnnData file into a Seurat object that [RunSIGEL()] and Seurat's spatial plots
#' understand. Where the metadata have `array_row` and `array_col` the section
#' becomes a Visium image (if Seurat is installed), else a field of view.
#' Coordinates are moved so that the tissue starts near the origin, and the
#' picture of the tissue is drawn from them.
#'
#' @param path Path of the file.
#' @param assay Name of the assay.
#' @inheritParams SimulateSection
#' @return A Seurat object.
#' @examples
#' \dontrun{
#' section <- ReadSection("section.h5ad")
#' }
#' @export
ReadSection <- function(path, assay = "Spatial", image = c("auto", "visium", "fov", "none")) {
  check_string(path, "path", "Give the path of an .h5ad file.")
  image <- rlang::arg_match(image)
  if (!file.exists(path)) {
    sigel_abort("path", sprintf("\"%s\", where there is no file", path), "an .h5ad file", "Check the path.")
  }
  call <- rlang::current_env()
  pieces <- read_pieces(path, call)
  if (image != "none" && is.null(pieces$coordinates) && is.null(pieces$lattice)) {
    sigel_abort(
      "path",
      sprintf("\"%s\", without coordinates", basename(path)),
      "x and y of every spot in obsm[\"spatial\"], or array_row and array_col in obs",
      "Store them in the file, or use `image = \"none\"` and give `coordinates` to `RunSIGEL()`.",
      call
    )
  }
  section_object(pieces, assay, "section", image, call)
}

# The engine refuses what it knows to be wrong; whatever else goes wrong in reading is a fault of the file.
read_pieces <- function(path, call) {
  tryCatch(
    sigel_call("read_h5ad", list(path = normalizePath(path)), call),
    sigel_error = function(e) {
      if (inherits(e, c("sigel_input_error", "sigel_engine_error"))) {
        rlang::cnd_signal(e)
      }
      reason <- sub(" [(]unexpected; .*", "", conditionMessage(e))
      reason <- strsplit(reason, "\n", fixed = TRUE)[[1L]][1L]
      found <- sprintf("\"%s\", which cannot be read (%s)", basename(path), reason)
      fix <- "Write it anew, in Python by `adata.write_h5ad(path)`."
      sigel_abort("path", found, "an .h5ad file", fix, call)
    }
  )
}

# A Seurat object from the pieces of a section.
section_object <- function(pieces, assay, name, image, call = rlang::caller_env()) {
  counts <- methods::new(
    "dgCMatrix",
    i = as.integer(pieces$i),
    p = as.integer(pieces$p),
    x = as.double(pieces$x),
    Dim = as.integer(unlist(pieces$dim)),
    Dimnames = list(unlist(pieces$genes), unlist(pieces$cells))
  )
  check_names(rownames(counts), "path", "row", "gene", call)
  check_names(colnames(counts), "path", "column", "cell", call)
  # What is missing in a column of text crosses as empty text.
  columns <- lapply(lapply(pieces$obs, unlist), function(x) {
    if (is.character(x)) replace(x, !nzchar(x), NA) else x
  })
  obs <- as.data.frame(columns, row.names = colnames(counts), stringsAsFactors = FALSE)
  object <- SeuratObject::CreateSeuratObject(counts, assay = assay, meta.data = if (ncol(obs)) obs)
  has_visium <- requireNamespace("Seurat", quietly = TRUE)
  if (image == "auto") {
    image <- if (is.null(pieces$lattice) || !has_visium) "fov" else "visium"
  }
  if (image == "none") {
    return(object)
  }
  places <- pieces$coordinates %||% pieces$lattice[, 2:1]
  rownames(places) <- colnames(counts)
  if (image == "fov") {
    table <- data.frame(x = places[, 1L], y = places[, 2L], cell = rownames(places))
    centroids <- SeuratObject::CreateCentroids(table)
    picture <- SeuratObject::CreateFOV(
      list(centroids = centroids),
      type = "centroids",
      assay = assay,
      key = "section_"
    )
  } else {
    if (!has_visium || is.null(pieces$lattice)) {
      fix <- "Use `image = \"fov\"`."
      sigel_abort("image", "\"visium\"", "a lattice, and the package Seurat installed", fix, call)
    }
    picture <- visium_image(places, pieces$lattice, assay)
  }
  # Seurat finds a column of the meta data before an image of its name.
  object[[utils::tail(make.unique(c(names(object[[]]), name)), 1L)]] <- picture
  object
}

# A VisiumV1 whose picture is drawn from the spots: pale tissue on white.
visium_image <- function(places, lattice, assay, side = 600L) {
  gap <- spot_distance(places)
  places <- sweep(places, 2L, apply(places, 2L, min) - 2 * gap)
  extent <- apply(places, 2L, max) + 2 * gap
  scale <- side / max(extent)
  coordinates <- data.frame(
    tissue = 1L,
    row = as.integer(lattice[, 1L]),
    col = as.integer(lattice[, 2L]),
    imagerow = places[, 2L],
    imagecol = places[, 1L],
    row.names = rownames(places)
  )
  drawn <- draw_tissue(places * scale, ceiling(extent * scale), 0.75 * gap * scale)
  # Called by name of the package, so that its class is known.
  image <- methods::new(
    methods::getClass("VisiumV1", where = asNamespace("Seurat")),
    image = drawn,
    scale.factors = getExportedValue("Seurat", "scalefactors")(
      spot = 0.55 * gap,
      fiducial = 0.55 * gap,
      hires = scale,
      lowres = scale
    ),
    coordinates = coordinates,
    spot.radius = 0.8 * gap * scale / max(dim(drawn)),
    assay = assay,
    key = "section_"
  )
  image
}

# Distance between neighbouring spots: the median distance to the nearest of a sample's neighbours.
spot_distance <- function(places) {
  sample <- unique(round(seq(1, nrow(places), length.out = min(50L, nrow(places)))))
  nearest <- vapply(
    sample,
    function(spot) {
      squared <- (places[, 1L] - places[spot, 1L])^2 + (places[, 2L] - places[spot, 2L])^2
      sqrt(min(squared[squared > 0], Inf))
    },
    double(1L)
  )
  gap <- stats::median(nearest)
  if (is.finite(gap)) gap else 1
}

# Discs around the spots, height x width x 3.
draw_tissue <- function(centres, size, radius) {
  tissue <- matrix(FALSE, size[2L], size[1L])
  reach <- ceiling(radius)
  steps <- expand.grid(x = -reach:reach, y = -reach:reach)
  steps <- steps[steps$x^2 + steps$y^2 <= radius^2, ]
  centre_x <- round(centres[, 1L])
  centre_y <- round(centres[, 2L])
  for (step in seq_len(nrow(steps))) {
    x <- pmin(pmax(centre_x + steps$x[step], 1L), size[1L])
    y <- pmin(pmax(centre_y + steps$y[step], 1L), size[2L])
    tissue[cbind(y, x)] <- TRUE
  }
  colour <- c(0.93, 0.88, 0.91)
  array(unlist(lapply(colour, function(part) ifelse(tissue, part, 1))), dim = c(dim(tissue), 3L))
}
