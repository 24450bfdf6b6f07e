test_that("a simulated section says so, holds its truth, and is drawn by Seurat", {
  skip_if_no_engine()
  section <- small_section()
  expect_match(SeuratObject::Misc(section, "simulated"), "nothing in it was measured")
  programme <- section[["Spatial"]][[]]$programme
  expect_true("background" %in% programme)
  expect_equal(sum(programme != "background"), 28)
  expect_true("region" %in% names(section[[]]))
  expect_equal(sum(counts_of(section)@x != round(counts_of(section)@x)), 0)
  expect_error(SimulateSection(lattice = "cube"), "lattice")
  expect_error(SimulateSection(n.rows = 2), "n.rows", class = "sigel_error")
  expect_length(SeuratObject::Images(small_section(image = "none")), 0)
})

test_that("files that are not there are refused", {
  expect_refused(ReadSection("nowhere.h5ad"), "path", "nowhere.h5ad")
})

test_that("files that are no h5ad are refused, and the reason is told", {
  skip_if_no_engine()
  file <- withr::local_tempfile(fileext = ".h5ad", lines = "gene,cell,count")
  expect_refused(ReadSection(file), "path", basename(file), "cannot be read", "Is it whole?")
  error <- expect_error(ReadSection(file), class = "sigel_input_error")
  expect_no_match(conditionMessage(error), "unexpected")
  expect_equal(rlang::call_name(conditionCall(error)), "ReadSection")
  expect_refused(ReadSection(withr::local_tempdir()), "path")
})

test_that("a file without coordinates is refused, save where none are asked for", {
  skip_if_no_engine()
  anndata <- reticulate::import("anndata")
  numpy <- reticulate::import("numpy", convert = FALSE)
  file <- withr::local_tempfile(fileext = ".h5ad")
  anndata$AnnData(numpy$ones(c(3L, 2L)))$write_h5ad(file)
  expect_refused(ReadSection(file), "path", "obsm[\"spatial\"]", "image = \"none\"")
  expect_equal(dim(ReadSection(file, image = "none")), c(2L, 3L))
})

test_that("a column `section` of the file and the image do not get in each other's way", {
  skip_if_no_engine()
  reticulate::import("sigel.bridge")
  adata <- reticulate::import("sigel.datasets", convert = FALSE)$simulated_section(8L, 8L, 2L, 5L, 5L)
  adata$obs["section"] <- "one"
  file <- withr::local_tempfile(fileext = ".h5ad")
  adata$write_h5ad(file)
  for (image in c("auto", "fov")) {
    section <- ReadSection(file, image = image)
    expect_equal(unique(section$section), "one", ignore_attr = TRUE)
    expect_equal(SeuratObject::Images(section), "section.1")
    expect_s4_class(section[["section.1"]], "SpatialImage")
  }
})
