#' Read some imputed genes from a file
#'
#' Reads the values of some genes from the file that [ImputeGenes()] wrote by its
#' argument `out`, or Python's `sigel.tl.impute(out=)`, and nothing of the others.
#'
#' @param path The `.h5ad` file or the `.zarr` folder. The latter needs the Python
#'   package zarr: `install_sigel("zarr")`.
#' @param features Names of imputed genes, as [ImputationReport()] has them; default:
#'   all, where memory holds them.
#' @param intervals Whether to read the bounds of the intervals, too.
#' @return A matrix of values, genes x cells, in the order of `features`; with
#'   `intervals = TRUE` a list of three, `values`, `lower` and `upper`, of which the
#'   latter two are NULL where the file has no intervals.
#' @seealso [ImputeGenes()], [ImputationReport()]
#' @examples
#' if (sigel_available()) {
#'   panel <- SimulatePanel(n.panel = 40, n.rows = 14, n.cols = 14,
#'     n.programmes = 3, genes.per.programme = 20, n.background.genes = 20)
#'   file <- tempfile(fileext = ".h5ad")
#'   target <- ImputeGenes(panel$target, panel$reference, out = file, verbose = FALSE)
#'   genes <- ImputationReport(target)$genes$gene[1:2]
#'   ReadImputed(file, genes)[, 1:3]
#'   vapply(ReadImputed(file, genes, intervals = TRUE), mean, 0)
#' }
#' @export
ReadImputed <- function(path, features = NULL, intervals = FALSE) {
  call <- rlang::current_env()
  path <- if (!missing(path)) path
  check_string(path, "path", "Give the `out` of `ImputeGenes()`.", call)
  check_flag(intervals, "intervals", call)
  if (!is.null(features)) {
    fix <- "Name genes of the file, or leave it out for all."
    check_gene_names(features, fix, call, "names of imputed genes")
  }
  read <- sigel_call(
    "read_imputed",
    list(
      path = path.expand(path),
      genes = if (!is.null(features)) as.list(features),
      intervals = intervals
    ),
    call
  )
  named <- function(values) {
    if (!is.null(values)) {
      dimnames(values) <- list(unlist(read$genes), unlist(read$cells))
    }
    values
  }
  if (!intervals) {
    return(named(read$values))
  }
  lapply(read[c("values", "lower", "upper")], named)
}
