test_that("arguments that cannot be used are refused and the object stays as it was", {
  skip_if_no_engine()
  section <- small_section()
  expect_refused(run_quick(section, n.dims = 1), "n.dims", "2 or more", object = section)
  expect_refused(run_quick(section, n.dims = "a"), "n.dims", object = section)
  expect_refused(run_quick(section, n.groups = 2.5), "n.groups", "\"auto\"", object = section)
  expect_refused(run_quick(section, n.groups = "many"), "n.groups", object = section)
  expect_refused(run_quick(section, seed.use = -1), "seed.use", object = section)
  expect_refused(run_quick(section, seed.use = NULL), "seed.use", object = section)
  expect_refused(run_quick(section, verbose = NA), "verbose", object = section)
  expect_refused(run_quick(section, assay = "RNA"), "assay", "\"Spatial\"", object = section)
  expect_refused(run_quick(section, image = "slice1"), "image", "\"section\"", object = section)
  expect_refused(run_quick(section, layer = "tpm"), "layer", object = section)
  expect_refused(run_quick(section, features = "nogene"), "features", "nogene", object = section)
  expect_refused(run_quick(section, features = 1:3), "features", object = section)
  expect_refused(run_quick(section, config = list(1)), "config", object = section)
  expect_refused(run_quick(section, config = list(n_dims = 3)), "config", "`n.dims`", object = section)
  expect_refused(run_quick(section, device = "abacus"), "device", object = section)
  expect_refused(run_quick(section, reduction.name = ""), "reduction.name", object = section)
  expect_refused(run_quick(section, n.groups = 1000), "n.groups", "n.groups = \"auto\"", object = section)
  file <- withr::local_tempfile(lines = "no folder")
  expect_refused(run_quick(section, save.model = file.path(file, "model")), "save.model", object = section)
  expect_error(run_quick(section, n.dim = 3), "n.dim")
  expect_error(
    run_quick(section, config = list(train = list(tolerance = -1))),
    "tolerance",
    class = "sigel_error"
  )
})

test_that("counts and coordinates that cannot be used are refused", {
  skip_if_no_engine()
  counts <- counts_of(small_section())
  places <- places_of(small_section())
  expect_refused(run_quick(counts), "coordinates", "found nothing")
  expect_refused(run_quick(counts, places[-1, ]), "coordinates", "1 of")
  negative <- counts
  negative@x[1] <- -1
  expect_refused(run_quick(negative, places), "object", "negative")
  broken <- counts
  broken@x[1] <- NaN
  expect_refused(run_quick(broken, places), "object", "NaN")
  twice <- counts
  rownames(twice)[2] <- rownames(twice)[1]
  expect_refused(run_quick(twice, places), "object", "duplicated")
  few <- counts[, 1:5]
  expect_refused(run_quick(few, places), "coordinates", "5 spots")
  strict <- c(quick, list(image = list(min_spots = 1e4)))
  expect_refused(
    run_quick(counts, places, config = strict),
    "min_spots",
    "config = list(image = list(min_spots"
  )
  lost <- places
  lost$array_row[3] <- NA
  expect_refused(run_quick(counts, lost), "coordinates", "array_row")
})

test_that("odd but lawful sections work", {
  skip_if_no_engine()
  counts <- counts_of(small_section())
  places <- places_of(small_section())
  zero <- counts
  zero[2, ] <- 0
  features <- SeuratObject::Misc(run_quick(Matrix::drop0(zero), places))$features
  expect_match(features$status[2], "detected in fewer")
  one_column <- data.frame(x = 1, y = seq_len(ncol(counts)), row.names = colnames(counts))
  expect_s4_class(run_quick(counts, one_column), "DimReduc")
  shuffled <- run_quick(counts, places[sample(nrow(places)), ])
  expect_equal(SeuratObject::Loadings(shuffled), SeuratObject::Loadings(run_quick(counts, places)))
})

test_that("cells that are not in the image are refused", {
  skip_if_no_engine()
  section <- small_section(image = "fov")
  two <- merge(section, small_section(lattice = "cells", image = "fov"), add.cell.ids = c("a", "b"))
  images <- SeuratObject::Images(two)
  expect_refused(run_quick(two), "image", "2 images", object = two)
  expect_refused(
    run_quick(two, image = images[1]),
    "image",
    "not in the image",
    "subset(object",
    object = two
  )
  if (!seurat5()) {
    two[[images[2]]] <- NULL
  }
  one <- subset(two, cells = SeuratObject::Cells(two[[images[1]]]))
  expect_s4_class(run_quick(one, image = images[1]), "Seurat")
})
