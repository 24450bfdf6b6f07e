# The section of a run: its counts and places out of a Seurat object, its settings, and tables of the engine.

# Counts as the run under `results` (or NULL) was given them, the place of every cell, and the section of each where the
# run was of several; all of the cells within the tissue. With `one` an image that is named stands for its own cells.
# `section`: the column that tells sections apart where it is not that of the run.
section_of_run <- function(
  object,
  results,
  assay,
  image,
  coordinates,
  layer,
  call,
  features = NULL,
  one = FALSE,
  told = TRUE,
  section = NULL
) {
  counts <- counts_of_run(object, results, assay, layer, call, features)
  if (one && !is.null(image) && is.null(coordinates) && !is.null(column_of_run(results))) {
    image <- choose_image(object, image, colnames(counts), call)
    shown <- colnames(counts) %in%
      unlist(lapply(image, function(one) rownames(image_table(image_of(object, one)))))
    # Where it shows none, the refusal says so.
    counts <- if (any(shown)) counts[, shown, drop = FALSE] else counts
  }
  cells <- colnames(counts)
  labels <- if (!is.null(section)) {
    section_labels(meta_columns(object, section, cells, "section", call)[[1L]], cells, call)
  } else if (is.null(image)) {
    labels_of_run(object, results, cells, call)
  }
  places <- if_column_there(object, results, places_of(object, image, coordinates, cells, call, labels))
  seen <- within_tissue_of(object, counts, places, call, told)
  list(
    counts = seen$counts,
    places = seen$places,
    told = told_by_run(results, assay, layer),
    labels = if (is.null(seen$within)) labels else labels[seen$within]
  )
}

# Warnings that the run gave of the values in a layer (NULL: its own), which need not come again; NULL for none.
told_by_run <- function(results, assay, layer) {
  of_run <- if (!is.null(results)) SeuratObject::DefaultAssay(results)
  if (is.null(results) || !identical(assay %||% of_run, of_run)) {
    return(NULL)
  }
  made <- SeuratObject::Misc(results)
  same <- identical(layer %||% made$layer, made$layer) && !is.null(made$provenance)
  if (same && identical(jsonlite::fromJSON(made$provenance)$values, "fractions")) "fractions"
}

# The column of the meta data that told the sections of the run apart; NULL where there was one section.
column_of_run <- function(results) if (!is.null(results)) SeuratObject::Misc(results)[["section"]]

# That column, where it is still there.
column_there <- function(object, results) {
  column <- column_of_run(results)
  if (!is.null(column) && column %in% names(object[[]])) column
}

# The section of each cell in that column; NULL where there was none, or it has gone.
labels_of_run <- function(object, results, cells, call) {
  column <- column_there(object, results)
  if (is.null(column)) {
    return(NULL)
  }
  section_labels(meta_columns(object, column, cells, "section", call)[[1L]], cells, call)
}

# Where no place is found for the cells, and that column has gone, the refusal says so.
if_column_there <- function(object, results, code) {
  column <- column_of_run(results)
  if (is.null(column) || column %in% names(object[[]])) {
    return(code)
  }
  tryCatch(code, sigel_input_error = function(error) {
    gone <- sprintf(
      "The column \"%s\" told the sections of the run apart, and is gone from the meta data: put it back.",
      column
    )
    error$body <- c(error$body, i = gone)
    rlang::cnd_signal(error)
  })
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
    found <- paste("missing values for", number_of(sum(is.na(section)), "cell"))
    sigel_abort("section", found, "the section of each cell", "Complete it, or leave the cells out.", call)
  }
  as.list(as.character(section))
}
