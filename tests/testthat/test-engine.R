no_python <- c(
  "RETICULATE_PYTHON=",
  "RETICULATE_USE_MANAGED_VENV=false",
  "RETICULATE_PYTHON_ENV=",
  "VIRTUAL_ENV="
)

test_that("loading the package starts no Python, and the helpers work without one", {
  session <- in_new_session(
    c(
      "Sys.unsetenv(c('RETICULATE_PYTHON', 'RETICULATE_PYTHON_ENV', 'VIRTUAL_ENV'))",
      "library(sigel)",
      "stopifnot(!reticulate::py_available(), !sigel_available())",
      "report <- sigel_sitrep()",
      "stopifnot(!report$ready, report$python == 'none', !reticulate::py_available())",
      "stopifnot(any(grepl('install_sigel()', report$fixes, fixed = TRUE)))",
      "cat('held\\n')"
    ),
    no_python
  )
  expect_equal(session$status, 0L, info = session$text)
  expect_match(session$text, "held")
  expect_match(session$text, "No Python is set up")
})

test_that("a Python that the user chose counts as set up", {
  skip_if_no_engine()
  chosen <- reticulate::py_exe()
  unset <- "Sys.unsetenv(c('RETICULATE_PYTHON', 'RETICULATE_PYTHON_ENV', 'VIRTUAL_ENV'))"
  # use_python() is in test-engine-python.R.
  way <- sprintf("Sys.setenv(RETICULATE_PYTHON_ENV = '%s')", dirname(dirname(chosen)))
  session <- in_new_session(
    c(
      unset,
      way,
      "before <- Sys.getenv('RETICULATE_USE_MANAGED_VENV')",
      "source <- sigel:::python_source()",
      "stopifnot(!reticulate::py_available(), Sys.getenv('RETICULATE_USE_MANAGED_VENV') == before)",
      "stopifnot(sigel::sigel_available(), sigel::sigel_sitrep(verbose = FALSE)$ready)",
      "cat('from', source)"
    ),
    no_python
  )
  expect_equal(session$status, 0L, info = session$text)
  expect_match(session$text, "from RETICULATE_PYTHON_ENV")
})

if (nightly()) {
  test_that("forked workers come to an end where Python has started on several threads", {
    skip_if_no_engine()
    skip_on_os("windows")
    session <- in_new_session(
      c(
        "library(sigel)",
        "small <- function() SimulateSection(n.rows = 12, n.cols = 12, n.programmes = 2, genes.per.programme = 10,",
        "  n.background.genes = 20)",
        "one <- function(seed) nrow(SpatialGenes(FindSpatialGenes(small(), seed.use = seed, verbose = FALSE)))",
        "own <- one(0)",
        "jobs <- lapply(1:2, function(seed) parallel::mcparallel(one(seed)))",
        "found <- parallel::mccollect(jobs, wait = FALSE, timeout = 100)",
        "if (length(found) < 2) found <- c(found, parallel::mccollect(jobs, wait = FALSE, timeout = 100))",
        "for (job in jobs) tools::pskill(job$pid, tools::SIGKILL)",
        "stopifnot(length(found) == 2, all(unlist(found) == own))",
        "cat('held')"
      ),
      c(paste0("RETICULATE_PYTHON=", reticulate::py_exe()), "OMP_NUM_THREADS=2")
    )
    expect_match(session$text, "held")
  })
}

test_that("a Python that lacks the packages is named, with what it lacks and the fix", {
  skip_if_no_engine()
  folder <- withr::local_tempdir()
  made <- system2(
    reticulate::py_exe(),
    c("-m", "venv", "--without-pip", shQuote(file.path(folder, "bare"))),
    env = "LD_LIBRARY_PATH="
  )
  expect_equal(made, 0L)
  bare <- file.path(folder, "bare", "bin", "python")
  session <- in_new_session(
    c(
      "library(sigel)",
      "stopifnot(!sigel_available())",
      "message <- tryCatch(SimulateSection(), sigel_engine_error = conditionMessage)",
      "cat(message, '\\n')",
      "stopifnot(!sigel_sitrep(verbose = FALSE)$ready)"
    ),
    paste0("RETICULATE_PYTHON=", bare)
  )
  expect_equal(session$status, 0L, info = session$text)
  expect_match(session$text, "lacks what the engine needs")
  expect_match(session$text, "torch")
  expect_match(session$text, "install_sigel()", fixed = TRUE)
  expect_match(session$text, "-m pip install", fixed = TRUE)
})

test_that("engine and package must agree in major and minor version", {
  check_version <- getFromNamespace("check_version", "sigel")
  expect_silent(check_version("0.1.7", package = "0.1.0"))
  error <- expect_error(check_version("0.2.0", package = "0.1.0"), class = "sigel_engine_error")
  expect_match(conditionMessage(error), "0.2.0", fixed = TRUE)
  expect_match(conditionMessage(error), "restart R")
  expect_error(check_version("1.1.0", package = "0.1.0"), class = "sigel_engine_error")
})

test_that("the engine in use is the package's own", {
  skip_if_no_engine()
  bridge <- getFromNamespace("sigel_engine", "sigel")()
  file <- reticulate::py_to_r(bridge$`__file__`)
  expect_equal(
    normalizePath(dirname(dirname(dirname(file)))),
    normalizePath(system.file("python", package = "sigel"))
  )
})

test_that("sigel_sitrep tells versions, device and speed", {
  skip_if_no_engine()
  report <- suppressMessages(sigel_sitrep())
  expect_true(report$ready)
  expect_gt(report$gflops, 0)
  expect_true(all(c("R", "SeuratObject", "python", "torch", "engine") %in% names(report$versions)))
  shown <- capture.output(sigel_sitrep(), type = "message")
  expect_match(paste(shown, collapse = "\n"), "Engine ready")
})

test_that("errors of the engine become R errors without a traceback, warnings R warnings", {
  skip_if_no_engine()
  counts <- counts_of(small_section())
  error <- expect_error(
    run_quick(counts, spot_table(small_section()), config = list(train = list(epochz = 1))),
    class = "sigel_error"
  )
  expect_match(conditionMessage(error), "unknown setting 'epochz'", fixed = TRUE)
  expect_no_match(conditionMessage(error), "Traceback|py_last_error")
  expect_equal(rlang::call_name(conditionCall(error)), "RunSIGEL")
  counts@x <- counts@x + 0.25
  expect_warning(run_quick(counts, spot_table(small_section())), "not whole numbers", class = "sigel_warning")
})

test_that("fractions are warned of by the run, and by verbs that read what it did not", {
  skip_if_no_engine()
  section <- small_section()
  fractions <- SeuratObject::SetAssayData(section, "counts", log1p(counts_of(section)), assay = "Spatial")
  fractions <- SeuratObject::SetAssayData(fractions, "data", counts_of(fractions), assay = "Spatial")
  told <- "not whole numbers"
  expect_warning(run <- RunSIGEL(fractions, preset = "fast", n.groups = 3, verbose = FALSE), told)
  expect_no_warning(FindSpatialGenes(run, score = FALSE, verbose = FALSE))
  expect_no_warning(found <- FindSpatialDomains(run, 2, config = few, verbose = FALSE))
  expect_no_warning(GeneImagePlot(run, rownames(run)[1L]))
  expect_no_warning(FindGeneGroupStability(run, n.seeds = 1, verbose = FALSE))
  expect_warning(FindSpatialGenes(run, layer = "data", score = FALSE, verbose = FALSE), told)
  expect_warning(FindSpatialGenes(fractions, score = FALSE, verbose = FALSE), told)
  # Counts that were changed after a run.
  run <- RunSIGEL(section, preset = "fast", n.groups = 3, verbose = FALSE)
  changed <- SeuratObject::SetAssayData(run, "counts", counts_of(fractions), assay = "Spatial")
  expect_warning(FindSpatialGenes(changed, score = FALSE, verbose = FALSE), told)
})

test_that("an interrupt passes through", {
  skip_if_no_engine()
  sigel_call <- getFromNamespace("sigel_call", "sigel")
  settings <- getFromNamespace("as_settings", "sigel")
  stopper <- structure(function(...) rlang::interrupt(), class = "function")
  counts <- counts_of(small_section())
  pieces <- getFromNamespace("engine_pieces", "sigel")
  places <- list(coordinates = as.matrix(spot_table(small_section())[1:2]), lattice = NULL)
  arguments <- list(
    section = pieces(list(counts = counts, places = places)),
    settings = settings(c(list(n_dims = 4), quick)),
    seed = 0,
    device = "cpu",
    progress = reticulate::r_to_py(stopper, convert = TRUE)
  )
  outcome <- tryCatch(
    sigel_call("embed", arguments),
    interrupt = function(condition) "interrupted",
    error = function(error) "error"
  )
  expect_equal(outcome, "interrupted")
})

# A refusal of the engine in R's words, from its parts.
refusal <- function(argument = NULL, found = "1", wanted = "2", fix = "", setting = NULL, name = "embed") {
  in_words <- getFromNamespace("refusal_in_r_words", "sigel")
  in_words(list(argument = argument, setting = setting, found = found, wanted = wanted, fix = fix), name)
}

test_that("messages about settings speak R", {
  in_r_words <- getFromNamespace("in_r_words", "sigel")
  expect_equal(
    in_r_words("Lower it, for example config={\"image\": {\"min_spots\": 1}}, or"),
    "Lower it, for example config = list(image = list(min_spots = 1)), or"
  )
  expect_equal(
    in_r_words("use config={\"image\": {\"normalize\": \"none\"}} for"),
    "use config = list(image = list(normalize = \"none\")) for"
  )
  expect_equal(
    refusal("n_groups", "9", "fewer", "Use n_groups=\"auto\" or at most 8."),
    list(
      argument = "n.groups",
      shown = "`n.groups`",
      found = "9",
      wanted = "fewer",
      fix = "Use n.groups = \"auto\" or at most 8."
    )
  )
  led <- function(...) gsub("`", "", refusal(...)$shown)
  expect_equal(led("save"), "save.model")
  expect_equal(led("seed"), "seed.use")
  expect_equal(led("counts"), "object")
  expect_equal(led("key_added"), "reduction.name")
  expect_equal(led("genes"), "object")
  expect_equal(led("genes", name = "gene_images"), "features")
  expect_equal(led("spatial_key"), "coordinates")
  expect_equal(led("array_row, array_col"), "coordinates")
  expect_equal(led("seed", name = "simulate"), "seed")
  expect_equal(led("min_spots"), "min_spots")
  expect_equal(refusal("min_spots")$argument, "config")
  expect_equal(led("encoder.patch_size"), "config$encoder$patch_size")
  expect_equal(refusal("encoder.patch_size")$argument, "config")
  expect_equal(refusal("settings", name = "gene_groups")[1:2], list(argument = "config", shown = "`config`"))
  expect_equal(refusal(setting = "n_dims")[1:2], list(argument = "n.dims", shown = "`n.dims`"))
  expect_equal(
    refusal(setting = "thin", found = "True", wanted = "None or a number"),
    list(argument = "config", shown = "setting `thin`", found = "TRUE", wanted = "NULL or a number", fix = "")
  )
  # What is quoted is the user's own.
  expect_equal(in_r_words("found 'None', \"True\""), "found 'None', \"True\"")
  fixes <- c(
    "Call adata.var_names_make_unique() first.",
    "Store them in adata.obsm[\"spatial\"].",
    paste(
      "Take the spots of one section, for example adata[adata.obs[...] == ...], or, where the function has",
      "section_key=, name the column of obs that tells them apart."
    ),
    "See `status` of each gene.",
    "Use grid=\"continuous\".",
    "lower `refine_lr` (TrainConfig).",
    "use covariance=\"diag\" (MixtureConfig)."
  )
  said <- vapply(fixes, function(fix) refusal("x", fix = fix)$fix, "")
  expect_no_match(said, "\\badata|Config|`status`|Use grid")
  expect_match(said[6], "config = list(train = list(refine_lr = ", fixed = TRUE)
})

test_that("fixes that R words anew are those of the engine", {
  skip_if_no_engine()
  fixes <- names(getFromNamespace("FIXES", "sigel"))
  getFromNamespace("sigel_engine", "sigel")()
  code <- c(
    "def texts(folder, fixes):",
    "    import ast, pathlib",
    "    sources = [path.read_text() for path in pathlib.Path(folder).rglob('*.py')]",
    "    # Most files have none of them, and to parse all takes seconds.",
    "    trees = [ast.parse(source) for source in sources if any(fix[:8] in source for fix in fixes)]",
    "    return [n.value for tree in trees for n in ast.walk(tree) if isinstance(getattr(n, 'value', None), str)]"
  )
  read <- reticulate::py_run_string(paste(code, collapse = "\n"), local = TRUE)
  expect_equal(setdiff(fixes, read$texts(system.file("python", package = "sigel"), fixes)), character())
})

test_that("errors of the engine carry the argument that R users know", {
  skip_if_no_engine()
  section <- small_section()
  refused <- function(...) expect_error(run_quick(section, ...), class = "sigel_input_error")
  expect_equal(refused(n.groups = 1000)$argument, "n.groups")
  expect_equal(refused(n.dims = 1e9)$argument, "n.dims")
  expect_equal(refused(device = "abacus")$argument, "device")
  unknown <- refused(config = list(train = list(epochz = 1)))
  expect_equal(unknown$argument, "config")
  expect_match(conditionMessage(unknown), "wanted one of pretrain_epochs, ", fixed = TRUE)
  expect_no_match(conditionMessage(unknown), "Config")
  not_a_list <- refused(config = list(train = 3))
  expect_match(conditionMessage(not_a_list), "`train`: found 3; wanted a named list", fixed = TRUE)
  expect_equal(refused(config = list(train = list(tolerance = "a")))$argument, "config")
  expect_equal(refused(config = list(image = list(min_spots = 1e4)))$argument, "config")
})

test_that("settings may be empty", {
  skip_if_no_engine()
  as_settings <- getFromNamespace("as_settings", "sigel")
  shown <- function(config) reticulate::py_str(as_settings(config))
  expect_equal(shown(list()), "{}")
  expect_equal(shown(list(image = list())), "{'image': {}}")
  expect_equal(shown(list(image = list(exclude = list()))), "{'image': {'exclude': []}}")
  expect_equal(shown(list(image = list(exclude = character()))), "{'image': {'exclude': []}}")
  expect_equal(shown(list(image = list(exclude = list(a = 1)[0]))), "{'image': {'exclude': []}}")
  for (none in list(list(), character())) {
    done <- run_quick(small_section(), config = c(quick, list(image = list(exclude = none))))
    expect_false("excluded by name" %in% SeuratObject::Misc(done[["sigel"]])$features$status)
  }
})

test_that("install_sigel refuses what it cannot use", {
  expect_refused(install_sigel(envname = ""), "envname")
  expect_refused(install_sigel(ask = NA), "ask")
})

test_that("install_sigel makes an environment", {
  skip_if_no_engine()
  folder <- withr::local_tempdir()
  path <- suppressMessages(install_sigel(
    envname = file.path(folder, "env"),
    packages = character(),
    python = reticulate::py_exe(),
    ask = FALSE
  ))
  expect_true(file.exists(path))
})

test_that("a Python that is not there is named before anything is tried", {
  session <- in_new_session(
    c(
      "library(sigel)",
      "m <- matrix(rpois(2000, 3), 20, dimnames = list(paste0('g', 1:20), paste0('c', 1:100)))",
      "xy <- data.frame(x = rep(1:10, 10), y = rep(1:10, each = 10), row.names = colnames(m))",
      "message <- tryCatch(RunSIGEL(m, xy), sigel_engine_error = conditionMessage)",
      "cat(message, '\\n')",
      "report <- sigel_sitrep(verbose = FALSE)",
      "stopifnot(!report$ready, grepl('RETICULATE_PYTHON', report$fixes[1]))"
    ),
    "RETICULATE_PYTHON=/nowhere/python"
  )
  expect_equal(session$status, 0L, info = session$text)
  expect_match(session$text, "/nowhere/python, where there is nothing")
  expect_match(session$text, "Sys.unsetenv", fixed = TRUE)
})

test_that("a link to the engine that became a text file is told of", {
  link <- withr::local_tempfile()
  writeLines("../python", link)
  expect_error(
    engine_folder(link),
    "git clone -c core.symlinks=true",
    class = "sigel_engine_error",
    fixed = TRUE
  )
  expect_error(engine_folder(withr::local_tempdir()), "without its engine", class = "sigel_engine_error")
  expect_match(
    engine_fix(tryCatch(engine_folder(link), error = identity)),
    "core.symlinks=true",
    fixed = TRUE
  )
  expect_match(engine_fix(simpleError("other")), "install_sigel()", fixed = TRUE)
  expect_identical(engine_folder(""), "")
  whole <- system.file("python", package = "sigel")
  expect_identical(engine_folder(whole), whole)
})
