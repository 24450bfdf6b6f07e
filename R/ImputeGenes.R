#' Impute genes that a panel did not measure
#'
#' Predicts, for every cell of a section that was measured with a panel of genes
#' (the target), the genes that only a reference has: a like section measured with
#' all genes, or single cells of like tissue. Says how far to trust each gene and
#' each value.
#'
#' @section How it works:
#' The genes that both sections measured, matched by name, teach the map. By
#' default several predictors are blended: a ridge regression from the genes'
#' representations in the reference to the target, one from the reference's spots,
#' and the nearest spots; each also averaged over nearest cells. Their weights come
#' from cross-validation over the shared genes, and so does the accuracy to expect
#' of each imputed gene. Places are compared by which cells are near, so the units
#' of the two sections need not agree.
#'
#' That accuracy is the correlation with values normalised by the panel's own
#' library, as the imputed ones are. With a small panel this library follows the
#' panel's few genes, so that genes without any pattern reach a correlation of 0.1
#' to 0.2 by that alone.
#'
#' @section What comes out:
#' The values are `log(1 + x)`, where `x` are counts of a cell as they would be
#' were its counts of the panel as many as those of the median cell; Python gives
#' the same numbers. `config = list(target_sum = 10000)` puts values on the scale of
#' Seurat's `NormalizeData()` when it is run on the panel. They are expected values,
#' nowhere exactly zero unless `config$zeros` asks for it. Cells without counts get
#' each gene's mean and the widest interval, and a warning tells how many they are.
#'
#' For a Seurat object they become the `data` of a new assay without counts, NA for
#' cells beside the tissue, where the meta data have 0 in `in_tissue`: these take no
#' part, neither of the target nor of a reference. No
#' other assay is changed, and the default assay stays what it was. Feature
#' metadata of the new assay:
#' \describe{
#'   \item{`expected.pcc`}{correlation with the truth over cells to be expected;}
#'   \item{`trusted`}{whether that is `config$min_pcc` (0.1) or more;}
#'   \item{`similarity`, `nearest.gene`}{mean cosine between the representations of
#'     the gene and of the five most similar genes of the panel, and the first of
#'     these;}
#'   \item{`level`, `spatial`}{logarithm of the gene's mean and Moran's I in the
#'     reference; of cells without places the share of the gene's variance along axes
#'     of co-expression;}
#'   \item{`spread`}{standard deviation over cells of the predicted z-score;}
#'   \item{`beyond`}{which of `similarity`, `level`, `spatial` and `spread` lie beyond
#'     what the panel's genes show: `expected.pcc` is a guess there;}
#'   \item{`round`}{in which it was imputed, 1 where `config$rounds` is 1.}
#' }
#' [ImputationIntervals()] and [ImputationReport()] read the rest: intervals that
#' hold 90 percent of measured values, genes that could not be imputed and why,
#' what cross-validation found.
#'
#' @section What the values are for:
#' Intervals are for tests: [CompareImputedGenes()] tests imputed genes between domains
#' by what is known of each value, where a plain test, such as Seurat's `FindMarkers()`
#' on the assay, would take predictions for facts and find nearly every gene.
#'
#' That imputed genes improve clustering, as the paper has it, was not found again. On an
#' embryo's 7,661 cells of 21 types (`benchmarks/results/clusters.md` in the sources) the
#' adjusted Rand index of Leiden clusters, median of 10 seeds, is 0.40 with the panel's
#' 351 genes, 0.37 with 330 imputed genes added (0.39 where imputed in the paper's
#' rounds), and 0.33 with all trusted ones; published are 0.36 and 0.44. Cluster the
#' panel; use imputed genes to look at genes.
#'
#' @param object The target: a Seurat object, a SpatialExperiment, an assay, or a matrix of raw counts,
#'   genes x cells, sparse or dense.
#' @param reference The reference, or a list of several, of either kind. A section:
#'   a Seurat object with an image, a SpatialExperiment, or a list of `counts` (raw counts, genes x cells)
#'   and `coordinates` (as for the target, with the array positions in it or beside
#'   it as `lattice`). Dissociated single cells: a Seurat object without an image, a
#'   SingleCellExperiment, a matrix of raw counts, genes x cells, or a list of `counts` alone. Of more than
#'   20,000 cells a sample is used. A section is the better reference where there
#'   is one.
#' @param features Genes to impute, in the target's spelling; default: all genes of
#'   the reference that have an image there and that the target lacks.
#' @param method `"ensemble"`, which `"auto"` stands for: the blend of all
#'   predictors; `"representation"`: ridge regression from representations alone;
#'   `"ridge"`: from the reference's spots; `"neighbors"`: the nearest spots;
#'   `"gan"`: a generator with a memory, trained against a critic.
#' @param assay,reference.assay Assays; default: the default assays, of experiments
#'   `"counts"`.
#' @param layer,reference.layer Layers with the raw counts; default: `"counts"`.
#'   Split layers are joined for reading.
#' @param slot `layer` by the word of Seurat 4; takes precedence when given.
#' @param image,reference.image Names of the images with the places of the cells,
#'   needed where there are several.
#' @param coordinates,reference.coordinates The places instead of those of an
#'   image: a data frame or matrix with columns x and y (or `array_row` and
#'   `array_col`) and the cells as row names. For several references, lists or
#'   vectors with one element for each.
#' @param orthologs Where the species differ: a character vector with genes of the
#'   reference, named by those of the target, or a data frame with columns `target`
#'   and `reference`. Default: same names.
#' @param intervals Whether to compute the intervals, each as large as the values.
#' @param config Settings, for example
#'   `list(target_sum = 10000, coverage = 0.8, gan = list(epochs = 50))`. An unknown
#'   setting is an error that lists the known ones. Among them are
#'   \describe{
#'     \item{`target_sum`}{counts of a cell after normalisation; default, or `NULL`:
#'       the median of the target's cells over the panel.}
#'     \item{`zeros`}{`"none"` (default): expected values, nowhere exactly zero;
#'       `"rate"`: the lowest values of a gene become zero, in as large a share of
#'       cells as genes of that level show in the target; `"panel"`: zero where the
#'       target shows none of the three most similar genes of the panel, neither in
#'       the cell nor in its nearest six.}
#'     \item{`rounds`, `round_size`}{with more than 1 round (the default) the most
#'       predictable genes come first and join the panel for those that follow.
#'       With `round_size` genes in each, `rounds * round_size` genes come out and
#'       the others are in `left.out`; default: an even share of all.}
#'   }
#' @param model Folder of a model of the reference, saved by
#'   `RunSIGEL(save.model = ...)`, or for several references a folder for each;
#'   default: representations are made anew, without training.
#' @param out File that takes the values, some genes at a time, where memory would
#'   not hold them: an `.h5ad` file, or a `.zarr` folder, for which the engine needs
#'   the Python package zarr (`install_sigel("zarr")`). It is whole or not there; an
#'   earlier one of that name is replaced. [ReadImputed()] reads some of its genes.
#'   Not with several rounds. Default: none.
#' @param assay.name Name of the new assay, or with `out` of what is kept of it. One
#'   that an earlier call made is replaced; any other is refused.
#' @param seed.use Seed. R's own random numbers are neither used nor changed.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU), `"cpu"`,
#'   `"cuda"`.
#' @param verbose Whether to show progress.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return For a Seurat object, the object with the new assay. Else a list of class
#'   `sigel_imputation`: `values`, `lower` and `upper` (genes x cells), `genes`, a
#'   data frame of what the feature metadata are above, and the other parts of
#'   [ImputationReport()]. With `out` there is no assay and there are no values: the
#'   list has the name of the `file` instead, and for a Seurat object it is kept as
#'   `Misc(object, assay.name)`, which [ImputationReport()] reads.
#' @references The generator of `method = "gan"` follows SIGEL's SIGEL-ETC; changed
#'   are that genes are paired by name, that the memory is not cut to zero, that one
#'   generator serves any number of cells, and that training stops early, by genes
#'   held out.
#' @seealso [CompareImputedGenes()], [ReadImputed()], [ImputedGenePlot()],
#'   [ImputationAccuracyPlot()], [SimulatePanel()]
#' @examples
#' if (sigel_available()) {
#'   panel <- SimulatePanel(n.panel = 40, n.rows = 14, n.cols = 14,
#'     n.programmes = 3, genes.per.programme = 20, n.background.genes = 20)
#'   target <- ImputeGenes(panel$target, panel$reference, verbose = FALSE)
#'   target[["sigel.imputed"]]
#'   ImputationReport(target)
#'
#'   # Which imputed genes differ between two domains, by what is known of each value?
#'   domains <- unique(target$region)
#'   table <- CompareImputedGenes(target, "region", domains[1], domains[2])
#'   head(table[order(table$pval), ])
#'
#'   # Values in a file, of which one gene is read.
#'   file <- ImputeGenes(panel$target, panel$reference, out = tempfile(fileext = ".h5ad"),
#'     verbose = FALSE) |> ImputationReport() |> getElement("file")
#'   dim(ReadImputed(file, rownames(target[["sigel.imputed"]])[1]))
#' }
#' @export
ImputeGenes <- function(object, reference, ...) {
  UseMethod("ImputeGenes", object)
}

#' @rdname ImputeGenes
#' @export
ImputeGenes.default <- function(
  object,
  reference,
  coordinates = NULL,
  features = NULL,
  method = c("auto", "ensemble", "representation", "ridge", "neighbors", "gan"),
  orthologs = NULL,
  intervals = TRUE,
  config = list(),
  model = NULL,
  out = NULL,
  seed.use = 0,
  device = "auto",
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_object(object, call)
  check_no_dots(..., known = names(formals(ImputeGenes.default)), call = call)
  check_question(NULL, seed.use, device, verbose, call)
  check_flag(intervals, "intervals", call)
  method <- check_choice(method, eval(formals(ImputeGenes.default)$method), "method", call)
  if (!is.null(features)) {
    # Which genes can be imputed the engine knows, and names the nearest.
    fix <- "Name genes of the reference, or leave it out for all that can be imputed."
    check_gene_names(features, fix, call)
  }
  orthologs <- ortholog_pairs(orthologs, call)
  out <- as_out(out, call)
  settings <- imputation_settings(config, call)
  target <- plain_section(object, coordinates, NULL, call)
  reference <- if (missing(reference)) NULL else reference
  references <- reference_sections(reference, call = call)
  check_axes(references, rownames(target$counts), call)
  result <- ask_section(
    "impute",
    target,
    list(
      references = lapply(references, engine_pieces),
      genes = if (!is.null(features)) as.list(features),
      method = method,
      model = as_model_folders(model, call),
      orthologs = orthologs,
      intervals = intervals,
      settings = settings,
      out = out,
      cell_names = if (!is.null(out)) colnames(target$counts),
      seed = seed.use,
      device = device
    ),
    verbose,
    call
  )
  with_record(as_imputation(result, colnames(target$counts), out), result, call)
}

#' @rdname ImputeGenes
#' @export
ImputeGenes.Assay <- function(object, reference, coordinates = NULL, layer = "counts", slot = NULL, ...) {
  call <- rlang::current_env()
  counts <- read_counts(object, slot %||% layer, call)
  speaking_for(
    call,
    ImputeGenes(counts, reference = if (!missing(reference)) reference, coordinates = coordinates, ...)
  )
}

# Registered when the package is loaded, where SeuratObject has the class (Seurat 5).
#' @rdname ImputeGenes
ImputeGenes.StdAssay <- ImputeGenes.Assay

#' @rdname ImputeGenes
#' @export
# Long by its arguments alone: more than twenty, all of which are handed on.
ImputeGenes.Seurat <- function(
  object,
  reference,
  features = NULL,
  method = c("auto", "ensemble", "representation", "ridge", "neighbors", "gan"),
  assay = NULL,
  reference.assay = NULL,
  layer = NULL,
  slot = NULL,
  reference.layer = NULL,
  image = NULL,
  reference.image = NULL,
  coordinates = NULL,
  reference.coordinates = NULL,
  orthologs = NULL,
  intervals = TRUE,
  config = list(),
  model = NULL,
  out = NULL,
  assay.name = "sigel.imputed",
  seed.use = 0,
  device = "auto",
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(ImputeGenes.Seurat)), call = call)
  assay <- choose_assay(object, assay, call)
  layer <- slot %||% layer %||% "counts"
  check_flag(verbose, "verbose", call)
  replaces <- check_assay_name(object, assay.name, assay, call, !is.null(out))
  check_all_cells(object, assay, call)
  cells <- colnames(object[[assay]])
  places <- places_of(object, image, coordinates, cells, call)
  seen <- cells_within(object, cells, places, NULL, call)
  references <- reference_sections(
    if (!missing(reference)) reference,
    reference.assay,
    reference.layer,
    reference.image,
    reference.coordinates,
    call
  )
  imputed <- speaking_for(call, {
    ImputeGenes(
      object[[assay]],
      reference = references,
      coordinates = seen$coordinates,
      layer = layer,
      features = features,
      method = method,
      orthologs = orthologs,
      intervals = intervals,
      config = config,
      model = model,
      out = out,
      seed.use = seed.use,
      device = device,
      verbose = verbose
    )
  })
  tell_of_replaced(assay.name, replaces && verbose)
  object <- if (is.null(out)) {
    add_imputed_assay(object, imputed, assay, layer, assay.name)
  } else {
    tell_of_file(imputed, verbose)
    keep_imputed_file(object, made_as(imputed, NULL), assay, layer, assay.name)
  }
  # What the log holds: neither sections nor the places of their cells need be in it.
  reference <- "given"
  coordinates <- if_given(coordinates)
  reference.coordinates <- if_given(reference.coordinates)
  orthologs <- if_given(orthologs)
  method <- method[1L]
  object <- SeuratObject::LogSeuratCommand(object)
  logged(object, imputed)
}

#' @rdname ImputeGenes
#' @export
ImputeGenes.SpatialExperiment <- function(object, reference, ...) {
  view <- as_seurat(object)
  store_in(object, view, ImputeGenes(view, reference, ...))
}

# The file for the values; what cannot be one the engine says.
as_out <- function(out, call) {
  if (is.null(out)) {
    return(NULL)
  }
  if (!is.character(out) || length(out) != 1L || is.na(out)) {
    sigel_abort("out", describe(out), "the path of a file", "For example `out = \"imputed.h5ad\"`.", call)
  }
  path.expand(out)
}

# Folders of models, one for each reference; NULL for none.
as_model_folders <- function(model, call) {
  if (is.null(model)) {
    return(NULL)
  }
  if (!is.character(model) || !length(model) || anyNA(model)) {
    fix <- "Give the folder of a saved model for each reference, or NULL."
    sigel_abort("model", describe(model), "paths of folders", fix, call)
  }
  as.list(path.expand(model))
}

# Two lists of equal length, genes of the target and of the reference; NULL where names are the same.
ortholog_pairs <- function(orthologs, call) {
  if (is.null(orthologs)) {
    return(NULL)
  }
  if (is.data.frame(orthologs) && all(c("target", "reference") %in% names(orthologs))) {
    pairs <- lapply(orthologs[c("target", "reference")], as.character)
  } else if (is.character(orthologs) && !is.null(names(orthologs))) {
    pairs <- list(names(orthologs), unname(orthologs))
  } else {
    wanted <- "a character vector of the reference's genes named by the target's, or a data frame of both"
    fix <- "For example `orthologs = c(Actb = \"ACTB\")`, or a data frame with columns target and reference."
    sigel_abort("orthologs", describe(orthologs), wanted, fix, call)
  }
  lost <- is.na(pairs[[1L]]) | !nzchar(pairs[[1L]]) | is.na(pairs[[2L]]) | !nzchar(pairs[[2L]])
  if (any(lost) || !length(lost)) {
    found <- if (length(lost)) paste(number_of(sum(lost), "pair"), "without a name") else "no pair"
    sigel_abort("orthologs", found, "two names in each pair", "Leave out genes without an ortholog.", call)
  }
  lapply(unname(pairs), as.list)
}

# The settings as the engine takes them, which has the defaults.
imputation_settings <- function(config, call) {
  check_settings(config, "list(coverage = 0.8)", call, "a named list of settings")
  as_settings(config)
}
