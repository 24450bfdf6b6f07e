#' A report that opens offline
#'
#' Writes what an object holds as one HTML file, which needs no other file and no network. It says
#' what was run, sets each figure of quality beside its baseline or its null, and shows training, the
#' map of genes with the image and the nearest genes of each, groups, spatial genes and domains. What
#' the object does not hold is named with the call that makes it.
#'
#' Images of genes take what is left of the file's size: typical genes of groups and those in tables
#' come first, then those with the clearest pattern; the report says how many have one. All names are
#' escaped, so that no name of a gene can run in a browser.
#'
#' The engine needs the Python packages jinja2 and matplotlib for it, which [install_sigel()] brings;
#' where they are missing: `install_sigel(c("jinja2", "matplotlib"))`.
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()], [FindSpatialGenes()] or
#'   [FindSpatialDomains()].
#' @param file Where to: a name that ends in `.html`; there is no default, so that nothing is written
#'   where nobody looks for it. The file is whole or not there.
#' @param title Heading of the page.
#' @param gene.sets Path of a GMT file or a named list of character vectors, as in
#'   [GeneGroupEnrichment()]: groups are called after the set that they are richest in.
#' @param disease.genes What [FindDiseaseGenes()] returned, shown beside the section.
#' @param group.stability What [FindGeneGroupStability()] returned for this object.
#' @param domain.stability What [FindSpatialDomainStability()] returned for this object.
#' @param method How the map is laid out: `"tsne"` (a minute for 10,000 genes) or `"pca"`.
#' @param assay,image,coordinates,layer As in [FindSpatialGenes()].
#' @param section Where the object holds several sections, as after `merge()`: the name of the column
#'   of the meta data that tells them apart. Default: that of [RunSIGEL()], else that of
#'   [FindSpatialDomains()]; [FindSpatialGenes()] leaves none.
#' @param reduction Name of the reduction.
#' @param cluster.name Column of the meta data with the domains; default: that of
#'   [FindSpatialDomains()] for this reduction.
#' @param overwrite Whether to replace a file that is there.
#' @param seed.use Seed of the map, and of the random genes that a similarity is held against.
#' @param config Further settings: `max_mb` (5), the size of the file in millions of bytes;
#'   `picture_side` (48), `n_top` (50), `n_neighbors` (6), `n_typical` (5), `max_groups` (40).
#' @param ... Nothing; an unknown argument is refused.
#' @return The name of the file, invisibly.
#' @seealso [GeneGroupPlot()], [GeneMapPlot()], [SpatialGenePlot()], [SpatialDomainPlot()]
#' @examples
#' if (sigel_available() && reticulate::py_module_available("jinja2") &&
#'   reticulate::py_module_available("matplotlib")) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- RunSIGEL(section, n.dims = 8, n.groups = 4, preset = "fast", verbose = FALSE)
#'   SigelReport(section, tempfile(fileext = ".html"), method = "pca")
#' }
#' @export
SigelReport <- function(object, ...) {
  UseMethod("SigelReport", object)
}

#' @rdname SigelReport
#' @export
SigelReport.default <- function(object, ...) {
  check_seurat(object, rlang::current_env())
}

#' @rdname SigelReport
#' @export
SigelReport.Seurat <- function(
  object,
  file,
  title = NULL,
  gene.sets = NULL,
  disease.genes = NULL,
  group.stability = NULL,
  domain.stability = NULL,
  method = c("tsne", "pca"),
  assay = NULL,
  image = NULL,
  coordinates = NULL,
  layer = NULL,
  section = NULL,
  reduction = "sigel",
  cluster.name = NULL,
  overwrite = FALSE,
  seed.use = 0,
  config = list(),
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(SigelReport.Seurat)), call = call)
  file <- if (!missing(file)) file
  check_string(file, "file", "Name the file: `file = \"report.html\"`.", call)
  if (!is.null(title)) {
    check_string(title, "title", "Leave it out.", call)
  }
  check_flag(overwrite, "overwrite", call)
  check_whole(seed.use, "seed.use", 0L, call = call)
  check_settings(config, "list(max_mb = 2)", call, "a named list of settings")
  method <- check_choice(method, c("tsne", "pca"), "method", call)
  if (!is.null(disease.genes)) {
    needed <- c("gene", "effect", "level.effect", "pval", "qval") # the third is in no table of one section
    check_table(disease.genes, needed, "FindDiseaseGenes", call, "disease.genes")
  }
  results <- asked_results(object, reduction, TRUE, call)
  if (!is.null(section)) {
    check_string(section, "section", "See `names(object[[]])`.", call)
  }
  of <- made_of(object, results, assay, layer, section, image, reduction, cluster.name)
  seen <- section_of_run(
    object,
    results,
    of$assay,
    image,
    coordinates,
    of$layer,
    call,
    told = FALSE,
    section = of$section
  )
  genes <- rownames(seen$counts)
  cells <- colnames(seen$counts)
  assay <- choose_assay(object, of$assay, call)
  sigel_engine(call)
  held <- list(
    results = results_for_report(results, group.stability, call),
    spatial = spatial_for_report(object[[assay]], genes, reduction),
    domains = domains_for_report(object, cells, reduction, cluster.name, domain.stability, call)
  )
  if (!length(Filter(Negate(is.null), held))) {
    found <- sprintf("no result under the name \"%s\"", reduction)
    wanted <- "results of RunSIGEL, FindSpatialGenes or FindSpatialDomains"
    sigel_abort("object", found, wanted, "Call `RunSIGEL()` first, or name its reduction.", call)
  }
  arguments <- list(
    section = engine_pieces(seen),
    path = path.expand(file),
    simulated = !is.null(SeuratObject::Misc(object, "simulated")),
    title = title,
    gene_sets = if (!is.null(gene.sets)) as_gene_sets(gene.sets, call),
    disease_genes = disease_for_report(disease.genes),
    method = method,
    key = reduction,
    settings = as_settings(config),
    seed = seed.use,
    overwrite = overwrite
  )
  sigel_call("report", c(held, arguments), call)
  invisible(file)
}

#' @rdname SigelReport
#' @export
SigelReport.SpatialExperiment <- function(object, ...) {
  view <- as_seurat(object)
  invisible(speaking_for(rlang::current_env(), SigelReport(view, ...)))
}

# Assay, layer and column of sections: as asked for, else as in the run, else as domains were found.
made_of <- function(object, results, assay, layer, section, image, reduction, cluster.name) {
  if (!is.null(results)) {
    return(list(assay = assay %||% SeuratObject::DefaultAssay(results), layer = layer, section = section))
  }
  column <- cluster.name %||% default_cluster_name(reduction)
  about <- if (column %in% names(object[[]])) about_domains(object, column)
  # An image that is named is one section; a column that has gone tells nothing.
  labels <- if (is.null(image)) intersect(about$section, names(object[[]]))
  list(
    assay = assay %||% about$assay,
    layer = layer %||% about$layer,
    section = section %||% if (length(labels)) labels
  )
}

# What a run left, as the engine takes it; NULL where there was none.
results_for_report <- function(results, stability, call) {
  if (is.null(results)) {
    if (!is.null(stability)) {
      fix <- "Call `RunSIGEL()` first, or leave it out."
      sigel_abort("group.stability", "a table", "NULL, as the object has no groups of genes", fix, call)
    }
    return(NULL)
  }
  misc <- SeuratObject::Misc(results)
  loadings <- SeuratObject::Loadings(results)
  features <- misc$features
  features$group <- as.character(features$group)
  if (!is.null(stability)) {
    check_group_stability(stability, features$group, call)
  }
  list(
    genes = as.list(rownames(loadings)),
    representations = unname(loadings),
    features = engine_columns(features),
    params = misc$params,
    provenance = misc$provenance,
    history = if (!is.null(misc$history)) engine_columns(misc$history),
    bic = if (!is.null(misc$bic)) stats::setNames(as.list(misc$bic$bic), misc$bic$n.groups),
    made_anew = !is.null(misc$groups),
    stability = stability_for_report(stability)
  )
}

# A table of the stability of other groups would be shown beside these.
check_group_stability <- function(table, group, call) {
  needed <- c("group", "n.genes", "stability", "lowest")
  check_table(table, needed, "FindGeneGroupStability", call, "group.stability")
  own <- table(group[!is.na(group) & nzchar(group)])
  here <- as.integer(own)[match(as.character(table$group), names(own))]
  if (anyNA(here) || any(here != table$n.genes) || is.null(attr(table, "seeds"))) {
    fix <- "Give what `FindGeneGroupStability()` returned for this object."
    found <- "the stability of other groups, or a part of it"
    sigel_abort("group.stability", found, "that of the object's groups", fix, call)
  }
}

# A table of stability as the engine takes it, with what holds for all of its rows; NULL stays NULL.
stability_for_report <- function(table) {
  if (is.null(table)) {
    return(NULL)
  }
  list(
    table = engine_columns(table),
    ari = as.double(attr(table, "ari")),
    seeds = as_vector(as.double(attr(table, "seeds")))
  )
}

# Numbers that the test of spatial genes left in the feature metadata, for the genes in their order; NULL where none.
spatial_for_report <- function(assay, genes, reduction) {
  metadata <- assay[[]]
  columns <- spatial_names(reduction)[c("score", "effect", "pval", "log.pval", "qval", "rank")]
  there <- columns[columns %in% names(metadata)]
  if (!all(c("effect", "qval", "rank") %in% names(there))) {
    return(NULL)
  }
  engine_columns(stats::setNames(metadata[genes, there, drop = FALSE], names(there)))
}

# Domains of the cells and what is known of them; NULL where there are none. A column that is named has to be there.
domains_for_report <- function(object, cells, reduction, cluster.name, stability, call) {
  column <- cluster.name %||% default_cluster_name(reduction)
  if (is.null(cluster.name) && is.null(stability) && !column %in% names(object[[]])) {
    return(NULL)
  }
  found <- domain_results(object, column, call)
  prob <- object[[]][[domain_columns(column)[2L]]]
  about <- found$about
  known <- about[intersect(c("method", "n.domains", "window", "seed", "params"), names(about))]
  names(known) <- gsub(".", "_", names(known), fixed = TRUE)
  known$n_domains <- known$n_domains %||% length(unique(stats::na.omit(found$domain)))
  if (!is.null(about$number)) {
    known$number <- engine_columns(about$number)
  }
  labels <- about$section
  if (!is.null(stability)) {
    check_stability_table(stability, found$domain[cells], call, "domain.stability")
  }
  spots <- attr(stability, "spots")
  list(
    stability = stability_for_report(stability),
    spots = if (!is.null(spots)) as_vector(as.double(spots[cells])),
    domain = as_labels(found$domain[cells]),
    prob = if (!is.null(prob)) as_vector(as.double(prob[match(cells, colnames(object))])),
    about = known,
    section = if (!is.null(labels) && labels %in% names(object[[]])) as_labels(object[[]][cells, labels])
  )
}

# The table of genes that change, with what holds for all of its rows; NULL stays NULL.
disease_for_report <- function(table) {
  if (is.null(table)) {
    return(NULL)
  }
  attribute <- function(name) if (is.data.frame(attr(table, name))) engine_columns(attr(table, name))
  list(
    table = engine_columns(table),
    map = attribute("map"),
    calibration = attribute("calibration"),
    levels = as.list(attr(table, "levels"))
  )
}

# The columns of a data frame as the engine takes them, by its own names: numbers, and text that is "" where it is NA.
engine_columns <- function(table) {
  columns <- lapply(as.list(table), function(column) {
    if (is.numeric(column) || is.logical(column)) {
      return(as_vector(replace(as.double(column), is.na(column), NaN)))
    }
    as_labels(column)
  })
  stats::setNames(columns, gsub(".", "_", names(columns), fixed = TRUE))
}
