#' Simulated sections of donors of two conditions
#'
#' Simulates one tissue in several donors, controls and cases, with genes that follow
#' another programme in the cases and genes whose level doubles there, to hold
#' [FindDiseaseGenes()] against. The donors share the programmes; each has its own cells,
#' library sizes and noise, its section is turned at random and one side of it is lost.
#' **Nothing in it was measured.**
#'
#' @param seed Seed; the same seed gives the same objects. R's own random numbers are
#'   neither used nor changed.
#' @param n.donors Numbers of controls and of cases, at least 1 each.
#' @param n.changed Number of genes that follow another programme in the cases, and of
#'   those whose level doubles there.
#' @param n.rows,n.cols,n.programmes,genes.per.programme,n.background.genes,median.counts
#'   As in [SimulateSection()].
#' @param image How the places of the cells are stored: as a field of view, or, with
#'   `"none"`, not at all.
#' @param assay Name of the assay.
#' @return A list of Seurat objects, one for each donor and named by it (`"D1"`, `"D2"`,
#'   ...), with `donor` and `condition` (a factor, `"control"` before `"case"`) in the cell
#'   metadata. The truth is in the feature metadata: `change`, `"pattern"`, `"level"` or `"none"`, and
#'   `programme`, that of the donor's condition.
#' @seealso [FindDiseaseGenes()]
#' @examples
#' if (sigel_available()) {
#'   sections <- SimulateCohort(n.donors = c(2, 2), n.changed = 4, n.rows = 12,
#'     n.cols = 12, n.programmes = 2, genes.per.programme = 20, n.background.genes = 20)
#'   vapply(sections, function(section) as.character(section$condition[[1]]), "")
#' }
#' @export
SimulateCohort <- function(
  seed = 0,
  n.donors = c(4, 4),
  n.changed = 24,
  n.rows = 30,
  n.cols = 30,
  n.programmes = 6,
  genes.per.programme = 40,
  n.background.genes = 120,
  median.counts = 3500,
  image = c("fov", "none"),
  assay = "Spatial"
) {
  check_whole(seed, "seed", 0L)
  image <- rlang::arg_match(image)
  settings <- list(
    n_donors = n.donors,
    n_changed = n.changed,
    n_rows = n.rows,
    n_cols = n.cols,
    n_programmes = n.programmes,
    genes_per_programme = genes.per.programme,
    n_background_genes = n.background.genes,
    median_counts = median.counts
  )
  pieces <- sigel_call("simulate_cohort", list(settings = as_settings(settings), seed = seed))
  objects <- lapply(pieces, function(one) {
    object <- simulated_object(one, assay, image, "SimulateCohort")
    truth <- data.frame(change = unlist(one$change), row.names = rownames(object))
    object[[assay]] <- SeuratObject::AddMetaData(object[[assay]], metadata = truth)
    object$condition <- factor(object$condition, levels = unlist(one$conditions))
    object
  })
  stats::setNames(objects, vapply(objects, function(object) object$donor[[1L]], ""))
}
