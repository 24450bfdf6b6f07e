steady <- function(object, ..., n.seeds = 2) {
  FindSpatialDomainStability(object, ..., n.seeds = n.seeds, device = "cpu", verbose = FALSE)
}

test_that("there is a row for each domain and a share for each spot", {
  skip_if_no_engine()
  done <- domains_section()
  before <- rlang::hash(done)
  found <- steady(done)
  expect_identical(rlang::hash(done), before)
  expect_named(found, c("domain", "n.spots", "stability", "lowest"))
  expect_equal(found$domain, factor(1:4))
  expect_equal(found$n.spots, as.integer(table(done$sigel_domain)))
  expect_true(all(found$lowest >= 0 & found$stability <= 1 & found$lowest <= found$stability))
  expect_equal(mean(attr(found, "ari.by.seed")), attr(found, "ari"))
  # The seed of the call itself, 0, would show nothing.
  expect_equal(attr(found, "seeds"), 1:2)
  spots <- attr(found, "spots")
  expect_named(spots, colnames(done))
  expect_true(all(spots %in% c(0, 0.5, 1)))
  expect_gt(attr(found, "ari"), 0.3)
})

if (nightly()) {
  test_that("domains that were found otherwise are found so again", {
    skip_if_no_engine()
    section <- regions_section()
    some <- grep("^Gene", rownames(section), value = TRUE)[1:60]
    done <- find_quietly(section, features = some, refine = TRUE, n.domains = 3, seed.use = 1)
    found <- steady(done, seed.use = 0)
    expect_equal(attr(found, "seeds"), c(0L, 2L))
    expect_equal(nrow(found), 3)
    again <- lapply(c(0, 2), function(seed) {
      find_quietly(section, features = some, refine = TRUE, n.domains = 3, seed.use = seed)$sigel_domain
    })
    by_hand <- vapply(again, rand_index, 0, done$sigel_domain)
    expect_equal(attr(found, "ari.by.seed"), by_hand)
    overlap <- vapply(
      again,
      function(other) {
        shared <- table(done$sigel_domain, other)
        apply(shared / (outer(rowSums(shared), colSums(shared), `+`) - shared), 1, max)
      },
      numeric(3)
    )
    expect_equal(found$stability, unname(rowMeans(overlap)))
    expect_equal(found$lowest, unname(apply(overlap, 1, min)))
    expect_same_result(steady(done, coordinates = spot_table(section)), found)
  })
}

test_that("domains of another version are to be found again", {
  skip_if_no_engine()
  done <- domains_section()
  old <- done[["sigeldomain"]]
  methods::slot(old, "misc")$params <- "{\"share\": 0.25, \"rings\": [1, 7, 19, 37], \"starts\": 32}"
  done[["sigeldomain"]] <- old
  expect_refused(
    steady(done),
    "object",
    "another version",
    "Call `FindSpatialDomains()` again.",
    object = done
  )
})

if (nightly()) {
  test_that("a second set of domains has a stability of its own", {
    skip_if_no_engine()
    both <- find_quietly(domains_section(), n.domains = 2, reduction = "coarse")
    found <- steady(both, n.seeds = 1, cluster.name = "coarse_domain")
    expect_equal(found$n.spots, as.integer(table(both$coarse_domain)))
    expect_equal(attr(steady(both, n.seeds = 1), "ari"), attr(steady(domains_section(), n.seeds = 1), "ari"))
    skip_without("ggplot2")
    skip_without("patchwork")
    expect_s3_class(SpatialDomainStabilityPlot(both, found, cluster.name = "coarse_domain"), "ggplot")
    expect_refused(SpatialDomainStabilityPlot(both, found), "table", "other domains", object = both)
  })

  test_that("sections are those of the call", {
    skip_if_no_engine()
    done <- find_quietly(two_sections(), section = "slide", n.domains = 3)
    expect_named(attr(steady(done, n.seeds = 1), "spots"), colnames(done))
  })
}

test_that("functions are to be given again, mclust is not", {
  skip_if_no_engine()
  skip_without("mclust")
  section <- regions_section()
  halves <- function(features, n) as.integer(features[, 1] > stats::median(features[, 1]))
  done <- find_quietly(section, method = halves, n.domains = 2)
  expect_refused(steady(done), "method", "NULL", "Give it again", object = done)
  found <- steady(done, method = halves)
  # It knows no seed.
  expect_equal(found$stability, c(1, 1))
  expect_equal(unname(attr(found, "spots")), rep(1, ncol(section)))
  by_mclust <- find_quietly(section, method = "mclust", n.domains = 3)
  expect_equal(nrow(steady(by_mclust, n.seeds = 1)), 3)
  expect_refused(steady(by_mclust, method = halves), "method", "\"mclust\"", object = by_mclust)
})

test_that("progress is told, and what cannot be used is refused", {
  skip_if_no_engine()
  done <- domains_section()
  expect_message(FindSpatialDomainStability(done, n.seeds = 1), "Domains at other seeds")
  expect_refused(steady(done, n.seeds = 0), "n.seeds", "n.seeds = 10", object = done)
  expect_refused(steady(done, seed.use = -1), "seed.use", object = done)
  expect_refused(steady(done, layer = "tpm"), "layer", object = done)
  expect_refused(steady(done, image = "nope"), "image", object = done)
  expect_refused(steady(regions_section()), "object", "FindSpatialDomains()")
  expect_refused(steady(done[["sigeldomain"]]), "object", "Seurat object")
  partly <- done
  partly$sigel_domain[1:3] <- NA
  expect_refused(steady(partly), "object", "3 spots without a domain", "FindSpatialDomains()")
  alone <- done
  alone[["sigeldomain"]] <- NULL
  expect_refused(steady(alone), "object", "\"sigeldomain\"", "FindSpatialDomains()")
})
