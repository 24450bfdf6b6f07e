#' Pairs of genes that belong together
#'
#' Scores pairs of genes, as of ligand and receptor, by how alike their pictures are over
#' sections of like tissue, held against pairs of genes alike in level and pattern strength.
#'
#' @section How it works:
#' Strong genes have clear pictures, which are more alike than those of weak ones: a pair is
#' held against pairs of genes of its own kind. Genes are put into bins of about 100 by level,
#' and by the length of their representations within; the null of a pair is all pairs of its
#' genes' two bins. A tissue has few places that genes can tell apart, so that of thousands of
#' pairs chosen for nothing some are as alike as any: `pval` ranks pairs, and `qval` is small
#' only where pairs that are asked about are more alike than what the tissue gives to all.
#' Whether they are as a set, the attribute `set.auroc` says. One gene against all others
#' seldom has a partner with a small `qval`, however alike they are.
#'
#' With `known` a score is learnt, a logistic regression on products, sums and differences of
#' the two representations, their similarity, and the genes' levels and pattern strengths.
#' Genes are dealt to five folds; a pair is judged by a model that was fitted without the genes
#' of either fold. Expression says little of interactions (an AUROC of 0.5 to 0.6 on genes that
#' were not learnt from is usual): look at the attributes `auroc` and `auroc.level` before
#' `prob`.
#'
#' @param object One section or several of like tissue, raw counts: a Seurat object with one
#'   image, with an image for each section, or with `section`; a list of Seurat objects, or of
#'   matrices, genes x cells, with a list of `coordinates`, a section each, named or not; or one
#'   assay or matrix. A SpatialExperiment stands for a Seurat object, each of its samples for an
#'   image.
#' @param pairs Pairs that are asked about, for example of ligand and receptor: a data frame with
#'   the columns `gene.a` and `gene.b` (or `gene_a` and `gene_b`), or else its first two columns;
#'   or a character matrix of two columns. Each pair once, whichever gene comes first.
#' @param features Instead: genes all of whose pairs are asked about, for a network of them.
#' @param partners.of Instead: a gene, or several, each with all other genes; the `n` most alike
#'   of each are returned.
#' @param n Partners of each gene of `partners.of`.
#' @param known Pairs known to belong together, as `pairs`, perhaps with a column `label`, 0 for
#'   pairs that do not; 50 of each kind at least. A score is learnt from them, `prob`. With
#'   nothing else given, they are what is asked about.
#' @param section The name of the column of the meta data that tells the sections of one object
#'   apart, or that names the section of each of a list; NULL: each image is a section, all is
#'   one where there is one image or `coordinates` alone, and a list has its names. For a matrix
#'   or an assay, a vector with the section of each cell, or NULL for one section.
#' @param assay,layer,slot As in [RunSIGEL()], for all objects of a list, or for each.
#' @param image,coordinates As in [RunSIGEL()]; of a list, for each of its objects.
#' @param seed.use Seed. R's own random numbers are neither used nor changed.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU), `"cpu"`,
#'   `"cuda"`.
#' @param config Settings of the images, `list(image = list(...))` as in [RunSIGEL()].
#' @param verbose Whether to show progress.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return A data frame, one row a pair, that of the least p-value first, of partners the most
#'   alike; the object is not changed:
#'   * `gene.a`, `gene.b`;
#'   * `similarity`: mean cosine of the two representations over the sections that have both,
#'     -1 to 1;
#'   * `null.mean`, `null.sd`: of all pairs of genes alike in level and pattern strength;
#'   * `pval`: the share of these that are at least as similar, the pair itself counted, so
#'     never 0;
#'   * `qval`: after Benjamini and Hochberg, of all pairs that were asked about;
#'   * `n.sections`: that have both genes;
#'   * `prob`, with `known`: the probability that the pair belongs together, learnt from pairs of
#'     other genes; it holds where as many pairs do as among the known ones;
#'   * `status`: `"tested"`, or why not.
#'
#'   Attributes: `n.tested`; `set.auroc` with `set.low` and `set.high`, the chance that one of the
#'   pairs is more alike than a pair of genes like its own, and its 95 % interval over genes drawn
#'   anew; with `known` also `auroc` and `average.precision` of the known pairs, each judged
#'   without what its genes taught, `auroc.level`, what levels and pattern strengths alone reach,
#'   `n.known` and `n.positive`.
#' @references Pairs of genes are a task of the paper, *Genome Biology* 2025, 26:287; the design is
#'   this package's.
#' @seealso [FindSimilarGenes()], [FindDiseaseGenes()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   FindGeneInteractions(section, partners.of = "Gene0001", n = 5, verbose = FALSE)
#'
#'   pairs <- data.frame(ligand = "Gene0001", receptor = c("Gene0002", "Gene0030"))
#'   FindGeneInteractions(section, pairs, verbose = FALSE)
#' }
#' @export
FindGeneInteractions <- function(object, pairs = NULL, ...) {
  UseMethod("FindGeneInteractions", object)
}

#' @rdname FindGeneInteractions
#' @export
FindGeneInteractions.default <- function(
  object,
  pairs = NULL,
  features = NULL,
  partners.of = NULL,
  n = 20,
  known = NULL,
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
  check_no_dots(..., known = names(formals(FindGeneInteractions.default)), call = call)
  asked <- asked_pairs(pairs, features, partners.of, n, known, call)
  plain <- plain_section(object, coordinates, NULL, call)
  labels <- section_labels(section, colnames(plain$counts), call)
  cohort <- sections_or_one(plain$counts, plain$places, unlist(labels))
  ask_gene_interactions(cohort, asked, seed.use, device, config, verbose, call)
}

#' @rdname FindGeneInteractions
#' @export
FindGeneInteractions.Assay <- function(
  object,
  pairs = NULL,
  coordinates = NULL,
  layer = "counts",
  slot = NULL,
  ...
) {
  call <- rlang::current_env()
  counts <- read_counts(object, slot %||% layer, call)
  speaking_for(call, FindGeneInteractions(counts, pairs, coordinates = coordinates, ...))
}

# Registered when the package is loaded, where SeuratObject has the class (Seurat 5).
#' @rdname FindGeneInteractions
FindGeneInteractions.StdAssay <- FindGeneInteractions.Assay

#' @rdname FindGeneInteractions
#' @export
FindGeneInteractions.Seurat <- function(
  object,
  pairs = NULL,
  features = NULL,
  partners.of = NULL,
  n = 20,
  known = NULL,
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
  check_no_dots(..., known = names(formals(FindGeneInteractions.Seurat)), call = call)
  asked <- asked_pairs(pairs, features, partners.of, n, known, call)
  cohort <- cohort_of_seurat(object, section, assay, image, coordinates, slot %||% layer, call, one = TRUE)
  ask_gene_interactions(cohort, asked, seed.use, device, config, verbose, call)
}

#' @rdname FindGeneInteractions
#' @export
FindGeneInteractions.SpatialExperiment <- function(object, pairs = NULL, ...) {
  view <- as_seurat(object)
  speaking_for(rlang::current_env(), FindGeneInteractions(view, pairs, ...))
}

#' @rdname FindGeneInteractions
#' @export
FindGeneInteractions.list <- function(
  object,
  pairs = NULL,
  features = NULL,
  partners.of = NULL,
  n = 20,
  known = NULL,
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
  check_no_dots(..., known = names(formals(FindGeneInteractions.list)), call = call)
  asked <- asked_pairs(pairs, features, partners.of, n, known, call)
  cohort <- cohort_of_list(object, section, assay, image, coordinates, slot %||% layer, call)
  ask_gene_interactions(cohort, asked, seed.use, device, config, verbose, call)
}

# The table of sections; `asked`: what `asked_pairs` made of the question.
ask_gene_interactions <- function(cohort, asked, seed.use, device, config, verbose, call) {
  check_question(NULL, seed.use, device, verbose, call)
  sigel_engine(call)
  arguments <- list(
    sections = lapply(unname(cohort$sections), engine_pieces),
    names = as.list(cohort$names),
    joined = cohort$joined,
    settings = image_settings(config, call),
    seed = seed.use,
    device = device
  )
  result <- ask_engine("gene_interactions", c(arguments, asked), verbose, call)
  with_record(as_interaction_table(result), result, call)
}

# The engine's answer; what holds for all rows is in attributes.
as_interaction_table <- function(result) {
  table <- engine_table(result$table)
  table$n.sections <- as.integer(table$n.sections)
  about <- dotted(result[setdiff(names(result), c("table", "seed"))])
  for (name in names(about)) {
    value <- about[[name]]
    attr(table, name) <- if (is.nan(value)) NA_real_ else value
  }
  printed_short(table)
}
