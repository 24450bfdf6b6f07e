#' The command line, from R
#'
#' Runs a command of `sigel`, the engine's command line, on files: for sections that R
#' cannot or need not hold. Many counts of an `.h5ad` file (67 million or more, stored by
#' cells) stay there and are read a piece at a time, so that a million cells, a whole
#' Visium HD section or more than 2^31 counts need no more memory here than in Python.
#' Nothing has to be on the path of a terminal.
#'
#' `sigel_command()` alone lists the commands, and `sigel_command("genes", "--help")`
#' what `genes` takes. Words without a name are passed on as they are, such as the files
#' that are read. Options may be given by name, as R writes them: `n.domains = 8` is
#' `--n-domains 8`, TRUE is `--score` and FALSE `--no-score`, a vector gives an option
#' several times, and a list is a nested one of settings, in which a sequence of one value
#' is written `list(7)`. Commas between names tell names apart, as in a terminal: a name
#' with a comma is given in a file, `genes = "@names.txt"`, a name a line.
#'
#' @param verb The command: `"embed"`, `"genes"`, `"groups"`, `"similar"`, `"pattern"`,
#'   `"impute"`, `"domains"`, `"compare"`, `"interactions"`, `"report"`, `"info"` or
#'   `"doctor"`.
#' @param ... Its files, and its options.
#' @param out The file to write, whose ending says what it will be; NULL: what is a table
#'   comes back and leaves no file.
#' @param verbose Whether to show progress, and what the command says beside its results
#'   and its warnings.
#' @return Of a table (`.tsv`, `.csv`, or without `out`) a data frame with names as the
#'   command line has them, underscores being dots; of another file its path, invisibly; of `info`,
#'   `doctor` and help the lines that are printed, invisibly.
#' @seealso [ReadSection()], [ReadImputed()]; the vignette "Large data and clusters".
#' @examples
#' if (sigel_available() && reticulate::py_module_available("cyclopts")) {
#'   folder <- tempfile()
#'   dir.create(folder)
#'   counts <- data.frame(cell = 1:60, Mbp = c(rep(5, 30), rep(0, 30)), Gfap = rep(1:2, 30))
#'   cells <- data.frame(EntityID = 1:60, center_x = rep(1:10, 6), center_y = rep(1:6, each = 10))
#'   write.csv(counts, file.path(folder, "cell_by_gene.csv"), row.names = FALSE)
#'   write.csv(cells, file.path(folder, "cell_metadata.csv"), row.names = FALSE)
#'   sigel_command("genes", folder, score = FALSE, verbose = FALSE)
#' }
#' @export
sigel_command <- function(verb = "--help", ..., out = NULL, verbose = TRUE) {
  call <- rlang::current_env()
  check_string(verb, "verb", "For example `sigel_command(\"genes\", \"section.h5ad\")`.", call)
  check_flag(verbose, "verbose", call)
  if (!is.null(out)) {
    check_string(out, "out", "Give the path of the file to write.", call)
  }
  words <- command_words(list(...), call)
  to <- path.expand(out %||% table_place(verb, words))
  if (is.null(out)) {
    on.exit(unlink(to), add = TRUE)
  }
  answer <- command_answer(c(verb, words, if (length(to)) c("-o", to)), verbose, call)
  cat(answer$out)
  if (!length(to) || !file.exists(to)) {
    return(invisible(strsplit(answer$out, "\n", fixed = TRUE)[[1L]]))
  }
  separators <- c(tsv = "\t", csv = ",")
  kind <- tolower(tools::file_ext(to))
  if (!kind %in% names(separators)) {
    return(invisible(normalizePath(to)))
  }
  made <- list(finished = Sys.time(), sigel = as.character(utils::packageVersion("sigel")))
  asked_by(structure(written_table(to, separators[[kind]]), provenance = made), call)
}

# Commands that write a table where no file is named.
COMMANDS_OF_TABLES <- c("genes", "groups", "similar", "pattern", "domains", "compare", "interactions")

# A passing place for the table of a command that was told of none; nothing for other commands, and where help is asked
# for.
table_place <- function(verb, words) {
  elsewhere <- any(grepl("^(-h|--help|-o|--output)(=|$)", words))
  if (verb %in% COMMANDS_OF_TABLES && !elsewhere) tempfile(fileext = ".tsv") else character()
}

# What was given as words of the command line. An option and its value are one word, so that a value may begin with a
# hyphen.
command_words <- function(given, call) {
  names <- rlang::names2(given)
  words <- Map(
    function(value, name) if (nzchar(name)) option_words(value, name, call) else file_words(value, call),
    given,
    names
  )
  as.character(unlist(words, use.names = FALSE))
}

file_words <- function(value, call) {
  if (!(is.null(value) || is.character(value)) || anyNA(value)) {
    fix <- "A section in memory has functions of its own, such as `FindSpatialGenes(object)`."
    sigel_abort("...", describe(value), "paths of files, and words of the command line", fix, call)
  }
  path.expand(as.character(value))
}

option_words <- function(value, name, call) {
  option <- if (nchar(name) == 1L) paste0("-", name) else paste0("--", gsub("[._]", "-", name))
  sprintf("%s=%s", option, value_words(value, name, call))
}

value_words <- function(value, name, call) {
  if (isTRUE(value) || isFALSE(value)) {
    return(tolower(value))
  }
  if (is.list(value)) {
    return(jsonlite::toJSON(value, auto_unbox = TRUE, digits = NA, null = "null"))
  }
  known <- is.null(value) || is.character(value) || is.numeric(value)
  if (!known || anyNA(value)) {
    fix <- "See `sigel_command(\"genes\", \"--help\")`."
    sigel_abort(name, describe(value), "text, numbers, TRUE, FALSE or a list of settings", fix, call)
  }
  if (is.numeric(value)) format_each(value) else value
}

# Numbers as text, each with its own digits.
format_each <- function(x) vapply(x, format, "", digits = 15, scientific = FALSE)

# What a command said, its warnings and errors as R's; the rest of what it said is told where that is wanted.
command_answer <- function(words, verbose, call, cli = command_line(call)) {
  reporter <- progress_reporter(verbose)
  done <- FALSE
  on.exit(close_progress(reporter, failed = !done), add = TRUE)
  progress <- if (!is.null(reporter)) reticulate::r_to_py(reporter, convert = TRUE)
  answer <- reticulate::py_to_r(cli$answer(as.list(words), progress))
  if (answer$code == 130L) {
    rlang::interrupt()
  }
  for (one in unlist(answer$warnings)) {
    rlang::warn(one, class = "sigel_warning", call = call)
  }
  said <- strsplit(answer$said, "\n", fixed = TRUE)[[1L]]
  if (answer$code != 0L) {
    # What was said before is no part of the error, which is the last.
    first <- max(1L, which(startsWith(said, "sigel: ")))
    why <- sub("^sigel: ", "", said[seq.int(first, length(said))])
    rlang::abort(paste(why, collapse = "\n"), class = "sigel_error", call = call)
  }
  done <- TRUE
  if (verbose && length(said)) {
    cli::cli_verbatim(sub("^sigel: ", "", said))
  }
  answer
}

# The command line's module; it needs one package more than the engine.
command_line <- function(call) {
  sigel_engine(call)
  if (!reticulate::py_module_available("cyclopts")) {
    rlang::abort(
      c(
        sprintf("The Python at %s lacks what the command line needs: cyclopts.", reticulate::py_exe()),
        i = "Run `install_sigel(\"cyclopts\")` once and restart R."
      ),
      class = c("sigel_engine_error", "sigel_error"),
      call = call
    )
  }
  reticulate::import("sigel.cli", convert = FALSE)
}

# A table that was written, with the names that R gives its columns; names of genes and spots are text, whatever they
# are.
written_table <- function(path, sep) {
  table <- utils::read.table(
    path,
    sep = sep,
    header = TRUE,
    quote = "\"",
    comment.char = "",
    check.names = FALSE,
    na.strings = character(),
    colClasses = "character",
    encoding = "UTF-8"
  )
  named <- grepl("gene|spot|query|medoid|domain|group", names(table)) & !grepl("^n_", names(table))
  table[!named] <- lapply(table[!named], utils::type.convert, as.is = TRUE, na.strings = "NA")
  table <- dotted(table)
  if (length(table) && names(table)[1L] == "gene" && !anyDuplicated(table$gene)) {
    rownames(table) <- table$gene
  }
  printed_short(table)
}
