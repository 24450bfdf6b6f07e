# Spots beside the tissue, which take no part in anything.

# The column of Space Ranger: 1 within, 0 beside.
IN_TISSUE <- "in_tissue"

# Which cells lie within the tissue, by the meta data; NULL where nothing says that some do not. `told`: whether a
# warning says how many do not.
within_tissue <- function(object, cells, call, told = TRUE) {
  if (!IN_TISSUE %in% names(object[[]])) {
    return(NULL)
  }
  text <- tolower(as.character(object[[]][cells, IN_TISSUE]))
  number <- suppressWarnings(as.numeric(text))
  number[text %in% "true"] <- 1
  number[text %in% "false"] <- 0
  unknown <- which(is.na(number))
  if (length(unknown)) {
    found <- sprintf("the column \"%s\" with %s", IN_TISSUE, describe(text[unknown[1L]]))
    fix <- sprintf("Store 0 and 1 there, or take it out: `object$%s <- NULL`.", IN_TISSUE)
    sigel_abort("object", found, "1 for spots within the tissue, 0 for those beside it", fix, call)
  }
  within <- number != 0
  # A column of zeros says nothing.
  if (all(within) || !any(within)) {
    return(NULL)
  }
  if (told) {
    rlang::warn(
      sprintf(
        paste(
          "%d of %d spots lie beside the tissue (`%s` is 0): they take no part.",
          "To keep them, take the column out: `object$%s <- NULL`."
        ),
        sum(!within),
        length(within),
        IN_TISSUE,
        IN_TISSUE
      ),
      class = "sigel_warning",
      call = call
    )
  }
  within
}

# Counts and places of the cells of an object that lie within the tissue, and `cells`, their names.
within_tissue_of <- function(object, counts, places, call, told = TRUE) {
  within <- within_tissue(object, colnames(counts), call, told)
  if (!is.null(within)) {
    counts <- counts[, within, drop = FALSE]
    places <- lapply(places, function(table) if (!is.null(table)) table[within, , drop = FALSE])
  }
  list(counts = counts, places = places, cells = colnames(counts), within = within)
}

# Cells of an object with their `coordinates`, one table, and `section`: those within the tissue. What is handed on
# with that table is cut to its cells, see plain_section().
cells_within <- function(object, cells, places, section, call, told = TRUE) {
  within <- within_tissue(object, cells, call, told)
  coordinates <- table_of_places(places)
  if (!is.null(within)) {
    coordinates <- mark_checked(coordinates[within, , drop = FALSE])
    cells <- cells[within]
    section <- section[within]
  }
  list(cells = cells, coordinates = coordinates, section = section)
}

# Columns of all cells out of those of the cells within the tissue, NA beside it.
for_all_cells <- function(values, cells) {
  beside <- setdiff(cells, colnames(values))
  if (!length(beside)) {
    return(values)
  }
  names <- list(rownames(values), beside)
  nothing <- matrix(NA_real_, nrow(values), length(beside), dimnames = names)
  cbind(values, nothing)[, cells, drop = FALSE]
}
