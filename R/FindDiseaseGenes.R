#' Genes whose pattern changes between conditions
#'
#' Finds genes whose spatial pattern differs between conditions of donors, as disease
#' and health, and those whose level does.
#'
#' @section How it works:
#' All sections have one space of representations, in which each says where it sees a
#' gene: among which other genes. A section that is turned, cropped or larger says the
#' same, and nothing is registered. Counts are first thinned at random until each gene is
#' as frequent in one condition as in the other, so that neither its level nor the depth
#' is taken for a pattern.
#'
#' The donor is the unit: sections of one donor are averaged. A linear model of condition
#' and covariates explains the representation of each gene, and a moderated F test
#' (Smyth 2004), divided by what most genes show (an empirical null; Efron 2004), tests
#' the condition. Other labellings of the donors should find nothing: the attribute
#' `calibration` says whether they do. Where more than half of the genes change, that is
#' taken for how donors differ. With one donor for each condition nothing tells a change
#' from a difference of donors: effects are returned, p-values are NA.
#'
#' @param object Two or more sections of like tissue, raw counts: one Seurat object with an
#'   image for each section, or with `section`; a list of Seurat objects, or of matrices,
#'   genes x cells, with a list of `coordinates`, a section each, named or not; or one
#'   assay or matrix with `section`. A SpatialExperiment stands for a Seurat object, each of its
#'   samples for an image. They may differ in size, orientation, depth, platform
#'   and genes. In one object a gene without a count in a section is taken as not measured
#'   there.
#' @param condition Of each section: the name of a column of the meta data, or a vector
#'   with a value for each section, named by section or in their order. Text and factors
#'   are compared with `control`; numbers, where there are more than two of them, are a
#'   quantity.
#' @param donor Of each section, likewise; NULL: each section is a donor of its own.
#' @param covariates What else donors differ by, as age or batch: names of columns of the
#'   meta data, or a data frame with a row for each section, named by section or in their
#'   order.
#' @param paired Whether donors are in several conditions, each compared with itself.
#' @param control The condition that others are compared with. NULL: the first level of a
#'   factor, else the first of the alphabet, and then a message says which that is.
#' @param section The name of the column of the meta data that tells the sections of one
#'   object apart, or that names the section of each of a list; NULL: each image is a
#'   section, and a list has its names. For a matrix or an assay, a vector with the
#'   section of each cell.
#' @param assay,layer,slot As in [RunSIGEL()], for all objects of a list, or for each.
#' @param image,coordinates As in [RunSIGEL()]; of a list, for each of its objects.
#' @param seed.use Seed. R's own random numbers are neither used nor changed.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU), `"cpu"`,
#'   `"cuda"`.
#' @param config Settings of the images, `list(image = list(...))` as in [RunSIGEL()].
#' @param verbose Whether to show progress.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return A data frame, one row a gene, the clearest change of pattern first; the object
#'   is not changed, and printed, long lists of genes are cut to the width of the console:
#'   * `gene`;
#'   * `effect`: length of the change of the representation; 1 is the usual distance of two
#'     genes;
#'   * `stat`, `pval`, `qval`: moderated F of the change of pattern, its p-value, and that
#'     after Benjamini and Hochberg;
#'   * `level.effect`, `level.pval`, `level.qval`: change of the level, log2 (of several
#'     conditions that of the last), apart from the pattern;
#'   * `n.sections`, `n.donors`: that the row rests on;
#'   * `gained`, `lost`: genes among the 20 with the most similar patterns in the last
#'     condition only, and in the first only, the nearest first;
#'   * `status`: `"tested"`, or why not;
#'   * `kept.pval`, `kept.qval`, with one section of each of two conditions: small where the gene
#'     lies where it did, more nearly than random pictures of its own spatial spectrum
#'     (surrogates) would. A large one says that it moved, or has no place that both share.
#'
#'   Attributes: `calibration` (data frame of `labelling`, `ks`, the distance of the
#'   p-values from uniform ones, `share.below.05` and `n.called` at q 0.05, of the labels
#'   as given and of others; see [CalibrationPlot()]), `n.labellings` and `least.pval` (how many there are of two
#'   conditions, and the least p-value that a permutation of the labels could reach; NULL
#'   where that is not counted), `inflation` (what the statistics were divided by),
#'   `levels` (conditions, the control first), `direction` ("effects are case against
#'   control") and `map` (data frame of `gene` and where it lies
#'   in the first condition and in the last, for [GeneChangePlot()]).
#' @seealso [DiseaseGenePlot()], [GeneChangePlot()], [SimulateCohort()]
#' @examples
#' if (sigel_available()) {
#'   sections <- SimulateCohort(n.donors = c(3, 3), n.changed = 4, n.rows = 10,
#'     n.cols = 10, n.programmes = 2, genes.per.programme = 20, n.background.genes = 15)
#'   table <- FindDiseaseGenes(sections, "condition", donor = "donor", verbose = FALSE)
#'   head(table[c("gene", "effect", "qval", "gained")])
#' }
#' @export
FindDiseaseGenes <- function(object, condition, ...) {
  UseMethod("FindDiseaseGenes", object)
}

#' @rdname FindDiseaseGenes
#' @export
FindDiseaseGenes.default <- function(
  object,
  condition,
  donor = NULL,
  covariates = NULL,
  paired = FALSE,
  control = NULL,
  section = NULL,
  coordinates = NULL,
  seed.use = 0,
  device = "auto",
  config = list(),
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_object(object, call)
  check_no_dots(..., known = names(formals(FindDiseaseGenes.default)), call = call)
  plain <- plain_section(object, coordinates, NULL, call)
  if (is.null(section)) {
    fix <- "For several matrices give a list of them and a list of their `coordinates`."
    sigel_abort("section", "nothing", "the section of each cell", fix, call)
  }
  labels <- section_labels(section, colnames(plain$counts), call)
  cohort <- cohort_of_one(plain$counts, plain$places, unlist(labels))
  given <- list(if (!missing(condition)) condition, control, donor, covariates, paired)
  ask_disease_genes(cohort, given, seed.use, device, config, verbose, call)
}

#' @rdname FindDiseaseGenes
#' @export
FindDiseaseGenes.Assay <- function(
  object,
  condition,
  coordinates = NULL,
  layer = "counts",
  slot = NULL,
  ...
) {
  call <- rlang::current_env()
  counts <- read_counts(object, slot %||% layer, call)
  speaking_for(
    call,
    FindDiseaseGenes(counts, if (!missing(condition)) condition, coordinates = coordinates, ...)
  )
}

# Registered when the package is loaded, where SeuratObject has the class (Seurat 5).
#' @rdname FindDiseaseGenes
FindDiseaseGenes.StdAssay <- FindDiseaseGenes.Assay

#' @rdname FindDiseaseGenes
#' @export
FindDiseaseGenes.Seurat <- function(
  object,
  condition,
  donor = NULL,
  covariates = NULL,
  paired = FALSE,
  control = NULL,
  section = NULL,
  assay = NULL,
  image = NULL,
  coordinates = NULL,
  layer = NULL,
  slot = NULL,
  seed.use = 0,
  device = "auto",
  config = list(),
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(FindDiseaseGenes.Seurat)), call = call)
  cohort <- cohort_of_seurat(object, section, assay, image, coordinates, slot %||% layer, call)
  given <- list(if (!missing(condition)) condition, control, donor, covariates, paired)
  ask_disease_genes(cohort, given, seed.use, device, config, verbose, call)
}

#' @rdname FindDiseaseGenes
#' @export
FindDiseaseGenes.SpatialExperiment <- function(object, condition, ...) {
  view <- as_seurat(object)
  speaking_for(rlang::current_env(), FindDiseaseGenes(view, condition, ...))
}

#' @rdname FindDiseaseGenes
#' @export
FindDiseaseGenes.list <- function(
  object,
  condition,
  donor = NULL,
  covariates = NULL,
  paired = FALSE,
  control = NULL,
  section = NULL,
  assay = NULL,
  image = NULL,
  coordinates = NULL,
  layer = NULL,
  slot = NULL,
  seed.use = 0,
  device = "auto",
  config = list(),
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(FindDiseaseGenes.list)), call = call)
  cohort <- cohort_of_list(object, section, assay, image, coordinates, slot %||% layer, call)
  given <- list(if (!missing(condition)) condition, control, donor, covariates, paired)
  ask_disease_genes(cohort, given, seed.use, device, config, verbose, call)
}

# The table of a cohort; `given`: condition, control, donor, covariates and whether donors are paired.
ask_disease_genes <- function(cohort, given, seed.use, device, config, verbose, call) {
  names(given) <- c("condition", "control", "donor", "covariates", "paired")
  check_question(NULL, seed.use, device, verbose, call)
  check_flag(given$paired, "paired", call)
  control <- check_control(given$control, call)
  condition <- values_of_sections(given$condition, cohort, "condition", call)
  donor <- if (!is.null(given$donor)) values_of_sections(given$donor, cohort, "donor", call)
  covariates <- covariates_of_sections(given$covariates, cohort, call)
  sigel_engine(call)
  arguments <- list(
    sections = lapply(unname(cohort$sections), engine_pieces),
    names = as.list(cohort$names),
    joined = cohort$joined,
    condition = as_section_values(condition),
    control = control,
    donor = if (!is.null(donor)) as_section_values(donor),
    covariates = as_py_dict(if (!is.null(covariates)) lapply(covariates, as_section_values)),
    paired = given$paired,
    settings = image_settings(config, call),
    seed = seed.use,
    device = device
  )
  result <- ask_engine("disease_genes", arguments, verbose, call)
  table <- as_disease_table(result)
  why <- attr(table, "first")
  if (verbose && nzchar(why)) {
    said <- sprintf(
      "The control is \"%s\", %s: %s.",
      attr(table, "levels")[1L],
      why,
      attr(table, "direction")
    )
    rlang::inform(c(i = said, i = "`control =` names another."))
  }
  with_record(table, result, call)
}

# The name of a condition, or a number or logical that is one, as text, or NULL.
check_control <- function(control, call) {
  if (is.null(control)) {
    return(NULL)
  }
  if (is.atomic(control) && length(control) == 1L && !is.na(control)) {
    return(as.character(control))
  }
  fix <- "Give the name of one condition, for example `control = \"healthy\"`."
  check_string(control, "control", fix, call)
}

# The engine's answer; what holds for all rows is in attributes.
as_disease_table <- function(result) {
  table <- engine_table(result$table)
  rownames(table) <- table$gene
  for (name in c("n.sections", "n.donors")) {
    table[[name]] <- as.integer(table[[name]])
  }
  attr(table, "calibration") <- engine_table(result$calibration)
  attr(table, "map") <- engine_table(result$map)
  attr(table, "n.labellings") <- result$n_labellings
  attr(table, "least.pval") <- result$least_pval
  attr(table, "inflation") <- result$inflation
  attr(table, "direction") <- result$direction
  attr(table, "first") <- result$first
  attr(table, "levels") <- as.character(unlist(result$levels))
  printed_short(table)
}
