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
  expect_error(SimulateSection(n_rows = 2), "n_rows", class = "sigel_error")
  expect_length(SeuratObject::Images(small_section(image = "none")), 0)
})

test_that("files that are not there are refused", {
  expect_refused(ReadSection("nowhere.h5ad"), "path", "nowhere.h5ad")
})
