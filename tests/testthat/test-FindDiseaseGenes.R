CONDITION <- factor(rep(c("control", "case"), each = 3), levels = c("control", "case"))

test_that("planted genes come first, and the table says what it rests on", {
  skip_if_no_engine()
  sections <- small_cohort()
  before <- rlang::hash(sections)
  table <- disease_table()
  expect_identical(rlang::hash(sections), before)
  expect_named(
    table,
    c(
      c("gene", "effect", "stat", "pval", "qval", "level.effect", "level.pval", "level.qval"),
      c("n.sections", "n.donors", "gained", "lost", "status")
    )
  )
  expect_equal(rownames(table), table$gene)
  expect_setequal(table$gene, rownames(sections[[1]]))
  truth <- sections[[1]][["Spatial"]][[]]
  change <- truth[table$gene, "change"]
  expect_gte(sum(change[1:8] == "pattern"), 7)
  expect_lte(sum(change[which(table$qval < 0.05)] != "pattern"), 2)
  tested <- table$status == "tested"
  expect_equal(is.na(table$pval), !tested)
  expect_equal(table$qval[tested], stats::p.adjust(table$pval[tested], "BH"))
  expect_true(all(table$n.donors[tested] == 6L))
  expect_type(table$n.sections, "integer")
  # Neighbours gained share the programme that a gene has in the last condition.
  now <- sections[[6]][["Spatial"]][[]]
  share <- vapply(table$gene[1:8], "", FUN = function(gene) {
    gained <- strsplit(table[gene, "gained"], ", ", fixed = TRUE)[[1]]
    names(which.max(table(now[gained, "programme"])))
  })
  expect_gte(mean(share == now[table$gene[1:8], "programme"]), 0.7)
})

test_that("attributes say how far to trust the test", {
  skip_if_no_engine()
  table <- disease_table()
  expect_equal(attr(table, "n.labellings"), 20)
  expect_equal(attr(table, "least.pval"), 0.1)
  expect_equal(attr(table, "levels"), c("control", "case"))
  expect_gte(attr(table, "inflation"), 1)
  calibration <- attr(table, "calibration")
  expect_named(calibration, c("labelling", "ks", "share.below.05", "n.called"))
  expect_equal(nrow(calibration), 10L)
  expect_equal(calibration$labelling[1], "as given")
  expect_lt(stats::median(calibration$ks[-1]), 0.2)
})

test_that("images, a column and matrices are the same question", {
  skip_if_no_engine()
  table <- find_disease(few_donors(), "condition", donor = "donor")
  merged <- merged_donors(few_donors())
  by_image <- find_disease(merged, "condition", donor = "donor")
  first <- table$gene[1:8]
  same <- c("gene", "effect", "stat", "pval", "gained", "lost")
  expect_same_result(by_image[first, same], table[first, same], tolerance = 1e-6)
  plain <- plain_cohort(few_donors())
  donor <- stats::setNames(names(plain$counts), names(plain$counts))
  by_matrix <- find_disease(
    plain$counts,
    CONDITION[c(1:2, 4:5)],
    donor = rev(donor),
    coordinates = rev(plain$places)
  )
  expect_same_result(by_matrix, table, tolerance = 1e-6)
})

test_that("sections are told apart as they are named", {
  skip_if_no_engine()
  of_list <- getFromNamespace("cohort_of_list", "sigel")
  values <- getFromNamespace("values_of_sections", "sigel")
  sections <- small_cohort()
  read <- function(objects, section = NULL) of_list(objects, section, NULL, NULL, NULL, NULL, environment())
  expect_equal(read(sections)$names, names(sections))
  expect_equal(read(unname(sections))$names, as.character(1:6))
  cohort <- read(unname(sections), "donor")
  expect_equal(cohort$names, names(sections))
  expect_equal(values("condition", cohort, "condition", environment()), CONDITION)
  named <- stats::setNames(1:6, rev(names(sections)))
  expect_equal(values(named, cohort, "condition", environment()), 6:1)
  # Factors that do not know one another's values have no order.
  factors <- lapply(unname(sections), function(object) {
    object$condition <- droplevels(object$condition)
    object
  })
  expect_equal(values("condition", read(factors), "condition", environment()), as.character(CONDITION))
})

test_that("values cross as the engine takes them", {
  cross <- getFromNamespace("as_section_values", "sigel")
  expect_equal(cross(c(1, NA))$values, array(c(1, NaN), 2L))
  expect_equal(cross(c("a", NA)), list(values = list("a", ""), levels = NULL))
  expect_equal(cross(c(TRUE, FALSE)), list(values = list("TRUE", "FALSE"), levels = list("FALSE", "TRUE")))
  expect_equal(cross(factor("b", levels = c("b", "a")))$levels, list("b", "a"))
})

test_that("what cannot be used is refused in R's words", {
  skip_if_no_engine()
  sections <- small_cohort()
  refused <- function(argument, ..., said = NULL) {
    expect_refused(find_disease(sections, ...), argument, said, object = sections)
  }
  refused("condition", said = "nothing")
  refused("condition", "conditon", said = "condition")
  refused("condition", c("a", "b"), said = c("2 values", "\"D1\""))
  refused("condition", c(D1 = "a", D2 = "b"), said = "nothing for the section \"D3\"")
  refused("condition", rep("a", 6), said = "one condition, 'a'")
  refused("condition", replace(CONDITION, 1, NA), said = "no value for the section 'D1'")
  refused("condition", "region", said = "values of \"region\" in the section \"D1\"")
  refused("donor", "condition", donor = c("a", "b", "a", "b", "a", "b"), said = "paired = TRUE")
  refused("paired", "condition", paired = TRUE, said = "donors that are in one condition each")
  refused("paired", "condition", paired = NA)
  refused("covariates", "condition", covariates = c("region", "batch"), said = "values of")
  refused("covariates", "condition", covariates = 1:6, said = "names of columns")
  by_condition <- data.frame(batch = CONDITION)
  refused("covariates", "condition", covariates = by_condition, said = "from which the condition follows")
  refused("config", "condition", config = list(train = list()), said = "image")
  refused("device", "condition", device = 1)
  refused("assay", "condition", assay = "RNA", said = "in the section \"D1\"")
  refused("coordinates", "condition", coordinates = list(1, 2), said = "2 for 6 sections")
  expect_refused(find_disease(sections[1], "condition"), "object", "1 section; wanted two or more")
  expect_refused(find_disease(list(), "condition"), "object", "an empty list")
  expect_refused(find_disease(list(1, 2), "condition"), "object", "in place 1 of the list")
  expect_refused(find_disease(stats::setNames(sections, rep("a", 6)), CONDITION), "object", "two sections")
  expect_error(find_disease(sections, "condition", donors = "donor"), "Did you mean `donor`", fixed = TRUE)
  one <- sections[[1]]
  expect_refused(find_disease(one, "condition"), "section", "one image", object = one)
  expect_refused(find_disease(one, "condition", section = "slide"), "section", object = one)
  counts <- plain_cohort()$counts
  expect_refused(find_disease(counts, CONDITION), "coordinates", "in the section \"D1\" nothing")
  places <- plain_cohort()$places
  expect_refused(find_disease(counts[[1]], CONDITION, coordinates = places[[1]]), "section", "nothing")
  expect_refused(find_disease(counts, "condition", coordinates = places), "condition", "no meta data")
})

test_that("one donor for each condition gives effects and says why there are no p-values", {
  skip_if_no_engine()
  sections <- few_donors()[c(1, 3)]
  expect_warning(table <- find_disease(sections, "condition"), "no degree of freedom", fixed = TRUE)
  expect_true(all(is.na(table$pval)))
  expect_true(any(table$effect > 0, na.rm = TRUE))
  expect_equal(nrow(attr(table, "calibration")), 0L)
})

test_that("SimulateCohort makes donors with their truth", {
  skip_if_no_engine()
  sections <- small_cohort()
  expect_named(sections, paste0("D", 1:6))
  first <- lapply(sections, function(one) one$condition[[1]])
  expect_equal(do.call(c, unname(first)), CONDITION)
  truth <- sections[[6]][["Spatial"]][[]]
  expect_equal(as.integer(table(truth$change)[c("level", "pattern")]), c(8L, 8L))
  expect_match(SeuratObject::Misc(sections[[1]], "simulated"), "SimulateCohort", fixed = TRUE)
  expect_refused(SimulateCohort(seed = -1), "seed")
  expect_refused(SimulateCohort(n.donors = 3), "n.donors", "`n.donors = c(4, 4)`")
  expect_refused(SimulateCohort(n.changed = 1e6), "n.changed")
})

test_that("the control is named, or told", {
  skip_if_no_engine()
  sections <- few_donors()
  labels <- c("control", "control", "case", "case")
  named <- FindDiseaseGenes(sections, labels, control = "control", verbose = FALSE)
  expect_identical(attr(named, "levels"), c("control", "case"))
  expect_identical(attr(named, "direction"), "effects are case against control")
  said <- testthat::capture_messages(first <- FindDiseaseGenes(sections, labels))
  told <- "The control is \"case\", the first of the alphabet: effects are control against case."
  expect_match(paste(said, collapse = ""), told, fixed = TRUE)
  expect_identical(attr(first, "levels"), c("case", "control"))
  said <- testthat::capture_messages(FindDiseaseGenes(sections, factor(labels)))
  expect_no_match(paste(said, collapse = ""), "alphabet")
  expect_refused(FindDiseaseGenes(sections, labels, control = "Case"), "control", "\"case\"")
  expect_refused(FindDiseaseGenes(sections, labels, control = 1), "control")
  expect_refused(FindDiseaseGenes(sections, labels, control = c("case", "control")), "control")
  skip_without("ggplot2")
  expect_refused(DiseaseGenePlot(sections, "Gene0001", labels, control = "ill"), "control", "unknown here")
})
