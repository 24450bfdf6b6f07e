test_that("a table comes back as the function of R would make it, and leaves no file", {
  skip_if_no_engine()
  before <- list.files(tempdir(), pattern = "[.]tsv$")
  table <- sigel_command("genes", simulated_file(), seed = 3, verbose = FALSE)
  expect_equal(list.files(tempdir(), pattern = "[.]tsv$"), before)
  own <- SpatialGenes(FindSpatialGenes(ReadSection(simulated_file()), seed.use = 3, verbose = FALSE))
  expect_s3_class(table, "sigel_table")
  expect_setequal(names(table), names(own))
  expect_equal(rownames(table), table$gene)
  own <- own[table$gene, names(table)]
  expect_equal(
    as.data.frame(unclass(table)),
    as.data.frame(unclass(own)),
    ignore_attr = TRUE,
    tolerance = 1e-6
  )
})

test_that("files are written, remember the command, and are not replaced unless that is asked for", {
  skip_if_no_engine()
  folder <- withr::local_tempdir()
  file <- file.path(folder, "embedded section.h5ad")
  embed <- function(...) {
    quick <- list(train = list(pretrain_epochs = 1L, refine_epochs = 1L))
    sigel_command("embed", simulated_file(), n.groups = 3, config = quick, out = file, verbose = FALSE, ...)
  }
  expect_invisible(embed())
  expect_error(embed(), "there already", class = "sigel_error")
  expect_equal(embed(force = TRUE), normalizePath(file))
  expect_output(told <- sigel_command("info", file), "--n-groups=3", fixed = TRUE)
  expect_match(told, "n_groups=3", fixed = TRUE, all = FALSE)
  similar <- sigel_command("similar", file, genes = c("Gene0001", "Gene0002"), n = 4, verbose = FALSE)
  expect_equal(nrow(similar), 4)
  expect_false(any(similar$gene %in% c("Gene0001", "Gene0002")))
  csv <- sigel_command("groups", file, out = file.path(folder, "groups.csv"), verbose = FALSE)
  expect_s3_class(csv, "data.frame")
  expect_type(csv$group, "character")
  expect_true(file.exists(file.path(folder, "groups.csv")))
})

test_that("options by name are words of the command line", {
  words <- function(...) getFromNamespace("command_words", "sigel")(list(...), rlang::current_env())
  expect_equal(words("a.h5ad", "--quiet"), c("a.h5ad", "--quiet"))
  expect_equal(
    words(n.domains = 8, n = 3, score = FALSE, refine = TRUE, model = NULL),
    c(
      "--n-domains=8",
      "-n=3",
      "--score=false",
      "--refine=true"
    )
  )
  expect_equal(words(genes = c("-a", "b c")), c("--genes=-a", "--genes=b c"))
  expect_equal(words(windows = c(1e6, 0.5)), c("--windows=1000000", "--windows=0.5"))
  expect_equal(words(config = list(image = list(min_spots = 5))), "--config={\"image\":{\"min_spots\":5}}")
  expect_equal(words(character()), character())
})

test_that("what the command line refuses is an error of ours, its warnings are R's", {
  skip_if_no_engine()
  refused <- function(..., say) expect_error(sigel_command(...), say, fixed = TRUE, class = "sigel_error")
  refused("genes", "nowhere.h5ad", say = "nowhere.h5ad")
  refused("genez", simulated_file(), say = "Did you mean \"genes\"")
  refused("genes", simulated_file(), n.null = 2, say = "Did you mean --n-nulls")
  refused("embed", simulated_file(), say = "-o OUTPUT")
  refused("genes", small_section(), say = "FindSpatialGenes(object)")
  refused("genes", simulated_file(), score = NA, say = "`score`: found NA")
  refused("genes", simulated_file(), covariates = quote(x), say = "`covariates`")
  expect_refused(sigel_command(1), "verb", "1", "sigel_command(\"genes\"")
  expect_refused(sigel_command("genes", simulated_file(), out = NA), "out", "NA", "path of the file")
  expect_refused(sigel_command("genes", verbose = "no"), "verbose", "no", "TRUE or FALSE")
  # Two genes are too few for groups.
  few <- withr::local_tempdir()
  counts <- data.frame(cell = 1:60, Mbp = rep(c(5, 0), each = 30), Gfap = rep(1:2, 30))
  cells <- data.frame(EntityID = 1:60, center_x = rep(1:10, 6), center_y = rep(1:6, each = 10))
  write.csv(counts, file.path(few, "cell_by_gene.csv"), row.names = FALSE)
  write.csv(cells, file.path(few, "cell_metadata.csv"), row.names = FALSE)
  out <- file.path(few, "embedded.h5ad")
  expect_warning(sigel_command("embed", few, out = out, verbose = FALSE), "2 genes", class = "sigel_warning")
})

test_that("an interrupt of the command interrupts R, and what is beside results is told", {
  skip_if_no_engine()
  answer <- function(code, said) {
    list(answer = function(...) {
      reticulate::r_to_py(list(code = code, out = "", said = said, warnings = list()))
    })
  }
  asked <- function(..., verbose = FALSE) {
    getFromNamespace("command_answer", "sigel")("info", verbose, rlang::current_env(), answer(...))
  }
  ended <- tryCatch(asked(130L, "sigel: interrupted; nothing was written.\n"), interrupt = function(e) {
    "interrupted"
  })
  expect_equal(ended, "interrupted")
  expect_silent(asked(0L, "sigel: 3 genes\n"))
  expect_message(asked(0L, "sigel: 3 genes\n", verbose = TRUE), "^3 genes")
  expect_error(asked(1L, "3 genes\nsigel: one\ntwo\n"), "^one\ntwo$", class = "sigel_error")
  expect_message(sigel_command("genes", simulated_file(), score = FALSE), "Test of every gene")
  expect_output(expect_invisible(sigel_command()), "interactions")
})

test_that("names of genes come through, whatever they hold and wherever R runs", {
  skip_if_no_engine()
  genes <- c("a,b", "5\"q", "NA", "TRUE", "1e5", "G\u00e8ne", "\u03b2-actin", "it's")
  folder <- withr::local_tempdir()
  file <- file.path(folder, "section.h5ad")
  adata <- reticulate::import("anndata", convert = FALSE)$read_h5ad(simulated_file())
  names <- as.character(reticulate::py_to_r(adata$var_names$to_list()))
  names[seq_along(genes)] <- genes
  adata$var_names <- as.list(names)
  adata$write_h5ad(file)
  for (out in file.path(folder, c("genes.tsv", "genes.csv"))) {
    table <- sigel_command("genes", file, score = FALSE, force = FALSE, out = out, verbose = FALSE)
    expect_setequal(table$gene, names)
    expect_equal(rownames(table), table$gene)
  }
  expect_equal(SigelProvenance(table)$result, "sigel_command")
  expect_match(SigelProvenance(table)$call, "sigel_command(\"genes\"", fixed = TRUE)
  read <- c(
    sprintf(
      "table <- getFromNamespace(\"written_table\", \"sigel\")(%s, \"\\t\")",
      deparse(file.path(folder, "genes.tsv"))
    ),
    "cat(nrow(table), Encoding(table$gene[table$gene == \"G\\u00e8ne\"]))"
  )
  said <- strsplit(in_new_session(read, env = "LC_ALL=C")$text, "\n", fixed = TRUE)[[1L]]
  expect_equal(utils::tail(said, 1L), sprintf("%d UTF-8", length(names)))
})
