# The section of a run: its counts and places out of a Seurat object, its settings, and tables of the engine.

# Counts as the run under `results` (or NULL) was given them, the place of every cell, and the section of each where the
# run was of several.
section_of_run <- function(object, results, assay, image, coordinates, layer, call, features = NULL) {
  counts <- counts_of_run(object, results, assay, layer, call, features)
  cells <- colnames(counts)
  labels <- if (is.null(image)) labels_of_run(object, results, cells, call)
  places <- places_of(object, image, coordinates, cells, call, labels)
  list(counts = counts, places = places, labels = labels)
}

# The section of each cell in the column that the run was told them apart by; NULL where there was none, or it has gone.
labels_of_run <- function(object, results, cells, call) {
  column <- if (!is.null(results)) SeuratObject::Misc(results)$section
  if (is.null(column) || !column %in% names(object[[]])) {
    return(NULL)
  }
  section_labels(meta_columns(object, column, cells, "section", call)[[1L]], cells, call)
}

# Counts in the layer of the run, of the genes that it was given; `features` are checked to be among them.
counts_of_run <- function(object, results, assay, layer, call, features = NULL) {
  of_run <- if (!is.null(results)) SeuratObject::DefaultAssay(results)
  layer <- layer %||% if (!is.null(results)) SeuratObject::Misc(results)$layer
  layer <- layer %||% "counts"
  assay <- choose_assay(object, assay %||% of_run, call)
  counts <- as_counts(read_counts(object[[assay]], layer, call), "layer", call)
  select_features(counts, features, call)
  if (identical(assay, of_run)) seen_by_model(counts, features, results, call) else counts
}

# The library of a spot, by which counts are normalised, is that of the genes the run was given; in their order.
seen_by_model <- function(counts, features, results, call) {
  seen <- SeuratObject::Misc(results)$features$gene
  outside <- setdiff(features, seen)
  if (length(outside)) {
    found <- sprintf("%s, not among the `features` of the run", some(outside))
    sigel_abort("features", found, "genes that the model saw", "Call `RunSIGEL()` with them.", call)
  }
  counts[seen[seen %in% rownames(counts)], , drop = FALSE]
}

# What the log of commands holds of a value that is too long for it, as the place of every cell is.
if_given <- function(x) if (!is.null(x)) "given"

# Settings of the run, or one part of them, as a Python dict; empty where there is no run. They stay Python's: in R a
# list of one element could not be told from the element.
settings_of_run <- function(results, part = NULL) {
  if (is.null(results)) {
    return(reticulate::dict(convert = FALSE))
  }
  json <- reticulate::import("json", convert = FALSE)
  settings <- json$loads(SeuratObject::Misc(results)$params)
  if (is.null(part)) settings else settings[[part]]
}

section_labels <- function(section, cells, call) {
  if (is.null(section)) {
    return(NULL)
  }
  section <- per_cell(section, cells, "section", call)
  if (anyNA(section)) {
    found <- sprintf("missing values for %d cells", sum(is.na(section)))
    sigel_abort("section", found, "the section of each cell", "Complete it, or leave the cells out.", call)
  }
  as.list(as.character(section))
}
