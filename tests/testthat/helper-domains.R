# A simulated section whose regions the domains can find, made once.
regions_section <- function(..., seed = 2) {
  key <- rlang::hash(list("regions", seed, ...))
  if (is.null(made[[key]])) {
    made[[key]] <- SimulateSection(
      seed = seed,
      n.rows = 18,
      n.cols = 18,
      n.programmes = 3,
      genes.per.programme = 30,
      n.background.genes = 30,
      ...
    )
  }
  made[[key]]
}

# Few windows and starts, which the plain section needs no more of.
few <- list(starts = 1, windows = c(1, 7), components = c(8, 20))

find_quietly <- function(object, ..., n.domains = 4, config = few, device = "cpu") {
  FindSpatialDomains(object, ..., n.domains = n.domains, config = config, device = device, verbose = FALSE)
}

# Found once.
domains_section <- function() {
  if (is.null(made$domains)) {
    made$domains <- find_quietly(regions_section())
  }
  made$domains
}

domain_about <- function(object, reduction = "sigeldomain") SeuratObject::Misc(object[[reduction]])

# Adjusted Rand index by scikit-learn.
rand_index <- function(a, b) {
  metrics <- reticulate::import("sklearn.metrics")
  metrics$adjusted_rand_score(as.list(as.character(a)), as.list(as.character(b)))
}

# Two halves of one section as two images of one object, each with its own origin.
two_sections <- function() {
  if (is.null(made$two_sections)) {
    section <- regions_section(lattice = "cells", image = "fov")
    places <- table_of(section)
    left <- places$x < stats::median(places$x)
    half <- function(name, own) {
      part <- SeuratObject::CreateSeuratObject(counts_of(section)[, own], assay = "Spatial")
      part$region <- section$region[own]
      part$slide <- name
      at <- data.frame(x = places$x[own] - min(places$x[own]), y = places$y[own], cell = colnames(part))
      part[[name]] <- SeuratObject::CreateFOV(
        list(centroids = SeuratObject::CreateCentroids(at)),
        type = "centroids",
        assay = "Spatial",
        key = paste0(name, "_")
      )
      part
    }
    made$two_sections <- merge(half("one", left), half("two", !left))
  }
  made$two_sections
}

# Counts of an assay whose layers may be split, as after merge() in Seurat 5.
joined_counts <- function(object) {
  getFromNamespace("read_counts", "sigel")(object[["Spatial"]], "counts", NULL)
}
