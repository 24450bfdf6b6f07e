# Pairs of genes as a caller names them, and as the engine takes them, which refuses what is no question.

# The question of pairs, as arguments of the engine: pairs, all pairs of some genes, or partners of genes.
asked_pairs <- function(pairs, features, partners.of, n, known, call) {
  check_whole(n, "n", 1L, 20L, call)
  list(
    pairs = engine_pairs(pairs, "pairs", call),
    genes = as_names(features),
    partners_of = as_names(partners.of),
    n = n,
    known = engine_pairs(known, "known", call)
  )
}

# A table of pairs as lists of its columns, and `label` as numbers; NULL stays NULL.
engine_pairs <- function(given, argument, call) {
  if (is.null(given)) {
    return(NULL)
  }
  if (!is.data.frame(given) && !(is.matrix(given) && is.character(given))) {
    wanted <- "a data frame, or a character matrix, with two columns of names of genes"
    fix <- sprintf("For example `%s = data.frame(gene.a = \"Wnt4\", gene.b = \"Fzd1\")`.", argument)
    sigel_abort(argument, describe(given), wanted, fix, call)
  }
  table <- as.data.frame(given, stringsAsFactors = FALSE)
  names(table) <- sub("^gene[.]([ab])$", "gene_\\1", names(table))
  made <- lapply(table, as_names)
  if (argument == "known" && !is.null(made$label)) {
    label <- table[["label"]]
    label <- if (is.logical(label)) label else as.character(label)
    label <- suppressWarnings(as.double(label))
    made$label <- as_vector(replace(label, is.na(label), NaN))
  }
  as_py_dict(made)
}

# Names as a list, each by itself: what is no text stays what it is, and NA becomes Python's None. NULL stays NULL.
as_names <- function(x) {
  if (is.null(x)) {
    return(NULL)
  }
  x <- if (is.factor(x)) as.character(x) else x
  lapply(unname(as.list(x)), function(one) if (is.atomic(one) && length(one) == 1L && !is.na(one)) one)
}
