planted_sets <- function(section) split(names(truth_of(section)), truth_of(section))

test_that("the table of groups has a row for each and speaks of its genes", {
  skip_if_no_engine()
  section <- grouped_section()
  table <- GeneGroups(section)
  expect_named(table, c("group", "n.genes", "medoid", "mean.prob", "cohesion", "typical"))
  features <- SeuratObject::Misc(section[["sigel"]])$features
  expect_equal(table$group, factor(levels(features$group)))
  expect_equal(table$n.genes, as.integer(table(features$group)))
  expect_equal(as.character(features[table$medoid, "group"]), as.character(table$group))
  expect_equal(table$mean.prob, unname(c(tapply(features$prob, features$group, mean))), tolerance = 1e-6)
  first <- vapply(strsplit(table$typical, ",", fixed = TRUE), `[`, "", 1)
  expect_equal(first, table$medoid)
  typical_genes <- getFromNamespace("typical_genes", "sigel")
  expect_equal(
    strsplit(table$typical[1], ",", fixed = TRUE)[[1]],
    typical_genes(section[["sigel"]], "1", 5)$gene
  )
  expect_same_result(GeneGroups(section[["sigel"]]), table)
  part <- subset(section, features = rownames(section)[1:40])
  expect_equal(sum(GeneGroups(part)$n.genes), nrow(SeuratObject::Loadings(part[["sigel"]])))
})

test_that("groups are rich in the programmes that were planted", {
  skip_if_no_engine()
  section <- grouped_section()
  found <- GeneGroupEnrichment(section, planted_sets(section))
  columns <- c("group", "term", "overlap", "term.size", "group.size", "expected")
  expect_named(found, c(columns, "odds.ratio", "pval", "qval", "genes"))
  expect_false(is.unsorted(found$pval))
  expect_true(all(found$qval >= found$pval))
  best <- found[!duplicated(found$term), ]
  expect_setequal(best$term, unique(truth_of(section)))
  expect_true(all(best$qval < 1e-6))
  expect_equal(lengths(strsplit(found$genes, ",", fixed = TRUE)), found$overlap)
})

test_that("the p-values are those of Fisher's exact test", {
  skip_if_no_engine()
  section <- grouped_section()
  features <- SeuratObject::Misc(section[["sigel"]])$features
  features <- features[features$status == "embedded", ]
  found <- GeneGroupEnrichment(section, planted_sets(section))
  for (row in c(1, nrow(found))) {
    inside <- features$group == found$group[row]
    member <- truth_of(section)[features$gene] == found$term[row]
    expected <- stats::fisher.test(inside, member, alternative = "greater")$p.value
    expect_equal(found$pval[row], expected, tolerance = 1e-6)
  }
})

test_that("gene sets may come from a file, plain or packed", {
  skip_if_no_engine()
  section <- grouped_section()
  sets <- planted_sets(section)
  lines <- vapply(names(sets), function(name) paste(c(name, "", sets[[name]]), collapse = "\t"), "")
  plain <- withr::local_tempfile(fileext = ".gmt", lines = lines)
  packed <- withr::local_tempfile(fileext = ".gmt.gz")
  connection <- gzfile(packed, "w")
  writeLines(lines, connection)
  close(connection)
  expected <- GeneGroupEnrichment(section, sets)
  expect_same_result(GeneGroupEnrichment(section, plain), expected)
  expect_same_result(GeneGroupEnrichment(section[["sigel"]], packed), expected)
})

test_that("gene sets that cannot be used are refused", {
  skip_if_no_engine()
  section <- grouped_section()
  sets <- planted_sets(section)
  enrich <- function(...) GeneGroupEnrichment(section, ...)
  expect_refused(enrich(), "gene.sets", "found nothing")
  expect_refused(enrich("nowhere.gmt"), "gene.sets", "no file")
  file <- withr::local_tempfile(fileext = ".gmt", lines = "no tabs here")
  expect_refused(enrich(file), "gene.sets", "tabs")
  expect_refused(enrich(list()), "gene.sets")
  expect_refused(enrich(unname(sets)), "gene.sets", "without names")
  expect_refused(enrich(c(sets, sets[1])), "gene.sets", "several sets")
  expect_refused(enrich(list(a = 1:3)), "gene.sets", "\"a\"")
  expect_refused(enrich(data.frame(gene = "a", set = "b")), "gene.sets", "split(")
  upper <- lapply(sets, toupper)
  expect_refused(enrich(upper), "gene.sets", "GENE", "Gene")
  expect_refused(enrich(list(a = c("Mbp", "Plp1"))), "gene.sets")
  expect_refused(enrich(sets, min.size = 0), "min.size")
  expect_refused(enrich(sets, min.size = 9, max.size = 8), "max.size", "below `min.size`")
  expect_refused(enrich(sets, min.size = 400), "gene.sets", "min.size = 1", "`max.size`")
  expect_refused(enrich(sets, reduction = "pca"), "reduction", "RunSIGEL()")
  expect_refused(GeneGroups(3), "object", "or a DimReduc")
})

test_that("strong programmes come back at other seeds", {
  skip_if_no_engine()
  section <- grouped_section()
  before <- rlang::hash(section)
  found <- FindGeneGroupStability(section, n.seeds = 2, verbose = FALSE)
  expect_identical(rlang::hash(section), before)
  expect_named(found, c("group", "n.genes", "stability", "lowest"))
  own <- GeneGroups(section)
  expect_equal(found$group, own$group)
  expect_equal(found$n.genes, own$n.genes)
  expect_true(all(found$lowest >= 0 & found$stability <= 1 & found$lowest <= found$stability))
  expect_gt(attr(found, "ari"), 0.7)
  expect_equal(mean(attr(found, "ari.by.seed")), attr(found, "ari"))
  # The seed of the run itself, 0, would show nothing.
  expect_equal(attr(found, "seeds"), 1:2)
  expect_gt(max(found$stability), 0.8)
})

if (nightly()) {
  test_that("groups made anew are compared with groups made anew", {
    skip_if_no_engine()
    section <- FindGeneGroups(grouped_section(), n.groups = 3)
    found <- FindGeneGroupStability(section, n.seeds = 1, verbose = FALSE)
    expect_equal(as.character(found$group), c("1", "2", "3", "no pattern"))
    expect_same_result(FindGeneGroupStability(section, n.seeds = 1, verbose = FALSE), found)
  })
}

test_that("stability tells its progress, takes coordinates, and refuses what it cannot use", {
  skip_if_no_engine()
  section <- grouped_section()
  steady <- function(...) FindGeneGroupStability(section, n.seeds = 1, ...)
  quiet <- steady(verbose = FALSE)
  expect_message(steady(), "Stability of groups")
  expect_same_result(steady(coordinates = spot_table(section), verbose = FALSE), quiet)
  expect_refused(FindGeneGroupStability(section, n.seeds = 0), "n.seeds", "n.seeds = 5", object = section)
  expect_refused(steady(device = "abacus"), "device", object = section)
  expect_refused(steady(layer = "tpm"), "layer", object = section)
  expect_refused(steady(image = "nope"), "image", object = section)
  expect_refused(steady(seed.use = -1), "seed.use", object = section)
  expect_refused(steady(verbose = NA), "verbose", object = section)
  expect_refused(FindGeneGroupStability(section[["sigel"]]), "object", "DimReduc", "Seurat object")
})
