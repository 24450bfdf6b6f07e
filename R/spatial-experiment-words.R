# What is said of a Seurat object, as users of SpatialExperiment say it: lines that are to run have its functions.

# Patterns of refusals (regular expressions), each followed by what it is here; in this order.
EXPERIMENT_PHRASES <- c(
  r"((`object\[\["[^"]+"\]\] <- NULL`, )*`object <- subset\(object, cells = Cells\(object\[\[("[^"]+")\]\]\)\)`)",
  r"(`object <- object[, object$sample_id == \2]`)",
  r"(`subset\(object, cells = [.]{3}\)`)",
  r"(`object[, object$sample_id == ...]`)",
  r"(`object\[\[("[^"]+")\]\] <- NULL`, or use)",
  r"(`altExp(object, \1) <- NULL`, or use)",
  r"{`object\[\["([^"]+)"\]\] <- NULL`}",
  r"(`object$\1 <- NULL`)",
  r"(The meta data hold array positions: `coordinates = object\[\[(.*?)\]\]`)",
  r"(Array positions are there: `coordinates = as.data.frame(colData(object)[\1])`)",
  r"(`names\(object\[\[\]\]\)`)",
  r"(`names(colData(object))`)",
  r"(one of the names in `Images\(object\)`)",
  r"(one of `unique(object$sample_id)`)",
  r"(`Assays\(object\)`)",
  r"(`assayNames(object)`)",
  r"(`rownames\(Loadings\(object\[\["[^"]+"\]\]\)\)`)",
  r"(`rownames(metadata(object)$sigel$reductions$sigel$loadings)`)",
  r"(section = "slide")",
  r"(section = "sample_id")",
  r"((the|The|its) meta data)",
  "colData",
  r"('s meta data)",
  "'s colData",
  r"(`Misc\(\)` of the object has)",
  "`metadata(object)` has",
  "no image in the object",
  "no coordinates in the object",
  "an image, or coordinates",
  "a SpatialExperiment, or coordinates",
  "an object without an image",
  "an object without coordinates",
  r"(an image( or a|, a) graph)",
  r"(a sample\1 graph)",
  r"((\d+) images:)",
  r"(\1 samples:)",
  r"(one image\b)",
  "one sample",
  r"(the image(s?) ")",
  r"(the sample\1 ")"
)
EXPERIMENT_PHRASES <- stats::setNames(EXPERIMENT_PHRASES[c(FALSE, TRUE)], EXPERIMENT_PHRASES[c(TRUE, FALSE)])

# A text as users of the object in question say it, see `as_seurat`.
in_words_of_object <- function(text) {
  if (identical(getOption("sigel.words"), "SpatialExperiment")) {
    for (phrase in names(EXPERIMENT_PHRASES)) {
      text[] <- gsub(phrase, EXPERIMENT_PHRASES[[phrase]], text, perl = TRUE)
    }
  }
  text
}

# An experiment without places where a section is wanted: the line that makes a SpatialExperiment of it, which the call
# of the user then takes as it is. One on its counts would be another: it knows no columns by name.
refuse_experiment <- function(object, call) {
  columns <- colnames(bioc("SummarizedExperiment", "colData")(object))
  found <- sprintf("%s, which does not hold the place of a cell", describe(object))
  sigel_abort(
    "object",
    found,
    "a SpatialExperiment, or counts with coordinates",
    line_with_places(columns),
    call
  )
}

# `columns`: names of those of the cells.
line_with_places <- function(columns) {
  pair <- Find(function(pair) all(pair %in% columns), XY)
  places <- if (is.null(pair)) {
    "spatialCoords = as.matrix(places[colnames(object), c(\"x\", \"y\")])"
  } else {
    sprintf("spatialCoordsNames = c(%s)", toString(dQuote(pair, FALSE)))
  }
  parts <- "assays = assays(object), rowData = rowData(object), colData = colData(object)"
  fix <- sprintf("Give the places: `object <- SpatialExperiment::SpatialExperiment(%s, %s)`.", parts, places)
  if (is.null(pair)) {
    fix <- paste(fix, "`places`: a data frame with columns x and y, and the cells as row names.")
  }
  fix
}
