COLUMNS <- c(
  c("gene.a", "gene.b", "similarity", "null.mean", "null.sd", "pval", "qval", "n.sections"),
  "status"
)
AS_A_SET <- c("n.tested", "set.auroc", "set.low", "set.high")
OF_KNOWN <- c("auroc", "average.precision", "auroc.level", "n.known", "n.positive")

genes_of <- function(programme) {
  truth <- truth_of(small_cohort()[[1]])
  names(truth)[truth == programme]
}

test_that("partners share the programme, the most alike first", {
  skip_if_no_engine()
  sections <- small_cohort()
  truth <- truth_of(sections[[1]])
  asked <- vapply(setdiff(unique(as.character(truth)), "background"), function(one) genes_of(one)[3], "")
  before <- rlang::hash(sections)
  table <- find_pairs(sections, partners.of = asked, n = 5)
  expect_identical(rlang::hash(sections), before)
  expect_named(table, COLUMNS)
  expect_equal(table$gene.a, rep(unname(asked), each = 5))
  expect_gte(mean(truth[table$gene.a] == truth[table$gene.b]), 0.8)
  expect_true(all(tapply(-table$similarity, table$gene.a, is.unsorted) == FALSE))
  expect_type(table$n.sections, "integer")
  expect_true(all(table$n.sections == 6L))
  expect_true(all(table$pval > 0 & table$pval <= table$qval))
  # Of all pairs, not of those that are shown.
  expect_gt(attr(table, "n.tested"), 200)
})

test_that("pairs come as a data frame with names of its own, as factors, or as a matrix", {
  skip_if_no_engine()
  section <- small_cohort()[[1]]
  genes <- genes_of("blob")[1:10]
  pairs <- data.frame(source = 1, gene.a = genes[-1], gene.b = genes[-10])
  table <- find_pairs(section, pairs)
  expect_named(table, COLUMNS)
  expect_equal(nrow(table), 9L)
  expect_false(is.unsorted(table$pval))
  expect_equal(table$qval, stats::p.adjust(table$pval, "BH"))
  expect_equal(table$status, rep("tested", 9))
  expect_true(all(AS_A_SET %in% names(attributes(table))))
  expect_equal(attr(table, "n.tested"), 9)
  expect_gt(attr(table, "set.auroc"), 0.6)
  expect_true(attr(table, "set.low") < attr(table, "set.high"))
  same <- list(
    stats::setNames(pairs, c("source", "gene_a", "gene_b")),
    data.frame(ligand = pairs$gene.a, receptor = factor(pairs$gene.b), source = 1),
    as.matrix(pairs[2:3])
  )
  for (one in same) {
    expect_same_result(find_pairs(section, one), table)
  }
  by_features <- find_pairs(section, features = genes[1:4])
  expect_equal(nrow(by_features), 6L)
})

test_that("a pair that cannot be told is in the table, with the reason", {
  skip_if_no_engine()
  genes <- genes_of("blob")
  pairs <- cbind(c(genes[1], "Nothing", genes[2]), c(genes[2], genes[1], genes[2]))
  table <- find_pairs(small_cohort()[1], pairs)
  expect_equal(nrow(table), 3L)
  expect_equal(table$status, c("tested", "Nothing is not in the sections", "one gene"))
  expect_equal(is.na(table$pval), c(FALSE, TRUE, TRUE))
  expect_false(any(is.nan(table$similarity)))
})

test_that("known pairs teach a score", {
  skip_if_no_engine()
  sections <- small_cohort()[1:2]
  known <- pairs_of_programmes(truth_of(sections[[1]]))
  table <- find_pairs(sections, known = known)
  expect_named(table, append(COLUMNS, "prob", after = 8))
  expect_equal(nrow(table), nrow(known))
  expect_true(all(table$prob > 0 & table$prob < 1))
  expect_true(all(c(AS_A_SET, OF_KNOWN) %in% names(attributes(table))))
  expect_gt(attr(table, "auroc"), 0.7)
  expect_equal(attr(table, "n.positive"), nrow(known))
  # Labels as numbers, as TRUE and FALSE, and as text are the same.
  background <- genes_of("background")
  others <- cbind(known[seq_along(background) * 7, 1], background)
  others <- rbind(others, cbind(known[seq_along(background) * 9 + 1, 2], background))
  labelled <- as.data.frame(unname(rbind(known, others)))
  labelled$label <- rep(c(1, 0), c(nrow(known), nrow(others)))
  asked <- data.frame(known[1, 1], known[c(1, nrow(known)), 2])
  by_number <- find_pairs(sections[[1]], asked, known = labelled)
  expect_equal(attr(by_number, "n.positive"), nrow(known))
  # Some genes without a pattern are seen too rarely.
  expect_true(attr(by_number, "n.known") > nrow(known) && attr(by_number, "n.known") <= nrow(labelled))
  labelled$label <- labelled$label == 1
  expect_same_result(find_pairs(sections[[1]], asked, known = labelled), by_number)
  labelled$label <- factor(as.integer(labelled$label))
  expect_same_result(find_pairs(sections[[1]], asked, known = labelled), by_number)
})

if (nightly()) {
  test_that("images, a column, a list and matrices are the same question", {
    skip_if_no_engine()
    sections <- small_cohort()[1:2]
    genes <- genes_of("blob")[1:10]
    pairs <- data.frame(genes[-1], genes[-10])
    table <- find_pairs(sections, pairs)
    merged <- merge(sections[[1]], sections[[2]], add.cell.ids = names(sections))
    expect_same_result(find_pairs(merged, pairs), table, tolerance = 1e-6)
    expect_same_result(find_pairs(merged, pairs, section = "donor"), table, tolerance = 1e-6)
    plain <- lapply(plain_cohort(), `[`, 1:2)
    expect_same_result(find_pairs(plain$counts, pairs, coordinates = plain$places), table, tolerance = 1e-6)
    # One section, without a word of it.
    one <- find_pairs(sections[[1]], pairs)
    expect_true(all(one$n.sections == 1L))
    counts <- plain$counts[[1]]
    places <- plain$places[[1]]
    expect_same_result(find_pairs(counts, pairs, coordinates = places), one, tolerance = 1e-6)
    expect_same_result(find_pairs(sections[[1]], pairs, coordinates = places), one, tolerance = 1e-6)
    expect_same_result(
      find_pairs(sections[[1]][["Spatial"]], pairs, coordinates = places),
      one,
      tolerance = 1e-6
    )
    expect_same_result(find_pairs(sections[[1]], pairs, image = "section"), one, tolerance = 1e-6)
  })
}

test_that("what cannot be used is refused in R's words", {
  skip_if_no_engine()
  section <- small_cohort()[[1]]
  genes <- rownames(section)
  pairs <- data.frame(gene.a = genes[1], gene.b = genes[2])
  refused <- function(argument, ..., said = NULL) {
    expect_refused(find_pairs(section, ...), argument, said, object = section)
  }
  refused("pairs", said = c("nothing", "partners.of = \"Mbp\""))
  refused("features", pairs, features = genes[1:3], said = c("`pairs` as well", "features = NULL"))
  refused("partners.of", features = genes[1:3], partners.of = genes[1], said = "`features` as well")
  refused("pairs", genes[1:2], said = c("character of length 2", "data.frame(gene.a"))
  refused("pairs", pairs["gene.a"], said = "1 row of")
  refused("pairs", pairs[0, ], said = "0 rows of 2 columns")
  refused(
    "pairs",
    data.frame(1, genes[1]),
    said = c("not all is text", "pairs = table[c(\"first\", \"second\")]")
  )
  gap <- data.frame(a = genes[1:2], b = c(genes[3], NA))
  refused("pairs", gap, said = c("missing names in the column 'b'", "na.omit(pairs)"))
  refused("features", features = genes[1], said = c("1 name;", "Name more genes"))
  refused("features", features = 1:3, said = "See `rownames(object)`")
  refused("features", features = c(genes[1], "Gen0001"), said = "Gene0001")
  refused("partners.of", partners.of = "Gen0001", said = c("Gen0001", "Check the spelling"))
  refused("partners.of", partners.of = 1)
  refused("n", partners.of = genes[1], n = 0, said = "`n = 20`")
  refused("known", pairs, known = pairs, said = c("50 or more of each", "leave known out"))
  refused("known", pairs, known = list(1), said = "list of length 1")
  refused("known", pairs, known = cbind(pairs, label = 2), said = "label")
  refused("known", pairs, known = cbind(pairs, label = "yes"), said = "label")
  refused("config", pairs, config = list(train = list()), said = "image")
  refused("device", pairs, device = 1)
  refused("seed.use", pairs, seed.use = -1)
  refused("section", pairs, section = "slide", said = "slide")
  refused("image", pairs, image = "slice1", said = "slice1")
  refused("assay", pairs, assay = "RNA", said = "\"Spatial\"")
  expect_error(find_pairs(section, pairs, partner.of = genes[1]), "Did you mean `partners.of`", fixed = TRUE)
  counts <- plain_cohort()$counts
  expect_refused(find_pairs(counts[[1]], pairs), "coordinates", "nothing")
  expect_refused(find_pairs(counts, pairs), "coordinates", "in the section \"D1\" nothing")
  expect_refused(find_pairs(list(), pairs), "object", "an empty list")
  # Two sections on top of each other, as array positions say.
  visium <- small_section()
  twice <- rep(seq_len(ncol(visium)), 2)
  table <- spot_table(visium)[twice, ]
  rownames(table) <- make.unique(colnames(visium)[twice])
  counts <- counts_of(visium)[, twice]
  colnames(counts) <- rownames(table)
  on.top <- "several sections on top of each other"
  expect_refused(find_pairs(counts, pairs, coordinates = table), "coordinates", on.top)
  bare <- section
  bare[["section"]] <- NULL
  expect_refused(find_pairs(bare, pairs), "image", "no image", "coordinates", object = bare)
})
