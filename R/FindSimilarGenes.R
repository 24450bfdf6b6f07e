#' Genes like given genes
#'
#' Finds the genes whose spatial pictures are most like those of the genes given,
#' by the cosine of their representations, beside what genes of the same expression
#' level reach.
#'
#' Similarity is the cosine of two representations after the mean of all genes is
#' taken off, so that 0 is what two unrelated genes have. Chance is the similarity
#' to the query of the 200 genes nearest in expression level to the gene found.
#' Strong genes resemble one another, because their pictures have little noise;
#' compared with genes of its own level a gene gains nothing by being strong. That is
#' about one query: of any, one gene in twenty has a `pval` of 0.05 or less, whether
#' they belong together or not. `FindGeneInteractions(partners.of = )` holds each pair
#' against all pairs of genes alike in level and pattern strength.
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()], its reduction, or a matrix of
#'   representations, genes x dimensions.
#' @param features Names of one or more genes.
#' @param n Number of genes to find.
#' @param combine `"mean"`: the genes nearest to the mean of the given ones;
#'   `"each"`: those nearest to each.
#' @param reduction Name of the reduction.
#' @param layer Layer with the raw counts, from which the expression levels are
#'   taken; default: that of the run. Its assay is that of the run.
#' @param level Expression level of each gene, such as the logarithm of its mean
#'   count: a numeric vector, named or in the order of the genes. A Seurat object
#'   has the counts, so that only the others need it.
#' @param groups Group of each gene in the order of the genes, for the column
#'   `group`; the reduction brings its own.
#' @param seed.use Seed.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return A data frame ordered by `query` and `rank`. Columns: `query`; `gene`;
#'   `rank`, 1 is the nearest; `similarity`; `random.mean` and `random.95`, the
#'   mean and the 95 percent quantile of the similarity of genes of the same level;
#'   `pval`, the share of those that are at least as similar (with the gene itself
#'   counted among them); and `group`. The genes given are left out of what is found.
#' @seealso [FindGeneInteractions()], [SimilarGenePlot()], [FindPatternGenes()], [FindGeneGroups()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- RunSIGEL(section, n.dims = 8, n.groups = 4, preset = "fast",
#'     verbose = FALSE)
#'   FindSimilarGenes(section, "Gene0001", n = 5)
#' }
#' @export
FindSimilarGenes <- function(object, ...) {
  UseMethod("FindSimilarGenes", object)
}

#' @rdname FindSimilarGenes
#' @export
FindSimilarGenes.default <- function(
  object,
  features,
  n = 20,
  combine = c("mean", "each"),
  level = NULL,
  groups = NULL,
  seed.use = 0,
  ...
) {
  call <- rlang::current_env()
  check_representations(object, call)
  check_no_dots(..., known = names(formals(FindSimilarGenes.default)), call = call)
  features <- if (missing(features)) NULL else features
  check_gene_names(features, "Name the genes, as in `features = \"Mbp\"`.", call)
  check_whole(n, "n", 1L, 20L, call = call)
  combine <- check_choice(combine, c("mean", "each"), "combine", call)
  check_whole(seed.use, "seed.use", 0L, call = call)
  genes <- rownames(object)
  level <- check_level(level, genes, call)
  if (!is.null(groups) && length(groups) != length(genes)) {
    found <- sprintf("%s for %s", number_of(length(groups), "group"), number_of(length(genes), "gene"))
    sigel_abort("groups", found, "one group for each gene", "Give them in the order of the genes.", call)
  }
  arguments <- list(
    representations = unname(object),
    genes = as.list(genes),
    level = as_vector(level),
    queries = as.list(unique(features)),
    n = n,
    combine = combine,
    groups = if (!is.null(groups)) as_labels(groups),
    seed = seed.use
  )
  result <- sigel_call("similar_genes", arguments, call)
  table <- engine_table(result)
  if (!is.null(table$group)) {
    table$group <- if (is.factor(groups)) factor(table$group, levels(groups)) else as_group(table$group)
  }
  with_record(printed_short(table), result, call)
}

#' @rdname FindSimilarGenes
#' @export
FindSimilarGenes.DimReduc <- function(object, features, level = NULL, ...) {
  call <- rlang::current_env()
  results <- sigel_results(object, "sigel", call)
  features <- if (missing(features)) NULL else features
  check_has_representation(features, results, call)
  loadings <- SeuratObject::Loadings(results)
  speaking_for(call, {
    FindSimilarGenes(loadings, features = features, level = level, groups = groups_of(results), ...)
  })
}

#' @rdname FindSimilarGenes
#' @export
FindSimilarGenes.Seurat <- function(
  object,
  features,
  n = 20,
  combine = c("mean", "each"),
  reduction = "sigel",
  layer = NULL,
  seed.use = 0,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(FindSimilarGenes.Seurat)), call = call)
  results <- sigel_results(object, reduction, call)
  features <- if (missing(features)) NULL else features
  counts <- counts_of_run(object, results, NULL, layer, call)
  speaking_for(call, {
    FindSimilarGenes(
      results,
      features = features,
      n = n,
      combine = combine,
      level = expression_level(counts)[rownames(SeuratObject::Loadings(results))],
      seed.use = seed.use
    )
  })
}

#' @rdname FindSimilarGenes
#' @export
FindSimilarGenes.SpatialExperiment <- function(object, ...) {
  view <- as_seurat(object)
  speaking_for(rlang::current_env(), FindSimilarGenes(view, ...))
}

#' Pictures of similar genes
#'
#' Draws the genes that were asked about beside those that [FindSimilarGenes()]
#' found, all on one colour scale, with the similarity below each. Several sections lie
#' row by row in their order.
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()].
#' @param table What [FindSimilarGenes()] returned for that object; or names of genes, for which
#'   [FindSimilarGenes()] is called with its defaults.
#' @param n.genes Genes shown for each query, the nearest first.
#' @param ncol Number of columns; default: as many as make images largest at 7 x 5 inches.
#' @param reduction,image,coordinates,layer As in [GeneImagePlot()].
#' @return A ggplot.
#' @examples
#' if (sigel_available() && requireNamespace("ggplot2", quietly = TRUE)) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- RunSIGEL(section, n.dims = 8, n.groups = 4, preset = "fast",
#'     verbose = FALSE)
#'   SimilarGenePlot(section, FindSimilarGenes(section, "Gene0001", n = 9))
#' }
#' @export
SimilarGenePlot <- function(
  object,
  table,
  n.genes = 9,
  ncol = NULL,
  reduction = "sigel",
  image = NULL,
  coordinates = NULL,
  layer = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  check_seurat(object, call)
  check_whole(n.genes, "n.genes", 1L, 9L, call)
  if (!is.null(ncol)) {
    check_whole(ncol, "ncol", 1L, 5L, call)
  }
  table <- if (!missing(table)) table
  if (is.character(table)) {
    asked <- table
    known <- rownames(SeuratObject::Loadings(sigel_results(object, reduction, call)))
    if (!length(asked) || !all(asked %in% known)) {
      unknown <- setdiff(asked, known)
      found <- if (length(unknown)) some(unknown) else "no name"
      fix <- "Check the names, or give the table that `FindSimilarGenes()` returns."
      fix <- paste0(fix, nearest_in_words(unknown, known))
      sigel_abort("table", found, "names of genes with a representation", fix, call)
    }
    table <- speaking_for(
      call,
      FindSimilarGenes(object, asked, n = n.genes, reduction = reduction, layer = layer)
    )
  }
  check_table(table, c("query", "gene", "rank", "similarity"), "FindSimilarGenes", call)
  results <- sigel_results(object, reduction, call)
  panels <- similar_panels(table, n.genes, rownames(SeuratObject::Loadings(results)))
  genes <- unique(panels$gene)
  assay <- SeuratObject::DefaultAssay(results)
  images <- gene_pixels(object, genes, reduction, assay, image, coordinates, layer, call)
  # A gene may be shown for several queries.
  pixels <- pixel_table(images)
  rows <- split(seq_len(nrow(pixels)), pixels$gene)[panels$gene]
  pixels <- pixels[unlist(rows), ]
  pixels$panel <- rep(panels$panel, lengths(rows))
  place <- columns_for(nrow(panels), images, ncol, text = 34)
  names <- transform(panels, label = panels$gene, x = min(pixels$x), y = min(pixels$y))
  below <- transform(panels, face = "plain", x = mean(range(pixels$x)), y = max(pixels$y))
  ggplot2::ggplot() +
    pixel_layers(pixels) +
    fitted_text(names, "above", sizes = c(5, 9)) +
    fitted_text(below, "below", sizes = c(5, 8)) +
    ggplot2::facet_wrap(ggplot2::vars(.data$panel), ncol = place$ncol) +
    ggplot2::labs(
      title = "Similar genes",
      subtitle = paste(
        c(
          "Below each: cosine of representations; genes asked about come first",
          sections_in_words(images$sections)
        ),
        collapse = "\n"
      )
    ) +
    ggplot2::theme(
      strip.text = ggplot2::element_blank(),
      # Room for what stands below, and for the names of the next row.
      panel.spacing.y = ggplot2::unit(28, "pt"),
      legend.margin = ggplot2::margin(b = 14),
      plot.margin = ggplot2::margin(6, 6, 18, 6)
    )
}

# One row a panel, the genes asked about before those found: `gene`, `panel` (a factor), and what stands below its
# image (`label`), with `face` and `rank` for `fitted_text()`.
similar_panels <- function(table, n, known) {
  blocks <- lapply(unique(table$query), function(query) {
    found <- table[table$query == query, , drop = FALSE]
    found <- utils::head(found[order(found$rank), ], n)
    asked <- queries_of(query, known)
    data.frame(
      gene = c(asked, found$gene),
      label = c(rep("asked", length(asked)), sprintf("%.2f", found$similarity)),
      face = rep(c("bold.italic", "italic"), c(length(asked), nrow(found)))
    )
  })
  panels <- do.call(rbind, blocks)
  panels$panel <- factor(seq_len(nrow(panels)))
  panels$rank <- 0L
  panels
}

# The engine names a mean by its genes, with commas between them.
queries_of <- function(query, known) {
  if (query %in% known) query else strsplit(query, ", ?")[[1L]]
}

# Expression levels in the order of the genes.
check_level <- function(level, genes, call) {
  fix <- "Pass the Seurat object, or the logarithm of each gene's mean count."
  wanted <- "the expression level of each gene"
  if (!is.numeric(level)) {
    sigel_abort("level", if (is.null(level)) "nothing" else describe(level), wanted, fix, call)
  }
  if (!is.null(names(level))) {
    level <- level[match(genes, names(level))]
  } else if (length(level) != length(genes)) {
    found <- sprintf("%s for %s", number_of(length(level), "number"), number_of(length(genes), "gene"))
    sigel_abort("level", found, wanted, fix, call)
  }
  lost <- which(!is.finite(level))
  if (length(lost)) {
    found <- sprintf("no finite number for %s: %s", number_of(length(lost), "gene"), some(genes[lost]))
    sigel_abort("level", found, wanted, fix, call)
  }
  unname(level)
}

# Genes of the run that were not embedded: why not. Names that nobody knows are left to the engine, which names
# the nearest ones.
check_has_representation <- function(features, results, call) {
  known <- SeuratObject::Misc(results)$features
  loadings <- rownames(SeuratObject::Loadings(results))
  lost <- setdiff(intersect(features, known$gene), loadings)
  if (length(lost)) {
    why <- known$status[match(lost[1L], known$gene)]
    why <- if (why == "embedded") "no longer in the reduction" else why
    fix <- "Name other genes; `sigel.status` of the assay's feature metadata says which are embedded."
    found <- sprintf("%s without a representation (%s)", some(lost), why)
    sigel_abort("features", found, "genes that were embedded", fix, call)
  }
}

# Logarithm of the mean count of each gene, as the engine takes it; the mean itself where values may be negative.
expression_level <- function(counts) {
  mean <- Matrix::rowMeans(counts)
  if (any(mean < 0)) mean else log(pmax(mean, .Machine$double.xmin))
}

# Group of each gene that has a representation, in their order.
groups_of <- function(results) {
  known <- SeuratObject::Misc(results)$features
  known$group[match(rownames(SeuratObject::Loadings(results)), known$gene)]
}
