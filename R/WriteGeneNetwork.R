#' Write a network of genes
#'
#' Writes pairs of genes as a GraphML file, which Cytoscape, Gephi and igraph read. The network
#' has no direction. A node has its gene's `name`, an edge `similarity`, `pval`, `qval` and, where
#' the table has it, `prob`.
#'
#' A pair that stands twice, as two partners of each other do, is one edge, that of its first row;
#' pairs without a similarity are left out. The engine needs the Python package igraph for it:
#' `install_sigel("igraph")`.
#'
#' @param table What [FindGeneInteractions()] returned, or those rows of it that shall be edges.
#' @param file Where to: a file that ends in `.graphml`. One that is there is replaced.
#' @return The name of the file, invisibly.
#' @seealso [FindGeneInteractions()]
#' @examples
#' if (sigel_available() && reticulate::py_module_available("igraph")) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   table <- FindGeneInteractions(section, features = rownames(section)[1:9], verbose = FALSE)
#'   file <- tempfile(fileext = ".graphml")
#'   WriteGeneNetwork(subset(table, similarity > 0.3), file)
#' }
#' @export
WriteGeneNetwork <- function(table, file) {
  call <- rlang::current_env()
  table <- if (!missing(table)) table
  if (is.data.frame(table) && !nrow(table)) {
    sigel_abort("table", "no row", "pairs that were tested", "Choose rows less strictly.", call)
  }
  check_table(table, c("gene.a", "gene.b", "similarity"), "FindGeneInteractions", call)
  file <- if (!missing(file)) file
  check_string(file, "file", "For example `file = \"network.graphml\"`.", call)
  columns <- c(
    list(gene_a = as.list(as.character(table$gene.a)), gene_b = as.list(as.character(table$gene.b))),
    lapply(table[intersect(c("similarity", "pval", "qval", "prob"), names(table))], function(values) {
      as_vector(replace(as.double(values), is.na(values), NaN))
    })
  )
  sigel_call("write_network", list(table = columns, path = path.expand(file)), call)
  invisible(file)
}
