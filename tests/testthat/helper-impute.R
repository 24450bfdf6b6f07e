# A simulated panel with its reference, small enough to impute in a second or two; made once.
small_panel <- function(...) {
  key <- rlang::hash(list("panel", ...))
  if (is.null(made[[key]])) {
    made[[key]] <- SimulatePanel(
      seed = 1,
      n.panel = 45,
      n.rows = 16,
      n.cols = 16,
      n.programmes = 3,
      genes.per.programme = 25,
      n.background.genes = 25,
      ...
    )
  }
  made[[key]]
}

# Cross-validated in two folds, which takes half the time of five.
impute_quietly <- function(object, reference, ..., config = list(), device = "cpu") {
  if (is.list(config) && !"folds" %in% names(config)) {
    config <- c(config, list(folds = 2))
  }
  ImputeGenes(object, reference, ..., config = config, device = device, verbose = FALSE)
}

# All genes that the panel lacks, imputed once.
imputed_panel <- function() {
  if (is.null(made$imputed_panel)) {
    panel <- small_panel()
    made$imputed_panel <- impute_quietly(panel$target, panel$reference)
  }
  made$imputed_panel
}

# Values of an imputed assay, of Seurat 4 or 5.
imputed_values <- function(object, assay = "sigel.imputed") {
  assay <- object[[assay]]
  if (inherits(assay, "Assay")) {
    assay@data
  } else {
    getExportedValue("SeuratObject", "LayerData")(assay, layer = "data")
  }
}

# Places of an object's cells, as a data frame.
table_of <- function(object) {
  places <- getFromNamespace("places_from_images", "sigel")(object, NULL, colnames(object))
  as.data.frame(do.call(cbind, unname(places)))
}

# A section as the method for matrices takes it.
pieces_of <- function(object) list(counts = counts_of(object), coordinates = table_of(object))

# The same from matrices, imputed once.
from_matrices <- function() {
  if (is.null(made$from_matrices)) {
    panel <- small_panel()
    made$from_matrices <- impute_quietly(
      counts_of(panel$target),
      pieces_of(panel$reference),
      coordinates = table_of(panel$target)
    )
  }
  made$from_matrices
}

# Counts of the panel in each cell.
library_of <- function(object) Matrix::colSums(counts_of(object))

# Counts, genes x cells, normalised as imputed values are by default: to the panel's median library.
on_panel_scale <- function(counts, object) {
  library <- library_of(object)
  log1p(t(t(counts) / library * stats::median(library)))
}
