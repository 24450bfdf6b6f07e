#' Read a section from what a platform left on disk
#'
#' Reads counts, coordinates and cell metadata into a Seurat object that
#' [RunSIGEL()] and Seurat's spatial plots understand: from a folder of Space
#' Ranger (versions 1 to 4, Visium HD), Xenium, MERSCOPE or CosMx, from an .h5ad
#' file, or from a zarr folder of AnnData or SpatialData. The platform is told from
#' the files.
#'
#' Spots beside the tissue are left out, and so is what CosMx counts outside cells.
#' Features that are no genes (negative controls, blanks, unassigned and deprecated
#' codewords, proteins) are in assays of their own, named by their kind.
#'
#' Space Ranger's picture of the tissue becomes a Visium image of the class that
#' Seurat's own reader makes (`VisiumV1`, or `VisiumV2` in Seurat 5). Other sections
#' with `array_row` and `array_col` become a Visium image too, whose picture is drawn
#' from the spots, which are moved so that the tissue starts near the origin; cells
#' become a field of view (`FOV`) of centroids, which Seurat draws by
#' `ImageFeaturePlot()`, not by `SpatialFeaturePlot()`. Coordinates are in the
#' platform's unit.
#'
#' Several samples in one folder become one object with an image for each; the
#' column `sample` of the meta data tells them apart, for `section = "sample"`.
#'
#' Parquet files and zarr folders need the Python packages pyarrow and zarr, which
#' [install_sigel()] brings; where they are missing: `install_sigel(c("pyarrow", "zarr"))`.
#'
#' @param path Path of the folder or file.
#' @param assay Name of the assay.
#' @param image How the picture is stored: `"visium"` (needs the package Seurat),
#'   `"fov"`, `"none"`, or `"auto"`: the first where Seurat is installed and there
#'   is a lattice, else the second.
#' @param platform `"visium"`, `"visium_hd"`, `"visium_hd_cells"`, `"xenium"`,
#'   `"merscope"`, `"cosmx"`, `"h5ad"`, `"zarr"` or `"spatialdata"`; NULL: told from the
#'   files. Of Visium HD bins are read where there are some, and the cells of Space
#'   Ranger 4 where they are asked for, or their folder `segmented_outputs` is given.
#' @param sample Of a folder with several samples, the names of those to read;
#'   NULL: all.
#' @param layer Of AnnData and SpatialData, the layer that holds the counts; NULL:
#'   `X`.
#' @param raw Whether to read Space Ranger's unfiltered matrix, or `raw` of an
#'   AnnData.
#' @param off.tissue Whether to keep the spots that lie beside the tissue.
#' @param bin.size Of Visium HD, in micrometres; NULL: 8, or that of the folder
#'   where it is one bin's.
#' @param table Of SpatialData, the table; NULL: the only one, or that of the name
#'   `"table"`.
#' @return A Seurat object.
#' @examples
#' if (sigel_available()) {
#'   folder <- tempfile()
#'   dir.create(folder)
#'   counts <- data.frame(cell = 1:3, Mbp = c(4, 0, 1), Gfap = c(0, 2, 3))
#'   cells <- data.frame(EntityID = 1:3, center_x = c(1, 2, 2), center_y = c(3, 3, 4))
#'   write.csv(counts, file.path(folder, "cell_by_gene.csv"), row.names = FALSE)
#'   write.csv(cells, file.path(folder, "cell_metadata.csv"), row.names = FALSE)
#'   ReadSection(folder)
#' }
#' @export
ReadSection <- function(
  path,
  assay = "Spatial",
  image = c("auto", "visium", "fov", "none"),
  platform = NULL,
  sample = NULL,
  layer = NULL,
  raw = FALSE,
  off.tissue = FALSE,
  bin.size = NULL,
  table = NULL
) {
  call <- rlang::current_env()
  check_string(path, "path", "Give the path of a folder or of an .h5ad file.", call)
  image <- rlang::arg_match(image)
  check_reading(assay, platform, sample, layer, raw, off.tissue, bin.size, table, call)
  if (!file.exists(path)) {
    found <- sprintf("\"%s\", where there is nothing", path)
    sigel_abort("path", found, "a folder or an .h5ad file", "Check the path.", call)
  }
  settings <- list(layer = layer, raw = raw, off_tissue = off.tissue, table = table)
  arguments <- list(
    path = normalizePath(path),
    platform = platform,
    sample = if (!is.null(sample)) as.list(sample),
    bin_size = bin.size,
    settings = as_settings(Filter(Negate(is.null), settings))
  )
  pieces <- sigel_call("read_section", arguments, call)
  if (image != "none" && is.null(pieces$coordinates) && is.null(pieces$lattice)) {
    sigel_abort(
      "path",
      sprintf("\"%s\", without coordinates", basename(path)),
      "x and y of every spot in obsm[\"spatial\"], or array_row and array_col in obs",
      "Store them in the file, or use `image = \"none\"` and give `coordinates` to `RunSIGEL()`.",
      call
    )
  }
  object <- section_object(pieces, assay, "section", image, call)
  with_features(object, pieces, assay)
}

check_reading <- function(assay, platform, sample, layer, raw, off.tissue, bin.size, table, call) {
  check_string(assay, "assay", "Use `assay = \"Spatial\"`.", call)
  named <- list(platform = platform, layer = layer, table = table)
  for (argument in names(Filter(Negate(is.null), named))) {
    check_string(named[[argument]], argument, sprintf("Use `%s = NULL`.", argument), call)
  }
  if (!is.null(sample) && (!is.character(sample) || !length(sample) || anyNA(sample))) {
    sigel_abort("sample", describe(sample), "names of samples", "Use `sample = NULL`.", call)
  }
  check_flag(raw, "raw", call)
  check_flag(off.tissue, "off.tissue", call)
  if (!is.null(bin.size)) {
    check_whole(bin.size, "bin.size", 1L, 8L, call)
  }
}

# The object with what is known of its genes, and with an assay of each kind of other features.
with_features <- function(object, pieces, assay) {
  if (!is.null(pieces$gene_ids)) {
    known <- data.frame(gene.ids = unlist(pieces$gene_ids), row.names = rownames(object))
    object[[assay]] <- SeuratObject::AddMetaData(object[[assay]], metadata = known)
  }
  for (kind in names(pieces$others)) {
    counts <- matrix_of(pieces$others[[kind]], colnames(object))
    # Seurat would change them so, with a warning.
    rownames(counts) <- make.unique(gsub("_", "-", rownames(counts), fixed = TRUE))
    name <- utils::tail(make.unique(c(taken_names(object), gsub("[^[:alnum:]]", "", kind))), 1L)
    object[[name]] <- SeuratObject::CreateAssayObject(counts = counts)
  }
  object
}
