# References, however they are given: each becomes a list of counts and places, of class `sigel_section`. Dissociated
# cells have no places.

# What a reference may be.
REFERENCE <- paste(
  "a Seurat object, a SpatialExperiment, a SingleCellExperiment, a matrix, a list of `counts` and `coordinates`,",
  "or a list of several of these"
)

# All references; arguments that hold for each of them may be given once or as often as there are references.
reference_sections <- function(
  reference,
  assay = NULL,
  layer = NULL,
  image = NULL,
  coordinates = NULL,
  call = rlang::caller_env()
) {
  references <- as_references(reference, call)
  n <- length(references)
  assay <- for_each_reference(assay, n, "reference.assay", call)
  layer <- for_each_reference(layer, n, "reference.layer", call)
  image <- for_each_reference(image, n, "reference.image", call)
  coordinates <- for_each_reference(coordinates, n, "reference.coordinates", call)
  lapply(seq_len(n), function(k) {
    one <- references[[k]]
    speaking_of_reference(if (n > 1L) k, call, object = one, {
      one <- if (is_experiment(one)) seurat_view(one, call) else one
      if (inherits(one, "sigel_section")) {
        one # read by the method for Seurat objects
      } else if (inherits(one, "Seurat")) {
        section_of_object(one, assay[[k]], layer[[k]], image[[k]], coordinates[[k]], call, placed = FALSE)
      } else {
        section_of_list(one, call, coordinates[[k]], placed = FALSE)
      }
    })
  })
}

# A list of references, each a Seurat object, a list of counts and places, or the counts of cells without places.
as_references <- function(reference, call) {
  is_pieces <- function(x) is.list(x) && !is.data.frame(x)
  if (is_one_reference(reference)) {
    reference <- list(reference)
  }
  if (is_pieces(reference)) {
    reference <- lapply(reference, function(one) if (is_count_matrix(one)) list(counts = one) else one)
  }
  fix <- "For a section: `reference = list(counts = counts, coordinates = coordinates)`."
  if (!is_pieces(reference) || !length(reference)) {
    found <- if (is.null(reference)) "nothing" else describe(reference)
    sigel_abort("reference", found, REFERENCE, fix, call)
  }
  lawful <- vapply(
    reference,
    function(one) inherits(one, "Seurat") || is_experiment(one) || is_pieces(one),
    logical(1L)
  )
  if (!all(lawful)) {
    found <- describe(reference[[which(!lawful)[1L]]])
    sigel_abort("reference", found, REFERENCE, fix, call)
  }
  unname(reference)
}

is_count_matrix <- function(x) {
  stored <- isS4(x) && length(dim(x)) == 2L && methods::canCoerce(x, "dgCMatrix")
  is_in_memory(x) || stored && !inherits(x, "Seurat") && !is_experiment(x)
}

is_one_reference <- function(x) {
  inherits(x, "Seurat") ||
    is_experiment(x) ||
    is_count_matrix(x) ||
    any(c("counts", "coordinates") %in% names(x))
}

# One value for each reference: a table or a word holds for all of them.
for_each_reference <- function(x, n, argument, call) {
  single <- is.null(x) || is.data.frame(x) || is.matrix(x) || length(x) == 1L && !is.list(x)
  if (single) {
    return(rep(list(x), n))
  }
  if (length(x) != n) {
    found <- sprintf("%d for %d references", length(x), n)
    sigel_abort(argument, found, "one for all, or one for each", "Give them in the references' order.", call)
  }
  unname(as.list(x))
}

# `placed`: whether cells must have places.
section_of_object <- function(object, assay, layer, image, coordinates, call, placed = TRUE) {
  assay <- choose_assay(object, assay, call)
  counts <- as_counts(read_counts(object[[assay]], layer %||% "counts", call), "layer", call)
  if (is.null(coordinates) && is.null(image) && !length(SeuratObject::Images(object))) {
    if (placed) {
      no_places("an object without an image", "`reference.coordinates`", call)
    }
    return(checked_section(counts, NULL))
  }
  places <- places_of(object, image, coordinates, colnames(counts), call)
  seen <- within_tissue_of(object, counts, places, call)
  checked_section(seen$counts, seen$places)
}

section_of_list <- function(pieces, call, coordinates = NULL, placed = TRUE) {
  counts <- as_counts(pieces$counts, "reference", call)
  table <- pieces$coordinates %||% coordinates
  lattice <- pieces$lattice
  if (is.null(table) && is.null(lattice)) {
    if (placed) {
      no_places("counts without coordinates", "`coordinates` in the list", call)
    }
    return(checked_section(counts, NULL))
  }
  if (is.null(lattice)) {
    return(checked_section(counts, places_from_table(table, colnames(counts), call)))
  }
  places <- places_from_table(lattice, colnames(counts), call)
  if (!is.null(table)) {
    array <- places$lattice %||% places$coordinates
    places <- list(
      coordinates = places_from_table(table, colnames(counts), call)$coordinates,
      lattice = array
    )
  }
  checked_section(counts, places)
}

checked_section <- function(counts, places) {
  structure(list(counts = counts, places = places), class = "sigel_section")
}

no_places <- function(found, give, call) {
  wanted <- "a spatial section, with the place of every cell"
  fix <- sprintf("Give %s; dissociated single cells have no places.", give)
  sigel_abort("reference", found, wanted, fix, call)
}

# A reference whose cells bear the names of the target's genes lies on its side.
check_axes <- function(references, genes, call) {
  for (one in references) {
    n <- sum(colnames(one$counts) %in% genes)
    if (n > sum(rownames(one$counts) %in% genes)) {
      found <- sprintf("cells x genes: %d of the target's genes are among its column names", n)
      sigel_abort("reference", found, "genes x cells", "Pass `Matrix::t(reference)`.", call)
    }
  }
}

# Refusals inside `code` are about the reference, by its number where there are several. `own`: arguments that it has
# beside the usual ones, with "reference." before them; `object`: the reference, in the words of whose class it is said.
speaking_of_reference <- function(number, call, code, own = NULL, object = NULL) {
  rlang::local_options(sigel.words = if (is_experiment(object)) "SpatialExperiment")
  tryCatch(code, sigel_input_error = function(error) {
    argument <- error$argument
    ours <- if (argument %in% c("assay", "layer", "image", own)) {
      paste0("reference.", argument)
    } else {
      "reference"
    }
    found <- if (is.null(number)) "found " else sprintf("found in reference %d ", number)
    lines <- strsplit(conditionMessage(error), "\n", fixed = TRUE)[[1L]]
    lines[1L] <- sub("^`[^`]+`: found ", sprintf("`%s`: %s", ours, found), lines[1L])
    lines[1L] <- gsub("`(image|coordinates)`(?= or|,)", "`reference.\\1`", lines[1L], perl = TRUE)
    # The lines after the first say what to do.
    lines[-1L] <- gsub("\\bobject\\b", "reference", lines[-1L])
    lines[-1L] <- gsub("`(assay|layer|image|section|coordinates) =", "`reference.\\1 =", lines[-1L])
    lines[-1L] <- gsub("give `coordinates`", "give `reference.coordinates`", lines[-1L], fixed = TRUE)
    rlang::abort(
      paste(lines, collapse = "\n"),
      class = c("sigel_input_error", "sigel_error"),
      argument = ours,
      call = call
    )
  })
}
