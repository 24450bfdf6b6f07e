# Matrices that are not in memory: a class that has no more than its dimensions, `[` and a way to a dgCMatrix, as those
# of BPCells, DelayedArray and HDF5Array have, and that counts what was read.
read <- new.env()
methods::setClass(
  "stored_counts",
  slots = c(counts = "ANY", fails = "logical"),
  prototype = list(fails = FALSE)
)
methods::setMethod("dim", "stored_counts", function(x) dim(x@counts))
methods::setMethod("dimnames", "stored_counts", function(x) dimnames(x@counts))
methods::setMethod("[", "stored_counts", function(x, i, j, ..., drop = TRUE) {
  i <- if (missing(i)) seq_len(nrow(x)) else i
  x@counts <- x@counts[i, if (missing(j)) seq_len(ncol(x)) else j, drop = FALSE]
  x
})
methods::setAs("stored_counts", "dgCMatrix", function(from) {
  if (from@fails) {
    stop("no such file\nat all")
  }
  read$sizes <- c(read$sizes, prod(dim(from@counts)))
  methods::as(from@counts, "dgCMatrix")
})
withr::defer(methods::removeClass("stored_counts"), teardown_env())

stored <- function(counts, ...) methods::new("stored_counts", counts = counts, ...)
inner <- function(name) getFromNamespace(name, "sigel")

some_counts <- function() {
  set.seed(1)
  counts <- Matrix::rsparsematrix(7, 23, 0.3, rand.x = function(n) rpois(n, 3) + 1)
  dimnames(counts) <- list(paste0("g_", 1:7), paste0("c", 1:23))
  counts
}

test_that("a stored matrix is read in blocks of columns", {
  counts <- some_counts()
  for (block in c(1, 7, 20, 1e6)) {
    read$sizes <- NULL
    expect_identical(inner("from_blocks")(stored(counts), "object", NULL, block = block), counts)
    expect_true(all(read$sizes <= max(block, nrow(counts))))
    expect_equal(sum(read$sizes), length(counts))
  }
  expect_identical(inner("as_counts")(stored(counts)), counts)
  # Columns and genes without a count.
  counts[, 3:9] <- 0
  counts[2, ] <- 0
  counts <- Matrix::drop0(counts)
  expect_identical(inner("from_blocks")(stored(counts), "object", NULL, block = 14), counts)
})

test_that("of a stored matrix only the genes asked for are read", {
  counts <- some_counts()
  read$sizes <- NULL
  found <- inner("as_counts")(stored(counts), features = c("g_5", "g_2"))
  expect_identical(found, counts[c("g_5", "g_2"), ])
  expect_identical(read$sizes, 2 * 23)
  places <- data.frame(x = 1:23, y = 1, row.names = colnames(counts))
  read$sizes <- NULL
  plain <- inner("plain_section")(stored(counts), places, c("g_1", "g_7"), NULL)
  expect_identical(plain$counts, counts[c("g_1", "g_7"), ])
  expect_identical(read$sizes, 2 * 23)
  expect_refused(
    inner("plain_section")(stored(counts), places, c("g_1", "Mbp"), NULL),
    "features",
    "\"Mbp\""
  )
})

test_that("what a sparse matrix cannot hold goes by a file", {
  counts <- stored(some_counts())
  expect_refused(
    inner("from_blocks")(counts, "object", NULL, block = 14, most = 10),
    "object",
    "stored_counts with more than 10 values that are not 0",
    "sparse matrices of R hold no more",
    "writeH5AD(",
    'sigel_command("genes", "section.h5ad")'
  )
  expect_identical(eval(formals(inner("from_blocks"))$most), 2147483647L)
  expect_refused(
    inner("as_counts")(stored(some_counts(), fails = TRUE)),
    "object",
    "class stored_counts, which cannot be read (no such file)",
    "writeH5AD("
  )
})

test_that("a verb takes a stored matrix, and as a reference", {
  skip_if_no_engine()
  section <- small_section()
  counts <- counts_of(section)
  expected <- FindSpatialGenes(counts, spot_table(section), score = FALSE, verbose = FALSE)
  found <- FindSpatialGenes(stored(counts), spot_table(section), score = FALSE, verbose = FALSE)
  expect_same_result(found, expected)
  references <- inner("reference_sections")(stored(counts))
  expect_identical(references[[1]]$counts, counts)
})
