# Columns of the table of spatial genes; in feature metadata after the reduction.
SPATIAL_COLUMNS <- c(
  "score",
  "score.pval",
  "statistic",
  "effect",
  "length.scale",
  "pval",
  "log.pval",
  "qval",
  "rank",
  "status"
)

#' Spatially variable genes
#'
#' Tests every gene for a spatial pattern of any shape and size: whether its
#' counts, given how deeply each spot was sequenced, differ between places more
#' than chance would have them do. The test needs no training; where
#' [RunSIGEL()] was run its settings and genes are taken up, so that the images
#' are those that the model saw.
#'
#' @section Columns of the table:
#' \describe{
#'   \item{`score`, `score.pval`}{the SIGEL score: how far the gene's
#'     representation lies from those of null images of genes of its level, as a
#'     z-score, and its empirical p-value, never below some 2 / (genes x `n.nulls`): in a
#'     small panel raise `n.nulls`;}
#'   \item{`statistic`}{of the test, standardised: a quadratic form of the counts'
#'     residuals and a kernel of several length scales;}
#'   \item{`effect`}{share of the variance that neighbouring pixels have in
#'     common, 0 to 1;}
#'   \item{`length.scale`}{the scale at which the pattern is clearest, in the units
#'     of the coordinates;}
#'   \item{`pval`, `log.pval`, `qval`}{of the test, by the permutation moments of the
#'     statistic; its natural logarithm, also where the p-value itself is below what
#'     numbers can hold and 0; and adjusted by Benjamini and Hochberg;}
#'   \item{`rank`}{by the statistic; 1 is first;}
#'   \item{`status`}{`"tested"`, or why the gene was not.}
#' }
#' For a Seurat object they become feature metadata of the assay, named after the
#' reduction: `sigel.spatial.score`, `sigel.spatial.score.pval`,
#' `sigel.spatial.qval` and so on, for all genes of the assay.
#' `SpatialGenes()` reads them back.
#'
#' @param object A Seurat object, a SpatialExperiment, an assay, or a matrix of raw counts,
#'   genes x cells, sparse or dense. For `SpatialGenes()` a Seurat object or its assay;
#'   for `SpatialGenePlot()` also the table.
#' @param coordinates,assay,image As in [RunSIGEL()].
#' @param features Genes to use; default: those that the run was given; all where
#'   there was none, or where `config` is given.
#'   The others are left out before anything is computed.
#' @param covariates What a pattern must not be explained by, such as a cell type:
#'   names of columns of the meta data, numbers or text. They count in the test; the
#'   score does not know them. For a matrix or an assay,
#'   a data frame with the cells as row names.
#' @param section Where the object holds several sections, as after `merge()`: the name of the column
#'   of the meta data that tells them apart. For a matrix or an assay, a vector
#'   with the section of each cell. Default: the column of the run, where that was of
#'   several and no image is named. Each is tested alone, and the answers are
#'   combined.
#' @param null Null images for the score: `"permute"`, pixels in a new order;
#'   `"nb"` and `"zinb"`, counts drawn with each gene's own mean and dispersion.
#' @param n.nulls Null images of each gene; genes of one level share theirs, so
#'   that one is enough.
#' @param score Whether to compute the SIGEL score, which takes most of the time.
#' @param model Folder of a saved model for the score. Default: eigenimages made of
#'   half of the genes judge the other half, so that genes without a pattern score
#'   about 0. A model that has seen a gene's own noise scores it higher, and gives
#'   no `score.pval`.
#' @param layer Layer with the raw counts; for a Seurat object the default is that
#'   of the run, else `"counts"`. Split layers are joined for reading.
#' @param slot The same by the word of Seurat 4; takes precedence when given.
#' @param reduction Name of the reduction that [RunSIGEL()] wrote, whose settings
#'   are taken up where it is there; also the first word of the columns.
#' @param seed.use Seed of the shuffled spots. R's own random numbers are neither
#'   used nor changed.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU), `"cpu"`,
#'   `"cuda"`.
#' @param config Settings of the images, `list(image = list(...))` as in
#'   [RunSIGEL()]; default: those of the run.
#' @param verbose Whether to show progress.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return `FindSpatialGenes()`: for a Seurat object, the object with the feature
#'   metadata; else the table, a data frame in the order of rank. `SpatialGenes()`:
#'   the table.
#' @seealso [RunSIGEL()], [FindPatternGenes()], [GeneImagePlot()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- FindSpatialGenes(section, verbose = FALSE)
#'   head(SpatialGenes(section))
#' }
#' @export
FindSpatialGenes <- function(object, ...) {
  UseMethod("FindSpatialGenes", object)
}

#' @rdname FindSpatialGenes
#' @export
FindSpatialGenes.default <- function(
  object,
  coordinates = NULL,
  features = NULL,
  covariates = NULL,
  section = NULL,
  null = c("permute", "nb", "zinb"),
  n.nulls = 1,
  score = TRUE,
  model = NULL,
  seed.use = 0,
  device = "auto",
  config = NULL,
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_object(object, call)
  check_no_dots(..., known = names(formals(FindSpatialGenes.default)), call = call)
  check_question(model, seed.use, device, verbose, call)
  check_flag(score, "score", call)
  check_whole(n.nulls, "n.nulls", 1L, 1L, call)
  null <- check_choice(null, c("permute", "nb", "zinb"), "null", call)
  plain <- plain_section(object, coordinates, features, call)
  cells <- colnames(plain$counts)
  covariates <- covariate_columns(covariates, cells, call)
  plain$labels <- section_labels(section, cells, call)
  sigel_engine(call)
  result <- ask_section(
    "spatial_genes",
    plain,
    list(
      settings = image_settings(config, call),
      null = null,
      n_nulls = n.nulls,
      score = score,
      model = if (!is.null(model)) path.expand(model),
      covariates = as_py_dict(covariates),
      seed = seed.use,
      device = device
    ),
    verbose,
    call
  )
  with_record(as_gene_table(result, SPATIAL_COLUMNS), result, call)
}

#' @rdname FindSpatialGenes
#' @export
FindSpatialGenes.Assay <- function(object, coordinates = NULL, layer = "counts", slot = NULL, ...) {
  call <- rlang::current_env()
  counts <- read_counts(object, slot %||% layer, call)
  speaking_for(call, FindSpatialGenes(counts, coordinates = coordinates, ...))
}

# Registered when the package is loaded, where SeuratObject has the class (Seurat 5).
#' @rdname FindSpatialGenes
FindSpatialGenes.StdAssay <- FindSpatialGenes.Assay

#' @rdname FindSpatialGenes
#' @export
FindSpatialGenes.Seurat <- function(
  object,
  assay = NULL,
  image = NULL,
  features = NULL,
  covariates = NULL,
  section = NULL,
  null = c("permute", "nb", "zinb"),
  n.nulls = 1,
  score = TRUE,
  model = NULL,
  coordinates = NULL,
  layer = NULL,
  slot = NULL,
  reduction = "sigel",
  seed.use = 0,
  device = "auto",
  config = NULL,
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(FindSpatialGenes.Seurat)), call = call)
  seen <- asked_section(
    object,
    assay,
    image,
    coordinates,
    features,
    slot %||% layer,
    reduction,
    config,
    call,
    model,
    section = section
  )
  assay <- seen$assay
  table <- speaking_for(call, told = seen$told, {
    FindSpatialGenes(
      object[[assay]],
      coordinates = seen$coordinates,
      layer = seen$layer,
      features = seen$features,
      covariates = if (!is.null(covariates)) meta_columns(object, covariates, seen$cells, "covariates", call),
      section = seen$section,
      null = null,
      n.nulls = n.nulls,
      score = score,
      model = model,
      seed.use = seed.use,
      device = device,
      config = seen$config,
      verbose = verbose
    )
  })
  object[[assay]] <- add_spatial_metadata(object[[assay]], table, features, reduction)
  # What the log holds: the place of every cell need not be in it.
  coordinates <- if_given(coordinates)
  null <- null[1L]
  object <- SeuratObject::LogSeuratCommand(object)
  logged(object, table)
}

#' @rdname FindSpatialGenes
#' @export
FindSpatialGenes.SpatialExperiment <- function(object, ...) {
  view <- as_seurat(object)
  store_in(object, view, FindSpatialGenes(view, ...))
}

#' @rdname FindSpatialGenes
#' @export
SpatialGenes <- function(object, assay = NULL, reduction = "sigel") {
  call <- rlang::current_env()
  object <- as_seurat(object)
  check_string(reduction, "reduction", "Use `reduction = \"sigel\"`.", call)
  columns <- spatial_names(reduction)
  with_logs(metadata_table(
    object,
    assay,
    columns,
    "spatial genes",
    "FindSpatialGenes",
    call,
    younger = "log.pval"
  ))
}

# The table with logarithms of its p-values, which those of version 0.6 and before lack; 0 is taken for 1e-300.
with_logs <- function(table) {
  table$log.pval <- table$log.pval %||% log(pmax(table$pval, 1e-300))
  table[c("gene", SPATIAL_COLUMNS)]
}

#' @rdname FindSpatialGenes
#' @param n.label Number of the first genes whose names are written.
#' @param max.qval Genes below it are called spatial.
#' @export
SpatialGenePlot <- function(object, n.label = 10, max.qval = 0.05, assay = NULL, reduction = "sigel") {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  check_whole(n.label, "n.label", 0L, 10L, call)
  check_share(max.qval, "max.qval", 0.05, call)
  tested <- tested_genes(object, assay, reduction, call)
  # Without the score the test's p-value says how sure a pattern is; its logarithm is known where it is 0.
  scored <- any(!is.na(tested$score))
  tested$y <- if (scored) tested$score else -tested$log.pval / log(10)
  called <- !is.na(tested$qval) & tested$qval < max.qval
  kinds <- c(sprintf("q < %s", format(max.qval)), "not called")
  tested$kind <- factor(ifelse(called, kinds[1L], kinds[2L]), levels = kinds)
  ggplot2::ggplot(
    # Called genes are drawn last.
    tested[order(called), ],
    ggplot2::aes(.data$effect, .data$y, colour = .data$kind)
  ) +
    names_beside(utils::head(tested[order(tested$rank), ], n.label), tested, "effect") +
    ggplot2::geom_point(size = 1.4, alpha = 0.8, stroke = 0) +
    ggplot2::scale_colour_manual(
      values = stats::setNames(c(unname(group_colours("1")), "grey65"), kinds),
      drop = FALSE,
      guide = ggplot2::guide_legend(override.aes = list(size = 3, alpha = 1))
    ) +
    ggplot2::labs(
      title = "Spatially variable genes",
      subtitle = sprintf("%d of %d tested genes called", sum(called), nrow(tested)),
      x = "effect: share of variance that is spatial",
      y = if (scored) "SIGEL score (z)" else expression(-log[10] ~ p),
      colour = NULL
    ) +
    theme_sigel() +
    ggplot2::theme(legend.position = "top", legend.justification = "left")
}

# The genes with an answer, from an object or from the table that FindSpatialGenes() made of a matrix or an assay.
tested_genes <- function(object, assay, reduction, call) {
  table <- if (is.data.frame(object) && all(setdiff(SPATIAL_COLUMNS, "log.pval") %in% names(object))) {
    with_logs(object)
  } else {
    SpatialGenes(object, assay, reduction)
  }
  tested <- table[which(!is.na(table$rank) & !is.na(table$effect)), , drop = FALSE]
  if (!nrow(tested)) {
    fix <- "`SpatialGenes(object)$status` says why."
    sigel_abort("object", "no gene that was tested", "some tested genes", fix, call)
  }
  tested
}

# Names of the feature metadata, by column of the table.
spatial_names <- function(reduction) {
  stats::setNames(paste0(reduction, ".spatial.", SPATIAL_COLUMNS), SPATIAL_COLUMNS)
}

# The table as columns for all genes of the assay, so that nothing of an earlier call stays.
add_spatial_metadata <- function(assay, table, asked, reduction) {
  genes <- rownames(assay)
  rows <- match(genes, table$gene)
  metadata <- table[rows, SPATIAL_COLUMNS]
  metadata$status[is.na(rows)] <- if (is.null(asked)) {
    "not in the layer or the run"
  } else {
    "not among `features`"
  }
  names(metadata) <- spatial_names(reduction)
  rownames(metadata) <- genes
  put_columns(assay, metadata)
}

# Covariates as columns that cross to Python: numbers as vectors, all else as text; none may be missing.
covariate_columns <- function(covariates, cells, call) {
  if (is.null(covariates)) {
    return(NULL)
  }
  wanted <- "a data frame with the cells as row names"
  if (!is.data.frame(covariates)) {
    fix <- "For a Seurat object give names of columns of its meta data."
    sigel_abort("covariates", describe(covariates), wanted, fix, call)
  }
  missing <- setdiff(cells, rownames(covariates))
  if (length(missing)) {
    found <- sprintf("no row for %d of %d cells: %s", length(missing), length(cells), some(missing))
    sigel_abort("covariates", found, wanted, "Set its row names to the names of the cells.", call)
  }
  columns <- covariates[cells, , drop = FALSE]
  for (name in names(columns)) {
    lost <- sum(is.na(columns[[name]]) | (is.numeric(columns[[name]]) & !is.finite(columns[[name]])))
    if (lost) {
      found <- sprintf("\"%s\", missing for %s", name, number_of(lost, "cell"))
      sigel_abort("covariates", found, "a value for each cell", "Complete it, or leave the cells out.", call)
    }
  }
  lapply(columns, function(x) if (is.numeric(x)) as_vector(as.double(x)) else as.list(as.character(x)))
}
