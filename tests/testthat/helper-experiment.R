# SpatialExperiment is there where Seurat 5 is tested.
skip_without_experiment <- function() {
  if (requireNamespace("SpatialExperiment", quietly = TRUE)) {
    return(invisible())
  }
  if (!seurat5()) {
    skip("needs SeuratObject >= 5, with which SpatialExperiment is tested")
  }
  missing_or_skip("the R package SpatialExperiment")
}

# Functions of Bioconductor, by name.
bioc <- function(name, package = "SummarizedExperiment") getExportedValue(package, name)
sce <- function(name) bioc(name, "SingleCellExperiment")
spatial <- function(name) bioc(name, "SpatialExperiment")
kept_in <- function(object) bioc("metadata", "S4Vectors")(object)$sigel

# Counts, places and meta data of a Seurat object as a SpatialExperiment.
as_experiment <- function(object, sample = "sample01", rename = identity) {
  counts <- counts_of(object)
  rownames(counts) <- rename(rownames(counts))
  table <- table_of(object)
  columns <- c(as.list(object[[]]), as.list(table[-(1:2)]))
  columns$sample_id <- rep(sample, length.out = ncol(counts))
  xy <- as.matrix(table[1:2])
  colnames(xy) <- c("pxl_col_in_fullres", "pxl_row_in_fullres")
  spatial("SpatialExperiment")(
    assays = list(counts = counts),
    colData = bioc("DataFrame", "S4Vectors")(columns, row.names = colnames(counts), check.names = FALSE),
    spatialCoords = xy
  )
}

# The section of `grouped_section`, and its run.
grouped_experiment <- function() {
  if (is.null(made$experiment)) {
    made$experiment <- RunSIGEL(
      as_experiment(grouped_section()),
      n.dims = 8,
      n.groups = 4,
      preset = "fast",
      verbose = FALSE
    )
  }
  made$experiment
}

# A file of R and back.
from_file <- function(object) {
  file <- withr::local_tempfile(fileext = ".rds")
  saveRDS(object, file)
  readRDS(file)
}
