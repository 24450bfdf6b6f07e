#' Where a gene changes between conditions
#'
#' Draws one gene in every section of a cohort at one scale, by condition and donor. Where
#' all sections lie in one frame, `frame = "shared"` draws the mean image of each condition
#' and how it differs from that of the control; where they share domains, `group.by` draws
#' the level of the gene in each, a dot for each donor.
#'
#' @param object Two or more sections of like tissue, raw counts: one Seurat object with an
#'   image for each section, or with `section`; or a list of Seurat objects, or of
#'   matrices, as in [FindDiseaseGenes()]. A SpatialExperiment stands for a Seurat object.
#' @param feature Name of a gene.
#' @param condition,donor,section,control As in [FindDiseaseGenes()].
#' @param frame `"own"`: a panel for each section, in its own frame. `"shared"`: means of
#'   conditions; needs the package patchwork.
#' @param group.by Name of a column of the meta data with domains that sections share.
#' @param ncol Panels in a row, at most.
#' @param assay,layer,image,coordinates As in [FindDiseaseGenes()].
#' @param config Settings of the images, `list(image = list(...))`: `grid`, `pixel_size`
#'   and `max_side` are read.
#' @return A ggplot; with `frame = "shared"` several, put together by patchwork. Colours
#'   are log1p of the gene's counts, scaled to the median depth of all spots over the
#'   genes that all sections measured; pixels are smoothed for the eye. A section without
#'   the gene says "not measured".
#' @seealso [FindDiseaseGenes()], [GeneChangePlot()]
#' @examples
#' if (sigel_available() && requireNamespace("ggplot2", quietly = TRUE)) {
#'   sections <- SimulateCohort(n.donors = c(2, 2), n.changed = 4, n.rows = 12,
#'     n.cols = 12, n.programmes = 2, genes.per.programme = 20, n.background.genes = 20)
#'   DiseaseGenePlot(sections, "Gene0001", "condition", donor = "donor")
#'   DiseaseGenePlot(sections, "Gene0001", "condition", group.by = "region")
#' }
#' @export
DiseaseGenePlot <- function(
  object,
  feature,
  condition,
  donor = NULL,
  section = NULL,
  control = NULL,
  frame = c("own", "shared"),
  group.by = NULL,
  ncol = 6,
  assay = NULL,
  image = NULL,
  coordinates = NULL,
  layer = NULL,
  config = list()
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  frame <- check_choice(frame, c("own", "shared"), "frame", call)
  check_string(if (!missing(feature)) feature, "feature", "Give the name of one gene.", call)
  control <- check_control(control, call)
  check_whole(ncol, "ncol", 1L, 6L, call)
  if (frame == "shared") {
    require_installed("patchwork", "A picture of means", call)
  }
  cohort <- if (inherits(object, "Seurat")) {
    cohort_of_seurat(object, section, assay, image, coordinates, layer, call)
  } else if (is.list(object) && !is.data.frame(object)) {
    cohort_of_list(object, section, assay, image, coordinates, layer, call)
  } else {
    fix <- "Give sections of two conditions at least."
    sigel_abort(
      "object",
      describe(object),
      "a Seurat object, a SpatialExperiment or a list of sections",
      fix,
      call
    )
  }
  condition <- values_of_sections(if (!missing(condition)) condition, cohort, "condition", call)
  donor <- if (!is.null(donor)) values_of_sections(donor, cohort, "donor", call)
  domains <- if (!is.null(group.by)) domains_of_cohort(group.by, frame, cohort, call)
  sigel_engine(call)
  arguments <- list(
    sections = lapply(unname(cohort$sections), engine_pieces),
    names = as.list(cohort$names),
    joined = cohort$joined,
    gene = feature,
    condition = as_section_values(condition),
    control = control,
    donor = if (!is.null(donor)) as_section_values(donor),
    domains = domains,
    frame = frame,
    settings = image_settings(config, call)
  )
  found <- sigel_call("disease_gene", arguments, call)
  if (!is.null(domains)) {
    return(gene_by_domain_plot(found, feature))
  }
  if (frame == "shared") mean_image_plots(found, feature) else gene_panel_plot(found, feature, ncol)
}

# Domains of the cells of each section, as the engine takes them.
domains_of_cohort <- function(column, frame, cohort, call) {
  check_string(column, "group.by", "Give the name of one column of the meta data.", call)
  if (frame == "shared") {
    fix <- "Leave one of them out."
    sigel_abort("group.by", "a column beside `frame = \"shared\"`", "one kind of picture", fix, call)
  }
  lapply(seq_along(cohort$names), function(k) {
    meta <- cohort$meta[[k]]
    name <- cohort$names[[k]]
    if (!column %in% names(meta)) {
      near <- if (!is.null(meta)) nearest_names(column, names(meta))
      fix <- if (length(near)) sprintf("Did you mean %s?", some(near)) else "See `names(object[[]])`."
      found <- sprintf("\"%s\", which the section \"%s\" does not have", column, name)
      sigel_abort("group.by", found, "a column of the meta data", fix, call)
    }
    as_section_values(factor(meta[[column]]))
  })
}

LEVEL_SCALE <- "log1p of counts\nat the median depth"
