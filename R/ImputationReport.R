#' What is known about imputed genes
#'
#' `ImputationReport()` gathers what [ImputeGenes()] found out about its own
#' answers: how well cross-validation over the shared genes did, which imputed
#' genes to trust, what could not be imputed and why. Printed, it tells the main
#' points. `ImputationIntervals()` gives the intervals of the values.
#'
#' @param object A Seurat object or a SpatialExperiment after [ImputeGenes()], its imputed assay, or what
#'   [ImputeGenes()] returned for a matrix.
#' @param assay Name of the imputed assay.
#' @param features Imputed genes; default: all.
#' @return `ImputationReport()`: a list of class `sigel_imputation_report` with
#' \describe{
#'   \item{`genes`}{the imputed genes: `gene`, `expected.pcc`, `trusted`,
#'     `similarity`, `nearest.gene`, `level`, `spatial`, `spread`, `beyond`,
#'     `round`, as in [ImputeGenes()];}
#'   \item{`shared`}{the genes that both sections measured: `achieved.pcc` when each
#'     was left out, `expected.pcc` as it would have been expected then, and what
#'     that is told from;}
#'   \item{`weights`}{of the predictors: `predictor`, `cells` (number of nearest
#'     cells averaged), `weight`;}
#'   \item{`coverage`}{share of measured values within the intervals, by `stratum`
#'     of expression, 1 the weakest;}
#'   \item{`left.out`}{genes not imputed, and why;}
#'   \item{`history`}{of the training, for `method = "gan"` alone;}
#'   \item{`file`}{that has the values, where `ImputeGenes(out = )` named one;}
#'   \item{`method`, `n.shared`, `spearman`, `converged`, `min.pcc`, `target.sum`,
#'     `params`, `provenance`}{the method, the number of shared genes, the rank
#'     correlation of expected and achieved accuracy, whether what was trained has
#'     levelled off, the accuracy from which on a gene is trusted, the counts of a
#'     cell after normalisation, and settings and origin as JSON.}
#' }
#'   `ImputationIntervals()`: a list of two matrices `lower` and `upper`, genes x
#'   cells, on the scale of the values.
#' @seealso [ImputationAccuracyPlot()], [ImputedGenePlot()]
#' @examples
#' if (sigel_available()) {
#'   panel <- SimulatePanel(n.panel = 40, n.rows = 14, n.cols = 14,
#'     n.programmes = 3, genes.per.programme = 20, n.background.genes = 20)
#'   target <- ImputeGenes(panel$target, panel$reference, verbose = FALSE)
#'   report <- ImputationReport(target)
#'   report
#'   head(report$genes)
#'   gene <- report$genes$gene[1]
#'   vapply(ImputationIntervals(target, gene), mean, 0)
#' }
#' @export
ImputationReport <- function(object, assay = "sigel.imputed") {
  object <- as_seurat(object)
  imputed <- imputation_of(object, assay, rlang::current_env(), values = FALSE)
  tables <- imputed[intersect(c("genes", names(IMPUTED_TABLES)), names(imputed))]
  parts <- c(lapply(tables, printed_short), imputed[intersect("file", names(imputed))], imputed$report)
  structure(parts, class = "sigel_imputation_report")
}

#' @rdname ImputationReport
#' @export
ImputationIntervals <- function(object, features = NULL, assay = "sigel.imputed") {
  call <- rlang::current_env()
  object <- as_seurat(object)
  imputed <- imputation_of(object, assay, call)
  if (is.null(imputed$lower)) {
    fix <- "Call `ImputeGenes()` with `intervals = TRUE`."
    sigel_abort("object", "imputed genes without intervals", "intervals", fix, call)
  }
  lost <- setdiff(imputed$cells, colnames(imputed$lower))
  if (length(lost)) {
    found <- sprintf("%s without intervals: %s", number_of(length(lost), "cell"), some(lost))
    fix <- "They were renamed or added since: call `ImputeGenes()` again."
    sigel_abort("object", found, "the cells that were imputed", fix, call)
  }
  features <- imputed_features(features, imputed, call)
  lapply(imputed[c("lower", "upper")], function(x) x[features, imputed$cells, drop = FALSE])
}

#' @export
print.sigel_imputation_report <- function(x, ...) {
  share <- function(number) sprintf("%.2f", number)
  achieved <- x$shared$achieved.pcc
  spread <- stats::quantile(achieved, c(0.25, 0.75), na.rm = TRUE)
  covered <- x$coverage$coverage
  lines <- cli::cli_fmt({
    cli::cli_h3("Imputed genes")
    cli::cli_text("Method {.val {x$method}}, learned from {x$n.shared} shared gene{?s}.")
    cli::cli_text(
      "Shared genes left out in turn: mean correlation {share(mean(achieved, na.rm = TRUE))}, ",
      "half of them {share(spread[1])} to {share(spread[2])}; ",
      "it was foreseen with a rank correlation of {share(x$spearman)}."
    )
    trusted <- sum(x$genes$trusted, na.rm = TRUE)
    cli::cli_text(
      "{nrow(x$genes)} gene{?s} imputed, {trusted} trusted (expected correlation ",
      "{format(x$min.pcc)} or more), {nrow(x$left.out)} left out."
    )
    if (length(covered)) {
      cli::cli_text(
        "Intervals hold {share(stats::weighted.mean(covered, x$coverage$n))} of measured values, ",
        "{share(min(covered))} to {share(max(covered))} by level of expression."
      )
    }
    if (!is.null(x$file)) {
      cli::cli_text("Values are in {.file {x$file}}: see {.fun ReadImputed}.")
    }
    if (isTRUE(x$converged)) {
      cli::cli_alert_success("Converged.")
    } else {
      cli::cli_alert_danger("Not converged: give `config = list(gan = list(epochs = ...))` more.")
    }
  })
  cat(lines, sep = "\n")
  invisible(x)
}

#' @export
print.sigel_imputation <- function(x, ...) {
  parts <- if (is.null(x$file)) intersect(names(x), c("values", "lower", "upper")) else "in a file"
  n.cells <- x$n.cells %||% ncol(x$values)
  cat(sprintf("%s, %d genes x %d cells\n", toString(parts), nrow(x$genes), n.cells))
  print(ImputationReport(x))
  invisible(x)
}

# What ImputeGenes() answered, wherever it lies, in the shape that its `.default` method returns, with `cells`.
# `values`: whether they are needed, which are not there where they went to a file.
imputation_of <- function(object, assay, call, values = TRUE) {
  object <- imputed_file_of(object, assay) %||% object
  if (inherits(object, "sigel_imputation")) {
    if (values) {
      check_in_memory(object, call)
    }
    return(c(unclass(object), list(cells = colnames(object$values))))
  }
  if (inherits(object, "Seurat")) {
    assay <- choose_imputed_assay(object, assay, call)
    object <- object[[assay]]
  }
  if (!inherits(object, c("Assay", "StdAssay"))) {
    fix <- "Pass what `ImputeGenes()` returned."
    sigel_abort(
      "object",
      describe(object),
      "a Seurat object, its imputed assay, or a SpatialExperiment",
      fix,
      call
    )
  }
  misc <- imputation_misc(object)
  if (is.null(misc)) {
    fix <- "Call `ImputeGenes()` first."
    sigel_abort("object", "an assay without imputed genes", "one that `ImputeGenes()` made", fix, call)
  }
  # Earlier versions knew less.
  genes <- object[[]][intersect(IMPUTED_COLUMNS, names(object[[]]))]
  # Tables of 0.5.0 have underscores.
  misc <- lapply(misc, function(part) if (is.data.frame(part)) dotted(part) else part)
  tables <- c("lower", "upper", names(IMPUTED_TABLES))
  values <- assay_values(object)
  c(
    list(values = values),
    misc[intersect(tables, names(misc))],
    list(
      genes = data.frame(gene = rownames(object), genes, row.names = rownames(object)),
      report = misc[setdiff(names(misc), tables)],
      # Those beside the tissue have no values.
      cells = colnames(object)[!is.na(values[1L, ])]
    )
  )
}

check_in_memory <- function(imputed, call) {
  if (!is.null(imputed$file)) {
    found <- sprintf("imputed genes whose values are in the file \"%s\"", imputed$file)
    fix <- sprintf("Read some by `ReadImputed(\"%s\", features)`.", imputed$file)
    sigel_abort("object", found, "values in memory", fix, call)
  }
}

# The name of an imputed assay; where there is none, that ImputeGenes() comes first.
choose_imputed_assay <- function(object, assay, call) {
  check_string(assay, "assay", "Use `assay = \"sigel.imputed\"`.", call)
  assays <- SeuratObject::Assays(object)
  imputed <- Filter(function(name) !is.null(imputation_misc(object[[name]])), assays)
  if (!assay %in% imputed) {
    found <- if (assay %in% assays) {
      sprintf("\"%s\", an assay without imputed genes", assay)
    } else {
      sprintf("\"%s\", where there is only %s", assay, some(assays, 10L))
    }
    fix <- if (length(imputed)) {
      sprintf("Use `assay = \"%s\"`.", imputed[1L])
    } else {
      "Call `ImputeGenes()` first."
    }
    sigel_abort("assay", found, "an assay that `ImputeGenes()` made", fix, call)
  }
  assay
}

# What ImputeGenes() left with an assay; NULL for an assay of another origin.
imputation_misc <- function(assay) {
  misc <- methods::slot(assay, "misc")
  if (made_by_imputing(misc)) misc
}

# Whether that is what ImputeGenes() leaves.
made_by_imputing <- function(misc) {
  made_here <- c("method", "n.shared", "target.sum", "left.out", "params", "provenance")
  is.list(misc) && all(made_here %in% names(misc))
}

# The values of an imputed assay, of Seurat 4 or 5.
assay_values <- function(assay) {
  if (inherits(assay, "Assay")) {
    return(methods::slot(assay, "data"))
  }
  getExportedValue("SeuratObject", "LayerData")(assay, layer = "data")
}

# Names of imputed genes; all where none are asked for.
imputed_features <- function(features, imputed, call) {
  known <- imputed$genes$gene
  if (is.null(features)) {
    return(known)
  }
  check_gene_names(features, "See `rownames()` of the assay.", call, "names of imputed genes")
  unknown <- setdiff(features, known)
  if (length(unknown)) {
    why <- imputed$left.out$status[match(unknown[1L], imputed$left.out$gene)]
    near <- nearest_names(unknown[1L], known)
    fix <- if (length(near)) sprintf("Did you mean %s?", some(near)) else "See `rownames()` of the assay."
    found <- some(unknown)
    if (!is.na(why %||% NA)) {
      found <- sprintf("%s, which could not be imputed (%s)", some(unknown), why)
    }
    sigel_abort("features", found, "names of imputed genes", fix, call)
  }
  unique(features)
}
