# A session of R that is killed while it writes leaves all of its output, or nothing; a fit goes on from what it kept.

# Writes again and again until it is killed; `ready` says that the engine runs.
WRITING <- '
given <- commandArgs(trailingOnly = TRUE)
suppressPackageStartupMessages(library(sigel))
inputs <- readRDS(file.path(given[1], "inputs.rds"))
write <- eval(inputs$writers[[given[2]]])
write(tempfile(fileext = given[3]), inputs)
writeLines(as.character(Sys.getpid()), file.path(given[1], "ready"))
repeat {
  unlink(given[4], recursive = TRUE)
  write(given[4], inputs)
}
'

WRITERS <- list(
  model = quote(function(path, given) {
    RunSIGEL(
      given$section,
      n.dims = 4,
      n.groups = 3,
      config = given$quick,
      save.model = path,
      verbose = FALSE
    )
  }),
  imputed = quote(function(path, given) {
    ImputeGenes(
      given$panel$target,
      given$panel$reference,
      out = path,
      config = list(folds = 2),
      verbose = FALSE
    )
  }),
  report = quote(function(path, given) SigelReport(given$run, file = path)),
  network = quote(function(path, given) WriteGeneNetwork(given$pairs, path)),
  table = quote(function(path, given) {
    sigel_command("genes", given$file, score = FALSE, out = path, verbose = FALSE)
  }),
  checkpoint = quote(function(path, given) {
    RunSIGEL(
      given$section,
      n.dims = 4,
      n.groups = 3,
      config = given$quick,
      checkpoint = path,
      verbose = FALSE
    )
  })
)
ENDINGS <- c(
  model = "",
  imputed = ".h5ad",
  report = ".html",
  network = ".graphml",
  table = ".tsv",
  checkpoint = ""
)

ends_with <- function(tag) {
  function(path) stopifnot(endsWith(trimws(paste(readLines(path), collapse = "\n")), tag))
}

# Fails where an output is there and not whole.
READERS <- list(
  model = function(path) reticulate::import("sigel")$SIGEL$load(path, device = "cpu"),
  imputed = function(path) ReadImputed(path),
  report = ends_with("</html>"),
  network = ends_with("</graphml>"),
  table = function(path) {
    genes <- reticulate::import("anndata")$read_h5ad(simulated_file())$n_vars
    stopifnot(nrow(utils::read.delim(path)) == genes)
  }
)

# A session that writes, killed some time after it began to; FALSE where it ended before, or never began.
killed_while_writing <- function(folder, writer, path, after) {
  script <- file.path(folder, "write.R")
  writeLines(WRITING, script)
  ready <- file.path(folder, "ready")
  unlink(ready)
  system2(
    file.path(R.home("bin"), "Rscript"),
    shQuote(c(script, folder, writer, ENDINGS[[writer]], path)),
    stdout = file.path(folder, "out"),
    stderr = file.path(folder, "said"),
    wait = FALSE,
    env = paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
  )
  waited <- 0
  while (!length(if (file.exists(ready)) readLines(ready, warn = FALSE)) && waited < 120) {
    Sys.sleep(0.1)
    waited <- waited + 0.1
  }
  Sys.sleep(after)
  file.exists(ready) && tools::pskill(as.integer(readLines(ready)), tools::SIGKILL)
}

if (nightly() && .Platform$OS.type == "unix") {
  test_that("a killed session leaves an output whole or absent, and the next call goes through", {
    skip_if_no_engine()
    folder <- withr::local_tempdir()
    section <- small_section()
    inputs <- list(
      writers = WRITERS,
      section = section,
      run = run_quick(section),
      quick = quick,
      panel = small_panel(),
      pairs = FindGeneInteractions(section, features = rownames(section)[1:6], verbose = FALSE),
      file = simulated_file()
    )
    saveRDS(inputs, file.path(folder, "inputs.rds"))
    set.seed(1)
    for (writer in setdiff(names(WRITERS), "checkpoint")) {
      write <- eval(WRITERS[[writer]])
      for (after in c(0, runif(1, 0, 1.5))) {
        path <- file.path(withr::local_tempdir(), paste0("written", ENDINGS[[writer]]))
        killed <- killed_while_writing(folder, writer, path, after)
        expect_true(killed, info = paste(c(writer, readLines(file.path(folder, "said"))), collapse = "\n"))
        Sys.sleep(0.2)
        expect_true(all(list.files(dirname(path)) == basename(path)), info = writer)
        if (file.exists(path)) {
          expect_no_error(READERS[[writer]](path))
          unlink(path, recursive = TRUE)
        }
        # What the dead session had begun is swept when it is a day old.
        begun <- list.files(
          dirname(path),
          all.files = TRUE,
          no.. = TRUE,
          full.names = TRUE,
          recursive = TRUE,
          include.dirs = TRUE
        )
        for (one in begun) {
          Sys.setFileTime(one, Sys.time() - 2 * 86400)
        }
        expect_no_error(suppressWarnings(write(path, inputs)))
        expect_no_error(READERS[[writer]](path))
        expect_equal(list.files(dirname(path), all.files = TRUE, no.. = TRUE), basename(path), info = writer)
      }
    }
  })

  test_that("a fit of a killed session goes on to the same numbers", {
    skip_if_no_engine()
    folder <- withr::local_tempdir()
    quick <- list(
      encoder = list(depth = 1),
      train = list(pretrain_epochs = 4, refine_epochs = 4, tolerance = 0)
    )
    inputs <- list(writers = WRITERS, section = small_section(), quick = quick)
    saveRDS(inputs, file.path(folder, "inputs.rds"))
    whole <- SeuratObject::Loadings(run_quick(small_section(), config = quick)[["sigel"]])
    left <- logical()
    for (after in c(0.2, 0.5, 0.8)) {
      state <- file.path(withr::local_tempdir(), "state")
      expect_true(killed_while_writing(folder, "checkpoint", state, after))
      left <- c(left, length(list.files(state)) > 0L)
      again <- run_quick(small_section(), config = quick, checkpoint = state)
      expect_identical(SeuratObject::Loadings(again[["sigel"]]), whole)
    }
    # Or there was nothing to go on from.
    expect_true(any(left))
  })
}
