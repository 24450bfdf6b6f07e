# Six simulated donors, made once, and genes that change between their conditions.
small_cohort <- function() {
  if (is.null(made$cohort)) {
    made$cohort <- SimulateCohort(
      n.donors = c(3, 3),
      n.changed = 8,
      n.rows = 12,
      n.cols = 12,
      n.programmes = 3,
      genes.per.programme = 20,
      n.background.genes = 30
    )
  }
  made$cohort
}

# Four donors of fewer genes, for tests that are not about which genes are found: a fit of these takes a third.
few_donors <- function() {
  if (is.null(made$few_donors)) {
    made$few_donors <- SimulateCohort(
      n.donors = c(2, 2),
      n.changed = 4,
      n.rows = 10,
      n.cols = 10,
      n.programmes = 2,
      genes.per.programme = 12,
      n.background.genes = 12
    )
  }
  made$few_donors
}

find_disease <- function(object, ..., device = "cpu") {
  FindDiseaseGenes(object, ..., device = device, verbose = FALSE)
}

disease_table <- function() {
  if (is.null(made$disease)) {
    made$disease <- find_disease(small_cohort(), "condition", donor = "donor")
  }
  made$disease
}

# All donors in one object.
merged_donors <- function(sections) {
  merged <- merge(sections[[1]], sections[-1], add.cell.ids = names(sections))
  # Seurat 4 makes text of a factor.
  merged$condition <- factor(merged$condition, levels = c("control", "case"))
  merged
}

merged_cohort <- function() {
  if (is.null(made$merged)) {
    made$merged <- merged_donors(small_cohort())
  }
  made$merged
}

# The same as matrices and tables of places.
plain_cohort <- function(sections = small_cohort()) {
  list(
    counts = lapply(sections, counts_of),
    places = lapply(sections, function(object) {
      image <- object[["section"]]
      table <- SeuratObject::GetTissueCoordinates(image)
      data.frame(x = table$x, y = table$y, row.names = table$cell)
    })
  )
}

find_pairs <- function(object, ..., device = "cpu") {
  FindGeneInteractions(object, ..., device = device, verbose = FALSE)
}

# All pairs of genes of each programme, as known ones; `truth`: the programme of each gene.
pairs_of_programmes <- function(truth, programmes = setdiff(unique(truth), "background")) {
  pairs <- lapply(programmes, function(one) t(utils::combn(names(truth)[truth == one], 2)))
  do.call(rbind, pairs)
}
