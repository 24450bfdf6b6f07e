printed_short <- getFromNamespace("printed_short", "sigel")

printed <- function(...) utils::capture.output(print(...))

scores <- function(n) {
  gene <- sprintf("Gene%03d", seq_len(n))
  pval <- 10^-seq(0, 12, length.out = n)
  data.frame(gene = gene, score = seq_len(n) / 7, pval = pval, rank = seq_len(n), row.names = gene)
}

test_that("tables print three digits and ten rows, and hold everything whole", {
  plain <- scores(40)
  table <- printed_short(plain)
  lines <- printed(table)
  expect_length(lines, 12L)
  expect_identical(lines[12L], "# and 30 more rows: print(x, n = Inf)")
  expect_identical(strsplit(trimws(lines[4L]), " +")[[1L]], c("Gene003", "0.429", "0.242", "3"))
  expect_length(printed(table, n = 3), 5L)
  expect_identical(printed(table, n = 39)[41L], "# and 1 more row: print(x, n = Inf)")
  expect_match(printed(table, n = Inf)[41L], "Gene040 +5.71 1.00e-12 +40$")
  expect_length(printed(table, n = Inf), 41L)
  expect_length(printed(utils::head(table, 30)), 31L)
  expect_match(printed(table, row.names = TRUE)[2L], "^Gene001 Gene001")
  expect_match(printed(table, digits = 5)[4L], "0.42857")
  expect_identical(as.data.frame(unclass(table), row.names = rownames(table)), plain)
  expect_s3_class(table, "data.frame")
  expect_identical(table$score, plain$score)
  expect_refused(print(table, n = -1), "n", "n = 10")
  expect_refused(print(table, digits = 0), "digits", "digits = 3")
})

test_that("numbers keep their size, whole ones their digits, and what is missing is said", {
  table <- printed_short(data.frame(
    x = c(123456.7, 1e-300, 0, NA),
    counts = c(1234567, 0, 10, NA),
    y = c(-0.09996, Inf, 2e12, 1)
  ))
  cells <- lapply(strsplit(trimws(printed(table)[-1L]), " +"), `[`, -1L)
  expect_identical(cells[[1L]], c("123457", "1234567", "-0.100"))
  expect_identical(cells[[2L]], c("1.00e-300", "0", "Inf"))
  expect_identical(cells[[3L]], c("0", "10", "2.00e+12"))
  expect_identical(cells[[4L]], c("NA", "NA", "1.00"))
})

test_that("names of genes are printed once, beside each block where the table is too wide", {
  withr::local_options(width = 80)
  table <- printed_short(scores(4))
  expect_identical(lengths(regmatches(printed(table), gregexpr("Gene002", printed(table))))[3L], 1L)
  expect_match(printed(table)[1L], "^ +gene +score")
  other <- table
  rownames(other) <- letters[1:4]
  expect_match(printed(other)[2L], "^a Gene001")
  wide <- table
  wide[sprintf("a.column.of.some.width.%d", 1:6)] <- 0.5
  lines <- printed(wide)
  expect_lte(max(nchar(lines)), 80)
  expect_true(all(grepl("^(Gene00|  )", lines)))
  expect_false(any(grepl("Gene002 +Gene002", lines)))
  expect_match(printed(wide, row.names = FALSE), "Gene002", all = FALSE)
})

test_that("rows without a p-value are left out by subset()", {
  table <- printed_short(scores(40))
  table$pval[1:5] <- NA
  found <- subset(table, pval < 0.05)
  expect_false(anyNA(found$pval))
  expect_s3_class(found, "sigel_table")
  expect_length(printed(found), 12L)
  # A data frame as every other.
  expect_true(anyNA(table[table$pval < 0.05, ]$gene))
})

test_that("what a table knows beside its columns is known of a part of it", {
  table <- printed_short(scores(12))
  attr(table, "direction") <- "effects are case against control"
  parts <- list(
    table[3:1, ],
    table["score"],
    subset(table, pval < 0.05, c(gene, pval)),
    utils::head(table, 2)
  )
  for (part in parts) {
    expect_s3_class(part, "sigel_table")
    expect_output(print(part), "# effects are case against control")
  }
  expect_identical(rownames(parts[[1L]]), c("Gene003", "Gene002", "Gene001"))
  expect_identical(table[["score"]], table[, "score"])
  none <- subset(table, pval < 0, c(gene, pval))
  expect_identical(dim(none), c(0L, 2L))
  expect_match(printed(none)[1L], "gene +pval|0 rows")
  expect_output(print(none), "0 rows")
})

test_that("tables of functions print short", {
  skip_if_no_engine()
  section <- FindSpatialGenes(grouped_section(), verbose = FALSE)
  genes <- rownames(section)[1:3]
  tables <- list(
    SpatialGenes(section),
    FindSimilarGenes(section, genes, n = 40),
    FindPatternGenes(section, "region", levels = c(background = 0.9), verbose = FALSE),
    FindGeneInteractions(section, partners.of = genes[1L], n = 40, verbose = FALSE)
  )
  for (table in tables) {
    expect_s3_class(table, c("sigel_table", "data.frame"), exact = TRUE)
    expect_match(printed(table), "more rows: print(x, n = Inf)", fixed = TRUE, all = FALSE)
  }
  expect_s3_class(GeneGroups(section), "sigel_table")
})

test_that("a table with long lists of genes prints within the console, and holds them whole", {
  withr::local_options(width = 80)
  genes <- paste(sprintf("Gene%04d", 1:60), collapse = ",")
  table <- printed_short(data.frame(group = factor(1:3), term = "myelin", pval = 0.01, genes = genes))
  lines <- utils::capture.output(print(table))
  expect_length(lines, 4L)
  expect_lte(max(nchar(lines)), 80)
  expect_match(lines[2L], "Gene0001,.*[.]{3}$")
  expect_identical(table$genes[1L], genes)
  expect_length(utils::capture.output(print(utils::head(table, 2))), 3L)
  expect_length(utils::capture.output(print(table[table$group == "2", ])), 2L)
  expect_s3_class(table[1:2, ], "data.frame")
  expect_output(print(table[0, ]), "0 rows")
})

test_that("a table is a data frame to S4 methods, too", {
  section <- small_section()
  genes <- rownames(section)
  table <- printed_short(data.frame(score = seq_along(genes) / 7, row.names = genes))
  section[["Spatial"]] <- SeuratObject::AddMetaData(section[["Spatial"]], table)
  expect_equal(section[["Spatial"]][[]]$score, table$score)
  cells <- printed_short(data.frame(depth = seq_len(ncol(section)), row.names = colnames(section)))
  expect_equal(unname(SeuratObject::AddMetaData(section, cells)$depth), cells$depth)
})
