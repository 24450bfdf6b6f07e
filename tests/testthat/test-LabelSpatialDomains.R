label_quietly <- function(object, reference, ..., config = few, device = "cpu") {
  LabelSpatialDomains(object, reference, ..., config = config, device = device, verbose = FALSE)
}

# Every other spot of one section, as the labelled one and the new one.
odd_and_even <- function() {
  if (is.null(made$odd_and_even)) {
    section <- regions_section()
    part <- function(first) subset(section, cells = colnames(section)[seq(first, ncol(section), 2)])
    made$odd_and_even <- list(old = part(1), new = part(2))
  }
  made$odd_and_even
}

labelled_section <- function() {
  if (is.null(made$labelled)) {
    made$labelled <- label_quietly(odd_and_even()$new, odd_and_even()$old, reference.column = "region")
  }
  made$labelled
}

# A section as a list of counts, coordinates and labels.
as_pieces <- function(object, domain = object$region) {
  list(counts = counts_of(object), coordinates = spot_table(object), domain = domain)
}

test_that("labels of an annotator are given to the new section", {
  skip_if_no_engine()
  done <- labelled_section()
  old <- odd_and_even()$old
  expect_gt(rand_index(done$sigel_domain, done$region), 0.6)
  expect_setequal(levels(done$sigel_domain), unique(as.character(old$region)))
  expect_true(all(done$sigel_domain_prob > 0 & done$sigel_domain_prob <= 1))
  about <- domain_about(done)
  expect_equal(about$method, "reference")
  expect_equal(about$column, "region")
  expect_equal(about$n.labelled, ncol(old))
  expect_equal(about$n.domains, length(unique(done$sigel_domain)))
  expect_setequal(about$genes, rownames(done))
  expect_equal(about$cluster.name, "sigel_domain")
  expect_match(about$params, "\"windows\": \\[1, 7\\]")
})

test_that("the object gets what domains leave, and nothing else changes", {
  skip_if_no_engine()
  new <- odd_and_even()$new
  done <- labelled_section()
  expect_equal(done[[]][names(new[[]])], new[[]])
  expect_setequal(setdiff(names(done[[]]), names(new[[]])), c("sigel_domain", "sigel_domain_prob"))
  expect_equal(counts_of(done), counts_of(new))
  expect_equal(SeuratObject::Reductions(done), "sigeldomain")
  expect_equal(names(done@commands), "LabelSpatialDomains.Spatial.sigel")
  expect_equal(done@commands[[1]]@params$reference, "given")
})

test_that("domains of FindSpatialDomains() are labels, under any name, in their order", {
  skip_if_no_engine()
  parts <- odd_and_even()
  old <- find_quietly(parts$old, cluster.name = "layers")
  hash <- rlang::hash(old)
  done <- label_quietly(parts$new, old, reference.column = "layers")
  expect_equal(levels(done$sigel_domain), as.character(1:4))
  expect_equal(rlang::hash(old), hash)
  expect_refused(label_quietly(parts$new, old), "reference", "reference.column = \"layers\"")
  named <- label_quietly(parts$new, old, reference.column = "layers", cluster.name = "theirs")
  expect_equal(named$theirs, done$sigel_domain)
  expect_equal(domain_about(named, "theirsdomain")$cluster.name, "theirs")
  # They label the next one.
  again <- label_quietly(parts$old, named, reference.column = "theirs")
  expect_gt(rand_index(again$sigel_domain, old$layers), 0.5)
})

test_that("a matrix, an assay and lists give the same labels", {
  skip_if_no_engine()
  parts <- odd_and_even()
  whole <- labelled_section()
  found <- label_quietly(counts_of(parts$new), as_pieces(parts$old), coordinates = spot_table(parts$new))
  expect_s3_class(found, "sigel_domains")
  expect_equal(as.character(found$domain), as.character(whole$sigel_domain))
  expect_equal(unname(found$prob), unname(whole$sigel_domain_prob))
  expect_null(found$about$column)
  expect_output(print(found), "domains of .*reference")
  from_assay <- label_quietly(
    parts$new[["Spatial"]],
    parts$old,
    coordinates = spot_table(parts$new),
    reference.column = "region"
  )
  expect_equal(from_assay$domain, found$domain)
})

test_that("labels have an order: of levels, or of numbers", {
  skip_if_no_engine()
  parts <- odd_and_even()
  names <- sort(unique(as.character(parts$old$region)))
  backwards <- factor(as.character(parts$old$region), levels = rev(names))
  found <- label_quietly(
    counts_of(parts$new),
    as_pieces(parts$old, backwards),
    coordinates = spot_table(parts$new)
  )
  expect_equal(levels(found$domain), rev(names))
  numbers <- c(10, 9, 2, 1)[match(as.character(parts$old$region), names)]
  numbers[1:5] <- NA
  found <- label_quietly(
    counts_of(parts$new),
    as_pieces(parts$old, numbers),
    coordinates = spot_table(parts$new)
  )
  expect_equal(levels(found$domain), c("1", "2", "9", "10")[seq_along(names)])
  expect_equal(found$about$n.labelled, ncol(parts$old) - 5L)
})

if (nightly()) {
  test_that("several sections stand on either side", {
    skip_if_no_engine()
    both <- two_sections()
    new <- regions_section(lattice = "cells", image = "fov")
    done <- label_quietly(new, both, reference.column = "region", reference.section = "slide")
    expect_gt(rand_index(done$sigel_domain, done$region), 0.6)
    found <- find_quietly(both, section = "slide")
    # The column is known from the domains.
    expect_equal(
      label_quietly(new, found)$sigel_domain,
      label_quietly(new, found, reference.section = "slide")$sigel_domain
    )
    back <- label_quietly(both, new, reference.column = "region", section = "slide")
    expect_equal(domain_about(back)$section, "slide")
    expect_gt(rand_index(back$sigel_domain, both$region), 0.6)
    skip_without("ggplot2")
    expect_s3_class(SpatialDomainPlot(back, section = "slide"), "ggplot")
  })
}

test_that("genes are matched by name", {
  skip_if_no_engine()
  parts <- odd_and_even()
  pieces <- as_pieces(parts$old)
  set.seed(1)
  pieces$counts <- pieces$counts[sample(nrow(pieces$counts))[-(1:10)], ]
  found <- label_quietly(counts_of(parts$new), pieces, coordinates = spot_table(parts$new))
  expect_setequal(found$about$genes, rownames(pieces$counts))
  expect_gt(rand_index(found$domain, parts$new$region), 0.6)
})

test_that("the nearest column is suggested, also beside those of domains", {
  skip_if_no_engine()
  parts <- odd_and_even()
  old <- find_quietly(parts$old, cluster.name = "layers")
  wrong <- function(column) label_quietly(parts$new, old, reference.column = column)
  expect_refused(wrong("regoin"), "reference.column", "reference.column = \"region\"")
  expect_refused(wrong("nothinglikeit"), "reference.column", "reference.column = \"layers\"")
})

test_that("spots beside the tissue take no part and get no label", {
  skip_if_no_engine()
  parts <- odd_and_even()
  beside <- list(new = colnames(parts$new)[5:14], old = colnames(parts$old)[1:12])
  for (side in names(beside)) {
    parts[[side]]$in_tissue <- as.integer(!colnames(parts[[side]]) %in% beside[[side]])
  }
  expect_warning(
    done <- label_quietly(parts$new, parts$old, reference.column = "region"),
    sprintf("10 of %d spots lie beside the tissue", ncol(parts$new)),
    class = "sigel_warning"
  )
  expect_setequal(colnames(done)[is.na(done$sigel_domain)], beside$new)
  inside <- lapply(parts, function(one) subset(one, subset = in_tissue == 1))
  alone <- label_quietly(inside$new, inside$old, reference.column = "region")
  expect_equal(domain_about(alone)$n.labelled, domain_about(done)$n.labelled)
  expect_identical(as.character(done$sigel_domain[colnames(alone)]), as.character(alone$sigel_domain))
})

test_that("labels are drawn, and have no stability", {
  skip_if_no_engine()
  done <- labelled_section()
  expect_refused(
    FindSpatialDomainStability(done, verbose = FALSE),
    "object",
    "no seed would change",
    object = done
  )
  skip_without("ggplot2")
  expect_match(SpatialDomainPlot(done)$labels$subtitle, "reference, ")
  expect_s3_class(SpatialDomainConfusionPlot(done, "region"), "ggplot")
})

test_that("what cannot be used is refused and the object stays as it was", {
  skip_if_no_engine()
  new <- odd_and_even()$new
  old <- odd_and_even()$old
  refused <- function(argument, ..., reference = old, say = NULL) {
    expect_refused(label_quietly(new, reference, ...), argument, say, object = new)
  }
  refused("reference", say = "`FindSpatialDomains()`")
  refused("reference", reference = NULL, say = "nothing")
  refused("reference", reference = counts_of(old), say = "reference = list(")
  refused("reference", reference = list(counts = counts_of(old)), say = "a list without `domain`")
  pieces <- as_pieces(old)
  refused("reference", reference = pieces[c("counts", "domain")], say = "counts without coordinates")
  refused("reference", reference = utils::modifyList(pieces, list(domain = 1:3)), say = "3 values for")
  refused("reference.column", reference.column = "regoin", say = "reference.column = \"region\"")
  refused("reference.column", reference.column = 3)
  region <- function(argument, ...) refused(argument, reference.column = "region", ...)
  region("reference.assay", reference.assay = "RNA", say = "Spatial")
  region("reference.image", reference.image = "slice1")
  region("reference.section", reference.section = "nosuchcolumn", say = "`names(reference[[]])`")
  region("reference.section", reference.section = "regoin", say = "Did you mean \"region\"?")
  region("reference.section", reference.section = 3, say = "one string")
  region("section", section = "nosuchcolumn")
  region("layer", layer = "tpm")
  region("seed.use", seed.use = -1)
  region("device", device = "abacus")
  region("config", config = 3)
  region("cluster.name", cluster.name = "region", say = "did not make")
  region("...", reference.colum = "region")
  old$same <- "a"
  refused("reference", reference.column = "same", say = c("1 label with 2 spots", "reference.column = ..."))
  other <- as_pieces(odd_and_even()$old)
  rownames(other$counts) <- paste0("ENSG", seq_len(nrow(other$counts)))
  refused("reference", reference = other, say = "0 genes that the new sections have, too")
})
