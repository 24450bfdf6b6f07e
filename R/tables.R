# The engine's tables as R's, and tables of genes as feature metadata.

# A table or a list with its names as R has them: score_pval is score.pval.
dotted <- function(x) stats::setNames(x, gsub("_", ".", names(x), fixed = TRUE))

# A data frame from the columns that the engine returns as lists; one without rows keeps its columns.
engine_table <- function(columns) {
  columns <- lapply(columns, function(column) {
    column <- if (length(column)) unlist(column) else character()
    if (is.numeric(column)) replace(column, is.nan(column), NA) else column
  })
  data.frame(dotted(columns), check.names = FALSE, stringsAsFactors = FALSE)
}

# The engine's answer as a data frame by rank, genes without an answer last.
as_gene_table <- function(result, columns) {
  table <- engine_table(dotted(result)[c("gene", columns)])
  table$rank <- as.integer(table$rank)
  rownames(table) <- table$gene
  printed_short(table[order(table$rank), , drop = FALSE])
}

# A table of groups of genes, or of domains: `part` is the column with their names.
group_table <- function(columns, part = "group") {
  table <- engine_table(columns)
  table[[part]] <- as_group(as.character(table[[part]]))
  table
}

# The same of their stability; what holds for all rows is in attributes.
stability_table <- function(result, part) {
  about <- c("ari", "ari_by_seed", "seeds")
  table <- group_table(result[setdiff(names(result), c(about, "spots"))], part)
  about <- dotted(result[about])
  attributes(table)[names(about)] <- lapply(about, unlist)
  printed_short(table)
}

# Columns of an assay's features, or of an object's cells, in place of those of the same names: a factor that is there
# already would keep its levels.
put_columns <- function(object, metadata) {
  for (column in intersect(names(metadata), names(object[[]]))) {
    object[[column]] <- NULL
  }
  SeuratObject::AddMetaData(object, metadata = metadata)
}

# What a verb left in the feature metadata of an assay, as a table by rank. `columns`: their names there, by column of
# the table; where no assay is named, the default one comes first, then any that has them. `younger`: columns of the
# table that an earlier version did not write, which may lack.
metadata_table <- function(object, assay, columns, what, verb, call, younger = character()) {
  needed <- columns[!names(columns) %in% younger]
  if (inherits(object, "Seurat")) {
    # Refused before `[[`, whose dispatch would wrap the message.
    assay <- if (is.null(assay)) assay_with(object, needed) else choose_assay(object, assay, call)
    object <- object[[assay]]
  }
  if (!inherits(object, c("Assay", "StdAssay"))) {
    fix <- sprintf("Pass what `%s()` returned.", verb)
    sigel_abort("object", describe(object), "a Seurat object, an assay or a SpatialExperiment", fix, call)
  }
  metadata <- object[[]]
  missing <- setdiff(needed, names(metadata))
  if (length(missing)) {
    found <- sprintf("an assay without \"%s\"", missing[1L])
    sigel_abort("object", found, what, sprintf("Call `%s()` first.", verb), call)
  }
  there <- columns[columns %in% names(metadata)]
  table <- stats::setNames(metadata[there], names(there))
  table <- data.frame(gene = rownames(metadata), table, row.names = rownames(metadata))
  printed_short(table[order(table$rank), , drop = FALSE])
}

# The first assay that has the columns, or the default one.
assay_with <- function(object, columns) {
  assays <- unique(c(SeuratObject::DefaultAssay(object), SeuratObject::Assays(object)))
  c(Filter(function(name) all(columns %in% names(object[[name]][[]])), assays), assays)[1L]
}

# A table of results, which prints short and holds everything whole.
printed_short <- function(table) {
  class(table) <- c("sigel_table", "data.frame")
  table
}

# Methods for data frames of S4 classes, such as those that add columns to objects of Seurat, take them.
#' @exportClass sigel_table
methods::setOldClass(c("sigel_table", "data.frame"))

#' Tables of results
#'
#' Tables that functions of this package return are data frames. Printed, they show three significant digits, of more
#' than 30 rows the first 10, lists of genes cut to the width of the console, and names of genes once: as a column, or
#' beside each block of columns where the console is too narrow for all. The values themselves are whole.
#'
#' As in every data frame, `table[table$qval < 0.05, ]` has a row of NA for each gene that was not tested, whose `qval`
#' is NA. `subset(table, qval < 0.05)` leaves them out.
#'
#' @param x The table.
#' @param n Rows shown; `Inf` for all. NULL: 10, or all where there are up to 30.
#' @param digits Significant digits of numbers.
#' @param row.names Whether names of rows are shown; NULL: where no column repeats them.
#' @param ... Passed on to the method for data frames.
#' @return `x`, invisibly.
#' @aliases sigel_table-class
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   genes <- SpatialGenes(FindSpatialGenes(section, verbose = FALSE))
#'   genes
#'   print(subset(genes, qval < 0.05, c(gene, score, qval)), n = 5)
#' }
#' @export
print.sigel_table <- function(x, n = NULL, digits = 3, row.names = NULL, ...) {
  call <- rlang::current_env()
  check_whole(digits, "digits", 1L, 3L, call)
  if (is.null(n)) {
    n <- if (nrow(x) > 30L) 10L else nrow(x)
  } else if (!identical(n, Inf)) {
    check_whole(n, "n", 0L, 10L, call)
  }
  shown <- x[seq_len(min(n, nrow(x))), , drop = FALSE]
  class(shown) <- "data.frame"
  shown[] <- lapply(shown, in_digits, digits = digits)
  width <- getOption("width")
  twice <- repeats_names(shown)
  short <- short_lists(shown, width, named = !any(twice))
  if (!isFALSE(row.names) && any(twice) && sum(widths_shown(short)) > width) {
    # Each block of columns has the names of its rows.
    short <- short_lists(shown[!twice], width)
    twice <- FALSE
  }
  print(short, row.names = row.names %||% !any(twice), ...)
  left <- nrow(x) - nrow(shown)
  if (left) {
    cat(sprintf("# and %s: print(x, n = Inf)\n", number_of(left, "more row")))
  }
  if (length(said <- attr(x, "direction")) && nzchar(said)) {
    cat("# ", said, "\n", sep = "")
  }
  invisible(x)
}

# What a table knows beside its columns is known of a part of it, too; of some columns, data frames know it no more.
#' @export
`[.sigel_table` <- function(x, ...) {
  part <- NextMethod()
  if (is.data.frame(part)) {
    about <- setdiff(names(attributes(x)), c("names", "row.names", "class", names(attributes(part))))
    attributes(part)[about] <- attributes(x)[about]
  }
  part
}

# Which columns say only what names of rows do.
repeats_names <- function(table) {
  nrow(table) > 0L &
    vapply(table, function(column) identical(as.character(column), rownames(table)), logical(1L))
}

# Numbers as text, each with its own digits, so that one that is very small does not change how others are written.
in_digits <- function(column, digits) {
  if (!is.double(column)) {
    return(column)
  }
  number <- is.finite(column)
  exponent <- ifelse(number & column != 0, floor(log10(abs(signif(column, digits)))), 0)
  whole <- all(column[number] == round(column[number]))
  decimals <- if (whole) 0 * column else pmax(digits - 1 - exponent, 0)
  decimals[!number | column %in% 0] <- 0
  far <- number & (exponent < -4 | exponent > 9)
  ifelse(far, sprintf("%.*e", as.integer(digits) - 1L, column), sprintf("%.*f", as.integer(decimals), column))
}

# How wide the columns of a table are where it is printed, each with the space before it.
widths_shown <- function(table) {
  wide <- vapply(table, function(column) max(0L, nchar(format(column)), na.rm = TRUE), integer(1L))
  pmax(wide, nchar(names(table), keepNA = FALSE)) + 1L
}

# Columns of text that is longer than names are, cut so that a row is no wider than `width` where the rest leaves room.
short_lists <- function(table, width, named = TRUE, least = 16L) {
  wide <- widths_shown(table)
  long <- which(vapply(table, is.character, logical(1L)) & wide > 24L)
  if (!length(long)) {
    return(table)
  }
  names <- if (named) max(0L, nchar(rownames(table))) else 0L
  room <- (width - sum(wide[-long]) - names - 1L) %/% length(long) - 1L
  # Where the others leave no room, a list gets a block of its own.
  room <- if (room >= least) room else max(least, width - names - 2L)
  table[long] <- lapply(table[long], function(column) {
    cut <- !is.na(column) & nchar(column) > room
    column[cut] <- paste0(substr(column[cut], 1L, room - 3L), "...")
    column
  })
  table
}
