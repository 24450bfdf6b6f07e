#' Groups of genes, again
#'
#' Makes the groups of genes anew from the representations that [RunSIGEL()] left,
#' more of them or fewer, without training again.
#'
#' The groups are a mixture of Student t distributions over the representations.
#' `resolution` sets how many there are in terms of the number that is chosen on
#' these representations: 1 gives that number, 2 twice as many, 0.5 half as many.
#' Fewer groups than there are come from the tree of those: unions of them, so that
#' coarse and fine groups are cuts of one result. Genes without a pattern are the
#' group `"no pattern"`, the last, and none of the number.
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()], its reduction, or a matrix of
#'   representations, genes x dimensions.
#' @param n.groups Number of groups.
#' @param resolution Number of groups in terms of what is chosen; above 0.
#'   Default: 1, unless `n.groups` is given. Where the run chose no number, and of a
#'   matrix, it is chosen here by BIC, which says one of most panels: counts, which
#'   choose theirs in a run, are not looked at.
#' @param reduction Name of the reduction.
#' @param reduction.name,reduction.key Name and key of a copy of the reduction that
#'   takes the new groups; default: they replace those of `reduction`. With a copy
#'   coarse and fine groups stand side by side.
#' @param seed.use Seed.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU),
#'   `"cpu"`, `"cuda"`.
#' @param config For a matrix: settings as in [RunSIGEL()]; of interest is the part
#'   `mixture`. The others keep those of the run.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return For a Seurat object, the object: the feature metadata `sigel.group` and
#'   `sigel.group.prob` are replaced, and in `Misc()` of the reduction `features`
#'   and `posterior` (matrix, embedded genes x groups); `groups` there says how they
#'   were made (list of `n.groups`, `resolution`, `seed`, `bic` and `tree`: `joined`, the
#'   two groups that join at each step, those of step s being group K + s from then on,
#'   and `height`, how unlike they are). For a reduction,
#'   the reduction. For a matrix, a list: `features` (data frame of `gene`, `group`
#'   and `prob`), `posterior`, `groups` (the table of [GeneGroups()]) and `about`.
#' @seealso [GeneGroups()] for the table of groups, [GeneGroupPlot()],
#'   [GeneGroupPage()], [FindGeneGroupStability()], [GeneGroupEnrichment()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- RunSIGEL(section, n.dims = 8, n.groups = 4, preset = "fast",
#'     verbose = FALSE)
#'   section <- FindGeneGroups(section, n.groups = 6)
#'   GeneGroups(section)
#' }
#' @export
FindGeneGroups <- function(object, ...) {
  UseMethod("FindGeneGroups", object)
}

#' @rdname FindGeneGroups
#' @export
FindGeneGroups.default <- function(
  object,
  n.groups = NULL,
  resolution = NULL,
  seed.use = 0,
  device = "auto",
  config = list(),
  ...
) {
  call <- rlang::current_env()
  check_representations(object, call)
  check_no_dots(..., known = names(formals(FindGeneGroups.default)), call = call)
  check_new_groups(n.groups, resolution, call)
  check_whole(seed.use, "seed.use", 0L, call = call)
  check_string(device, "device", "Use `device = \"auto\"`.", call)
  check_settings(config, "list(mixture = list(covariance = \"full\"))", call)
  sigel_engine(call)
  grouped(object, n.groups, resolution, as_settings(config), seed.use, device, call)
}

#' @rdname FindGeneGroups
#' @export
FindGeneGroups.DimReduc <- function(
  object,
  n.groups = NULL,
  resolution = NULL,
  seed.use = 0,
  device = "auto",
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(FindGeneGroups.DimReduc)), call = call)
  results <- sigel_results(object, "sigel", call)
  check_new_groups(n.groups, resolution, call)
  check_whole(seed.use, "seed.use", 0L, call = call)
  check_string(device, "device", "Use `device = \"auto\"`.", call)
  # Before anything else speaks to Python: where there is none, this says so best.
  sigel_engine(call)
  loadings <- SeuratObject::Loadings(results)
  settings <- SeuratObject::Misc(results)$params
  misc <- methods::slot(results, "misc")
  new <- speaking_for(call, {
    grouped(
      loadings,
      n.groups,
      resolution,
      settings,
      seed.use,
      device,
      call,
      present_groups(misc, rownames(loadings))
    )
  })
  rows <- match(misc$features$gene, new$features$gene)
  misc$features$group <- new$features$group[rows]
  misc$features$prob <- new$features$prob[rows]
  misc$posterior <- new$posterior
  misc$groups <- new$about
  methods::slot(results, "misc") <- misc
  made_as(results, new)
}

#' @rdname FindGeneGroups
#' @export
FindGeneGroups.Seurat <- function(
  object,
  n.groups = NULL,
  resolution = NULL,
  reduction = "sigel",
  reduction.name = reduction,
  reduction.key = NULL,
  seed.use = 0,
  device = "auto",
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(FindGeneGroups.Seurat)), call = call)
  results <- sigel_results(object, reduction, call)
  check_reduction_name(object, reduction.name, call)
  if (reduction.name != reduction) {
    reduction.key <- reduction.key %||% paste0(gsub("[^[:alnum:]]", "", reduction.name), "_")
    check_string(reduction.key, "reduction.key", "Leave it out.", call)
    SeuratObject::Key(results) <- reduction.key
  }
  results <- speaking_for(call, {
    FindGeneGroups(
      results,
      n.groups = n.groups,
      resolution = resolution,
      seed.use = seed.use,
      device = device
    )
  })
  assay <- SeuratObject::DefaultAssay(results)
  object[[reduction.name]] <- made_as(results, NULL)
  object[[assay]] <- replace_groups(object[[assay]], results, reduction, reduction.name)
  object <- SeuratObject::LogSeuratCommand(object)
  logged(object, results)
}

#' @rdname FindGeneGroups
#' @export
FindGeneGroups.SpatialExperiment <- function(object, ...) {
  view <- as_seurat(object)
  store_in(object, view, FindGeneGroups(view, ...))
}

# The engine's groups of representations, as R keeps them.
grouped <- function(representations, n.groups, resolution, settings, seed, device, call, present = list()) {
  if (is.null(n.groups) && is.null(resolution)) {
    resolution <- 1
  }
  genes <- rownames(representations)
  arguments <- list(
    representations = unname(representations),
    genes = as.list(genes),
    n_groups = n.groups,
    resolution = resolution,
    settings = settings,
    seed = seed,
    device = device
  )
  result <- sigel_call("gene_groups", c(arguments, present), call)
  features <- data.frame(
    gene = genes,
    group = as_group(as.character(result$group)),
    prob = as.double(result$group_prob),
    row.names = genes
  )
  about <- list(
    n.groups = result$n_groups,
    resolution = resolution,
    seed = seed,
    bic = as_bic(result$bic),
    tree = list(joined = result$tree$joined, height = as.double(result$tree$height)),
    chosen = result$chosen
  )
  made <- list(
    features = features,
    posterior = as_posterior(result$posterior, genes, result$names),
    groups = group_table(result$table),
    about = Filter(Negate(is.null), about)
  )
  with_record(made, result, call)
}

# Posteriors of genes, with the names that their groups have everywhere: 1, 2, 3, ..., "no pattern".
as_posterior <- function(posterior, genes, names) {
  dimnames(posterior) <- list(genes, as.character(names))
  posterior
}

# What the engine needs of the groups there are: fewer are unions of these.
present_groups <- function(misc, genes) {
  if (is.null(misc$posterior)) {
    return(list())
  }
  posterior <- misc$posterior[genes, , drop = FALSE]
  group <- misc$features$group[match(genes, misc$features$gene)]
  present <- list(
    group = as_labels(group),
    names = as.list(colnames(posterior)),
    posterior = unname(posterior)
  )
  present$of_fit <- is.null(misc$groups)
  present$chosen <- misc$groups$chosen
  present
}

check_new_groups <- function(n.groups, resolution, call) {
  if (!is.null(n.groups)) {
    if (!is.null(resolution)) {
      fix <- "Give one of them."
      sigel_abort("resolution", "a resolution beside `n.groups`", "one of the two", fix, call)
    }
    check_whole(n.groups, "n.groups", 1L, 20L, call)
  }
  if (!is.null(resolution)) {
    fix <- "Use, for example, `resolution = 2` for about twice as many groups."
    check_positive(resolution, "resolution", fix, call)
  }
}

# The columns of an assay that hold the groups, as they are now; under a new name the status goes with them.
replace_groups <- function(assay, results, from, to) {
  known <- SeuratObject::Misc(results)$features
  rows <- match(rownames(assay), known$gene)
  metadata <- data.frame(known$group[rows], known$prob[rows], row.names = rownames(assay))
  names(metadata) <- paste0(to, c(".group", ".group.prob"))
  status <- assay[[]][[paste0(from, ".status")]]
  if (to != from && !is.null(status)) {
    metadata[[paste0(to, ".status")]] <- status
  }
  put_columns(assay, metadata)
}
