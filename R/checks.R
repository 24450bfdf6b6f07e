# Checks of arguments that several verbs have; each refuses in the name of the function that the user called.

check_flag <- function(x, argument, call = rlang::caller_env()) {
  if (!is.logical(x) || length(x) != 1L || is.na(x)) {
    sigel_abort(argument, describe(x), "TRUE or FALSE", sprintf("Use `%s = TRUE`.", argument), call)
  }
}

check_string <- function(x, argument, fix, call = rlang::caller_env()) {
  if (!is.character(x) || length(x) != 1L || is.na(x) || !nzchar(x)) {
    sigel_abort(argument, describe(x), "one string", fix, call)
  }
}

# Other names Seurat would change on the way.
check_plain_name <- function(name, argument, call) {
  if (make.names(name) != name) {
    fix <- sprintf("Use `%s = \"%s\"`.", argument, make.names(name))
    sigel_abort(argument, describe(name), "a name of letters, digits, dots and underscores", fix, call)
  }
}

check_whole <- function(x, argument, min, example = min, call = rlang::caller_env()) {
  ok <- is.numeric(x) && length(x) == 1L && is.finite(x) && x == round(x) && x >= min
  if (!ok) {
    wanted <- sprintf("one whole number, %d or more", min)
    sigel_abort(
      argument,
      describe(x),
      wanted,
      sprintf("Use, for example, `%s = %d`.", argument, example),
      call
    )
  }
}

check_number <- function(x, argument, fix, call) {
  if (!is.numeric(x) || length(x) != 1L || !is.finite(x)) {
    sigel_abort(argument, describe(x), "one finite number", fix, call)
  }
}

check_share <- function(x, argument, example, call) {
  if (!is.numeric(x) || length(x) != 1L || !isTRUE(abs(x - 0.5) <= 0.5 && x > 0)) {
    fix <- sprintf("Use `%s = %s`.", argument, format(example))
    sigel_abort(argument, describe(x), "one number above 0, up to 1", fix, call)
  }
}

# A size that a plot draws with, or another number above 0.
check_positive <- function(x, argument, fix, call) {
  if (!is.numeric(x) || length(x) != 1L || !isTRUE(is.finite(x) && x > 0)) {
    sigel_abort(argument, describe(x), "one number above 0", fix, call)
  }
}

# Names of genes; whether there are such genes is another question.
check_gene_names <- function(features, fix, call, wanted = "names of genes", argument = "features") {
  if (!is.character(features) || !length(features) || anyNA(features)) {
    found <- if (is.null(features)) "nothing" else describe(features)
    sigel_abort(argument, found, wanted, fix, call)
  }
}

# Settings by name; what they are called is the engine's to check.
check_settings <- function(config, example, call, wanted = "a nested named list of settings") {
  if (!is.list(config) || length(config) && !rlang::is_named(config)) {
    fix <- sprintf("For example `config = %s`.", example)
    sigel_abort("config", describe(config), wanted, fix, call)
  }
}

# A table that another function returned.
check_table <- function(table, columns, maker, call, argument = "table") {
  if (!is.data.frame(table) || !all(columns %in% names(table)) || !nrow(table)) {
    whole <- is.data.frame(table) && all(columns %in% names(table))
    found <- if (is.null(table)) {
      "nothing"
    } else if (whole) {
      "a table without rows"
    } else {
      describe(table)
    }
    wanted <- if (whole) "some rows" else paste("a data frame with columns", toString(columns))
    sigel_abort(argument, found, wanted, sprintf("Give what `%s()` returned.", maker), call)
  }
}

# One of some words; an argument left at its default, all of them, means the first.
check_choice <- function(x, choices, argument, call) {
  if (identical(x, choices)) {
    return(choices[1L])
  }
  if (!is.character(x) || length(x) != 1L || !x %in% choices) {
    fix <- sprintf("Use `%s = \"%s\"`.", argument, choices[1L])
    sigel_abort(argument, describe(x), paste("one of", some(choices, 10L)), fix, call)
  }
  x
}

AN_OBJECT <- "a Seurat object or a SpatialExperiment"

# Images are made from counts, which a reduction does not hold.
check_seurat <- function(object, call = rlang::caller_env()) {
  if (!inherits(object, "Seurat")) {
    fix <- "Pass the object that holds the counts."
    sigel_abort("object", describe(object), AN_OBJECT, fix, call)
  }
}

# A new assay covers all cells of its object.
check_all_cells <- function(object, assay, call) {
  outside <- setdiff(colnames(object), colnames(object[[assay]]))
  if (length(outside)) {
    found <- sprintf("\"%s\", which lacks %d of %d cells", assay, length(outside), ncol(object))
    fix <- sprintf("Take its cells first: `subset(object, cells = colnames(object[[\"%s\"]]))`.", assay)
    sigel_abort("assay", found, "an assay with all cells of the object", fix, call)
  }
}

# What else an object holds by a name; Seurat would refuse a second one only after the work.
taken_names <- function(object) {
  c(SeuratObject::Assays(object), SeuratObject::Images(object), names(methods::slot(object, "graphs")))
}

check_reduction_name <- function(object, name, call) {
  check_string(name, "reduction.name", "Use `reduction.name = \"sigel\"`.", call)
  check_plain_name(name, "reduction.name", call)
  if (name %in% taken_names(object)) {
    found <- sprintf("\"%s\", the name of an assay, an image or a graph", name)
    sigel_abort("reduction.name", found, "a name of its own", "Use `reduction.name = \"sigel\"`.", call)
  }
}

check_representations <- function(x, call) {
  wanted <- "a Seurat object, its reduction, a SpatialExperiment, or a matrix of representations, genes x dimensions"
  if (!is.matrix(x) || !is.numeric(x)) {
    sigel_abort("object", describe(x), wanted, "Pass what `RunSIGEL()` returned.", call)
  }
  check_names(rownames(x), "object", "row", "gene", call)
  bad <- sum(!is.finite(x))
  if (bad) {
    found <- paste(
      number_of(bad, "value"),
      if (bad == 1L) "that is NA, NaN or infinite" else "that are NA, NaN or infinite"
    )
    sigel_abort("object", found, "finite values", "Leave out genes without a representation.", call)
  }
}
