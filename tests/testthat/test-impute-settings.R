# What is asked of the engine, whatever the object: methods, settings, references, names of genes, models, seeds.

if (nightly()) {
  test_that("methods, sums, zeros and rounds are heeded", {
    skip_if_no_engine()
    panel <- small_panel()
    genes <- from_matrices()$genes
    few <- intersect(genes$gene[order(genes$level)], rownames(panel$hidden))[1:6]
    impute <- function(...) impute_quietly(panel$target, panel$reference, features = few, ...)
    ridge_only <- list(scales = 1, penalties = 3)
    ridge <- impute(method = "ridge", config = c(list(target_sum = NULL), ridge_only))
    report <- ImputationReport(ridge)
    expect_equal(report$method, "ridge")
    expect_setequal(report$weights$predictor, "ridge")
    expect_true(all(report$weights$cells == 1))
    expect_equal(imputed_values(ridge), imputed_values(impute(method = "ridge", config = ridge_only)))
    expect_equal(report$target.sum, stats::median(Matrix::colSums(counts_of(panel$target))))
    # Only the scale changes with the sum: that of NormalizeData() on the panel is 10,000.
    seurat <- impute(config = list(target_sum = 10000), intervals = FALSE)
    expect_equal(ImputationReport(seurat)$target.sum, 10000)
    normalised <- log1p(t(t(as.matrix(counts_of(panel$hidden)[few, ])) / library_of(panel$target) * 10000))
    means <- rowMeans(as.matrix(imputed_values(seurat)))
    expect_lt(abs(mean(means) - mean(normalised)), 0.25 * mean(normalised))
    expect_match(report$params, "\"scales\": [1]", fixed = TRUE)
    zeros <- impute(config = list(zeros = "rate"), intervals = FALSE)
    values <- imputed_values(zeros)
    expect_s4_class(values, "dgCMatrix")
    expect_gt(mean(as.matrix(values) == 0), 0.01)
    kept <- as.matrix(values) != 0
    expect_equal(as.matrix(values)[kept], from_matrices()$values[few, ][kept])
    rounds <- impute(config = list(rounds = 2, round_size = 2))
    found <- ImputationReport(rounds)
    expect_equal(found$genes$round, c(1L, 1L, 2L, 2L))
    expect_length(intersect(found$genes$gene, found$left.out$gene), 0)
    expect_setequal(c(found$genes$gene, found$left.out$gene), few)
  })

  test_that("the generator with a memory tells its training", {
    skip_if_no_engine()
    panel <- small_panel()
    few <- rownames(from_matrices()$values)[1:3]
    config <- list(gan = list(epochs = 3, n_memory = 8, n_hidden = 16))
    done <- impute_quietly(panel$target, panel$reference, features = few, method = "gan", config = config)
    report <- ImputationReport(done)
    expect_s3_class(report$history, "data.frame")
    expect_gt(nrow(report$history), 0)
    expect_false(report$converged)
    expect_true(all(is.finite(as.matrix(imputed_values(done)))))
  })

  test_that("several references are taken together", {
    skip_if_no_engine()
    panel <- small_panel()
    other <- small_panel(median.counts = 2500)$reference
    suppressWarnings(other[["Other"]] <- other[["Spatial"]])
    SeuratObject::DefaultAssay(other) <- "Other"
    few <- rownames(from_matrices()$values)[1:4]
    both <- impute_quietly(
      panel$target,
      list(panel$reference, other),
      features = few,
      reference.assay = c("Spatial", "Other"),
      reference.image = "section"
    )
    expect_equal(rownames(both[["sigel.imputed"]]), few)
    values <- as.matrix(imputed_values(both))
    expect_gt(max(abs(values - from_matrices()$values[few, ])), 1e-4)
    expect_gt(cor(c(values), c(from_matrices()$values[few, ])), 0.8)
    listed <- impute_quietly(
      counts_of(panel$target),
      list(a = pieces_of(panel$reference), b = other),
      coordinates = table_of(panel$target),
      features = few
    )
    expect_equal(listed$values, values)
  })
}

test_that("orthologs pair genes of different names", {
  skip_if_no_engine()
  panel <- small_panel()
  human <- pieces_of(panel$reference)
  rownames(human$counts) <- toupper(sub("^Gene", "Other", rownames(human$counts)))
  few <- rownames(from_matrices()$values)[1:4]
  pairs <- stats::setNames(rownames(human$counts), rownames(panel$reference))
  impute <- function(orthologs) {
    impute_quietly(panel$target, human, features = few, orthologs = orthologs)
  }
  by_vector <- impute(pairs)
  expect_equal(as.matrix(imputed_values(by_vector)), from_matrices()$values[few, ])
  table <- data.frame(reference = unname(pairs), target = names(pairs))
  expect_equal(imputed_values(impute(table)), imputed_values(by_vector))
  # Names that Seurat cannot keep are changed everywhere alike.
  odd <- table
  odd$target <- sub("^Gene", "Odd_", odd$target)
  renamed <- panel$target
  measured <- counts_of(renamed)
  back <- data.frame(
    target = c(rownames(measured), odd$target[!table$target %in% rownames(measured)]),
    reference = c(pairs[rownames(measured)], odd$reference[!table$target %in% rownames(measured)])
  )
  with_bars <- impute_quietly(panel$target, human, orthologs = back, features = sub("^Gene", "Odd_", few))
  expect_equal(rownames(with_bars[["sigel.imputed"]]), sub("^Gene", "Odd-", few))
  expect_equal(rownames(ImputationIntervals(with_bars)$lower), sub("^Gene", "Odd-", few))
  expect_equal(unname(as.matrix(imputed_values(with_bars))), unname(from_matrices()$values[few, ]))
})

if (nightly()) {
  test_that("a model of the reference is used where it is given", {
    skip_if_no_engine()
    panel <- small_panel()
    folder <- file.path(withr::local_tempdir(), "model")
    run_quick(panel$reference, n.dims = 8, save.model = folder)
    few <- rownames(from_matrices()$values)[1:3]
    done <- impute_quietly(panel$target, panel$reference, features = few, model = folder)
    expect_gt(max(abs(as.matrix(imputed_values(done)) - from_matrices()$values[few, ])), 1e-5)
    missing <- file.path(tempdir(), "nowhere")
    expect_error(
      impute_quietly(panel$target, panel$reference, features = few, model = missing),
      "`model`",
      class = "sigel_error"
    )
  })

  test_that("the same seed gives the same numbers, and R's random numbers are left alone", {
    skip_if_no_engine()
    panel <- small_panel()
    set.seed(3)
    before <- .Random.seed
    again <- impute_quietly(panel$target, panel$reference)
    expect_identical(.Random.seed, before)
    expect_equal(imputed_values(again), imputed_values(imputed_panel()))
    other <- impute_quietly(
      panel$target,
      panel$reference,
      seed.use = 4,
      features = rownames(again[["sigel.imputed"]])[1]
    )
    expect_gt(max(abs(imputed_values(other) - imputed_values(again)[1, ])), 1e-6)
  })
}

test_that("progress is told, and verbose = FALSE is silent", {
  skip_if_no_engine()
  panel <- small_panel()
  few <- rownames(from_matrices()$values)[1:2]
  expect_message(
    ImputeGenes(panel$target, panel$reference, features = few, config = list(folds = 2), device = "cpu"),
    "Imputed genes"
  )
  expect_silent(impute_quietly(panel$target, panel$reference, features = few))
})
