COLUMNS <- c(
  "query",
  "gene",
  "rank",
  "similarity",
  "random.mean",
  "random.95",
  "pval",
  "group"
)

test_that("genes of the same programme come first", {
  skip_if_no_engine()
  section <- grouped_section()
  before <- rlang::hash(section)
  truth <- truth_of(section)
  query <- names(truth)[truth == "ring"][1]
  found <- FindSimilarGenes(section, query, n = 8)
  expect_identical(rlang::hash(section), before)
  expect_s3_class(found, "data.frame")
  expect_named(found, COLUMNS)
  expect_equal(found$rank, 1:8)
  expect_false(query %in% found$gene)
  expect_gte(mean(truth[found$gene] == "ring"), 0.85)
  expect_gt(found$similarity[1], found$random.95[1])
  expect_false(is.unsorted(-found$similarity))
  expect_true(all(found$pval > 0 & found$pval <= 1))
  features <- SeuratObject::Misc(section[["sigel"]])$features
  expect_equal(found$group, features[found$gene, "group"])
})

test_that("the similarity is the cosine of centred representations", {
  skip_if_no_engine()
  section <- grouped_section()
  loadings <- SeuratObject::Loadings(section[["sigel"]])
  found <- FindSimilarGenes(section, rownames(loadings)[3], n = 1000)
  expect_equal(nrow(found), nrow(loadings) - 1L)
  centred <- sweep(loadings, 2, colMeans(loadings))
  unit <- centred / sqrt(rowSums(centred^2))
  expect_equal(found$similarity, unname(drop(unit[found$gene, ] %*% unit[3, ])), tolerance = 1e-6)
})

test_that("several genes are asked about together or each for itself", {
  skip_if_no_engine()
  section <- grouped_section()
  truth <- truth_of(section)
  genes <- c(names(truth)[truth == "ring"][1], names(truth)[truth == "layer"][1])
  together <- FindSimilarGenes(section, genes, n = 5)
  expect_equal(unique(together$query), toString(genes))
  expect_false(any(genes %in% together$gene))
  each <- FindSimilarGenes(section, genes, n = 5, combine = "each")
  expect_equal(each$query, rep(genes, each = 5))
  alone <- FindSimilarGenes(section, genes[2], n = 5)
  expect_equal(each[6:10, ], alone, ignore_attr = TRUE)
  # A gene named twice counts once.
  expect_same_result(FindSimilarGenes(section, genes[c(1, 2, 1)], n = 5), together)
})

test_that("a reduction and a matrix give what the object gives", {
  skip_if_no_engine()
  section <- grouped_section()
  results <- section[["sigel"]]
  loadings <- SeuratObject::Loadings(results)
  level <- log(Matrix::rowMeans(counts_of(section)))
  query <- rownames(loadings)[1]
  found <- FindSimilarGenes(section, query)
  expect_same_result(FindSimilarGenes(results, query, level = level), found)
  plain <- FindSimilarGenes(loadings, query, level = level)
  expect_named(plain, setdiff(COLUMNS, "group"))
  expect_same_result(plain, found[names(plain)])
  unnamed <- unname(level[rownames(loadings)])
  expect_same_result(FindSimilarGenes(loadings, query, level = unnamed), plain)
})

test_that("genes that cannot be asked about are refused with a way out", {
  skip_if_no_engine()
  section <- grouped_section()
  expect_refused(FindSimilarGenes(section), "features", "found nothing")
  expect_refused(FindSimilarGenes(section, 3), "features", object = section)
  expect_refused(FindSimilarGenes(section, character()), "features", object = section)
  expect_refused(FindSimilarGenes(section, "gene0001"), "features", "'Gene0001'", object = section)
  expect_refused(FindSimilarGenes(section, "mt-Nd1"), "features", "excluded by name", object = section)
  everything <- rownames(SeuratObject::Loadings(section[["sigel"]]))
  expect_refused(FindSimilarGenes(section, everything), "features", "fewer genes")
})

test_that("arguments of FindSimilarGenes that cannot be used are refused", {
  skip_if_no_engine()
  section <- grouped_section()
  find <- function(...) FindSimilarGenes(section, "Gene0001", ...)
  expect_refused(find(n = 0), "n", "n = 20", object = section)
  expect_refused(find(n = 2.5), "n", object = section)
  expect_refused(find(combine = "median"), "combine", "\"each\"", object = section)
  expect_refused(find(reduction = "pca"), "reduction", "RunSIGEL()", object = section)
  expect_refused(find(layer = "tpm"), "layer", object = section)
  expect_refused(find(seed.use = -1), "seed.use", object = section)
  expect_refused(find(combined = "mean"), "...", "Did you mean `combine`?", object = section)
  error <- expect_error(find(n = 0), class = "sigel_input_error")
  expect_equal(rlang::call_name(conditionCall(error)), "FindSimilarGenes")

  results <- section[["sigel"]]
  loadings <- SeuratObject::Loadings(results)
  expect_refused(FindSimilarGenes(results, "Gene0001"), "level", "Seurat object")
  expect_refused(FindSimilarGenes(loadings, "Gene0001", level = 1:3), "level", "3 numbers")
  expect_refused(FindSimilarGenes(loadings, "Gene0001", level = c(Gene0001 = 1)), "level", "no finite number")
  level <- seq_len(nrow(loadings))
  expect_refused(FindSimilarGenes(loadings, "Gene0001", level = level, groups = "1"), "groups", "one group")
  broken <- replace(loadings, 2, NaN)
  expect_refused(FindSimilarGenes(broken, "Gene0001", level = level), "object", "1 value that is")
  expect_refused(FindSimilarGenes(unname(loadings), "Gene0001", level = level), "object", "no row names")
  expect_refused(FindSimilarGenes("genes.rds", "Gene0001"), "object")
})
