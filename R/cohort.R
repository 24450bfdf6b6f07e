# Sections of several donors, however they are given, and what is known of each. A cohort is a list of `names`, of
# `sections` (each counts and places), of `meta` (meta data of the cells of each, or NULL), and of `joined`: whether
# they were one object, in which a gene that a section lacks has zeros.

# Sections out of one object; `labels`: the section of each cell.
cohort_of_one <- function(counts, places, labels, meta = NULL) {
  names <- unique(labels)
  spots <- lapply(names, function(name) which(labels == name))
  list(
    names = names,
    sections = lapply(spots, function(own) {
      list(
        counts = counts[, own, drop = FALSE],
        places = lapply(places, function(table) if (!is.null(table)) table[own, , drop = FALSE])
      )
    }),
    meta = lapply(spots, function(own) if (!is.null(meta)) meta[own, , drop = FALSE]),
    joined = TRUE
  )
}

# Sections that are one Seurat object, each an image or what a column of the meta data says. `one`: whether one section
# is enough; all cells then are one where `image` names it, or no two images show them.
cohort_of_seurat <- function(object, section, assay, image, coordinates, layer, call, one = FALSE) {
  assay <- choose_assay(object, assay, call)
  cells <- colnames(object[[assay]])
  labels <- if (!is.null(section)) {
    check_string(section, "section", "Give the name of one column of the meta data.", call)
    meta_columns(object, section, cells, "section", call)[[1L]]
  } else if (!one || is.null(image) && length(images_of_cells(object, cells)) > 1L) {
    labels_of_images(object, cells, call)
  }
  labels <- unlist(section_labels(labels, cells, call))
  places <- places_of(object, image, coordinates, cells, call, labels)
  counts <- as_counts(read_counts(object[[assay]], layer %||% "counts", call), "layer", call)
  seen <- within_tissue_of(object, counts, places, call)
  labels <- if (is.null(seen$within)) labels else labels[seen$within]
  sections_or_one(seen$counts, seen$places, labels, object[[]][seen$cells, , drop = FALSE])
}

# The same where one section is enough; `labels`: NULL for one.
sections_or_one <- function(counts, places, labels, meta = NULL) {
  if (is.null(labels)) {
    return(list(
      names = "1",
      sections = list(list(counts = counts, places = places)),
      meta = list(meta),
      joined = FALSE
    ))
  }
  cohort_of_one(counts, places, labels, meta)
}

# Names of the images that show any of the cells.
images_of_cells <- function(object, cells) {
  Filter(
    function(name) any(SeuratObject::Cells(image_of(object, name)) %in% cells),
    SeuratObject::Images(object)
  )
}

# Where each image shows a section: the name of its image for each cell.
labels_of_images <- function(object, cells, call) {
  images <- SeuratObject::Images(object)
  wanted <- "the name of the column of the meta data that tells sections apart"
  if (length(images) < 2L) {
    found <- sprintf("nothing, and %s", if (length(images)) "one image" else "no image")
    fix <- "Name it, for example `section = \"slide\"`, or give a list of objects, a section each."
    sigel_abort("section", found, wanted, fix, call)
  }
  shown <- lapply(images, function(name) intersect(SeuratObject::Cells(image_of(object, name)), cells))
  of_cell <- unlist(shown)
  if (anyDuplicated(of_cell)) {
    found <- sprintf("nothing, and %s in several images", number_of(sum(duplicated(of_cell)), "cell"))
    sigel_abort("section", found, wanted, "Name it, for example `section = \"slide\"`.", call)
  }
  rep(images, lengths(shown))[match(cells, of_cell)]
}

# Sections that are a list of Seurat objects or of matrices.
cohort_of_list <- function(objects, section, assay, image, coordinates, layer, call) {
  objects <- views_of_list(objects, call)
  is_counts <- function(x) inherits(x, "Seurat") || length(dim(x)) == 2L && !is.data.frame(x)
  lawful <- vapply(objects, is_counts, logical(1L))
  if (!length(objects) || !all(lawful)) {
    found <- if (length(objects)) {
      sprintf("%s in place %d of the list", describe(objects[[which(!lawful)[1L]]]), which(!lawful)[1L])
    } else {
      "an empty list"
    }
    fix <- "Give a list of sections, an object or a matrix each."
    sigel_abort("object", found, "Seurat objects, SpatialExperiments or matrices of counts", fix, call)
  }
  names <- names_of_sections(objects, section, call)
  each <- list(
    assay = for_each_section(assay, names, "assay", call),
    image = for_each_section(image, names, "image", call),
    coordinates = for_each_section(coordinates, names, "coordinates", call),
    layer = for_each_section(layer, names, "layer", call)
  )
  read <- lapply(seq_along(objects), function(k) {
    speaking_of_section(names[[k]], call, object = objects[[k]], {
      read_section(
        objects[[k]],
        each$assay[[k]],
        each$image[[k]],
        each$coordinates[[k]],
        each$layer[[k]],
        call
      )
    })
  })
  list(
    names = names,
    sections = lapply(read, `[`, c("counts", "places")),
    meta = lapply(read, `[[`, "meta"),
    joined = FALSE
  )
}

# Experiments of a list as Seurat objects; where they all are such, refusals speak of them.
views_of_list <- function(objects, call) {
  experiments <- vapply(objects, is_experiment, logical(1L))
  if (length(experiments) && all(experiments)) {
    rlang::local_options(sigel.words = "SpatialExperiment", .frame = call)
  }
  names <- rlang::names2(objects)
  for (k in which(experiments)) {
    name <- if (nzchar(names[k])) names[k] else as.character(k)
    objects[[k]] <- speaking_of_section(name, call, seurat_view(objects[[k]], call), objects[[k]])
  }
  objects
}

# Names of the sections of a list: what a column of the meta data says, its own names, or numbers.
names_of_sections <- function(objects, section, call) {
  if (is.null(section)) {
    names <- names(objects)
    if (!is.null(names) && !all(nzchar(names) & !is.na(names))) {
      sigel_abort(
        "object",
        "a list with some names",
        "names for all, or for none",
        "Name every section.",
        call
      )
    }
    return(names %||% as.character(seq_along(objects)))
  }
  check_string(section, "section", "Give the name of one column of the meta data.", call)
  meta <- lapply(objects, function(one) if (inherits(one, "Seurat")) one[[]])
  cohort <- list(names = as.character(seq_along(objects)), meta = meta)
  names <- as.character(column_of_sections(section, cohort, "section", call))
  if (anyNA(names)) {
    found <- sprintf("\"%s\", without a value in place %d of the list", section, which(is.na(names))[1L])
    sigel_abort("section", found, "the name of each section", "Complete it.", call)
  }
  names
}

# One value for each section, by name or in their order; a table or a word holds for all of them.
for_each_section <- function(x, names, argument, call) {
  several <- is.list(x) && !is.data.frame(x) || is.character(x) && is.null(dim(x)) && length(x) > 1L
  if (!several) {
    return(rep(list(x), length(names)))
  }
  if (length(x) != length(names)) {
    found <- sprintf("%d for %d sections", length(x), length(names))
    sigel_abort(argument, found, "one for all, or one for each", "Give them in the sections' order.", call)
  }
  unname(as.list(by_section(x, names, argument, call)))
}

# Values in the order of the sections: as they stand, or by the sections' names.
by_section <- function(x, names, argument, call) {
  if (is.null(names(x))) {
    return(x)
  }
  missing <- setdiff(names, names(x))
  if (length(missing)) {
    found <- sprintf("nothing for the section \"%s\"", missing[1L])
    fix <- sprintf("Sections: %s; `unname()` what is in their order.", some(names, 6L))
    sigel_abort(argument, found, "a value for each section", fix, call)
  }
  x[match(names, names(x))]
}

read_section <- function(object, assay, image, coordinates, layer, call) {
  if (inherits(object, "Seurat")) {
    assay <- choose_assay(object, assay, call)
    counts <- as_counts(read_counts(object[[assay]], layer %||% "counts", call), "layer", call)
    cells <- colnames(counts)
    places <- places_of(object, image, coordinates, cells, call)
    seen <- within_tissue_of(object, counts, places, call)
    return(list(counts = seen$counts, places = seen$places, meta = object[[]][seen$cells, , drop = FALSE]))
  }
  c(plain_section(object, coordinates, NULL, call), list(meta = NULL))
}

# Refusals inside `code` say which section of a list they are about, in the words of its class.
speaking_of_section <- function(name, call, code, object = NULL) {
  of_experiment <- is_experiment(object) || !is.null(experiment_of(object))
  rlang::local_options(sigel.words = if (of_experiment) "SpatialExperiment")
  tryCatch(code, sigel_input_error = function(error) {
    lines <- strsplit(conditionMessage(error), "\n", fixed = TRUE)[[1L]]
    # An object of a list is one section.
    lines <- sub(in_words_of_object(SECTIONS_TOGETHER), "", lines, fixed = TRUE)
    lines <- sub("i  *Or take one", "i Take one", lines)
    lines[1L] <- sub(": found ", sprintf(": found in the section \"%s\" ", name), lines[1L], fixed = TRUE)
    rlang::abort(
      paste(lines, collapse = "\n"),
      class = c("sigel_input_error", "sigel_error"),
      argument = error$argument,
      call = call
    )
  })
}

# What holds for each section: a column of the meta data, or values by name or in order.
values_of_sections <- function(given, cohort, argument, call) {
  if (rlang::is_string(given)) {
    return(column_of_sections(given, cohort, argument, call))
  }
  n <- length(cohort$names)
  found <- if (is.null(given)) {
    "nothing"
  } else if (!is_plain(given)) {
    describe(given)
  } else if (is.null(names(given)) && length(given) != n) {
    number_of(length(given), "value")
  }
  if (!is.null(found)) {
    wanted <- sprintf("a value for each of the %d sections, or the name of a column of the meta data", n)
    sigel_abort(argument, found, wanted, sprintf("Sections: %s.", some(cohort$names, 6L)), call)
  }
  unname(by_section(given, cohort$names, argument, call))
}

# Whether something is a vector of values.
is_plain <- function(x) {
  is.null(dim(x)) && (is.factor(x) || is.numeric(x) || is.character(x) || is.logical(x))
}

# A value of each section from a column of the meta data; a factor where one of its factors knows all values.
column_of_sections <- function(column, cohort, argument, call) {
  orders <- list()
  values <- lapply(seq_along(cohort$names), function(k) {
    meta <- cohort$meta[[k]]
    name <- cohort$names[[k]]
    if (is.null(meta)) {
      found <- sprintf("%s, and no meta data of the section \"%s\"", describe(column), name)
      fix <- "Give a vector with a value for each section."
      sigel_abort(argument, found, "a value for each section", fix, call)
    }
    if (!column %in% names(meta)) {
      near <- nearest_names(column, names(meta))
      fix <- if (length(near)) sprintf("Did you mean %s?", some(near)) else "See `names(object[[]])`."
      found <- sprintf("\"%s\", which the section \"%s\" does not have", column, name)
      sigel_abort(argument, found, "a column of the meta data, or values", fix, call)
    }
    own <- unique(meta[[column]][!is.na(meta[[column]])])
    if (length(own) > 1L) {
      found <- sprintf("%d values of \"%s\" in the section \"%s\"", length(own), column, name)
      sigel_abort(argument, found, "one for each section", "Name a column of whole sections.", call)
    }
    if (is.factor(own)) {
      orders[[length(orders) + 1L]] <<- levels(own)
      own <- as.character(own)
    }
    if (length(own)) own else NA
  })
  values <- unlist(values)
  levels <- Find(function(one) all(is.na(values) | values %in% one), orders)
  if (!is.null(levels)) factor(values, levels = levels) else values
}

# What else sections differ by, as a named list; NULL: nothing.
covariates_of_sections <- function(given, cohort, call) {
  if (is.null(given)) {
    return(NULL)
  }
  if (is.data.frame(given)) {
    named <- !is.integer(attr(given, "row.names"))
    columns <- lapply(given, function(x) if (named) stats::setNames(x, rownames(given)) else x)
    return(lapply(columns, values_of_sections, cohort = cohort, argument = "covariates", call = call))
  }
  if (!is.character(given) || !length(given) || anyNA(given)) {
    wanted <- "names of columns of the meta data, or a data frame with a row for each section"
    sigel_abort("covariates", describe(given), wanted, "For example `covariates = \"batch\"`.", call)
  }
  lapply(
    stats::setNames(nm = given),
    column_of_sections,
    cohort = cohort,
    argument = "covariates",
    call = call
  )
}

# Values of sections as the engine takes them: numbers, or text with the order of a factor.
as_section_values <- function(x) {
  if (is.numeric(x)) {
    return(list(values = as_vector(replace(as.double(x), !is.finite(x), NaN))))
  }
  x <- if (is.logical(x) && !all(is.na(x))) factor(x, levels = c(FALSE, TRUE)) else x
  levels <- levels(x)
  list(values = as_labels(x), levels = if (!is.null(levels)) as.list(levels[nzchar(levels)]))
}
