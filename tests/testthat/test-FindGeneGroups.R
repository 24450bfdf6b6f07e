test_that("as many groups as asked for are made, and all places that hold groups agree", {
  skip_if_no_engine()
  section <- grouped_section()
  before <- rlang::hash(section)
  done <- FindGeneGroups(section, n.groups = 6)
  expect_identical(rlang::hash(section), before)
  results <- done[["sigel"]]
  expect_equal(SeuratObject::Loadings(results), SeuratObject::Loadings(section[["sigel"]]))
  features <- SeuratObject::Misc(results)$features
  expect_equal(features$gene, rownames(section))
  expect_equal(is.na(features$group), features$status != "embedded")
  posterior <- SeuratObject::Misc(results)$posterior
  expect_equal(dimnames(posterior), list(rownames(SeuratObject::Loadings(results)), c(1:6, "no pattern")))
  expect_equal(unname(rowSums(posterior)), rep(1, nrow(posterior)), tolerance = 1e-5)
  known <- features[rownames(posterior), ]
  # Genes without a pattern stay so; the others are in the likeliest numbered group.
  was <- SeuratObject::Misc(section[["sigel"]])$features[rownames(posterior), "group"]
  expect_equal(known$group == "no pattern", was == "no pattern")
  numbered <- posterior[, 1:6][known$group != "no pattern", ]
  expect_equal(colnames(numbered)[max.col(numbered)], as.character(known$group[known$group != "no pattern"]))
  expect_equal(posterior[cbind(seq_len(nrow(posterior)), as.integer(known$group))], known$prob)
  columns <- done[["Spatial"]][[]]
  expect_equal(columns$sigel.group, features$group)
  expect_equal(columns$sigel.group.prob, features$prob)
  expect_equal(columns$sigel.status, section[["Spatial"]][[]]$sigel.status)
  expect_equal(columns$programme, section[["Spatial"]][[]]$programme)
  expect_equal(SeuratObject::Misc(results)$groups$n.groups, 6)
  expect_true("FindGeneGroups" %in% sub("[.].*", "", names(done@commands)))
})

if (nightly()) {
  test_that("a higher resolution gives more groups, and the default is one of 1", {
    skip_if_no_engine()
    section <- grouped_section()
    number <- function(...) SeuratObject::Misc(FindGeneGroups(section[["sigel"]], ...))$groups$n.groups
    one <- number(resolution = 1)
    expect_equal(number(), one)
    expect_equal(number(resolution = 2), 2 * one)
    expect_lt(number(resolution = 0.5), one)
    bic <- SeuratObject::Misc(FindGeneGroups(section[["sigel"]]))$groups$bic
    expect_named(bic, c("n.groups", "bic"))
  })
}

test_that("new groups may stand beside the old ones", {
  skip_if_no_engine()
  section <- grouped_section()
  both <- FindGeneGroups(section, n.groups = 7, reduction.name = "fine")
  expect_setequal(SeuratObject::Reductions(both), c("sigel", "fine"))
  expect_equal(both[["sigel"]], section[["sigel"]])
  fine <- SeuratObject::Misc(both[["fine"]])$features$group
  expect_equal(levels(fine), c(1:7, "no pattern"))
  columns <- both[["Spatial"]][[]]
  expect_equal(columns$sigel.group, section[["Spatial"]][[]]$sigel.group)
  expect_equal(columns$fine.group, SeuratObject::Misc(both[["fine"]])$features$group)
  expect_equal(columns$fine.status, columns$sigel.status)
  expect_equal(SeuratObject::Key(both[["fine"]]), "fine_")
  expect_equal(as.character(GeneGroups(both, reduction = "fine")$group), levels(fine))
  expect_refused(FindGeneGroups(section, n.groups = 7, reduction.name = "Spatial"), "reduction.name")
})

test_that("a matrix, which has no groups yet, gets as many as asked for, and the same at the same seed", {
  skip_if_no_engine()
  results <- grouped_section()[["sigel"]]
  plain <- FindGeneGroups(SeuratObject::Loadings(results), n.groups = 5, seed.use = 2)
  expect_named(plain, c("features", "posterior", "groups", "about"))
  expect_equal(plain$features$gene, rownames(SeuratObject::Loadings(results)))
  expect_equal(unname(rowSums(plain$posterior)), rep(1, nrow(plain$posterior)), tolerance = 1e-5)
  expect_equal(nrow(plain$groups), 5)
  again <- FindGeneGroups(SeuratObject::Loadings(results), n.groups = 5, seed.use = 2)
  expect_same_result(again, plain)
})

test_that("coarse groups are unions of fine ones, but for genes between two of them", {
  skip_if_no_engine()
  results <- grouped_section()[["sigel"]]
  fine <- SeuratObject::Misc(results)$features
  coarse <- SeuratObject::Misc(FindGeneGroups(results, n.groups = 2))$features
  within <- table(fine$group, coarse$group)
  expect_equal(sum(within), sum(!is.na(fine$group)))
  # Posteriors are added up: a gene that two groups of one branch share may come over to it.
  expect_gt(sum(apply(within, 1, max)) / sum(within), 0.9)
  expect_equal(levels(coarse$group), c("1", "2", "no pattern"))
})

test_that("groups made anew find the planted programmes", {
  skip_if_no_engine()
  section <- FindGeneGroups(grouped_section(), n.groups = 4)
  features <- SeuratObject::Misc(section[["sigel"]])$features
  truth <- truth_of(section)[features$gene]
  table <- table(truth, features$group)
  expect_gt(sum(apply(table, 2, max)) / sum(table), 0.85)
})

test_that("arguments of FindGeneGroups that cannot be used are refused", {
  skip_if_no_engine()
  section <- grouped_section()
  find <- function(...) FindGeneGroups(section, ...)
  expect_refused(find(n.groups = 3, resolution = 1), "resolution", "one of the two", object = section)
  expect_refused(find(n.groups = 0), "n.groups", object = section)
  expect_refused(find(n.groups = "auto"), "n.groups", object = section)
  expect_refused(find(n.groups = 1e5), "n.groups", "the number of genes with a pattern", object = section)
  expect_refused(find(resolution = 0), "resolution", "above 0", object = section)
  expect_refused(find(resolution = c(1, 2)), "resolution", object = section)
  expect_refused(find(seed.use = 0.5), "seed.use", object = section)
  expect_refused(find(device = "abacus"), "device", object = section)
  expect_refused(find(reduction = "pca"), "reduction", "RunSIGEL()", object = section)
  expect_refused(find(ngroups = 3), "...", "Did you mean `n.groups`?", object = section)
  expect_refused(FindGeneGroups(section[["sigel"]], n.groups = 1e5), "n.groups")
  expect_refused(FindGeneGroups(SeuratObject::Loadings(section[["sigel"]]), config = 3), "config")
  expect_refused(FindGeneGroups(counts_of(section)), "object", "matrix of representations")
  expect_refused(FindGeneGroups(NULL), "object")
  error <- expect_error(find(n.groups = 1e5), class = "sigel_input_error")
  expect_equal(rlang::call_name(conditionCall(error)), "FindGeneGroups")
})

test_that("the run keeps the posterior of every group", {
  skip_if_no_engine()
  results <- grouped_section()[["sigel"]]
  posterior <- SeuratObject::Misc(results)$posterior
  expect_equal(rownames(posterior), rownames(SeuratObject::Loadings(results)))
  expect_equal(unname(rowSums(posterior)), rep(1, nrow(posterior)), tolerance = 1e-5)
  features <- SeuratObject::Misc(results)$features[rownames(posterior), ]
  expect_equal(colnames(posterior)[max.col(posterior)], as.character(features$group))
})
