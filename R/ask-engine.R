# What the questions asked of a section have in common: what they take up from an earlier run, where there was one,
# the checks of their arguments, and their tables.

# The run under a name, NULL where there is none. With `new.name` there need be none: it is a name to write under.
asked_results <- function(object, reduction, new.name, call) {
  check_string(reduction, "reduction", "Use `reduction = \"sigel\"`.", call)
  known <- reduction %in% SeuratObject::Reductions(object)
  if (new.name && !known) {
    check_plain_name(reduction, "reduction", call)
  }
  # The default is a name to look under; another one was meant.
  if (known || reduction != "sigel" && !new.name) sigel_results(object, reduction, call)
}

# What a question takes up from a Seurat object, and whether its images are those of the run. `told`: whether a warning
# says how many cells lie beside the tissue.
asked_section <- function(
  object,
  assay,
  image,
  coordinates,
  features,
  layer,
  reduction,
  config,
  call,
  model = NULL,
  new.name = FALSE,
  section = NULL,
  told = TRUE
) {
  results <- asked_results(object, reduction, new.name, call)
  run_assay <- if (!is.null(results)) SeuratObject::DefaultAssay(results)
  run_layer <- SeuratObject::Misc(results %||% object)$layer
  assay <- choose_assay(object, assay %||% run_assay, call)
  layer <- layer %||% run_layer %||% "counts"
  cells <- colnames(object[[assay]])
  column <- section %||% if (is.null(image)) column_there(object, results)
  if (!is.null(column)) {
    check_string(column, "section", "Give the name of one column of the meta data.", call)
    section <- meta_columns(object, column, cells, "section", call)[[1L]]
  }
  places <- if_column_there(object, results, places_of(object, image, coordinates, cells, call, section))
  seen <- cells_within(object, cells, places, section, call, told)
  of_run <- identical(assay, run_assay) && is.null(features) && is.null(config)
  if (of_run) {
    known <- SeuratObject::Misc(results)$features$gene
    features <- intersect(known, rownames(object[[assay]]))
    sigel_engine(call)
    # A model that was named has settings of its own, which the engine takes up.
    config <- if (is.null(model)) list(image = settings_of_run(results, "image"))
  }
  list(
    assay = assay,
    layer = layer,
    cells = seen$cells,
    coordinates = seen$coordinates,
    features = features,
    config = config,
    section = seen$section,
    column = column,
    told = told_by_run(results, assay, layer),
    of_run = of_run && identical(layer, run_layer) && holds_sections_of(results, seen$section)
  )
}

# Whether the sections of the run, where there were several, are those that are there.
holds_sections_of <- function(results, section) {
  known <- if (!is.null(results)) names(SeuratObject::Misc(results)[["sections"]])
  is.null(known) || setequal(known, as.character(section))
}

# The folder of the model: the one given, else the one that the run saved, unless it has been changed or moved since.
model_of_run <- function(object, model, section, call) {
  if (!is.null(model)) {
    return(model)
  }
  saved <- SeuratObject::Tool(object, "RunSIGEL")
  there <- section$of_run && !is.null(saved$path) && all(file.exists(file.path(saved$path, MODEL_FILES)))
  if (there && identical(model_record(saved$path)$hash, saved$hash)) saved$path
}

# Refuses what is no section at all, before anything else is asked of it: arguments that its class would take are no
# fault of theirs.
check_object <- function(object, call) {
  if (is_experiment(object)) {
    refuse_experiment(object, call)
  }
  fix <- if (is.character(object)) {
    "Read the file first: `readRDS()` for an .rds file, `ReadSection()` for a folder or an .h5ad file."
  } else if (inherits(object, "sigel_table")) {
    "Pass the object that the table was made of."
  } else if (is.list(object) && !is.data.frame(object)) {
    lines_of_list(object, substitute(object, call), call)
  } else if (length(dim(object)) != 2L) {
    "Pass the object that holds the counts."
  }
  if (!is.null(fix)) {
    sigel_abort(
      "object",
      describe(object),
      "a Seurat object, an assay or a matrix of counts, or a SpatialExperiment",
      fix,
      call
    )
  }
}

# How a list of sections is taken by verbs of one object; `given`: what the user wrote for it.
lines_of_list <- function(objects, given, call) {
  if (length(objects) && all(vapply(objects, is_experiment, NA))) {
    return(
      "For several sections, `cbind()` them, cells with names of their own, and use `section = \"sample_id\"`."
    )
  }
  if (length(objects) > 1L && all(vapply(objects, inherits, NA, "Seurat"))) {
    return(lines_of_merge(objects, given, call))
  }
  "For several sections, `merge()` them and name the column of the meta data that tells them apart: `section = ...`."
}

# Lines that make of a list of Seurat objects one with a column that tells them apart.
lines_of_merge <- function(objects, given, call) {
  named <- is.symbol(given) && as.character(given) != "."
  list <- if (named) as.character(given) else "sections"
  # Given by `do.call()` it is the objects themselves.
  written <- if (is.call(given)) paste(deparse(given, width.cutoff = 500L), collapse = " ") else "list(...)"
  # Seurat would take a column for the image of its name.
  column <- setdiff(c("slide", "section", "tissue.section"), unlist(lapply(objects, taken_names)))[1L]
  verb <- sub("[.].*", "", rlang::call_name(rlang::frame_call(call)))
  lines <- c(
    "For several sections, merge them and name the column that tells them apart:",
    if (!named) sprintf("sections <- %s", if (nchar(written) < 100L) written else "list(...)"),
    if (!rlang::is_named(objects) || anyDuplicated(names(objects))) {
      sprintf("names(%s) <- c(%s)", list, toString(dQuote(paste0("s", seq_along(objects)), FALSE)))
    },
    sprintf("for (name in names(%s)) %s[[name]]$%s <- name", list, list, column),
    sprintf("object <- merge(%s[[1]], %s[-1], add.cell.ids = names(%s))", list, list, list),
    sprintf("%s(object, section = \"%s\")", verb, column)
  )
  paste(lines, collapse = "\n  ")
}

# Counts and places for the engine from what the `.default` methods are given.
plain_section <- function(object, coordinates, features, call) {
  check_object(object, call)
  counts <- as_counts(object, call = call, features = features)
  if (is.null(coordinates)) {
    wanted <- "a data frame with columns x and y, and the cells as row names"
    sigel_abort("coordinates", "nothing", wanted, "Give the place of every cell.", call)
  }
  counts <- select_features(counts, features, call)
  if (isTRUE(attr(coordinates, "checked")) && nrow(coordinates) < ncol(counts)) {
    # Cells within the tissue.
    counts <- counts[, rownames(coordinates), drop = FALSE]
  }
  list(
    counts = counts,
    places = places_from_table(coordinates, colnames(counts), call),
    told = getOption("sigel.told")
  )
}

# Arguments that all questions have.
check_question <- function(model, seed.use, device, verbose, call) {
  if (!is.null(model)) {
    check_string(model, "model", "Give the folder of a saved model, or NULL.", call)
  }
  check_whole(seed.use, "seed.use", 0L, call = call)
  check_string(device, "device", "Use `device = \"auto\"`.", call)
  check_flag(verbose, "verbose", call)
}

# The part `image` of `config`, the only one that a question without training has use for.
image_settings <- function(config, call) {
  config <- config %||% list()
  example <- "list(image = list(min_spots = 5))"
  check_settings(config, example, call)
  other <- setdiff(names(config), "image")
  if (length(other)) {
    fix <- sprintf("For example `config = %s`.", example)
    sigel_abort("config", sprintf("the part %s", some(other)), "the part \"image\" alone", fix, call)
  }
  as_settings(config$image %||% list())
}

# Ask the engine a question of a section; `arguments` by their names there, progress is shown if `verbose`.
ask_section <- function(name, section, arguments, verbose = FALSE, call = rlang::caller_env()) {
  # Before anything else speaks to Python: where there is none, this says so best.
  sigel_engine(call)
  ask_engine(name, c(list(section = engine_pieces(section)), arguments), verbose, call)
}

# The same of whatever is in `arguments`.
ask_engine <- function(name, arguments, verbose, call) {
  reporter <- progress_reporter(verbose)
  answered <- FALSE
  on.exit(close_progress(reporter, failed = !answered), add = TRUE)
  progress <- if (!is.null(reporter)) reticulate::r_to_py(reporter, convert = TRUE)
  answer <- sigel_call(name, c(arguments, list(progress = progress)), call)
  answered <- TRUE
  answer
}

# A Python dict from a named list, whatever the names; NULL stays NULL.
as_py_dict <- function(x) {
  if (!is.null(x)) reticulate::py_dict(as.list(names(x)), unname(x), convert = FALSE)
}

# Columns of the meta data, for the cells of the assay.
meta_columns <- function(object, names, cells, argument, call) {
  metadata <- object[[]]
  if (!is.character(names) || !length(names) || anyNA(names)) {
    fix <- "See `names(object[[]])`."
    sigel_abort(argument, describe(names), "names of columns of the meta data", fix, call)
  }
  unknown <- setdiff(names, names(metadata))
  if (length(unknown)) {
    nearest <- nearest_names(unknown[1L], names(metadata))
    fix <- if (length(nearest)) sprintf("Did you mean %s?", some(nearest)) else "See `names(object[[]])`."
    sigel_abort(argument, some(unknown), "names of columns of the meta data", fix, call)
  }
  metadata[cells, names, drop = FALSE]
}

# The known names that differ from an unknown one in at most a third of its letters, nearest first.
nearest_names <- function(name, known) {
  distance <- drop(utils::adist(name, known, ignore.case = TRUE))
  near <- which(distance <= max(1, nchar(name) %/% 3L))
  utils::head(known[near[order(distance[near])]], 3L)
}

# A sentence, after another, on the first of the unknown names; NULL where none is near.
nearest_in_words <- function(unknown, known) {
  near <- if (length(unknown)) nearest_names(unknown[1L], known)
  if (length(near)) paste0(" The nearest: ", some(near), ".")
}

# Values of each cell, in the order of the cells: as they stand, or by the cells' names.
per_cell <- function(x, cells, argument, call) {
  x <- if (is.factor(x)) stats::setNames(as.character(x), names(x)) else x
  lawful <- is.atomic(x) && is.null(dim(x)) && (is.numeric(x) || is.character(x) || is.logical(x))
  wanted <- "one value for each cell"
  if (!lawful) {
    sigel_abort(argument, describe(x), wanted, "Give numbers, text or a factor.", call)
  }
  if (!is.null(names(x))) {
    missing <- setdiff(cells, names(x))
    if (length(missing)) {
      found <- sprintf("no value for %d of %d cells: %s", length(missing), length(cells), some(missing))
      fix <- "Name every value by its cell, or `unname()` them where they are in the order of the cells."
      sigel_abort(argument, found, wanted, fix, call)
    }
    x <- x[match(cells, names(x))]
  } else if (length(x) != length(cells)) {
    found <- sprintf("%s for %s", number_of(length(x), "value"), number_of(length(cells), "cell"))
    sigel_abort(argument, found, wanted, "Give them in the order of the cells, or name them by cell.", call)
  }
  unname(x)
}
