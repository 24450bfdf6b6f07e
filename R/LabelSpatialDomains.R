#' Label new sections by the domains of a reference
#'
#' Gives every spot of new sections one of the labels of a reference: domains that
#' [FindSpatialDomains()] found there, or the labels of an annotator.
#'
#' @section How it works:
#' Counts of the genes that both have are normalised by their own sum, as panels differ,
#' and averaged over each spot's window, itself and its nearest spots of the same section;
#' windows have 1, 4, 7, 13 and 19 spots. The 20 principal components of the windows are
#' those of both together. For every width each label is a Gaussian, with one covariance
#' for all (linear discriminant analysis) and the labels' shares in the reference. What
#' sets a section apart as a whole, beyond the labels that it holds, is fitted along and
#' taken out. A spot takes the label of the highest posterior, averaged over all widths.
#'
#' @section What is written:
#' For a Seurat object what [FindSpatialDomains()] writes, named after `cluster.name`:
#' * meta data `sigel_domain`, a factor with the levels of the reference in their order,
#'   also those that no new spot is given, and `sigel_domain_prob`, the mean posterior of
#'   the label;
#' * the reduction `sigeldomain`: in `Embeddings()` the components of windows of 7 spots;
#'   in `Misc()` `method` (`"reference"`), `column`, `n.labelled` (spots of the reference
#'   that taught), `n.domains` (labels given), `window`, `genes`, `refined`, `n.changed`,
#'   `seed`, `params` (settings, JSON), `layer`, `section`, `reduction` and
#'   `cluster.name`.
#'
#' [SpatialDomainPlot()] and [SpatialDomainConfusionPlot()] draw them. No seed would
#' change them, so that [FindSpatialDomainStability()] refuses them.
#'
#' @param object The new sections, of like tissue: a Seurat object, a SpatialExperiment, an assay, or a matrix
#'   of raw counts, genes x cells, sparse or dense. Spots beside the tissue, for which the
#'   meta data of a Seurat object has 0 in `in_tissue`, take no part and get NA.
#' @param reference The labelled sections: a Seurat object, a SpatialExperiment, or a list of `counts` (raw
#'   counts, genes x cells), `coordinates` (as for `object`, with the array positions in
#'   it or beside it as `lattice`), `domain` (a label for each cell, named by cell or in
#'   their order) and, where there are several, `section` (the section of each cell).
#'   Genes are matched by name. Cells without a label (NA or `""`) teach nothing, but are
#'   tissue around others.
#' @param reference.column Name of the column of the reference's meta data with the
#'   labels: the `cluster.name` of its domains, or any other; default: `"sigel_domain"`.
#' @param reference.assay,reference.layer,reference.section Of a Seurat object as
#'   reference, as `assay`, `layer` and `section` of `object`; default: those that its
#'   domains were found in, where the labels are such.
#' @param reference.image,reference.coordinates Where its cells lie, as `image` and
#'   `coordinates` of `object`.
#' @param config Settings, for example `list(windows = c(1, 7))`, as in
#'   [FindSpatialDomains()]; those of starts, votes and the neighbours' say have no
#'   meaning here, and of `components` the largest counts.
#' @param coordinates,assay,image As in [RunSIGEL()].
#' @param section,layer,slot,reduction,cluster.name As in [FindSpatialDomains()].
#' @param seed.use Seed. R's own random numbers are neither used nor changed.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU), `"cpu"`,
#'   `"cuda"`.
#' @param verbose Whether to show progress.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return For a Seurat object, the object. Else a list of class `sigel_domains`:
#'   `domain` (factor) and `prob`, named by cell, `features` (cells x components), and
#'   `about`, what `Misc()` of the reduction is above.
#' @seealso [FindSpatialDomains()], [SpatialDomainPlot()],
#'   [SpatialDomainConfusionPlot()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 20, n.cols = 20, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   odd <- seq_len(ncol(section)) %% 2 == 1
#'   labelled <- subset(section, cells = colnames(section)[odd])
#'   labelled <- FindSpatialDomains(labelled, n.domains = 3, verbose = FALSE)
#'   new <- subset(section, cells = colnames(section)[!odd])
#'   new <- LabelSpatialDomains(new, labelled, verbose = FALSE)
#'   table(new$sigel_domain)
#' }
#' @export
LabelSpatialDomains <- function(object, reference, ...) {
  UseMethod("LabelSpatialDomains", object)
}

#' @rdname LabelSpatialDomains
#' @export
LabelSpatialDomains.default <- function(
  object,
  reference,
  coordinates = NULL,
  section = NULL,
  reference.column = NULL,
  reference.assay = NULL,
  reference.layer = NULL,
  reference.image = NULL,
  reference.coordinates = NULL,
  reference.section = NULL,
  seed.use = 0,
  device = "auto",
  config = list(),
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_object(object, call)
  check_no_dots(..., known = names(formals(LabelSpatialDomains.default)), call = call)
  check_question(NULL, seed.use, device, verbose, call)
  settings <- domain_settings(config, call)
  plain <- plain_section(object, coordinates, NULL, call)
  cells <- colnames(plain$counts)
  plain$labels <- section_labels(section, cells, call)
  reference <- labelled_reference(
    if (!missing(reference)) reference,
    reference.column,
    reference.assay,
    reference.layer,
    reference.image,
    reference.coordinates,
    reference.section,
    call
  )
  arguments <- list(
    reference = engine_pieces(reference),
    known = as_labels(reference$domain),
    settings = settings,
    seed = seed.use,
    device = device
  )
  result <- ask_section("label_domains", plain, arguments, verbose, call)
  with_record(as_labelled(result, cells, reference, seed.use), result, call)
}

#' @rdname LabelSpatialDomains
#' @export
LabelSpatialDomains.Assay <- function(
  object,
  reference,
  coordinates = NULL,
  layer = "counts",
  slot = NULL,
  ...
) {
  call <- rlang::current_env()
  counts <- read_counts(object, slot %||% layer, call)
  speaking_for(
    call,
    LabelSpatialDomains(counts, if (!missing(reference)) reference, coordinates = coordinates, ...)
  )
}

# Registered when the package is loaded, where SeuratObject has the class (Seurat 5).
#' @rdname LabelSpatialDomains
LabelSpatialDomains.StdAssay <- LabelSpatialDomains.Assay

#' @rdname LabelSpatialDomains
#' @export
# Long by its arguments alone, all of which are handed on.
LabelSpatialDomains.Seurat <- function(
  object,
  reference,
  reference.column = NULL,
  assay = NULL,
  reference.assay = NULL,
  layer = NULL,
  slot = NULL,
  reference.layer = NULL,
  image = NULL,
  reference.image = NULL,
  section = NULL,
  reference.section = NULL,
  coordinates = NULL,
  reference.coordinates = NULL,
  reduction = "sigel",
  cluster.name = NULL,
  seed.use = 0,
  device = "auto",
  config = list(),
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(LabelSpatialDomains.Seurat)), call = call)
  seen <- domain_section(object, assay, image, section, coordinates, slot %||% layer, reduction, call)
  assay <- seen$assay
  check_all_cells(object, assay, call)
  cluster.name <- check_cluster_name(object, cluster.name, reduction, call)
  tell_of_new_name(object, reduction)
  found <- speaking_for(call, told = seen$told, {
    LabelSpatialDomains(
      seen$counts,
      if (!missing(reference)) reference,
      coordinates = seen$coordinates,
      section = seen$section,
      reference.column = reference.column,
      reference.assay = reference.assay,
      reference.layer = reference.layer,
      reference.image = reference.image,
      reference.coordinates = reference.coordinates,
      reference.section = reference.section,
      seed.use = seed.use,
      device = device,
      config = config,
      verbose = verbose
    )
  })
  about <- list(layer = seen$layer, section = seen$column, reduction = reduction, cluster.name = cluster.name)
  found$about <- c(found$about, Filter(Negate(is.null), about))
  object <- add_domains(object, found, assay, cluster.name)
  # What the log holds: neither sections nor the places of their cells need be in it.
  reference <- "given"
  coordinates <- if_given(coordinates)
  reference.coordinates <- if_given(reference.coordinates)
  object <- SeuratObject::LogSeuratCommand(object)
  logged(object, found)
}

#' @rdname LabelSpatialDomains
#' @export
LabelSpatialDomains.SpatialExperiment <- function(object, reference, ...) {
  view <- as_seurat(object)
  store_in(object, view, LabelSpatialDomains(view, reference, ...))
}

# Counts, places and labels of the reference, for the engine: `domain` (factor) beside the pieces of a section.
labelled_reference <- function(reference, column, assay, layer, image, coordinates, section, call) {
  if (inherits(reference, "Seurat") || is_experiment(reference)) {
    rlang::local_options(sigel.words = if (is_experiment(reference)) "SpatialExperiment")
    return(reference_of_object(reference, column, assay, layer, image, coordinates, section, call))
  }
  if (!is.list(reference) || is.data.frame(reference)) {
    found <- if (is.null(reference)) "nothing" else describe(reference)
    wanted <- "a Seurat object, a SpatialExperiment, or a list of `counts`, `coordinates` and `domain`"
    fix <- "For a matrix: `reference = list(counts = counts, coordinates = coordinates, domain = labels)`."
    sigel_abort("reference", found, wanted, fix, call)
  }
  if (is.null(reference$domain)) {
    fix <- "Give `domain` in the list, one for each cell, NA for those without."
    sigel_abort("reference", "a list without `domain`", "the labels of its cells", fix, call)
  }
  speaking_of_reference(NULL, call, {
    made <- section_of_list(reference, call)
    cells <- colnames(made$counts)
    labels <- section_labels(reference$section, cells, call)
    domain <- as_domain_labels(reference$domain, cells, call)
    c(unclass(made), list(labels = labels, domain = domain))
  })
}

# The same out of a Seurat object, as its domains were found, where the labels are such.
reference_of_object <- function(object, column, assay, layer, image, coordinates, section, call) {
  shown <- object
  if (is_experiment(object)) {
    object <- speaking_of_reference(NULL, call, seurat_view(object, call), object = object)
  }
  given <- !is.null(column)
  column <- column %||% "sigel_domain"
  wanted <- "the name of a column of the reference's meta data"
  if (!rlang::is_string(column)) {
    fix <- "Use `reference.column = \"sigel_domain\"`."
    sigel_abort("reference.column", describe(column), wanted, fix, call)
  }
  if (!column %in% names(object[[]])) {
    near <- c(nearest_names(column, names(object[[]])), columns_of_domains(object))
    fix <- if (length(near)) {
      sprintf("Use `reference.column = \"%s\"`.", near[1L])
    } else {
      "Call `FindSpatialDomains()` on it first, or name the column: `reference.column = ...`."
    }
    argument <- if (given) "reference.column" else "reference"
    found <- sprintf("a reference without the column \"%s\"", column)
    sigel_abort(argument, found, if (given) wanted else "a section with domains", fix, call)
  }
  about <- about_domains(object, column)
  speaking_of_reference(NULL, call, own = "section", object = shown, {
    seen <- domain_section(
      object,
      assay %||% about$assay,
      image,
      section %||% about$section,
      coordinates,
      layer %||% about$layer,
      about$reduction %||% "sigel",
      call,
      told = FALSE
    )
    list(
      counts = seen$counts,
      places = places_from_table(seen$coordinates, seen$cells, call),
      labels = section_labels(seen$section, seen$cells, call),
      domain = as_domain_labels(object[[]][seen$cells, column], seen$cells, call),
      column = column
    )
  })
}

# Labels as a factor in their order: that of their levels, else numbers by size, then text.
as_domain_labels <- function(labels, cells, call) {
  levels <- levels(labels)
  text <- as.character(per_cell(labels, cells, "reference", call))
  text[!nzchar(text)] <- NA_character_
  if (is.null(levels)) {
    levels <- unique(text[!is.na(text)])
    number <- grepl("^[0-9]+$", levels)
    size <- ifelse(number, suppressWarnings(as.numeric(levels)), 0)
    levels <- levels[order(!number, size, levels, method = "radix")]
  }
  factor(text, levels = levels[nzchar(levels)])
}

# The engine's answer as R keeps it, with the levels of the reference.
as_labelled <- function(result, cells, reference, seed) {
  asked <- list(method = "reference", model.name = NULL, refined = FALSE, seed = seed)
  found <- as_domains(c(result, list(n_changed = 0L)), cells, asked, NULL)
  text <- as.character(unlist(result$domain))
  found$domain <- stats::setNames(factor(text, levels = levels(reference$domain)), cells)
  found$about$column <- reference$column
  found$about$n.labelled <- as.integer(result$n_labelled)
  found
}
