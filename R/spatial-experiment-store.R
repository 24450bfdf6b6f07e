# What a verb made of the view of a SpatialExperiment, in the experiment's own places.

# A SpatialExperiment with what a verb makes of the view of it, `before`, by `code`.
store_in <- function(object, before, code, call = rlang::caller_env()) {
  view <- speaking_for(call, code)
  for (name in experiment_of(before)$assays) {
    object <- store_columns(object, "rowData", before[[name]][[]], view[[name]][[]])
  }
  object <- store_columns(object, "colData", before[[]], view[[]])
  kept <- kept_of(object)
  for (name in changed(methods::slot(before, "reductions"), methods::slot(view, "reductions"))) {
    results <- methods::slot(view, "reductions")[[name]]
    object <- bioc("SingleCellExperiment", "reducedDim<-")(
      object,
      name,
      value = SeuratObject::Embeddings(results)
    )
    about <- list(
      loadings = SeuratObject::Loadings(results),
      assay = SeuratObject::DefaultAssay(results),
      key = unname(SeuratObject::Key(results))
    )
    kept$reductions[[name]] <- c(about, methods::slot(results, "misc"))
  }
  for (name in setdiff(SeuratObject::Assays(view), experiment_of(before)$assays)) {
    if (!identical(before@assays[[name]], view@assays[[name]])) {
      imputed <- as_alternative(view@assays[[name]], object)
      object <- bioc("SingleCellExperiment", "altExp<-")(object, name, value = imputed)
    }
  }
  methods::slot(view, "commands") <- as_typed(view, before, call)
  for (part in c("misc", "commands", "tools")) {
    kept[[part]] <- methods::slot(view, part)
  }
  metadata <- bioc("S4Vectors", "metadata")(object)
  metadata <- c(metadata[!names(metadata) %in% KEPT], stats::setNames(list(kept), KEPT))
  bioc("S4Vectors", "metadata<-")(object, value = metadata)
}

# The commands of a view: those that are new with the call that the user wrote, in whose frame they were made, as what a
# verb logs is the call of it on the view.
as_typed <- function(view, before, call) {
  commands <- methods::slot(view, "commands")
  for (name in changed(methods::slot(before, "commands"), commands)) {
    if (!is.null(commands[[name]])) {
      methods::slot(commands[[name]], "call.string") <- text_of_call(call)
    }
  }
  commands
}

text_of_call <- function(frame) {
  asked <- rlang::frame_call(frame)
  asked[[1L]] <- as.name(verb_of_frame(frame))
  # Objects and tables that do.call() put into the call would fill pages: they go by the names of their arguments.
  formal <- names(formals(rlang::frame_fn(frame)))
  for (k in seq_along(asked)[-1L]) {
    if (!is.language(asked[[k]]) && utils::object.size(asked[[k]]) > 1e4) {
      named <- rlang::names2(asked)[k]
      asked[[k]] <- as.name(if (nzchar(named)) named else formal[min(k - 1L, length(formal))])
    }
  }
  paste(trimws(deparse(asked, 500L)), collapse = " ")
}

# Names of what is new in a list or not what it was, and of what has gone.
changed <- function(before, after) {
  names <- union(names(before), names(after))
  Filter(function(name) !identical(before[[name]], after[[name]]), names)
}

# The columns of genes (`rowData`) or of cells (`colData`) that a verb wrote.
store_columns <- function(object, part, before, after) {
  names <- changed(before, after)
  if (!length(names)) {
    return(object)
  }
  table <- bioc("SummarizedExperiment", part)(object)
  for (name in names) {
    table[[name]] <- after[[name]]
  }
  bioc("SummarizedExperiment", paste0(part, "<-"))(object, value = table)
}

# An imputed assay as an experiment beside the object's own genes: values and bounds of intervals are its assays.
as_alternative <- function(assay, object) {
  misc <- methods::slot(assay, "misc")
  values <- list(methods::slot(assay, "data"), lower = misc$lower, upper = misc$upper)
  names(values)[1L] <- IMPUTED_VALUES
  values <- lapply(Filter(Negate(is.null), values), for_all_cells, cells = colnames(object))
  features <- bioc("S4Vectors", "DataFrame")(assay[[]], check.names = FALSE)
  imputed <- bioc("SingleCellExperiment", "SingleCellExperiment")(assays = values, rowData = features)
  # With their names, so that nothing is copied to read them.
  imputed <- bioc("SummarizedExperiment", "assays<-")(imputed, withDimnames = FALSE, value = values)
  about <- misc[setdiff(names(misc), c("lower", "upper"))]
  bioc("S4Vectors", "metadata<-")(imputed, value = about)
}
