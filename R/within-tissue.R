# Spots beside the tissue, which take no part in its domains.

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
        "%d of %d spots lie beside the tissue (`%s` is 0): they take no part.",
        sum(!within),
        length(within),
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

# What domain_section() made, of the spots within the tissue.
take_within <- function(seen, within) {
  if (is.null(within)) {
    return(seen)
  }
  seen$cells <- seen$cells[within]
  seen$counts <- mark_checked(seen$counts[, within, drop = FALSE])
  seen$coordinates <- mark_checked(seen$coordinates[within, , drop = FALSE])
  seen$section <- seen$section[within]
  seen
}
