# A section in several fields of view, and assays that hold no raw counts.

small <- list(n.rows = 18, n.cols = 18, n.programmes = 3, genes.per.programme = 15, n.background.genes = 20)

in_fields <- function(whole, move = 0) {
  places <- SeuratObject::GetTissueCoordinates(whole[[SeuratObject::Images(whole)]])
  left <- places$x < stats::median(places$x)
  places$x <- places$x + ifelse(left, move, 0)
  field <- function(rows, key) {
    SeuratObject::CreateFOV(
      list(centroids = SeuratObject::CreateCentroids(places[rows, c("x", "y", "cell")])),
      type = "centroids",
      assay = "Spatial",
      key = key
    )
  }
  counts <- read_counts(whole[["Spatial"]], "counts", environment())
  object <- SeuratObject::CreateSeuratObject(counts, assay = "Spatial")
  object[["fov1"]] <- field(left, "a_")
  object[["fov2"]] <- field(!left, "b_")
  object
}

test_that("fields of view of one section are taken together, to the numbers of the undivided object", {
  skip_if_no_engine()
  whole <- do.call(SimulateSection, c(list(seed = 0, lattice = "cells", image = "fov"), small))
  tiled <- in_fields(whole)
  both <- c("fov1", "fov2")
  quick <- function(object, ...) RunSIGEL(object, preset = "fast", n.groups = 3, verbose = FALSE, ...)
  expect_equal(
    SeuratObject::Loadings(quick(tiled, image = both)[["sigel"]]),
    SeuratObject::Loadings(quick(whole)[["sigel"]])
  )
  found <- FindSpatialGenes(tiled, image = both, score = FALSE, verbose = FALSE)
  expect_equal(
    SpatialGenes(found)$pval,
    SpatialGenes(FindSpatialGenes(whole, score = FALSE, verbose = FALSE))$pval
  )
  expect_error(quick(tiled), "image = c(\"fov1\", \"fov2\")", fixed = TRUE, class = "sigel_input_error")
  expect_error(quick(tiled, image = c("fov1", "other")), "other", class = "sigel_input_error")
  expect_error(quick(tiled, image = "fov1"), "not in the image", class = "sigel_input_error")
})

test_that("images that lie over one another are no fields of one section", {
  skip_if_no_engine()
  whole <- do.call(SimulateSection, c(list(seed = 0, lattice = "cells", image = "fov"), small))
  x <- SeuratObject::GetTissueCoordinates(whole[[SeuratObject::Images(whole)]])$x
  laid_over <- in_fields(whole, move = diff(range(x)) / 2)
  expect_error(
    RunSIGEL(laid_over, image = c("fov1", "fov2"), preset = "fast", verbose = FALSE),
    "lie over one another",
    class = "sigel_input_error"
  )
})

test_that("an assay without counts is refused with the name of one that has them", {
  section <- do.call(SimulateSection, c(list(seed = 0), small))
  counts <- read_counts(section[["Spatial"]], "counts", environment())
  section[["integrated"]] <- SeuratObject::CreateAssayObject(data = log1p(counts))
  SeuratObject::DefaultAssay(section) <- "integrated"
  for (verb in list(RunSIGEL, FindSpatialGenes, FindSpatialDomains)) {
    expect_error(verb(section), "assay = \"Spatial\"", fixed = TRUE, class = "sigel_input_error")
  }
  expect_error(RunSIGEL(section, assay = "integrated"), "holds no counts", class = "sigel_input_error")
})

if (nightly()) {
  test_that("counts that SCTransform corrected are told of, with the assay of the raw ones", {
    skip_if_no_engine()
    skip_if_not_installed("Seurat")
    section <- do.call(SimulateSection, c(list(seed = 0), small))
    section <- suppressWarnings(Seurat::SCTransform(section, assay = "Spatial", verbose = FALSE))
    expect_warning(
      FindSpatialGenes(section, score = FALSE, verbose = FALSE),
      "assay = \"Spatial\"",
      fixed = TRUE,
      class = "sigel_corrected_counts"
    )
    expect_no_warning(
      FindSpatialGenes(section, assay = "Spatial", score = FALSE, verbose = FALSE),
      class = "sigel_corrected_counts"
    )
  })
}
