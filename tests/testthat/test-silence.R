# Nothing is said where nothing was asked for: each verb with `verbose = FALSE`.

verbs_with_verbose <- function() {
  exports <- getNamespaceExports("sigel")
  formals_of <- function(name) {
    known <- lapply(paste0(name, c("", ".Seurat", ".default")), get0, envir = asNamespace("sigel"))
    unlist(lapply(Filter(is.function, known), function(one) names(formals(one))))
  }
  sort(Filter(function(name) "verbose" %in% formals_of(name), exports))
}

# Runs code in which nothing may be printed or told; warnings say something of the data, and may be.
expect_silence <- function(code, verb) {
  told <- character()
  sys <- reticulate::import("sys")
  own <- list(stdout = sys$stdout, stderr = sys$stderr)
  from_python <- reticulate::import("io")$StringIO()
  sys$stdout <- sys$stderr <- from_python
  on.exit(
    for (name in names(own)) {
      sys[[name]] <- own[[name]]
    }
  )
  printed <- utils::capture.output(
    withCallingHandlers(
      invisible(code),
      message = function(m) told <<- c(told, conditionMessage(m)),
      warning = function(w) tryInvokeRestart("muffleWarning")
    )
  )
  told <- c(printed, told, from_python$getvalue())
  expect_equal(told[nzchar(told)], character(), info = verb)
}

if (nightly()) {
  test_that("no verb says anything with verbose = FALSE", {
    skip_if_no_engine()
    # At a terminal there would be bars, too.
    withr::local_options(cli.dynamic = TRUE, cli.progress_show_after = 0)
    run <- grouped_section()
    domains <- domains_section()
    panel <- small_panel()
    calls <- list(
      FindDiseaseGenes = function() {
        FindDiseaseGenes(few_donors(), "condition", donor = "donor", verbose = FALSE)
      },
      FindGeneGroupStability = function() FindGeneGroupStability(run, n.seeds = 2, verbose = FALSE),
      FindGeneInteractions = function() FindGeneInteractions(run, partners.of = "Gene0001", verbose = FALSE),
      FindPatternGenes = function() {
        FindPatternGenes(run, "region", levels = c(ring = 0.9), n.null = 5, verbose = FALSE)
      },
      FindSpatialDomainStability = function() {
        FindSpatialDomainStability(domains, n.seeds = 2, verbose = FALSE)
      },
      FindSpatialDomains = function() {
        FindSpatialDomains(domains, n.domains = 4, config = few, verbose = FALSE)
      },
      FindSpatialGenes = function() FindSpatialGenes(run, verbose = FALSE),
      ImputeGenes = function() {
        # What is there already is replaced, and a file is written.
        impute_quietly(imputed_panel(), panel$reference)
        impute_quietly(panel$target, panel$reference, out = withr::local_tempfile(fileext = ".h5ad"))
      },
      LabelSpatialDomains = function() {
        LabelSpatialDomains(run, domains, config = few[c("windows", "components")], verbose = FALSE)
      },
      RunSIGEL = function() run_quick(run),
      SelectSpatialGenes = function() SelectSpatialGenes(run, verbose = FALSE),
      sigel_command = function() sigel_command("genes", simulated_file(), score = FALSE, verbose = FALSE),
      sigel_sitrep = function() sigel_sitrep(verbose = FALSE)
    )
    expect_equal(sort(names(calls)), verbs_with_verbose())
    for (verb in names(calls)) {
      expect_silence(calls[[verb]](), verb)
    }
  })
}
