# Answers and refusals that need an object of their own, which tests of single verbs have no use for.

test_that("a matrix of all donors is compared as the object that holds them", {
  skip_if_no_engine()
  object <- merged_donors(few_donors())
  plain <- plain_cohort(few_donors())
  places <- do.call(rbind, unname(plain$places))
  counts <- do.call(cbind, unname(plain$counts))
  rownames(places) <- colnames(counts) <- colnames(object)
  sections <- unique(object$donor)
  of_section <- object$condition[match(sections, object$donor)]
  by_matrix <- FindDiseaseGenes(
    counts,
    condition = unname(of_section),
    donor = sections,
    section = unname(object$donor),
    coordinates = places,
    device = "cpu",
    verbose = FALSE
  )
  by_object <- find_disease(object, "condition", donor = "donor", section = "donor", coordinates = places)
  expect_same_result(by_matrix, by_object)
  expect_refused(
    FindDiseaseGenes(counts, "x", coordinates = places),
    "section",
    "nothing",
    "list of them"
  )
})

test_that("sections of a list have names, all of them or none", {
  skip_if_no_engine()
  sections <- unname(few_donors())
  names(sections) <- c("a", rep("", 3))
  expect_refused(
    find_disease(sections, "condition"),
    "object",
    "a list with some names",
    "Name every section"
  )
  names(sections) <- NULL
  slides <- c(paste0("slide", 1:3), NA)
  sections <- Map(function(one, slide) SeuratObject::AddMetaData(one, slide, "slide"), sections, slides)
  expect_refused(
    find_disease(sections, "condition", section = "slide"),
    "section",
    "without a value in place 4",
    "Complete it"
  )
})

test_that("what a report is given must be of what the object has", {
  skip_if_no_engine()
  section <- small_section()
  stability <- data.frame(group = "1", n.genes = 3, stability = 1, lowest = 1)
  file <- withr::local_tempfile(fileext = ".html")
  tested <- FindSpatialGenes(section, score = FALSE, verbose = FALSE)
  expect_refused(
    SigelReport(tested, file = file, group.stability = stability),
    "group.stability",
    "no groups of genes",
    "RunSIGEL()"
  )
  expect_false(file.exists(file))
})

test_that("a reduction of another function has no results of ours", {
  skip_if_no_engine()
  section <- small_section()
  cells <- colnames(section)
  values <- matrix(0, length(cells), 2, dimnames = list(cells, c("PC_1", "PC_2")))
  section[["pca"]] <- SeuratObject::CreateDimReducObject(values, key = "PC_", assay = "Spatial")
  expect_refused(GeneGroups(section, reduction = "pca"), "reduction", "not made by RunSIGEL", "RunSIGEL()")
})

test_that("cells that no image of several shows are refused", {
  skip_if_no_engine()
  more <- SeuratObject::RenameCells(small_section(image = "none"), add.cell.id = "extra")
  more$donor <- "D7"
  both <- merge(merged_donors(few_donors()), more)
  expect_refused(
    RunSIGEL(both, section = "donor", verbose = FALSE),
    "image",
    "in no image",
    "Give `coordinates`"
  )
})

test_that("nothing is installed where nobody says yes", {
  expect_message(made <- expect_invisible(install_sigel(ask = TRUE)), "Nothing was installed")
  expect_null(made)
})

test_that("an argument without a name that no verb has is refused", {
  skip_if_no_engine()
  checked <- getFromNamespace("check_no_dots", "sigel")
  expect_refused(
    checked(1, known = "object", call = rlang::current_env()),
    "...",
    "without a name",
    "Name it"
  )
})

test_that("imputed genes of an earlier version say how they were made", {
  skip_if_no_engine()
  object <- imputed_panel()
  # Before 0.7.0 the log had no record.
  last <- length(object@commands)
  object@commands[[last]]@params$provenance <- NULL
  row <- SigelProvenance(object)
  row <- row[row$result == "ImputeGenes", ]
  expect_match(row$data.hash, "^[0-9a-f]{16}")
  expect_gt(row$wall.time, 0)
})
