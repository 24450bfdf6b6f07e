columns <- c("gene", "group", "group.rank", "rank", "effect", "selected", "weight")
metadata_columns <- c(
  paste0("sigel.selection.", c("group", "group.rank", "rank", "effect")),
  "sigel.selected",
  "sigel.weight"
)
choose_quietly <- function(object, ...) SelectSpatialGenes(object, ..., device = "cpu", verbose = FALSE)

# Chosen once.
chosen_section <- function() {
  if (is.null(made$chosen)) {
    made$chosen <- choose_quietly(regions_section(), n.genes = 40)
  }
  made$chosen
}

test_that("the most spatial genes of each group are chosen, planted ones before others", {
  skip_if_no_engine()
  table <- SpatialGeneSelection(chosen_section())
  expect_named(table, columns)
  expect_equal(sum(table$selected), 40)
  planted <- truth_of(regions_section())[table$gene] != "background"
  expect_gt(mean(planted[table$selected]), mean(planted))
  # Within a group no gene is left out that comes before one that is taken.
  for (group in split(table, table$group)) {
    taken <- group$group.rank[group$selected]
    left <- group$group.rank[!group$selected]
    expect_true(!length(taken) || max(taken) < min(left, Inf, na.rm = TRUE))
  }
  expect_equal(table$weight > 0, table$selected)
  expect_equal(mean(table$weight[table$selected]), 1)
  expect_equal(as.integer(table$group.rank), table$group.rank)
  expect_false(is.unsorted(table$rank, na.rm = TRUE))
})

test_that("the object gets the columns and the log, and nothing else changes", {
  skip_if_no_engine()
  section <- regions_section()
  before <- rlang::hash(section)
  done <- choose_quietly(section)
  expect_identical(rlang::hash(section), before)
  expect_equal(done[[]], section[[]])
  expect_equal(counts_of(done), counts_of(section))
  metadata <- done[["Spatial"]][[]]
  expect_setequal(names(metadata), c(names(section[["Spatial"]][[]]), metadata_columns))
  # A quarter of each group is less than the hundred that are taken at least, or all that have a pattern.
  expect_equal(sum(metadata$sigel.selected), min(100, sum(!is.na(metadata$sigel.selection.group.rank))))
  expect_equal(names(done@commands), "SelectSpatialGenes.Spatial.sigel")
  expect_equal(done@commands[[1]]@params$share, 0.25)
})

test_that("a matrix, an assay and an object give the same table", {
  skip_if_no_engine()
  section <- regions_section()
  counts <- counts_of(section)
  places <- spot_table(section)
  whole <- SpatialGeneSelection(chosen_section())
  expect_same_result(choose_quietly(counts, places, n.genes = 40), whole)
  expect_same_result(choose_quietly(section[["Spatial"]], coordinates = places, n.genes = 40), whole)
  by_hand <- choose_quietly(section, coordinates = places, n.genes = 40)
  expect_equal(SpatialGeneSelection(by_hand), whole)
  expect_equal(SpatialGeneSelection(by_hand[["Spatial"]]), whole)
  expect_equal(by_hand@commands[[1]]@params$coordinates, "given")
})

test_that("groups, ranks and genes of earlier calls are taken up", {
  skip_if_no_engine()
  section <- regions_section()
  some <- grep("^Gene", rownames(section), value = TRUE)[1:60]
  run <- RunSIGEL(section, features = some, n.dims = 6, n.groups = 3, preset = "fast", verbose = FALSE)
  run <- FindSpatialGenes(run, score = FALSE, verbose = FALSE)
  done <- choose_quietly(run, n.genes = 20)
  table <- SpatialGeneSelection(done)
  known <- run[["Spatial"]][[]][table$gene, ]
  expect_equal(table$group, known$sigel.group, ignore_attr = TRUE)
  expect_equal(table$effect, known$sigel.spatial.effect)
  expect_setequal(table$gene[!is.na(table$rank)], some)
  expect_false(any(table$selected[!table$gene %in% some]))
  expect_equal(unique(table$weight[!table$gene %in% some]), 0)
  expect_equal(SpatialGeneSelection(choose_quietly(run, features = some, n.genes = 20)), table)
})

test_that("a second call leaves nothing of the first", {
  skip_if_no_engine()
  some <- grep("^Gene", rownames(regions_section()), value = TRUE)[1:50]
  again <- choose_quietly(chosen_section(), features = some, share = 1)
  table <- SpatialGeneSelection(again)
  expect_true(all(table$gene[table$selected] %in% some))
  expect_true(all(is.na(table[setdiff(table$gene, some), c("group", "rank", "effect")])))
  expect_equal(sum(names(again[["Spatial"]][[]]) %in% metadata_columns), length(metadata_columns))
})

test_that("a new name puts a second choice beside the first", {
  skip_if_no_engine()
  first <- chosen_section()
  expect_silent(both <- choose_quietly(first, n.genes = 10, reduction = "few"))
  expect_equal(SpatialGeneSelection(both), SpatialGeneSelection(first))
  expect_equal(sum(SpatialGeneSelection(both, reduction = "few")$selected), 10)
})

test_that("what was chosen can be handed on, to the domains too", {
  skip_if_no_engine()
  done <- choose_quietly(regions_section())
  table <- SpatialGeneSelection(done)
  chosen <- table$gene[table$selected]
  found <- find_quietly(done, features = chosen)
  expect_setequal(domain_about(found)$genes, chosen)
  expect_gt(rand_index(found$sigel_domain, found$region), 0.4)
  SeuratObject::VariableFeatures(done) <- table$gene[table$selected]
  expect_setequal(SeuratObject::VariableFeatures(done), table$gene[table$selected])
})

test_that("weights may make groups equal", {
  skip_if_no_engine()
  alike <- SpatialGeneSelection(chosen_section())
  expect_equal(unique(alike$weight[alike$selected]), 1)
  equal <- SpatialGeneSelection(choose_quietly(regions_section(), n.genes = 40, balance = 1))
  expect_equal(equal$selected, alike$selected)
  expect_equal(mean(equal$weight[equal$selected]), 1)
  # One weight for all genes of a group.
  chosen <- equal[equal$selected, ]
  expect_true(all(tapply(chosen$weight, droplevels(chosen$group), function(x) diff(range(x))) < 1e-9))
  expect_gt(diff(range(chosen$weight)), 0)
})

if (nightly()) {
  test_that("several sections choose together", {
    skip_if_no_engine()
    both <- two_sections()
    places <- getFromNamespace("places_of_sections", "sigel")(both)
    done <- choose_quietly(both, section = "slide", n.genes = 30)
    table <- choose_quietly(joined_counts(both), places, section = both$slide, n.genes = 30)
    expect_same_result(SpatialGeneSelection(done), table)
  })

  test_that("R's random numbers are left alone, and verbose = FALSE is silent", {
    skip_if_no_engine()
    set.seed(3)
    before <- .Random.seed
    expect_silent(again <- choose_quietly(regions_section(), n.genes = 40))
    expect_identical(.Random.seed, before)
    expect_equal(SpatialGeneSelection(again), SpatialGeneSelection(chosen_section()))
    suppressMessages(expect_message(SelectSpatialGenes(regions_section()), "Test of every gene"))
  })
}

test_that("assays of Seurat 5 work, with split layers too", {
  skip_unless_seurat5()
  skip_if_no_engine()
  halves <- regions_section()
  halves[["Spatial"]] <- split(halves[["Spatial"]], f = rep(c("one", "two"), length.out = ncol(halves)))
  expect_equal(
    SpatialGeneSelection(choose_quietly(halves, n.genes = 40)),
    SpatialGeneSelection(chosen_section())
  )
})
