#' The groups of genes and what they are
#'
#' `GeneGroups()` describes the groups that an object holds, `GeneGroupEnrichment()`
#' says which sets of known genes they hold more of than chance would put there,
#' and `FindGeneGroupStability()` how far each comes back when the section is fitted
#' again.
#'
#' @section Enrichment:
#' The background is the embedded genes: sets are cut down to these before
#' anything is counted, and the p-value of a group and a set is the upper tail of
#' the hypergeometric distribution (Fisher's exact test, one-sided). `qval` is
#' adjusted over all pairs of a group and a set by Benjamini and Hochberg, also
#' those that share no gene and are left out of the table.
#'
#' @section Stability:
#' The section is fitted again at other seeds with the settings of the run and the
#' same number of groups; groups of [FindGeneGroups()] are compared with groups
#' made likewise. A group's stability is the Jaccard index with the group most like
#' it in another fit (genes in both, by genes in either), averaged over the fits:
#' 1 where the same group comes back each time; below 0.5 it is dissolved, from
#' about 0.75 it is found again (Hennig 2007, Computational Statistics and Data
#' Analysis 52:258). It takes `n.seeds` times as long as the run itself.
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()]; where no counts are needed
#'   (not for `FindGeneGroupStability()`), also its reduction.
#' @param reduction Name of the reduction.
#' @param gene.sets Path of a GMT file (`.gmt`, `.gmt.gz`), or a named list of
#'   character vectors. From a data frame of sets and genes such as that of
#'   msigdbr: `split(sets$gene_symbol, sets$gs_name)`.
#' @param min.size,max.size Sets with fewer or more measured genes are left out.
#' @param n.seeds Number of further fits.
#' @param image,coordinates,layer As in [RunSIGEL()]; default for `layer`: that of
#'   the run.
#' @param seed.use The fits use this seed and the following, without that of the
#'   run.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU),
#'   `"cpu"`, `"cuda"`.
#' @param verbose Whether to show progress.
#' @return Data frames; printed, long lists of genes are cut to the width of the console.
#'
#'   `GeneGroups()`, one row a group, the largest first: `group`, `n.genes`, `medoid` (the gene nearest
#'   to the group's mean by cosine), `mean.prob` (mean posterior of its genes), `cohesion`
#'   (mean cosine to the group's mean, of representations about the mean of all
#'   genes; 1: all alike; below about 0.5 the mean image is that of few of them) and
#'   `typical` (the five genes nearest to the group's mean, comma-joined).
#'
#'   `GeneGroupEnrichment()`, one row for each group and set that share a gene, the
#'   smallest p-value first: `group`, `term`, `overlap`, `term.size`, `group.size`,
#'   `expected` overlap, `odds.ratio`, `pval`, `qval` and the `genes` of the overlap,
#'   comma-joined.
#'
#'   `FindGeneGroupStability()`, one row a group: `group`, `n.genes`, `stability` and
#'   `lowest`, that of the worst fit. The attribute `ari` is the mean adjusted Rand
#'   index between the groups and those of the other fits, `ari.by.seed` that of
#'   each, `seeds` their seeds.
#' @seealso [FindGeneGroups()], [GeneGroupPlot()], [GeneGroupPage()],
#'   [GeneGroupStabilityPlot()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- RunSIGEL(section, n.dims = 8, n.groups = 4, preset = "fast",
#'     verbose = FALSE)
#'   GeneGroups(section)
#'   sets <- split(rownames(section), section[["Spatial"]][[]]$programme)
#'   GeneGroupEnrichment(section, sets)
#'   FindGeneGroupStability(section, n.seeds = 2, verbose = FALSE)
#' }
#' @export
GeneGroups <- function(object, reduction = "sigel") {
  call <- rlang::current_env()
  object <- as_seurat(object)
  results <- sigel_results(object, reduction, call)
  sigel_engine(call)
  loadings <- SeuratObject::Loadings(results)
  known <- SeuratObject::Misc(results)$features
  rows <- match(rownames(loadings), known$gene)
  arguments <- list(
    representations = unname(loadings),
    genes = as.list(rownames(loadings)),
    settings = SeuratObject::Misc(results)$params,
    group = as_labels(known$group[rows]),
    group_prob = as_vector(known$prob[rows])
  )
  result <- sigel_call("gene_groups", arguments, call)
  with_record(printed_short(group_table(result$table)), result, call)
}

#' @rdname GeneGroups
#' @export
GeneGroupEnrichment <- function(object, gene.sets, min.size = 5, max.size = 500, reduction = "sigel") {
  call <- rlang::current_env()
  object <- as_seurat(object)
  results <- sigel_results(object, reduction, call)
  sets <- as_gene_sets(if (missing(gene.sets)) NULL else gene.sets, call)
  check_sizes(min.size, max.size, call)
  result <- enriched(results, sets, min.size, max.size, call)
  with_record(printed_short(group_table(result$table)), result, call)
}

# Of sets that are looked at.
check_sizes <- function(min.size, max.size, call) {
  check_whole(min.size, "min.size", 1L, 5L, call)
  check_whole(max.size, "max.size", 1L, 500L, call)
  if (max.size < min.size) {
    found <- sprintf("%s, below `min.size`", describe(max.size))
    sigel_abort("max.size", found, "a number not below `min.size`", "Leave both out.", call)
  }
}

# The table of sets and what each group is called after, by group.
enriched <- function(results, sets, min.size, max.size, call) {
  arguments <- list(
    genes = as.list(rownames(SeuratObject::Loadings(results))),
    group = as_labels(groups_of(results)),
    gene_sets = sets,
    min_size = min.size,
    max_size = max.size
  )
  sigel_call("group_enrichment", arguments, call)
}

#' @rdname GeneGroups
#' @export
FindGeneGroupStability <- function(
  object,
  n.seeds = 5,
  reduction = "sigel",
  image = NULL,
  coordinates = NULL,
  layer = NULL,
  seed.use = 0,
  device = "auto",
  verbose = TRUE
) {
  call <- rlang::current_env()
  object <- as_seurat(object)
  check_seurat(object, call)
  results <- sigel_results(object, reduction, call)
  check_whole(n.seeds, "n.seeds", 1L, 5L, call)
  check_whole(seed.use, "seed.use", 0L, call = call)
  check_string(device, "device", "Use `device = \"auto\"`.", call)
  check_flag(verbose, "verbose", call)
  section <- section_of_run(object, results, NULL, image, coordinates, layer, call)
  sigel_engine(call)
  misc <- SeuratObject::Misc(results)
  groups <- misc$features$group[match(rownames(section$counts), misc$features$gene)]
  arguments <- list(
    settings = misc$params,
    group = as_labels(groups),
    n_seeds = n.seeds,
    seed = seed.use,
    device = device,
    # The seed of the run is not used again; groups made anew are compared with groups made likewise.
    fit_seed = seed_of_run(results),
    made_anew = !is.null(misc$groups)
  )
  result <- ask_section("group_stability", section, arguments, verbose, call)
  with_record(stability_table(result, "group"), result, call)
}

# NULL where the provenance does not say.
seed_of_run <- function(results) {
  provenance <- SeuratObject::Misc(results)$provenance
  if (!is.null(provenance)) jsonlite::fromJSON(provenance)$seed
}

# Sets of genes as the engine takes them: the path of a file, or a Python dictionary of lists.
as_gene_sets <- function(sets, call) {
  wanted <- "the path of a GMT file, or a named list of character vectors"
  if (rlang::is_string(sets) && is.null(names(sets))) {
    path <- path.expand(sets)
    if (!file.exists(path)) {
      found <- sprintf("\"%s\", where there is no file", sets)
      sigel_abort("gene.sets", found, wanted, "Check the path.", call)
    }
    return(path)
  }
  fault <- if (is.null(sets)) "nothing" else fault_of_sets(sets)
  if (!is.null(fault)) {
    fix <- if (is.data.frame(sets)) {
      "Split it first, for example by `split(sets$gene_symbol, sets$gs_name)`."
    } else {
      "For example `gene.sets = list(myelin = c(\"Mbp\", \"Plp1\", \"Mobp\"))`."
    }
    sigel_abort("gene.sets", fault, wanted, fix, call)
  }
  sets <- lapply(sets, function(set) as.list(unique(as.character(set[!is.na(set)]))))
  sigel_engine(call)
  do.call(reticulate::dict, c(sets, convert = FALSE))
}

# What keeps an object from being a named list of character vectors, in words; NULL where nothing does.
fault_of_sets <- function(sets) {
  if (is.data.frame(sets)) {
    return("a data frame")
  }
  if (!is.list(sets) || !length(sets)) {
    return(describe(sets))
  }
  if (!rlang::is_named(sets)) {
    return("sets without names")
  }
  twice <- unique(names(sets)[duplicated(names(sets))])
  if (length(twice)) {
    return(sprintf("several sets by the name %s", some(twice)))
  }
  text <- vapply(sets, function(set) is.character(set) || is.factor(set), logical(1L))
  if (!all(text)) {
    return(sprintf("%s of the set %s", describe(sets[!text][[1L]]), some(names(sets)[!text], 1L)))
  }
  NULL
}
