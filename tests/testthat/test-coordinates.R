from_table <- getFromNamespace("places_from_table", "sigel")
from_images <- getFromNamespace("places_from_images", "sigel")

cells <- paste0("c", 1:4)
table <- data.frame(x = c(1, 2, 3, 4), y = c(5, 6, 7, 8), row.names = cells)

test_that("tables of several kinds give the same places, in the order of the cells", {
  expected <- matrix(c(1:4, 5:8) + 0, ncol = 2, dimnames = list(cells, c("x", "y")))
  expect_equal(from_table(table, cells)$coordinates, expected)
  expect_equal(from_table(table[4:1, ], cells)$coordinates, expected)
  expect_equal(from_table(as.matrix(table), cells)$coordinates, expected)
  unnamed <- unname(as.matrix(table))
  rownames(unnamed) <- cells
  expect_equal(from_table(unnamed, cells)$coordinates, expected)
  pixels <- data.frame(imagerow = 5:8, imagecol = 1:4, row.names = cells)
  expect_equal(from_table(pixels, cells)$coordinates, expected, ignore_attr = TRUE)
  expect_equal(from_table(table, cells[2:3])$coordinates, expected[2:3, ])
  expect_null(from_table(table, cells)$lattice)
})

test_that("array positions become the lattice", {
  array <- cbind(table, array_row = 1:4, array_col = c(2L, 4L, 6L, 8L))
  lattice <- from_table(array, cells)$lattice
  expect_equal(colnames(lattice), c("array_row", "array_col"))
  expect_type(lattice, "double")
  only <- from_table(array[c("array_row", "array_col")], cells)
  expect_equal(unname(only$coordinates), unname(only$lattice[, 2:1]))
})

test_that("tables that cannot be used are refused", {
  expect_refused(from_table(1:4, cells), "coordinates", "columns x and y")
  expect_refused(
    from_table(data.frame(x = 1:4, y = 1:4), cells),
    "coordinates",
    "automatic row names",
    "rownames(coordinates)"
  )
  expect_refused(from_table(table["x"], cells), "coordinates", "columns \"x\"")
  expect_refused(from_table(table[1:2, ], cells), "coordinates", "2 of 4 cells", "\"c3\"")
  expect_refused(
    from_table(transform(table, x = c(1, NA, 3, 4)), cells),
    "coordinates",
    "missing values",
    "\"c2\""
  )
  expect_refused(from_table(transform(table, y = Inf), cells), "coordinates", "4 cells")
  twice <- rbind(as.matrix(table), c2 = c(9, 9))
  expect_refused(from_table(twice, cells), "coordinates", "several rows", "\"c2\"")
  expect_equal(from_table(twice, cells[3:4])$coordinates, from_table(table, cells[3:4])$coordinates)
  expect_refused(from_table(transform(table, x = letters[1:4]), cells), "coordinates", "not numbers")
})

counts <- matrix(rpois(40, 3) + 1, 10, dimnames = list(paste0("g", 1:10), cells))

fov_object <- function() {
  object <- SeuratObject::CreateSeuratObject(counts)
  frame <- data.frame(x = table$x, y = table$y, cell = cells)
  object[["fov"]] <- SeuratObject::CreateFOV(
    list(centroids = SeuratObject::CreateCentroids(frame)),
    type = "centroids",
    assay = "RNA",
    key = "fov_"
  )
  object
}

test_that("a field of view is read, by centroids or by outlines", {
  expect_equal(from_images(fov_object(), NULL, cells)$coordinates, from_table(table, cells)$coordinates)
  square <- expand.grid(dx = c(-0.2, 0.2), dy = c(-0.2, 0.2))[c(1, 2, 4, 3), ]
  outline <- do.call(
    rbind,
    lapply(cells, function(cell) {
      data.frame(x = table[cell, "x"] + square$dx, y = table[cell, "y"] + square$dy, cell = cell)
    })
  )
  object <- SeuratObject::CreateSeuratObject(counts)
  segmentation <- SeuratObject::CreateSegmentation(outline)
  object[["fov"]] <- SeuratObject::CreateFOV(
    list(segmentation = segmentation),
    type = "segmentation",
    assay = "RNA",
    key = "fov_"
  )
  found <- from_images(object, NULL, cells)$coordinates
  expect_equal(rownames(found), cells)
  # Outlines may come back closed, so their mean is near the middle.
  expect_lt(max(abs(found - from_table(table, cells)$coordinates)), 0.2)
})

test_that("array positions in the meta data are used where the image has none", {
  object <- fov_object()
  object$array_row <- 1:4
  object$array_col <- 2L * 1:4
  expect_equal(unname(from_images(object, "fov", cells)$lattice), cbind(1:4, 2 * 1:4) + 0)
})

test_that("an image whose cells have other names is told of, with lines that run", {
  section <- fov_object()
  for (rename in list(
    function(x) paste0("s1_", x),
    function(x) paste0(x, "-1")
  )) {
    counts <- counts_of(section)
    colnames(counts) <- rename(colnames(counts))
    object <- SeuratObject::CreateSeuratObject(counts)
    methods::slot(object, "images") <- methods::slot(section, "images")
    for (image in list(NULL, "fov")) {
      expect_refused(
        from_images(object, image, colnames(object)),
        "image",
        "none of them the object's",
        "coordinates = places"
      )
    }
    text <- conditionMessage(tryCatch(from_images(object, NULL, colnames(object)), error = identity))
    code <- regmatches(text, gregexpr("`[^`]*places[^`]*`", text))[[1L]]
    GetTissueCoordinates <- SeuratObject::GetTissueCoordinates
    for (line in gsub("`", "", code[1:2], fixed = TRUE)) {
      eval(parse(text = line))
    }
    expect_setequal(rownames(places), colnames(object))
  }
})

test_that("a SlideSeq image is read", {
  skip_without("Seurat")
  object <- SeuratObject::CreateSeuratObject(counts)
  object[["bead"]] <- methods::new(
    methods::getClass("SlideSeq", where = asNamespace("Seurat")),
    coordinates = table,
    assay = "RNA",
    key = "bead_"
  )
  expect_equal(from_images(object, NULL, cells)$coordinates, from_table(table, cells)$coordinates)
})

test_that("a VisiumV1 image is read with its lattice", {
  skip_without("Seurat")
  skip_if_no_engine()
  section <- small_section()
  expect_s4_class(section[["section"]], "VisiumV1")
  places <- from_images(section, NULL, colnames(section))
  image <- section[["section"]]@coordinates
  expect_equal(unname(places$coordinates[, 1]), image$imagecol)
  expect_equal(unname(places$coordinates[, 2]), image$imagerow)
  expect_equal(unname(places$lattice), cbind(image$row, image$col) + 0)
})

test_that("a VisiumV2 image is read, its axes turned to x and y", {
  skip_unless_seurat5()
  skip_if_no_engine()
  section <- small_section()
  v1 <- section[["section"]]
  class <- methods::getClass("VisiumV2", where = asNamespace("Seurat"))
  # SeuratObject 5.3 and later say which way x runs.
  horizontal <- "coords_x_orientation" %in% methods::slotNames(class)
  frame <- v1@coordinates
  xy <- if (horizontal) c("imagecol", "imagerow") else c("imagerow", "imagecol")
  fov <- SeuratObject::CreateFOV(frame[, xy], type = "centroids", radius = 1, assay = "Spatial", key = "v2_")
  v2 <- methods::new(
    class,
    boundaries = fov@boundaries,
    molecules = fov@molecules,
    assay = "Spatial",
    key = "v2_",
    image = v1@image,
    scale.factors = v1@scale.factors
  )
  if (horizontal) {
    v2@coords_x_orientation <- "horizontal"
  }
  section[["section"]] <- NULL
  section[["v2"]] <- v2
  places <- from_images(section, NULL, colnames(section))
  expect_equal(unname(places$coordinates[, 1]), frame[colnames(section), "imagecol"])
  expect_equal(unname(places$coordinates[, 2]), frame[colnames(section), "imagerow"])
  expect_equal(unname(places$lattice[, 1]), section$array_row, ignore_attr = TRUE)
  done <- run_quick(section)
  expect_true("sigel" %in% SeuratObject::Reductions(done))
})

test_that("which way the x of a VisiumV2 runs is looked up in it", {
  image_table <- getFromNamespace("image_table", "sigel")
  # A class of that name as SeuratObject 5.3 has it, beside Seurat's own.
  slots <- c(coords_x_orientation = "character")
  methods::setClass("VisiumV2", slots = slots, contains = "FOV", where = globalenv())
  on.exit(methods::removeClass("VisiumV2", where = globalenv()))
  frame <- data.frame(x = c(1, 2, 3), y = c(7, 5, 9), row.names = c("a", "b", "c"))
  says <- function(way, xy) {
    table <- stats::setNames(cbind(frame[xy], rownames(frame)), c("x", "y", "cell"))
    image <- SeuratObject::CreateFOV(list(centroids = SeuratObject::CreateCentroids(table)), key = "v2_")
    attr(image, "coords_x_orientation") <- way
    attr(image, "class") <- structure("VisiumV2", package = ".GlobalEnv")
    image
  }
  expect_equal(image_table(says("horizontal", c("x", "y")))[rownames(frame), ], frame)
  expect_equal(image_table(says("vertical", c("y", "x")))[rownames(frame), ], frame)
  expect_equal(image_table(says(character(), c("y", "x")))[rownames(frame), ], frame)
  # Saved before the class had the slot.
  expect_equal(image_table(says(NULL, c("y", "x")))[rownames(frame), ], frame)
})

test_that("several images, unknown images and cells off the image are refused with the fix", {
  object <- fov_object()
  second <- data.frame(x = 1:4, y = 1:4, cell = cells)
  object[["other"]] <- SeuratObject::CreateFOV(
    list(centroids = SeuratObject::CreateCentroids(second)),
    type = "centroids",
    assay = "RNA",
    key = "other_"
  )
  expect_refused(from_images(object, NULL, cells), "image", "2 images", "\"fov\", \"other\"", object = object)
  expect_equal(from_images(object, "other", cells)$coordinates[, "x"], c(c1 = 1, c2 = 2, c3 = 3, c4 = 4))
  expect_refused(from_images(object, "slice1", cells), "image", "slice1", "image = \"fov\"")
  expect_refused(
    from_images(fov_object(), "fov", c(cells, "c5")),
    "image",
    "1 of 5 cells",
    "subset(object, cells = Cells(object[[\"fov\"]]))"
  )
  bare <- SeuratObject::CreateSeuratObject(counts)
  expect_refused(from_images(bare, NULL, cells), "image", "no image", "coordinates")
})

test_that("an image is found where the meta data have a column of its name", {
  skip_if_no_engine()
  section <- small_section()
  places <- getFromNamespace("places_from_images", "sigel")
  expected <- places(section, NULL, colnames(section))
  section@meta.data$section <- "one"
  expect_equal(places(section, NULL, colnames(section)), expected)
  expect_equal(places(section, "section", colnames(section)), expected)
})

# Functions that take both, methods for Seurat objects by the name of their verb.
takes_both <- function() {
  functions <- Filter(is.function, as.list(asNamespace("sigel")))
  both <- Filter(function(f) all(c("image", "coordinates") %in% names(formals(f))), functions)
  exported <- getNamespaceExports("sigel")
  sort(intersect(sub("[.]Seurat$", "", names(both)), exported))
}

test_that("an image and coordinates together are refused by every verb that takes both", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  run <- grouped_section()
  table <- spot_table(run)
  gene <- rownames(SeuratObject::Loadings(run[["sigel"]]))[1L]
  pixels <- list(region = "region", made = list(reduction = "sigel"))
  patterns <- structure(data.frame(gene = gene, rank = 1L, similarity = 1), pattern = pixels)
  similar <- data.frame(query = gene, gene = gene, rank = 1L, similarity = 1)
  panel <- imputed_panel()
  domains <- domains_section()
  stability <- data.frame(
    domain = factor(1:4),
    n.spots = c(table(domains$sigel_domain)),
    stability = 1,
    lowest = 1
  )
  attr(stability, "spots") <- stats::setNames(rep(1, ncol(domains)), colnames(domains))
  calls <- list(
    DiseaseGenePlot = function(...) DiseaseGenePlot(run, gene, "region", section = "region", ...),
    FindDiseaseGenes = function(...) FindDiseaseGenes(run, "region", section = "region", ...),
    FindGeneGroupStability = function(...) FindGeneGroupStability(run, ...),
    FindGeneInteractions = function(...) FindGeneInteractions(run, partners.of = gene, ...),
    FindPatternGenes = function(...) FindPatternGenes(run, "region", ...),
    FindSpatialDomainStability = function(...) FindSpatialDomainStability(domains, ...),
    FindSpatialDomains = function(...) FindSpatialDomains(run, ...),
    FindSpatialGenes = function(...) FindSpatialGenes(run, ...),
    GeneGroupPage = function(...) GeneGroupPage(run, 1, method = "pca", ...),
    GeneGroupPlot = function(...) GeneGroupPlot(run, ...),
    GeneImagePlot = function(...) GeneImagePlot(run, gene, ...),
    GenePairPlot = function(...) GenePairPlot(run, c(gene, "Gene0002"), ...),
    ImputeGenes = function(...) ImputeGenes(panel, small_panel()$reference, ...),
    ImputedGenePlot = function(...) ImputedGenePlot(panel, rownames(panel[["sigel.imputed"]])[1L], ...),
    LabelSpatialDomains = function(...) LabelSpatialDomains(run, domains, ...),
    PatternGenePlot = function(...) PatternGenePlot(run, patterns, ...),
    RunSIGEL = function(...) RunSIGEL(run, ...),
    SelectSpatialGenes = function(...) SelectSpatialGenes(run, ...),
    SigelReport = function(...) SigelReport(run, tempfile(fileext = ".html"), method = "pca", ...),
    SimilarGenePlot = function(...) SimilarGenePlot(run, similar, ...),
    SpatialDomainPlot = function(...) SpatialDomainPlot(domains, ...),
    SpatialDomainStabilityPlot = function(...) SpatialDomainStabilityPlot(domains, stability, ...)
  )
  expect_setequal(names(calls), takes_both())
  for (verb in names(calls)) {
    expect_refused(calls[[verb]](image = "section", coordinates = table), "image", "not both")
  }
  expect_refused(
    ImputeGenes(
      panel,
      small_panel()$reference,
      reference.image = "section",
      reference.coordinates = table_of(small_panel()$reference)
    ),
    "reference.image",
    "`reference.image` or `reference.coordinates`, not both"
  )
})

test_that("places that were checked are taken as they are, for the same cells alone", {
  table_of_places <- getFromNamespace("table_of_places", "sigel")
  places_from_table <- getFromNamespace("places_from_table", "sigel")
  table <- spot_table(small_section())
  cells <- rownames(table)
  places <- places_from_table(table, cells)
  again <- places_from_table(table_of_places(places), cells)
  expect_identical(again$coordinates, places$coordinates)
  expect_identical(again$lattice, places$lattice)
  fewer <- places_from_table(table_of_places(places), rev(cells)[1:5])
  expect_identical(fewer$coordinates, places_from_table(table, rev(cells)[1:5])$coordinates)
})
