# Imputation from dissociated cells.

test_that("cells without places are a reference, however they are given", {
  skip_if_no_engine()
  target <- small_panel()$target
  counts <- counts_of(small_panel()$reference)
  features <- setdiff(rownames(counts), rownames(counts_of(target)))[1:12]
  given <- list(
    matrix = counts,
    pieces = list(counts = counts),
    object = SeuratObject::CreateSeuratObject(counts),
    several = list(counts, counts)
  )
  found <- lapply(given, function(reference) {
    made <- impute_quietly(target, reference, features = features, intervals = FALSE)
    as.matrix(SeuratObject::GetAssayData(made[["sigel.imputed"]], "data"))
  })
  expect_identical(rownames(found$matrix), features)
  expect_equal(found$pieces, found$matrix)
  expect_equal(found$object, found$matrix)
  expect_equal(found$several, found$matrix, tolerance = 1e-5)
})

test_that("cells and sections are blended, and neither is changed", {
  skip_if_no_engine()
  target <- small_panel()$target
  reference <- small_panel()$reference
  counts <- counts_of(reference)
  before <- counts
  features <- setdiff(rownames(counts), rownames(counts_of(target)))[1:5]
  made <- impute_quietly(target, list(reference, counts), features = features, intervals = FALSE)
  expect_identical(rownames(made[["sigel.imputed"]]), features)
  expect_identical(counts, before)
  expect_refused(
    impute_quietly(target, counts, model = "folder"),
    "model",
    "dissociated",
    object = target
  )
})

if (nightly()) {
  test_that("places beside a matrix make it a section", {
    skip_if_no_engine()
    target <- small_panel()$target
    reference <- small_panel()$reference
    counts <- counts_of(reference)
    features <- setdiff(rownames(counts), rownames(counts_of(target)))[1:5]
    values <- function(...) {
      made <- impute_quietly(target, ..., features = features, intervals = FALSE)
      as.matrix(SeuratObject::GetAssayData(made[["sigel.imputed"]], "data"))
    }
    placed <- values(counts, reference.coordinates = table_of(reference))
    expect_equal(placed, values(list(counts = counts, coordinates = table_of(reference))))
    expect_false(isTRUE(all.equal(placed, values(counts))))
  })
}
