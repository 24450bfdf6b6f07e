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
  for (part in c("misc", "commands", "tools")) {
    kept[[part]] <- methods::slot(view, part)
  }
  metadata <- bioc("S4Vectors", "metadata")(object)
  metadata <- c(metadata[!names(metadata) %in% KEPT], stats::setNames(list(kept), KEPT))
  bioc("S4Vectors", "metadata<-")(object, value = metadata)
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
