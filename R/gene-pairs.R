# Pairs of genes as a caller names them, and as the engine takes them.

# The question of pairs, as arguments of the engine: pairs, all pairs of some genes, or partners of genes.
asked_pairs <- function(pairs, features, partners.of, n, known, call) {
  given <- list(pairs = pairs, features = features, partners.of = partners.of)
  several <- names(Filter(Negate(is.null), given))
  wanted <- "one of `pairs`, `features` and `partners.of`"
  if (length(several) > 1L) {
    found <- sprintf("`%s` as well", several[1L])
    fix <- sprintf("Leave out one: `%s = NULL`.", several[2L])
    sigel_abort(several[2L], found, wanted, fix, call)
  }
  if (!length(several) && is.null(known)) {
    fix <- "Name pairs, or genes whose pairs are asked about, for example `partners.of = \"Mbp\"`."
    sigel_abort("pairs", "nothing", paste(wanted, "or `known`"), fix, call)
  }
  if (!is.null(features)) {
    check_gene_names(features, "See `rownames(object)`.", call)
  }
  if (!is.null(partners.of)) {
    check_gene_names(partners.of, "See `rownames(object)`.", call, argument = "partners.of")
  }
  check_whole(n, "n", 1L, 20L, call)
  list(
    pairs = engine_pairs(pairs, "pairs", call),
    genes = if (!is.null(features)) as.list(unname(features)),
    partners_of = if (!is.null(partners.of)) as.list(unname(partners.of)),
    n = n,
    known = engine_pairs(known, "known", call)
  )
}

# A table of pairs as `gene_a`, `gene_b` and perhaps `label`; NULL stays NULL.
engine_pairs <- function(given, argument, call) {
  if (is.null(given)) {
    return(NULL)
  }
  wanted <- "a data frame, or a character matrix, with two columns of names of genes"
  example <- sprintf("For example `%s = data.frame(gene.a = \"Wnt4\", gene.b = \"Fzd1\")`.", argument)
  if (!is.data.frame(given) && !(is.matrix(given) && is.character(given))) {
    sigel_abort(argument, describe(given), wanted, example, call)
  }
  table <- as.data.frame(given, stringsAsFactors = FALSE)
  if (ncol(table) < 2L || !nrow(table)) {
    found <- sprintf("%d %s of %d", nrow(table), ngettext(nrow(table), "row", "rows"), ncol(table))
    sigel_abort(argument, paste(found, ngettext(ncol(table), "column", "columns")), wanted, example, call)
  }
  columns <- Find(
    function(names) all(names %in% names(table)),
    list(c("gene.a", "gene.b"), c("gene_a", "gene_b"), names(table)[1:2])
  )
  made <- lapply(columns, function(column) names_of_pairs(table[[column]], column, argument, call))
  names(made) <- c("gene_a", "gene_b")
  if (argument == "known" && "label" %in% setdiff(names(table), columns)) {
    # What is no number is the engine's to refuse.
    label <- table[["label"]]
    label <- if (is.logical(label)) label else as.character(label)
    label <- suppressWarnings(as.double(label))
    made$label <- as_vector(replace(label, is.na(label), NaN))
  }
  made
}

# A column of names as text.
names_of_pairs <- function(column, name, argument, call) {
  column <- if (is.factor(column)) as.character(column) else column
  if (!is.character(column) || anyNA(column)) {
    what <- if (is.character(column)) "names are missing" else "not all is text"
    found <- sprintf("the column \"%s\", in which %s", name, what)
    fix <- sprintf("Choose the columns: `%s = table[c(\"first\", \"second\")]`.", argument)
    sigel_abort(argument, found, "pairs of names of genes", fix, call)
  }
  as.list(unname(column))
}
