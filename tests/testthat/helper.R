# What tests share, made once.
made <- new.env()

# Pictures that are measured before they are saved open a device: one that leaves no file.
options(device = function(...) grDevices::pdf(NULL))

# Where everything must be present (CI), what would be skipped is a failure.
missing_or_skip <- function(what) {
  if (Sys.getenv("SIGEL_REQUIRE_ALL") == "1") {
    stop(what, " is missing, and SIGEL_REQUIRE_ALL=1 asks for it", call. = FALSE)
  }
  skip(paste(what, "is missing"))
}

# Tests behind this take long, and prove little beside their neighbours: `make test-nightly` runs them.
nightly <- function() Sys.getenv("SIGEL_NIGHTLY") == "1"

skip_if_no_engine <- function() {
  if (!sigel_available()) {
    missing_or_skip("the Python engine")
  }
  if (is.null(made$trees)) {
    made$trees <- trees(20L)
  }
}

# How many trees foresee the accuracy of imputed genes, which takes most of the time of a small imputation: few here,
# as Python's own tests ask how well they do. Returns how many there were.
trees <- function(n) {
  module <- reticulate::import("sigel.tasks.imputation.expected_accuracy", convert = FALSE)
  before <- reticulate::py_to_r(module$`_TREES`)
  module$`_TREES` <- n
  before
}

skip_without <- function(package) {
  if (!requireNamespace(package, quietly = TRUE)) {
    missing_or_skip(paste("the R package", package))
  }
}

seurat5 <- function() packageVersion("SeuratObject") >= "5.0.0"

skip_unless_seurat5 <- function() {
  skip_without("Seurat")
  if (!seurat5()) {
    skip("needs SeuratObject >= 5")
  }
}

# A file of the shared data: in SIGEL_SHARED, or beside the checkout.
shared_file <- function(name) {
  folders <- c(Sys.getenv("SIGEL_SHARED"), file.path("..", "..", "..", "shared"))
  files <- file.path(folders[nzchar(folders)], "data", name)
  found <- files[file.exists(files)]
  if (!length(found)) {
    missing_or_skip(paste("the shared file", name))
  }
  normalizePath(found[1L])
}

# One short training for tests that are not about what is learned.
quick <- list(
  # Nothing is held out, so that what training does is kept, whether it helps or not.
  train = list(pretrain_epochs = 1, refine_epochs = 1, holdout = 0),
  encoder = list(dim = 16, depth = 1)
)

run_quick <- function(object, ..., n.dims = 4, n.groups = 3, config = quick, verbose = FALSE) {
  RunSIGEL(object, ..., n.dims = n.dims, n.groups = n.groups, config = config, verbose = verbose)
}

# A small simulated section, made once.
small_section <- function(...) {
  key <- rlang::hash(list(...))
  if (is.null(made[[key]])) {
    made[[key]] <- SimulateSection(
      seed = 1,
      n.rows = 12,
      n.cols = 12,
      n.programmes = 2,
      genes.per.programme = 14,
      n.background.genes = 12,
      ...
    )
  }
  made[[key]]
}

# A section whose programmes the groups find, run once without training.
grouped_section <- function() {
  if (is.null(made$grouped)) {
    section <- SimulateSection(
      seed = 1,
      n.rows = 20,
      n.cols = 20,
      n.programmes = 3,
      genes.per.programme = 20,
      n.background.genes = 25
    )
    made$grouped <- RunSIGEL(section, n.dims = 8, n.groups = 4, preset = "fast", verbose = FALSE)
  }
  made$grouped
}

# Names of Python's, as R has them.
with_dots <- function(x) stats::setNames(x, gsub("_", ".", names(x), fixed = TRUE))

# The planted programme of each gene, by name.
truth_of <- function(object) {
  stats::setNames(object[["Spatial"]][[]]$programme, rownames(object))
}

counts_of <- function(object) {
  assay <- object[[SeuratObject::DefaultAssay(object)]]
  if (inherits(assay, "Assay")) {
    assay@counts
  } else {
    getExportedValue("SeuratObject", "LayerData")(assay, layer = "counts")
  }
}

spot_table <- function(object) {
  frame <- object[["section"]]@coordinates
  data.frame(
    x = frame$imagecol,
    y = frame$imagerow,
    array_row = frame$row,
    array_col = frame$col,
    row.names = rownames(frame)
  )
}

# An error about an argument names it and says what to do; the object stays as it was.
expect_refused <- function(code, argument, ..., object = NULL) {
  before <- rlang::hash(object)
  error <- expect_error(code, class = "sigel_error")
  text <- conditionMessage(error)
  expect_match(text, sprintf("`%s`: found ", argument), fixed = TRUE)
  expect_match(text, "; wanted ", fixed = TRUE)
  for (part in c(...)) {
    expect_match(text, part, fixed = TRUE)
  }
  expect_identical(rlang::hash(object), before)
}

# Two results that differ at most in how they were made.
expect_same_result <- function(object, expected, ...) {
  expect_equal(object, expected, ..., ignore_attr = "provenance")
}

# Runs code in a fresh R session; returns its lines and its exit status.
in_new_session <- function(code, env = character()) {
  file <- withr::local_tempfile(fileext = ".R", lines = code)
  empty <- withr::local_tempdir()
  libraries <- paste(.libPaths(), collapse = .Platform$path.sep)
  # No environment of this machine's user is found from an empty home.
  env <- c(
    paste0("R_LIBS=", libraries),
    paste0(c("HOME=", "WORKON_HOME=", "XDG_CACHE_HOME=", "R_USER_CACHE_DIR="), empty),
    "R_PROFILE_USER=",
    env
  )
  withr::local_dir(empty)
  lines <- suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"),
    c("--no-environ", shQuote(file)),
    stdout = TRUE,
    stderr = TRUE,
    env = env
  ))
  status <- attr(lines, "status")
  list(text = paste(lines, collapse = "\n"), status = if (is.null(status)) 0L else status)
}

# A simulated section in a file of AnnData, made once.
simulated_file <- function() {
  if (is.null(made$simulated_file)) {
    made$simulated_file <- tempfile("section-", fileext = ".h5ad")
    datasets <- reticulate::import("sigel.datasets", convert = FALSE)
    datasets$simulated_section(16L, 16L, 3L, 10L, 15L, seed = 1L)$write_h5ad(made$simulated_file)
  }
  made$simulated_file
}
