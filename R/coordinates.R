# Where the cells are, whatever the object keeps it in.
#
# All functions here speak of `places`: a list of `coordinates`, a double matrix of x and y with the cells as
# row names, and `lattice`, the same for array row and array column, or NULL where there is no lattice.

XY <- list(
  c("x", "y"),
  c("imagecol", "imagerow"),
  c("pxl_col_in_fullres", "pxl_row_in_fullres"),
  c("array_col", "array_row")
)
LATTICE <- c("array_row", "array_col")

# Places of `cells`: from the table where one is given, else from the object's image. Both together would leave open
# which is meant. Where `section` tells sections apart, all images show them together.
places_of <- function(object, image, coordinates, cells, call = rlang::caller_env(), section = NULL) {
  if (!is.null(image) && !is.null(coordinates)) {
    sigel_abort("image", describe(image), "`image` or `coordinates`, not both", "Leave one out.", call)
  }
  if (!is.null(section) && is.null(image)) {
    coordinates <- coordinates %||% places_of_sections(object, call)
  }
  if (is.null(coordinates)) {
    places_from_images(object, image, cells, call)
  } else {
    places_from_table(coordinates, cells, call)
  }
}

# Places as one table, which is how the methods for matrices take them; `places_from_table` does not check it again.
table_of_places <- function(places) mark_checked(do.call(cbind, unname(places)))

# Places from a matrix or data frame given by hand, for all `cells` and in their order.
places_from_table <- function(table, cells, call = rlang::caller_env()) {
  if (isTRUE(attr(table, "checked")) && identical(rownames(table), cells)) {
    lattice <- if (ncol(table) > 2L) table[, 3:4, drop = FALSE]
    return(list(coordinates = table[, 1:2, drop = FALSE], lattice = lattice))
  }
  wanted <- "a matrix or data frame with columns x and y, and the cells as row names (or a column `cell`)"
  example <- "For example: `data.frame(x = ..., y = ..., row.names = colnames(object))`."
  if (!(is.matrix(table) || is.data.frame(table))) {
    sigel_abort("coordinates", describe(table), wanted, example, call)
  }
  names <- cell_names(table, wanted, call)
  xy <- place_columns(table, wanted, example, call)
  if (is.null(colnames(table))) {
    colnames(table) <- xy
  }
  missing <- setdiff(cells, names)
  if (length(missing)) {
    found <- sprintf("no row for %d of %d cells: %s", length(missing), length(cells), some(missing))
    fix <- "Give every cell a place, or take the cells without one out of `object`."
    sigel_abort("coordinates", found, "one row for each cell", fix, call)
  }
  twice <- intersect(cells, names[duplicated(names)])
  if (length(twice)) {
    found <- sprintf("several rows for %d of %d cells: %s", length(twice), length(cells), some(twice))
    fix <- "Keep the right one, or give the cells different names."
    sigel_abort("coordinates", found, "one row for each cell", fix, call)
  }
  table <- table[match(cells, names), , drop = FALSE]
  list(
    coordinates = as_places(table, xy, cells, call),
    lattice = if (all(LATTICE %in% colnames(table))) as_places(table, LATTICE, cells, call)
  )
}

# The cells of a table's rows: their names, or a column `cell` as tibbles have it.
cell_names <- function(table, wanted, call) {
  names <- rownames(table)
  automatic <- is.null(names) || (is.data.frame(table) && is.integer(attr(table, "row.names")))
  if (!automatic) {
    return(names)
  }
  if ("cell" %in% colnames(table)) {
    return(as.character(table[, "cell", drop = TRUE]))
  }
  found <- if (is.null(names)) "no row names" else "automatic row names (1, 2, 3, ...)"
  fix <- "Set `rownames(coordinates)` to the names of the cells; for a tibble add a column `cell`."
  sigel_abort("coordinates", found, wanted, fix, call)
}

# The pair of XY that the table has.
place_columns <- function(table, wanted, example, call) {
  columns <- colnames(table)
  if (is.null(columns) && ncol(table) == 2L) {
    return(XY[[1L]])
  }
  xy <- Find(function(pair) all(pair %in% columns), XY)
  if (is.null(xy)) {
    if (all(XY[[1L]] %in% tolower(columns))) {
      example <- "Write their names in small letters."
    }
    sigel_abort("coordinates", paste("columns", some(columns, 6L)), wanted, example, call)
  }
  xy
}

as_places <- function(table, columns, cells, call) {
  chosen <- lapply(columns, function(column) table[, column, drop = TRUE])
  if (!all(vapply(chosen, is.numeric, logical(1L)))) {
    found <- sprintf("columns %s that are not numbers", toString(columns))
    # A factor as a number is the code of its level.
    convert <- if (any(vapply(chosen, is.factor, logical(1L)))) {
      "as.numeric(as.character(x))"
    } else {
      "as.numeric(x)"
    }
    sigel_abort("coordinates", found, "numbers", sprintf("Convert them by `%s`.", convert), call)
  }
  places <- matrix(as.double(unlist(chosen)), ncol = 2L, dimnames = list(cells, columns))
  lost <- which(!is.finite(rowSums(places)))
  if (length(lost)) {
    found <- sprintf(
      "missing values (%s) for %s: %s",
      toString(columns),
      number_of(length(lost), "cell"),
      some(cells[lost])
    )
    fix <- "Take these cells out of `object`, or complete their coordinates."
    sigel_abort("coordinates", found, "finite numbers", fix, call)
  }
  places
}

# Places of `cells` from the images of a Seurat object; array positions in the meta data are used where
# the image has none.
places_from_images <- function(object, image, cells, call = rlang::caller_env()) {
  image <- choose_image(object, image, cells, call)
  table <- if (length(image) > 1L) {
    table_of_fields(object, image, call)
  } else {
    image_table(image_of(object, image))
  }
  outside <- setdiff(cells, rownames(table))
  if (length(outside) == length(cells)) {
    refuse_other_names(object, image[1L], cells, call)
  }
  if (length(outside)) {
    named <- sprintf("the image%s %s", if (length(image) > 1L) "s" else "", toString(dQuote(image, FALSE)))
    sigel_abort(
      "image",
      sprintf("%d of %d cells that are not in %s", length(outside), length(cells), named),
      "an object with the cells of one section",
      section_fix(object, image[1L]),
      call
    )
  }
  table <- table[match(cells, rownames(table)), , drop = FALSE]
  if (!all(LATTICE %in% names(table)) && all(LATTICE %in% names(object[[]]))) {
    array <- object[[LATTICE]][cells, , drop = FALSE]
    if (all(vapply(array, is.numeric, logical(1L))) && !anyNA(array)) {
      table <- cbind(table, array)
    }
  }
  places_from_table(table, cells, call)
}

# Places in several images that are fields of view of one section, in one frame of coordinates, as one table.
table_of_fields <- function(object, images, call) {
  tables <- tables_of_images(object, images)
  xy <- Find(function(pair) all(pair %in% names(tables[[1L]])), XY)
  if (is.null(xy)) {
    fix <- "Give `coordinates`, a data frame with columns x and y and the cells as row names."
    sigel_abort("image", "images of different kinds", "fields of view of one section", fix, call)
  }
  box <- lapply(tables, function(table) vapply(table[xy], range, double(2L)))
  laid_over <- utils::combn(length(images), 2L, function(pair) lie_over(box[[pair[1L]]], box[[pair[2L]]]))
  if (any(laid_over)) {
    pair <- images[utils::combn(length(images), 2L)[, which(laid_over)[1L]]]
    found <- sprintf("\"%s\" and \"%s\", which lie over one another", pair[1L], pair[2L])
    fix <- "Sections are told apart by a column of the meta data, for example `section = \"slide\"`."
    sigel_abort("image", found, "fields of view of one section, side by side", fix, call)
  }
  do.call(rbind, tables)
}

# Places in each of several images, with the columns that all have.
tables_of_images <- function(object, images) {
  tables <- lapply(images, function(name) as.data.frame(image_table(image_of(object, name))))
  columns <- Reduce(intersect, lapply(tables, names))
  lapply(tables, function(table) table[columns])
}

# Whether two boxes, rows of least and largest, share more than half of the smaller: fields overlap at their borders.
lie_over <- function(one, other) {
  shared <- pmax(pmin(one[2L, ], other[2L, ]) - pmax(one[1L, ], other[1L, ]), 0)
  area <- function(box) prod(box[2L, ] - box[1L, ])
  prod(shared) > 0.5 * min(area(one), area(other))
}

# Where several images show a section each: the places of all cells in one table; NULL where there are fewer. Sections
# may lie over one another, as each is looked at alone.
places_of_sections <- function(object, call = rlang::caller_env()) {
  images <- SeuratObject::Images(object)
  if (length(images) < 2L) {
    return(NULL)
  }
  table <- do.call(rbind, tables_of_images(object, images))
  lost <- setdiff(colnames(object), rownames(table))
  if (length(lost)) {
    found <- sprintf("%d of %d cells that are in no image", length(lost), ncol(object))
    fix <- "Give `coordinates`, a data frame with columns x and y and the cells as row names."
    sigel_abort("image", found, "images that show all cells", fix, call)
  }
  table <- table[colnames(object), , drop = FALSE]
  if (!all(LATTICE %in% names(table)) && all(LATTICE %in% names(object[[]]))) {
    table <- cbind(table, object[[LATTICE]][rownames(table), , drop = FALSE])
  }
  table
}

# One image: the one named, or the only one that shows any of the cells. Several that are named are fields of view of
# one section.
choose_image <- function(object, image, cells, call) {
  images <- SeuratObject::Images(object)
  by_hand <- "Give `coordinates`, a data frame with columns x and y and the cells as row names."
  if (!is.null(image)) {
    check_images(image, images, by_hand, call)
    return(unique(image))
  }
  images <- images_of_cells(object, cells)
  fault <- experiment_of(object)$no_places
  if (!is.null(fault)) {
    sigel_abort("object", fault$found, fault$wanted, fault$fix, call)
  }
  if (!length(images)) {
    if (length(SeuratObject::Images(object)) == 1L) {
      refuse_other_names(object, SeuratObject::Images(object), cells, call)
    }
    if (all(LATTICE %in% names(object[[]]))) {
      by_hand <- "The meta data hold array positions: `coordinates = object[[c(\"array_row\", \"array_col\")]]`."
    }
    sigel_abort("image", "no image in the object", "an image, or coordinates", by_hand, call)
  }
  if (length(images) > 1L) {
    found <- sprintf("%d images: %s", length(images), some(images, 10L))
    sigel_abort("image", found, "the name of one", image_fix(object, images, cells, call), call)
  }
  images
}

# Names of images that there are: one, or several.
check_images <- function(image, images, by_hand, call) {
  if (!is.character(image) || length(image) < 2L || anyNA(image)) {
    check_string(image, "image", "Use one of the names in `Images(object)`.", call)
  }
  if (all(image %in% images)) {
    return(invisible())
  }
  found <- toString(dQuote(setdiff(image, images), FALSE))
  if (!length(images)) {
    sigel_abort("image", found, "an image of the object, which has none", by_hand, call)
  }
  fix <- sprintf("Use `image = \"%s\"`.", images[1L])
  sigel_abort("image", found, paste("one of", some(images, 10L)), fix, call)
}

# What to do where several images show some of the cells each.
image_fix <- function(object, images, cells, call) {
  whole <- vapply(
    images,
    function(name) all(cells %in% SeuratObject::Cells(image_of(object, name))),
    logical(1L)
  )
  if (any(whole)) {
    return(sprintf("Use `image = \"%s\"`.", images[whole][1L]))
  }
  fields <- vapply(images, function(name) inherits(image_of(object, name), "FOV"), logical(1L))
  ways <- c(
    if (takes_sections(call)) SECTIONS_TOGETHER,
    sub(if (takes_sections(call)) "^Take" else "^$", "Or take", section_fix(object, images[1L])),
    if (all(fields)) {
      sprintf("Fields of view of one section: `image = c(%s)`.", toString(dQuote(images, FALSE)))
    }
  )
  paste(ways, collapse = " ")
}

# Refuse an image whose cells have other names than those of the object, with lines that give them the same.
refuse_other_names <- function(object, image, cells, call) {
  there <- SeuratObject::Cells(image_of(object, image))
  found <- sprintf(
    "the image \"%s\", which holds %s, none of them the object's: there %s, here %s",
    image,
    number_of(length(there), "cell"),
    some(there, 2L),
    some(cells, 2L)
  )
  field <- inherits(image_of(object, image), "FOV")
  names <- if (field) "places$cell" else "rownames(places)"
  fix <- sprintf(
    "`places <- GetTissueCoordinates(object[[\"%s\"]])`, `rownames(places) <- %s`, then `coordinates = places`.",
    image,
    renaming(there, cells, names)
  )
  sigel_abort("image", found, "an image whose cells have the names of the object's", fix, call)
}

# R code that makes of the names of an image those of the object, where something before or after them sets them
# apart; else of what it would have to make them.
renaming <- function(there, cells, names) {
  short <- there[which.min(nchar(there))]
  with_it <- cells[endsWith(cells, short)]
  before <- unique(substr(with_it, 1L, nchar(with_it) - nchar(short)))
  with_it <- cells[startsWith(cells, short)]
  after <- unique(substring(with_it, nchar(short) + 1L))
  for (one in before) {
    if (all(cells %in% paste0(one, there))) return(sprintf("paste0(\"%s\", %s)", one, names))
  }
  for (one in after) {
    if (all(cells %in% paste0(there, one))) return(sprintf("paste0(%s, \"%s\")", names, one))
  }
  "..."
}

# How to take all of them, for a verb that can.
SECTIONS_TOGETHER <- "Name the column of the meta data that tells sections apart, for example `section = \"slide\"`."

# Whether the function that the user called, whose frame `call` is, has an argument for that.
takes_sections <- function(call) {
  at <- Find(function(n) identical(sys.frame(n), call), seq_len(sys.nframe()))
  !is.null(at) && "section" %in% names(formals(sys.function(at)))
}

# How to take the cells of one image out of an object. SeuratObject 4 cannot subset a field of view to none of its
# cells, so the others go first.
section_fix <- function(object, image) {
  others <- setdiff(SeuratObject::Images(object), image)
  fields <- others[vapply(others, function(name) inherits(image_of(object, name), "FOV"), logical(1L))]
  removal <- if (utils::packageVersion("SeuratObject") < "5" && length(fields)) {
    paste0(sprintf("`object[[\"%s\"]] <- NULL`, ", fields), collapse = "")
  }
  sprintf(
    "Take one section's cells: %s`object <- subset(object, cells = Cells(object[[\"%s\"]]))`.",
    removal %||% "",
    image
  )
}

# An image by its name; `[[` would give a column of the meta data that has the same.
image_of <- function(object, name) methods::slot(object, "images")[[name]]

# Any image of Seurat 4 or 5 as a data frame: cells as row names, a pair of XY, array positions where known.
image_table <- function(image) {
  slots <- methods::slotNames(image)
  if ("coordinates" %in% slots) {
    table <- methods::slot(image, "coordinates")
    # VisiumV1 keeps the array position as `row` and `col`.
    if (all(c("row", "col", "imagerow", "imagecol") %in% names(table))) {
      names(table)[match(c("row", "col"), names(table))] <- LATTICE
    }
    keep <- intersect(names(table), c(LATTICE, unlist(XY)))
    return(table[, keep, drop = FALSE])
  }
  boundaries <- names(image)
  # Outlines have many rows for a cell; centroids have one.
  source <- if ("centroids" %in% boundaries) image[["centroids"]] else image
  points <- as.data.frame(SeuratObject::GetTissueCoordinates(source))
  cell <- intersect(c("cell", "cells"), names(points))
  names <- if (length(cell)) as.character(points[[cell[1L]]]) else rownames(points)
  xy <- if (x_runs_down(image)) c("y", "x") else c("x", "y")
  if (!anyDuplicated(names)) {
    return(data.frame(x = as.double(points[[xy[1L]]]), y = as.double(points[[xy[2L]]]), row.names = names))
  }
  x <- tapply(points[[xy[1L]]], names, mean)
  y <- tapply(points[[xy[2L]]], names, mean)
  data.frame(x = as.double(x), y = as.double(y), row.names = rownames(x))
}

# Until Seurat 5.4 the x of a VisiumV2 ran down the picture; from then on the image says which way it runs.
x_runs_down <- function(image) {
  if (!inherits(image, "VisiumV2")) {
    return(FALSE)
  }
  # Asked of the image, not of its class: one that was saved by an earlier SeuratObject lacks the slot.
  says <- if (methods::.hasSlot(image, ORIENTATION)) methods::slot(image, ORIENTATION)
  !identical(says, "horizontal")
}

# The slot of SeuratObject 5.3 and later.
ORIENTATION <- "coords_x_orientation"
