# Objects of R as the plain pieces that the engine takes, and back.

# Counts, genes x cells, as a dgCMatrix with names that can be trusted. Of a matrix on disk only `features` are read,
# where they are given.
as_counts <- function(x, argument = "object", call = rlang::caller_env(), features = NULL) {
  if (isTRUE(attr(x, "checked"))) {
    return(x)
  }
  if (is.data.frame(x)) {
    sigel_abort(
      argument,
      "a data frame",
      "a matrix, genes x cells",
      "Convert it by `as.matrix()` first.",
      call
    )
  }
  if (is.matrix(x) && !(is.numeric(x) || is.logical(x))) {
    sigel_abort(argument, paste("a matrix of type", typeof(x)), "numbers", "Pass the raw counts.", call)
  }
  if (length(dim(x)) != 2L) {
    fix <- "Pass a (sparse) matrix of raw counts, an assay, a Seurat object or a SpatialExperiment."
    sigel_abort(argument, describe(x), "a matrix, genes x cells", fix, call)
  }
  check_names(rownames(x), argument, "row", "gene", call)
  check_names(colnames(x), argument, "column", "cell", call)
  if (!is_in_memory(x)) {
    x <- select_features(x, features, call)
  }
  counts <- as_dgc(x, argument, call)
  check_values(counts@x, argument, call)
  counts
}

# A mark for counts and places that were checked, so that the method they are handed on to takes them as they are.
mark_checked <- function(x) {
  attr(x, "checked") <- TRUE
  x
}

is_in_memory <- function(x) is.matrix(x) || methods::is(x, "Matrix")

# Sparse and dense matrices of the Matrix package go through its virtual classes; other classes, such as matrices on
# disk, bring their own way to a dgCMatrix.
as_dgc <- function(x, argument, call) {
  if (methods::is(x, "dgCMatrix")) {
    return(x)
  }
  if (is_in_memory(x)) {
    sparse <- methods::as(methods::as(x, "CsparseMatrix"), "generalMatrix")
    return(methods::as(sparse, "dMatrix"))
  }
  tryCatch(
    from_blocks(x, argument, call),
    error = function(error) {
      if (inherits(error, "sigel_error")) {
        rlang::cnd_signal(error)
      }
      why <- sub("\n.*", "", conditionMessage(error))
      found <- sprintf("a matrix of class %s, which cannot be read (%s)", class(x)[1L], why)
      sigel_abort(argument, found, "a matrix that can be made sparse", BY_FILE, call)
    }
  )
}

# Entries of a block of columns, which some classes read as a plain matrix: 160 MB.
BLOCK <- 2e7

# A matrix on disk, a block of columns at a time. `most`: how many values that are not 0 a dgCMatrix can hold.
from_blocks <- function(x, argument, call, block = BLOCK, most = .Machine$integer.max) {
  width <- max(1, floor(block / max(nrow(x), 1L)))
  from <- seq(1, max(ncol(x), 1), by = width)
  pieces <- vector("list", length(from))
  n <- 0
  for (k in seq_along(from)) {
    columns <- seq_len(min(width, ncol(x) - from[k] + 1)) + from[k] - 1
    piece <- methods::as(x[, columns, drop = FALSE], "dgCMatrix")
    n <- n + length(piece@x)
    if (n > most) {
      found <- sprintf(
        "a matrix of class %s with more than %s values that are not 0",
        class(x)[1L],
        format(most, big.mark = ",")
      )
      sigel_abort(argument, found, "no more, as sparse matrices of R hold no more", BY_FILE, call)
    }
    pieces[[k]] <- list(i = piece@i, x = piece@x, n = diff(piece@p))
  }
  part <- function(name) unlist(lapply(pieces, `[[`, name))
  methods::new(
    "dgCMatrix",
    i = part("i"),
    p = c(0L, cumsum(part("n"))),
    x = part("x"),
    Dim = dim(x),
    Dimnames = dimnames(x)
  )
}

# The way of a section that R cannot hold: what of the engine reads files takes some genes, or some cells, at a time.
BY_FILE <- paste(
  "Use the platform's folder, or write the section to a file, as by",
  "`zellkonverter::writeH5AD(object, \"section.h5ad\")` for a SpatialExperiment; then",
  "`sigel_command(\"genes\", \"section.h5ad\")`."
)

check_names <- function(names, argument, side, kind, call) {
  wanted <- sprintf("one name for each %s", kind)
  fix <- sprintf("Set `%snames()` of the matrix.", if (side == "row") "row" else "col")
  if (is.null(names)) {
    sigel_abort(argument, sprintf("no %s names", side), wanted, fix, call)
  }
  empty <- is.na(names) | !nzchar(names)
  if (any(empty)) {
    sigel_abort(argument, sprintf("%d empty or missing %s names", sum(empty), side), wanted, fix, call)
  }
  twice <- unique(names[duplicated(names)])
  if (length(twice)) {
    sigel_abort(
      argument,
      sprintf("duplicated %s names: %s", side, some(twice)),
      sprintf("different names of %ss", kind),
      sprintf(
        "Use `make.unique(%snames(x))`, or add up what belongs together.",
        if (side == "row") "row" else "col"
      ),
      call
    )
  }
}

# Negative values are left to the engine: they are lawful with `normalize = "none"`.
check_values <- function(values, argument, call) {
  bad <- sum(!is.finite(values))
  if (bad) {
    found <- paste(
      number_of(bad, "value"),
      if (bad == 1L) "that is NA, NaN or infinite" else "that are NA, NaN or infinite"
    )
    wanted <- "raw counts, none of them negative, NaN or infinite"
    sigel_abort(argument, found, wanted, "Pass the layer of raw counts.", call)
  }
}

# The layers of a split assay side by side, for the cells asked for; the assay itself is only read.
join_layers <- function(pieces, features, cells) {
  columns <- lapply(pieces, function(piece) {
    piece <- methods::as(piece, "TsparseMatrix")
    rows <- match(rownames(piece), features)
    Matrix::sparseMatrix(
      i = rows[piece@i + 1L],
      j = piece@j + 1L,
      x = piece@x,
      dims = c(length(features), ncol(piece)),
      dimnames = list(features, colnames(piece))
    )
  })
  joined <- do.call(cbind, columns)
  joined[, cells, drop = FALSE]
}

# The slots of a dgCMatrix, of which the engine makes one of its own.
sparse_pieces <- function(x) {
  list(i = as_vector(x@i), p = as_vector(x@p), x = as_vector(x@x), dim = as.list(dim(x)))
}

# A section as it crosses to the engine, in one piece: `section` has `counts`, `places` and, where there are several
# sections, `labels`, the section of each cell; `told`: warnings that were given of it before.
engine_pieces <- function(section) {
  beside <- list(
    genes = as.list(rownames(section$counts)),
    coordinates = section$places$coordinates,
    lattice = section$places$lattice,
    labels = section$labels,
    told = as.list(section$told)
  )
  c(sparse_pieces(section$counts), beside)
}

# Group labels in the order of their numbers; genes without a group are NA.
as_group <- function(labels) {
  labels[!nzchar(labels)] <- NA_character_
  levels <- unique(labels[!is.na(labels)])
  number <- suppressWarnings(as.numeric(levels))
  # Genes without a pattern have a group with a name, the last.
  flat <- levels == "no pattern"
  factor(labels, levels = if (anyNA(number[!flat])) sort(levels) else levels[order(number)])
}

choose_assay <- function(object, assay, call) {
  own <- experiment_of(object)$assays
  if (is.null(assay) && !is.null(own) && !"counts" %in% own) {
    fix <- sprintf("Name the assay with the raw counts, for example `assay = \"%s\"`.", own[1L])
    sigel_abort("assay", sprintf("no assay \"counts\", only %s", some(own, 10L)), "raw counts", fix, call)
  }
  assay <- assay %||% SeuratObject::DefaultAssay(object)
  assays <- SeuratObject::Assays(object)
  check_string(assay, "assay", "Use one of the names in `Assays(object)`.", call)
  if (!assay %in% assays) {
    fix <- sprintf("Use `assay = \"%s\"`.", assays[1L])
    sigel_abort("assay", sprintf("\"%s\"", assay), paste("one of", some(assays, 10L)), fix, call)
  }
  if (wants_counts(call)) {
    check_counts_of(object, assay, call)
  }
  assay
}

# Whether the verb whose frame `call` is takes a layer, and was not given another than the raw counts.
wants_counts <- function(call) {
  exists("layer", call, inherits = FALSE) &&
    (get("layer", call, inherits = FALSE) %||% "counts") == "counts" &&
    is.null(get0("slot", call, inherits = FALSE))
}

# Integrated assays hold no counts, those of SCTransform corrected ones.
check_counts_of <- function(object, assay, call) {
  raw <- function(name) !inherits(object[[name]], "SCTAssay") && has_counts(object[[name]])
  others <- Filter(raw, setdiff(SeuratObject::Assays(object), assay))
  if (!has_counts(object[[assay]]) && length(others)) {
    imputed <- !is.null(imputation_misc(object[[assay]]))
    found <- sprintf("\"%s\", which %s", assay, if (imputed) "is imputed" else "holds no counts")
    fix <- sprintf("Use `assay = \"%s\"`.", others[1L])
    sigel_abort("assay", found, "an assay with raw counts", fix, call)
  }
  if (inherits(object[[assay]], "SCTAssay")) {
    rlang::warn(
      c(
        sprintf(
          "The counts of \"%s\" were corrected by SCTransform(), which takes out part of their noise.",
          assay
        ),
        i = if (length(others)) sprintf("The raw ones: `assay = \"%s\"`.", others[1L])
      ),
      class = "sigel_corrected_counts",
      call = call
    )
  }
}

has_counts <- function(assay) {
  if (!is.null(experiment_of(assay)$source)) {
    return(TRUE)
  }
  if (inherits(assay, "Assay")) {
    return(length(methods::slot(assay, "counts")) > 0L)
  }
  any(grepl("^counts([.]|$)", getExportedValue("SeuratObject", "Layers")(assay)))
}

# A layer of an assay of Seurat 4 or 5.
read_counts <- function(assay, layer, call) {
  if (!is.null(experiment_of(assay))) {
    return(read_experiment(assay, layer, call))
  }
  if (inherits(assay, "Assay")) read_slot(assay, layer, call) else read_layers(assay, layer, call)
}

# An assay of a SpatialExperiment is one matrix.
read_experiment <- function(assay, layer, call) {
  if (!identical(layer, "counts")) {
    fix <- sprintf("Leave it out, and name the assay: `assay = %s`.", describe(layer))
    wanted <- "\"counts\", as an assay of a SpatialExperiment has no layers"
    sigel_abort("layer", describe(layer), wanted, fix, call)
  }
  source <- experiment_of(assay)$source
  if (is.null(source)) {
    return(methods::slot(assay, "counts"))
  }
  # Names of a plain matrix would be a copy of it.
  if (is.matrix(source) && (is.numeric(source) || is.logical(source))) {
    source <- as_dgc(source, "layer", call)
  }
  with_names(source, dimnames(assay))
}

read_slot <- function(object, layer, call) {
  slots <- c("counts", "data", "scale.data")
  if (!is.character(layer) || length(layer) != 1L || !layer %in% slots) {
    sigel_abort("layer", describe(layer), paste("one of", some(slots)), "Use `layer = \"counts\"`.", call)
  }
  counts <- methods::slot(object, layer)
  if (!length(counts)) {
    fix <- "Name the layer that holds the raw counts, or set it by `SetAssayData()`."
    sigel_abort("layer", sprintf("\"%s\", which is empty", layer), "raw counts", fix, call)
  }
  counts
}

# Counts of an Assay5; LayerData() and Layers() exist only in SeuratObject 5.
read_layers <- function(object, layer, call) {
  check_string(layer, "layer", "Use `layer = \"counts\"`.", call)
  from_seurat <- function(name) getExportedValue("SeuratObject", name)
  all_layers <- from_seurat("Layers")(object)
  wanted <- if (layer %in% all_layers) layer else grep(paste0("^", layer, "[.]"), all_layers, value = TRUE)
  if (!length(wanted)) {
    fix <- "Name the layer that holds the raw counts."
    sigel_abort("layer", sprintf("\"%s\"", layer), paste("one of", some(all_layers, 10L)), fix, call)
  }
  pieces <- lapply(wanted, function(name) from_seurat("LayerData")(object, layer = name))
  cells <- unlist(lapply(pieces, colnames))
  missing <- setdiff(colnames(object), cells)
  if (length(missing)) {
    found <- sprintf("\"%s\", which lacks %d of %d cells", layer, length(missing), ncol(object))
    fix <- "Take the cells of the layer by `subset()`, or name another layer."
    sigel_abort("layer", found, "counts of all cells", fix, call)
  }
  if (length(pieces) == 1L) {
    return(pieces[[1L]])
  }
  check_shared_cells(pieces, wanted, cells, call)
  pieces <- lapply(pieces, as_dgc, argument = "layer", call = call)
  features <- rownames(object)
  join_layers(pieces, features[features %in% unlist(lapply(pieces, rownames))], colnames(object))
}

# Layers of a split assay have cells of their own; those that share cells are modalities, as genes and antibodies are,
# each with a library of its own.
check_shared_cells <- function(pieces, layers, cells, call) {
  shared <- unique(cells[duplicated(cells)])
  if (!length(shared)) {
    return(invisible())
  }
  found <- sprintf("%d layers that share %d cells: %s", length(layers), length(shared), some(layers, 10L))
  genes <- grep("gene", layers, ignore.case = TRUE, value = TRUE)
  largest <- layers[which.max(vapply(pieces, nrow, integer(1L)))]
  fix <- sprintf("Name the one with the genes: `layer = \"%s\"`.", c(genes, largest)[1L])
  sigel_abort("layer", found, "one layer, or layers with cells of their own", fix, call)
}

select_features <- function(counts, features, call) {
  if (is.null(features)) {
    return(counts)
  }
  unknown <- setdiff(features, rownames(counts))
  if (!is.character(features) || !length(features) || length(unknown)) {
    found <- if (length(unknown)) {
      paste0(number_of(length(unknown), "unknown name"), ": ", some(unknown))
    } else {
      describe(features)
    }
    near <- if (is.character(features)) nearest_in_words(unknown, rownames(counts))
    fix <- paste0("See `rownames(object)`.", near)
    sigel_abort("features", found, "names of genes of the object", fix, call)
  }
  counts[unique(features), , drop = FALSE]
}

# Groups as the engine takes them: text, empty where there is none.
as_labels <- function(groups) {
  labels <- as.character(groups)
  labels[is.na(labels)] <- ""
  as.list(labels)
}
