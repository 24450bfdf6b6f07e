# Columns of the table of the choice, and the feature metadata of each after the reduction.
SELECTION_COLUMNS <- c(
  group = "selection.group",
  group.rank = "selection.group.rank",
  rank = "selection.rank",
  effect = "selection.effect",
  selected = "selected",
  weight = "weight"
)

#' The genes that tell domains apart
#'
#' Takes the most spatial genes of every group, so that each spatial programme has
#' its say, however few genes it has: what any pipeline can be given, and
#' [FindSpatialDomains()] as its `features`.
#'
#' @section The choice:
#' Groups are those of [RunSIGEL()] and ranks those of [FindSpatialGenes()] where the
#' object holds them; otherwise both are made on the way. Of each group the first
#' `share` is taken, rounded up, and never fewer than 100 genes in all, or all that
#' have a pattern and a group.
#'
#' @section Columns of the table:
#' `gene`, `group`, `group.rank` (1 is the most spatial gene of its group), `rank` and
#' `effect` (as in [FindSpatialGenes()]), `selected` and `weight` (mean 1 over the genes
#' selected, 0 for the others). For a Seurat object they become feature metadata of the
#' assay, named after the reduction: `sigel.selected`, `sigel.weight`, and
#' `sigel.selection.group`, `sigel.selection.group.rank`, `sigel.selection.rank`,
#' `sigel.selection.effect`. `SpatialGeneSelection()` reads them back.
#'
#' @inheritParams FindSpatialDomains
#' @param object A Seurat object, a SpatialExperiment, an assay, or a matrix of raw counts,
#'   genes x cells, sparse or dense. For `SpatialGeneSelection()` a Seurat object or its assay.
#' @param share Share of every group that is taken, above 0, up to 1.
#' @param n.genes Number of genes instead, of every group the same share as nearly as
#'   can be.
#' @param balance How far the weights make groups equal in spatial variance, from 0, all
#'   chosen genes weigh alike, to 1.
#' @param features Genes to choose from; default: those that the run was given, all
#'   where there was none. The others are left out before anything is computed.
#' @param facts For a matrix or an assay: what is known of the genes already, a data
#'   frame with genes as row names and columns `group`, or `rank` and `effect` (as in
#'   [SpatialGenes()]), or all three. For a Seurat object they are read from the
#'   feature metadata.
#' @param reduction First word of the columns. Where [RunSIGEL()] wrote a reduction of
#'   that name, its groups, genes and settings are taken up.
#' @param config Settings of the images, `list(image = list(...))` as in [RunSIGEL()];
#'   default: those of the run.
#' @return `SelectSpatialGenes()`: for a Seurat object, the object with the feature
#'   metadata; else the table, a data frame in the order of `rank`.
#'   `SpatialGeneSelection()`: the table.
#' @seealso [FindSpatialDomains()], [FindSpatialGenes()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- SelectSpatialGenes(section, n.genes = 30, verbose = FALSE)
#'   chosen <- SpatialGeneSelection(section)
#'   head(chosen)
#'   # In place of highly variable genes, for RunPCA() and what follows it:
#'   SeuratObject::VariableFeatures(section) <- chosen$gene[chosen$selected]
#' }
#' @export
SelectSpatialGenes <- function(object, ...) {
  UseMethod("SelectSpatialGenes", object)
}

#' @rdname SelectSpatialGenes
#' @export
SelectSpatialGenes.default <- function(
  object,
  coordinates = NULL,
  share = 0.25,
  n.genes = NULL,
  balance = 0,
  features = NULL,
  section = NULL,
  facts = NULL,
  seed.use = 0,
  device = "auto",
  config = NULL,
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_object(object, call)
  check_no_dots(..., known = names(formals(SelectSpatialGenes.default)), call = call)
  check_question(NULL, seed.use, device, verbose, call)
  check_share(share, "share", 0.25, call)
  if (!is.null(n.genes)) {
    check_whole(n.genes, "n.genes", 1L, 500L, call)
  }
  check_number(balance, "balance", "Use `balance = 0`.", call)
  plain <- plain_section(object, coordinates, features, call)
  facts <- known_facts(facts, rownames(plain$counts), call)
  plain$labels <- section_labels(section, colnames(plain$counts), call)
  result <- ask_section(
    "select_genes",
    plain,
    list(
      settings = image_settings(config, call),
      share = share,
      n_genes = n.genes,
      balance = balance,
      known = facts,
      seed = seed.use,
      device = device
    ),
    verbose,
    call
  )
  table <- as_gene_table(result, names(SELECTION_COLUMNS))
  table$group <- as_group(as.character(table$group))
  table$group.rank <- as.integer(table$group.rank)
  with_record(table, result, call)
}

#' @rdname SelectSpatialGenes
#' @export
SelectSpatialGenes.Assay <- function(object, coordinates = NULL, layer = "counts", slot = NULL, ...) {
  call <- rlang::current_env()
  counts <- read_counts(object, slot %||% layer, call)
  speaking_for(call, SelectSpatialGenes(counts, coordinates = coordinates, ...))
}

# Registered when the package is loaded, where SeuratObject has the class (Seurat 5).
#' @rdname SelectSpatialGenes
SelectSpatialGenes.StdAssay <- SelectSpatialGenes.Assay

#' @rdname SelectSpatialGenes
#' @export
SelectSpatialGenes.Seurat <- function(
  object,
  share = 0.25,
  n.genes = NULL,
  balance = 0,
  features = NULL,
  assay = NULL,
  image = NULL,
  section = NULL,
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
  check_no_dots(..., known = names(formals(SelectSpatialGenes.Seurat)), call = call)
  seen <- domain_section(
    object,
    assay,
    image,
    section,
    coordinates,
    slot %||% layer,
    reduction,
    call,
    features,
    config
  )
  assay <- seen$assay
  tell_of_new_name(object, reduction)
  table <- speaking_for(call, told = seen$told, {
    SelectSpatialGenes(
      seen$counts,
      coordinates = seen$coordinates,
      share = share,
      n.genes = n.genes,
      balance = balance,
      section = seen$section,
      facts = facts_of_assay(object[[assay]], reduction),
      seed.use = seed.use,
      device = device,
      config = seen$config,
      verbose = verbose
    )
  })
  object[[assay]] <- add_selection(object[[assay]], table, reduction)
  # The log need not hold the place of every cell.
  coordinates <- if_given(coordinates)
  object <- SeuratObject::LogSeuratCommand(object)
  logged(object, table)
}

#' @rdname SelectSpatialGenes
#' @export
SelectSpatialGenes.SpatialExperiment <- function(object, ...) {
  view <- as_seurat(object)
  store_in(object, view, SelectSpatialGenes(view, ...))
}

#' @rdname SelectSpatialGenes
#' @export
SpatialGeneSelection <- function(object, assay = NULL, reduction = "sigel") {
  call <- rlang::current_env()
  object <- as_seurat(object)
  check_string(reduction, "reduction", "Use `reduction = \"sigel\"`.", call)
  metadata_table(object, assay, selection_names(reduction), "a choice of genes", "SelectSpatialGenes", call)
}

# Names of the feature metadata, by column of the table.
selection_names <- function(reduction) {
  stats::setNames(paste0(reduction, ".", SELECTION_COLUMNS), names(SELECTION_COLUMNS))
}

# The table as columns for all genes of the assay, so that nothing of an earlier call stays.
add_selection <- function(assay, table, reduction) {
  metadata <- table[match(rownames(assay), table$gene), names(SELECTION_COLUMNS)]
  metadata$selected <- metadata$selected %in% TRUE
  metadata$weight[is.na(metadata$weight)] <- 0
  names(metadata) <- selection_names(reduction)
  rownames(metadata) <- rownames(assay)
  put_columns(assay, metadata)
}
