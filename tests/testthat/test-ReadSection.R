# Folders as the Python tests make them, and those of the shared data.

shared_platform <- function(name) {
  folders <- c(Sys.getenv("SIGEL_SHARED"), file.path("..", "..", "..", "shared"))
  paths <- file.path(folders[nzchar(folders)], "platforms", name)
  found <- paths[file.exists(paths)]
  if (!length(found)) {
    missing_or_skip(paste("the shared folder", name))
  }
  normalizePath(found[1L])
}

write_merscope <- function(folder, blank = 0:3) {
  dir.create(folder, showWarnings = FALSE)
  cells <- c("112824700230101249", "112824700230101250", "112824700230101251", "7")
  counts <- data.frame(
    cell = cells,
    Mbp = c(4, 0, 1, 2),
    Gfap_2 = c(0, 2, 3, 1),
    `Blank-1` = blank,
    check.names = FALSE
  )
  write.csv(counts, file.path(folder, "cell_by_gene.csv"), row.names = FALSE)
  places <- data.frame(EntityID = rev(cells), center_x = 4:1, center_y = 8:5, volume = 1.5)
  write.csv(places, file.path(folder, "cell_metadata.csv"), row.names = FALSE)
  list(cells = cells, counts = counts)
}

# A picture of 12 x 10 pixels, 8 spots of which one lies beside the tissue.
write_visium <- function(folder, seed = 1) {
  dir.create(file.path(folder, "spatial"), recursive = TRUE)
  spots <- data.frame(
    barcode = sprintf("SPOT%d-1", 1:8),
    in_tissue = c(0, rep(1, 7)),
    array_row = rep(0:1, 4),
    array_col = 1:8,
    pxl_row_in_fullres = rep(c(10, 20), 4),
    pxl_col_in_fullres = 5 * (1:8)
  )
  write.csv(spots, file.path(folder, "spatial", "tissue_positions.csv"), row.names = FALSE, quote = FALSE)
  scales <- c(tissue_hires_scalef = 0.5, tissue_lowres_scalef = 0.25, fiducial_diameter_fullres = 6)
  scales <- c(scales, spot_diameter_fullres = 4)
  scales <- sprintf("{%s}", toString(sprintf("\"%s\": %s", names(scales), scales)))
  writeLines(scales, file.path(folder, "spatial", "scalefactors_json.json"))
  png::writePNG(array(0.2, c(12, 10, 3)), file.path(folder, "spatial", "tissue_lowres_image.png"))
  counts <- withr::with_seed(seed, matrix(rpois(40, 2) + 1, 5, 8))
  matrix <- file.path(folder, "raw_feature_bc_matrix")
  dir.create(matrix)
  genes <- c("Mbp", "Gfap", "Plp1", "Snap25", "CD4")
  kinds <- rep(c("Gene Expression", "Antibody Capture"), c(4, 1))
  writeLines(paste(paste0("ENS", 1:5), genes, kinds, sep = "\t"), file.path(matrix, "features.tsv"))
  writeLines(spots$barcode, file.path(matrix, "barcodes.tsv"))
  Matrix::writeMM(methods::as(counts, "CsparseMatrix"), file.path(matrix, "matrix.mtx"))
  dimnames(counts) <- list(genes, spots$barcode)
  list(spots = spots, counts = counts)
}

test_that("cells are read with their places, and controls are an assay of their own", {
  skip_if_no_engine()
  folder <- withr::local_tempdir()
  made <- write_merscope(folder)
  section <- suppressWarnings(ReadSection(folder, assay = "Vizgen"))
  expect_equal(colnames(section), made$cells)
  # Seurat has no underscores in names of genes.
  expect_equal(rownames(section), c("Mbp", "Gfap-2"))
  expect_equal(as.matrix(counts_of(section)), t(as.matrix(made$counts[2:3])), ignore_attr = TRUE)
  expect_equal(SeuratObject::DefaultAssay(section), "Vizgen")
  expect_equal(section[["Vizgen"]][[]]$gene.ids, c("Mbp", "Gfap_2"))
  expect_equal(section$volume, rep(1.5, 4), ignore_attr = TRUE)
  expect_s4_class(section[["section"]], "FOV")
  places <- SeuratObject::GetTissueCoordinates(section[["section"]])
  expect_equal(places$x, 1:4)
  expect_equal(places$y, 5:8)
  expect_equal(as.vector(as.matrix(section[["Blank"]]@counts)), 0:3)
})

test_that("Space Ranger's section has its own picture, in the class of Seurat's reader", {
  skip_if_no_engine()
  skip_without("Seurat")
  skip_without("png")
  folder <- withr::local_tempdir()
  made <- write_visium(file.path(folder, "outs"))
  section <- ReadSection(folder)
  inside <- made$spots[-1, ]
  expect_equal(colnames(section), inside$barcode)
  expect_equal(as.matrix(counts_of(section)), made$counts[1:4, -1])
  expect_equal(as.matrix(section[["AntibodyCapture"]]@counts), made$counts[5, -1, drop = FALSE])
  expect_equal(section$array_col, inside$array_col, ignore_attr = TRUE)
  image <- section[["section"]]
  expect_s4_class(image, if (seurat5()) "VisiumV2" else "VisiumV1")
  expect_equal(dim(image@image), c(12, 10, 3))
  expect_equal(SeuratObject::Cells(image), inside$barcode)
  places <- getFromNamespace("places_of", "sigel")(section, NULL, NULL, colnames(section))
  expect_equal(places$coordinates, as.matrix(inside[6:5]), ignore_attr = TRUE)
  expect_equal(places$lattice, as.matrix(inside[3:4]), ignore_attr = TRUE)
  drawn <- Seurat::SpatialFeaturePlot(Seurat::NormalizeData(section, verbose = FALSE), "Mbp")
  expect_no_error(ggplot2::ggplot_build(drawn[[1]]))
  every <- ReadSection(folder, off.tissue = TRUE, image = "fov")
  expect_equal(colnames(every), made$spots$barcode)
  expect_s4_class(every[["section"]], "FOV")
  expect_length(SeuratObject::Images(ReadSection(folder, image = "none")), 0)
})

test_that("the picture is where Seurat's own reader puts it", {
  skip_if_no_engine()
  skip_without("Seurat")
  skip_without("png")
  path <- shared_platform("visium_spaceranger_mousebrain_seurat")
  section <- ReadSection(path)
  theirs <- Seurat::Read10X_Image(file.path(path, "spatial"))[colnames(section)]
  ours <- section[["section"]]
  expect_equal(class(ours), class(theirs))
  expect_equal(ours@image, theirs@image)
  # VisiumV1 keeps every column of the file.
  expect_equal(SeuratObject::GetTissueCoordinates(ours), SeuratObject::GetTissueCoordinates(theirs))
  expect_equal(dim(section), c(100L, 2695L))
})

test_that("several samples have an image each, and verbs tell them apart", {
  skip_if_no_engine()
  skip_without("Seurat")
  skip_without("png")
  folder <- withr::local_tempdir()
  for (name in c("a-1", "b")) {
    write_visium(file.path(folder, name, "outs"))
  }
  both <- ReadSection(folder)
  expect_equal(as.vector(table(both$sample)), c(7L, 7L))
  expect_setequal(SeuratObject::Images(both), c("a.1", "b"))
  expect_equal(SeuratObject::Cells(both[["b"]]), colnames(both)[both$sample == "b"])
  one <- ReadSection(folder, sample = "b")
  expect_equal(unname(as.matrix(counts_of(one))), unname(as.matrix(counts_of(both)[, both$sample == "b"])))
  places <- getFromNamespace("places_of", "sigel")
  found <- places(both, NULL, NULL, colnames(both), section = both$sample)
  expect_equal(found$coordinates[8:14, 1], found$coordinates[1:7, 1], ignore_attr = TRUE)
  expect_refused(ReadSection(folder, sample = "c"), "sample", "a-1, b", "sample = \"a-1\"")
})

test_that("folders of platforms are read", {
  skip_if_no_engine()
  sizes <- list(
    xenium_outs_SFE = c(27, 526),
    merscope_cellbound_SFE = c(49, 1058),
    cosmx_brain_quarter_SFE = c(950, 27),
    visium_tiny_SFE = c(5, 25)
  )
  for (name in names(sizes)) {
    section <- ReadSection(shared_platform(name))
    expect_equal(dim(section), sizes[[name]])
    expect_gt(length(SeuratObject::Images(section)), 0)
  }
  section <- ReadSection(shared_platform("xenium_outs_SFE"))
  expect_equal(dim(section[["NegativeControlProbe"]]), c(1L, 526L))
  expect_equal(dim(section[["UnassignedCodeword"]]), c(2L, 526L))
  if (reticulate::py_module_available("pyarrow")) {
    section <- ReadSection(shared_platform("visium_hd_seurat"), bin.size = 8)
    expect_equal(dim(section), c(100L, 1368L))
  } else {
    missing_or_skip("the Python package pyarrow")
  }
})

test_that("what cannot be read is refused in words of R", {
  skip_if_no_engine()
  folder <- withr::local_tempdir()
  expect_refused(ReadSection(folder), "path", "with nothing in it", "cell_by_gene.csv")
  write_merscope(folder)
  expect_refused(ReadSection(folder, bin.size = 8), "bin.size", "NULL", "Leave `bin.size` out")
  expect_refused(ReadSection(folder, off.tissue = TRUE), "off.tissue", "Leave `off.tissue` out")
  expect_refused(ReadSection(folder, platform = "Xenium"), "platform", "xenium")
  expect_refused(ReadSection(folder, layer = "counts"), "layer", "Leave layer out")
  expect_refused(ReadSection(folder, sample = 3), "sample")
  expect_refused(ReadSection(folder, raw = NA), "raw")
  expect_refused(ReadSection(folder, bin.size = 0.5), "bin.size")
  expect_refused(suppressWarnings(ReadSection(folder, image = "visium")), "image", "fov")
  unlink(file.path(folder, "cell_metadata.csv"))
  expect_refused(ReadSection(folder), "path", "cell_metadata.csv")
  expect_refused(ReadSection(3), "path")
})
