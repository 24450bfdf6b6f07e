# A SpatialExperiment as the verbs see it: a Seurat object over it that shares its counts, in which what earlier verbs
# left is found again. The functions of Bioconductor are reached by name, so that its packages need not be installed.

# Under this name the metadata of a SpatialExperiment keep what has no place elsewhere.
KEPT <- "sigel"

# Whether something is a SummarizedExperiment or of a class made of it; one read from a file may be of a package that is
# not loaded yet.
is_experiment <- function(x) {
  if (!isS4(x)) {
    return(FALSE)
  }
  package <- attr(class(x), "package")
  if (!is.null(package) && !isNamespaceLoaded(package)) {
    requireNamespace(package, quietly = TRUE)
  }
  methods::is(x, "SummarizedExperiment")
}

has_places <- function(x) is_experiment(x) && methods::is(x, "SpatialExperiment")

# A function of a package of Bioconductor.
bioc <- function(package, name, call = rlang::caller_env()) {
  if (!requireNamespace(package, quietly = TRUE)) {
    rlang::abort(
      c(
        sprintf("Objects of this class need the package %s, which is not installed.", package),
        i = sprintf("Run `BiocManager::install(\"%s\")`.", package)
      ),
      class = "sigel_error",
      call = call
    )
  }
  getExportedValue(package, name)
}

# What a function that takes a Seurat object works on, where it was given a SpatialExperiment; anything else as it is.
# Until the function whose frame `call` is returns, refusals speak of the latter.
as_seurat <- function(object, call = rlang::caller_env()) {
  if (!has_places(object)) {
    return(object)
  }
  rlang::local_options(sigel.words = "SpatialExperiment", .frame = call)
  seurat_view(object, call)
}

# Built slot by slot: the functions of SeuratObject would change the names of genes.
seurat_view <- function(object, call = rlang::caller_env()) {
  check_experiment(object, call)
  cells <- colnames(object)
  kept <- kept_of(object)
  assays <- c(assays_of_experiment(object), imputed_of_experiment(object))
  reductions <- reductions_of_experiment(object, kept$reductions)
  # Seurat finds a column of the meta data before anything else of its name.
  meta <- plain_columns(bioc("SummarizedExperiment", "colData")(object), cells, names(assays))
  reductions <- reductions[setdiff(names(reductions), c(names(meta), names(assays)))]
  places <- places_of_experiment(object)
  images <- images_of_experiment(places$table, object, c(names(meta), names(assays), names(reductions)))
  view <- methods::new(
    methods::getClass("Seurat", where = asNamespace("SeuratObject")),
    assays = assays,
    meta.data = meta,
    active.assay = names(assays)[1L],
    active.ident = stats::setNames(factor(rep("all", length(cells))), cells),
    graphs = list(),
    neighbors = list(),
    reductions = reductions,
    images = images,
    project.name = "SpatialExperiment",
    misc = kept$misc %||% list(),
    version = utils::packageVersion("SeuratObject"),
    commands = kept$commands %||% list(),
    tools = kept$tools %||% list()
  )
  attr(view, "experiment") <- list(assays = names_of_assays(object), no_places = places$fault)
  view
}

# What is known of the experiment that a Seurat object is a view of; NULL for any other object.
experiment_of <- function(object) attr(object, "experiment", exact = TRUE)

# Names that tell genes and cells apart; those of several samples often are the same.
check_experiment <- function(object, call) {
  check_experiment_names(colnames(object), "column", "cell", names_of_cells(object), call)
  fix <- if (is.null(rownames(object))) {
    "Name the genes: `rownames(object) <- ...`."
  } else {
    "`rownames(object) <- make.unique(rownames(object))`, or add up what belongs together."
  }
  check_experiment_names(rownames(object), "row", "gene", fix, call)
  if (!length(names_of_assays(object))) {
    fix <- "Give it one: `assay(object, \"counts\") <- counts`."
    sigel_abort("object", "an experiment without an assay", "raw counts", fix, call)
  }
}

check_experiment_names <- function(names, side, kind, fix, call) {
  wanted <- sprintf("a name of its own for each %s", kind)
  empty <- is.na(names) | !nzchar(names)
  found <- if (is.null(names)) {
    sprintf("no %s names", side)
  } else if (any(empty)) {
    sprintf("%d empty or missing %s names", sum(empty), side)
  } else if (anyDuplicated(names)) {
    sprintf("duplicated %s names: %s", side, some(unique(names[duplicated(names)])))
  }
  if (!is.null(found)) {
    sigel_abort("object", found, wanted, fix, call)
  }
}

# The line that gives cells names of their own: after their samples, where that is enough.
names_of_cells <- function(object) {
  samples <- bioc("SummarizedExperiment", "colData")(object)$sample_id
  names <- colnames(object)
  if (is.null(names) || anyNA(names) || !all(nzchar(names))) {
    return("`colnames(object) <- paste0(\"cell\", seq_len(ncol(object)))`.")
  }
  if (!is.null(samples) && !anyDuplicated(paste(samples, names, sep = "_"))) {
    return("`colnames(object) <- paste(object$sample_id, colnames(object), sep = \"_\")`.")
  }
  "`colnames(object) <- make.unique(colnames(object))`."
}

# What earlier verbs kept in the metadata; two experiments side by side have it twice, and it holds for neither.
kept_of <- function(object) {
  metadata <- bioc("S4Vectors", "metadata")(object)
  own <- metadata[names(metadata) %in% KEPT]
  if (length(own) == 1L && is.list(own[[1L]])) own[[1L]] else list()
}

# Names of the assays, "counts" first; the only one need have no name.
names_of_assays <- function(object) {
  names <- bioc("SummarizedExperiment", "assayNames")(object)
  n <- length(bioc("SummarizedExperiment", "assays")(object, withDimnames = FALSE))
  if (n == 1L && !any(nzchar(names))) {
    return("counts")
  }
  names <- unique(names[nzchar(names)])
  c(intersect("counts", names), setdiff(names, "counts"))
}

# Every assay of numbers as one of Seurat's, with the genes' columns.
assays_of_experiment <- function(object) {
  read <- bioc("SummarizedExperiment", "assay")
  names <- names_of_assays(object)
  features <- plain_columns(bioc("SummarizedExperiment", "rowData")(object), rownames(object))
  assays <- lapply(seq_along(names), function(k) {
    # The only one may have no name.
    which <- if (length(names) > 1L) names[k] else 1L
    values <- read(object, which, withDimnames = FALSE)
    held <- methods::is(values, "dgCMatrix")
    values <- if (held) with_names(values, dimnames(object)) else values
    bare_assay(values, dimnames(object), features, key = sprintf("assay%d_", k), held = held)
  })
  stats::setNames(assays, names)
}

# Names without a copy where they are there already.
with_names <- function(values, names) {
  if (!identical(dimnames(values), names)) {
    dimnames(values) <- names
  }
  values
}

# An assay of Seurat whose genes keep their names. What it does not hold stays where it is, beside an assay of zeros,
# until counts are read.
bare_assay <- function(values, names, features, key, misc = list(), counts = TRUE, held = TRUE) {
  nothing <- function(names) {
    n <- lengths(names)
    methods::new("dgCMatrix", p = integer(n[2L] + 1L), Dim = n, Dimnames = names)
  }
  data <- if (held) values else nothing(unname(names))
  assay <- methods::new(
    methods::getClass("Assay", where = asNamespace("SeuratObject")),
    counts = if (held && counts) values else nothing(list(character(), character())),
    data = data,
    meta.features = features,
    misc = misc,
    key = key
  )
  attr(assay, "experiment") <- list(source = if (!held) values)
  assay
}

# The columns of a DataFrame that a data frame can hold, but for names that are taken.
plain_columns <- function(table, names, taken = character()) {
  columns <- setdiff(colnames(table), taken)
  columns <- lapply(stats::setNames(nm = columns), function(column) {
    values <- table[[column]]
    if (methods::is(values, "Rle")) bioc("S4Vectors", "decode")(values) else values
  })
  columns <- Filter(function(values) is.atomic(values) && is.null(dim(values)), columns)
  plain <- data.frame(row.names = names)
  plain[names(columns)] <- columns
  plain
}

# Reductions: those of earlier verbs as they were, of others the names.
reductions_of_experiment <- function(object, kept) {
  if (!methods::is(object, "SingleCellExperiment")) {
    return(list())
  }
  read <- bioc("SingleCellExperiment", "reducedDim")
  names <- bioc("SingleCellExperiment", "reducedDimNames")(object)
  names <- unique(names[nzchar(names)])
  reductions <- lapply(stats::setNames(nm = names), function(name) {
    about <- kept[[name]]
    loadings <- about$loadings %||% matrix(0, 0L, 0L)
    key <- about$key %||% paste0(gsub("[^[:alnum:]]", "", make.names(name)), "_")
    methods::new(
      methods::getClass("DimReduc", where = asNamespace("SeuratObject")),
      cell.embeddings = if (is.null(about)) {
        matrix(0, ncol(object), 1L, dimnames = list(colnames(object), paste0(key, 1L)))
      } else {
        named_rows(read(object, name), colnames(object))
      },
      feature.loadings = loadings[rownames(loadings) %in% rownames(object), , drop = FALSE],
      global = FALSE,
      assay.used = about$assay %||% names_of_assays(object)[1L],
      key = key,
      misc = about[setdiff(names(about), c("loadings", "assay", "key"))] %||% list()
    )
  })
  reductions
}

named_rows <- function(x, names) {
  rownames(x) <- names
  x
}

# Alternative experiments that ImputeGenes() made, as assays.
imputed_of_experiment <- function(object) {
  if (!methods::is(object, "SingleCellExperiment")) {
    return(list())
  }
  names <- bioc("SingleCellExperiment", "altExpNames")(object)
  names <- setdiff(names[nzchar(names)], names_of_assays(object))
  assays <- lapply(stats::setNames(nm = names), function(name) {
    other <- bioc("SingleCellExperiment", "altExp")(object, name)
    misc <- bioc("S4Vectors", "metadata")(other)
    held <- bioc("SummarizedExperiment", "assayNames")(other)
    names <- list(rownames(other), colnames(object))
    read <- function(part) {
      if (part %in% held) {
        with_names(bioc("SummarizedExperiment", "assay")(other, part, withDimnames = FALSE), names)
      }
    }
    if (!made_by_imputing(misc) || is.null(rownames(other)) || !IMPUTED_VALUES %in% held) {
      # There by its name alone.
      names[[1L]] <- character()
      return(bare_assay(NULL, names, data.frame(), key = "other_", held = FALSE))
    }
    features <- plain_columns(bioc("SummarizedExperiment", "rowData")(other), rownames(other))
    misc <- c(Filter(Negate(is.null), list(lower = read("lower"), upper = read("upper"))), misc)
    key <- paste0(gsub("[^[:alnum:]]", "", name), "_")
    bare_assay(read(IMPUTED_VALUES), names, features, key, misc, counts = FALSE)
  })
  assays
}

# The assay of an alternative experiment that holds imputed values.
IMPUTED_VALUES <- "logcounts"

# Places by the coordinates of the experiment: a `table` that is fit for images, or else the `fault`, what was found,
# wanted and would do, which is told where places are needed.
places_of_experiment <- function(object) {
  if (!methods::is(object, "SpatialExperiment")) {
    return(list(fault = NULL))
  }
  xy <- bioc("SpatialExperiment", "spatialCoords")(object)
  columns <- colnames(xy)
  pair <- if (is.null(columns) && NCOL(xy) == 2L) {
    XY[[1L]]
  } else {
    Find(function(pair) all(pair %in% columns), XY)
  }
  fault <- function(found, wanted, fix) list(fault = list(found = found, wanted = wanted, fix = fix))
  if (!NCOL(xy)) {
    fix <- paste(
      "Give them, `spatialCoords(object) <- as.matrix(places[c(\"x\", \"y\")])`, or give `coordinates`, a data",
      "frame with columns x and y and the cells as row names."
    )
    return(fault("no coordinates in `spatialCoords(object)`", "the place of every cell", fix))
  }
  if (is.null(pair)) {
    found <- sprintf(
      "`spatialCoords(object)` with columns %s",
      if (is.null(columns)) ncol(xy) else some(columns, 6L)
    )
    fix <- "Name them, for example `spatialCoordsNames(object) <- c(\"x\", \"y\")`."
    return(fault(found, "columns x and y, or pxl_col_in_fullres and pxl_row_in_fullres", fix))
  }
  if (!is.null(columns)) {
    xy <- xy[, pair, drop = FALSE]
  }
  lost <- which(!is.finite(rowSums(xy)))
  if (length(lost)) {
    found <- sprintf(
      "no coordinates of %d of %d cells: %s",
      length(lost),
      nrow(xy),
      some(colnames(object)[lost])
    )
    fix <- "Leave them out: `object <- object[, is.finite(rowSums(spatialCoords(object)))]`."
    return(fault(found, "finite numbers", fix))
  }
  dimnames(xy) <- list(colnames(object), c("x", "y"))
  list(table = xy)
}

# A field of view for each sample, of its name.
images_of_experiment <- function(table, object, taken) {
  if (is.null(table)) {
    return(list())
  }
  sample <- as.character(
    bioc("SummarizedExperiment", "colData")(object)$sample_id %||% rep("sample01", nrow(table))
  )
  sample[is.na(sample) | !nzchar(sample)] <- "NA"
  rows <- split(seq_len(nrow(table)), factor(sample, unique(sample)))
  images <- lapply(seq_along(rows), function(k) {
    own <- table[rows[[k]], , drop = FALSE]
    field_of_view(own, NULL, names_of_assays(object)[1L], sprintf("image%d_", k))
  })
  names <- names(rows)
  stats::setNames(images, utils::tail(make.unique(c(taken, names)), length(names)))
}
