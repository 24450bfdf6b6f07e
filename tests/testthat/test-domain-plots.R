build <- function(plot) ggplot2::ggplot_build(plot)
saves <- function(plot, width = 5, height = 4) {
  file <- withr::local_tempfile(fileext = ".png")
  expect_no_warning(ggplot2::ggsave(file, plot, width = width, height = height, dpi = 40))
}

# An object with domains that nobody had to find: the plots read the meta data.
with_domains <- function(object, domain, about = list(section = NULL)) {
  # Levels that are text from the start: numbers turned into text late would change the hash of the object.
  domain <- factor(paste0(domain))
  features <- matrix(0, ncol(object), 2, dimnames = list(colnames(object), NULL))
  about <- c(about, list(method = "mixture", n.domains = nlevels(domain), window = 7L, genes = c("a", "b")))
  found <- list(
    domain = stats::setNames(domain, colnames(object)),
    prob = rep(1, ncol(object)),
    features = features,
    about = about
  )
  getFromNamespace("add_domains", "sigel")(object, found, "Spatial", "sigel_domain")
}

test_that("each spot of a lattice is a pixel in the colour of its domain, y down", {
  skip_if_no_engine()
  skip_without("ggplot2")
  section <- regions_section()
  done <- with_domains(section, as.integer(factor(section$region)))
  before <- rlang::hash(done)
  plot <- SpatialDomainPlot(done)
  expect_identical(rlang::hash(done), before)
  drawn <- build(plot)$data[[1]]
  expect_equal(unname(c(table(drawn$group))), rep(6L, ncol(section)))
  expect_equal(length(unique(drawn$fill)), nlevels(done$sigel_domain))
  # The middle of a pixel is the place of its spot.
  data <- plot$layers[[1]]$data
  middle <- vapply(split(data$y, data$spot), mean, 0)
  y <- table_of(section)$imagerow
  expect_equal(unname(middle), y - mean(range(y)), tolerance = 1e-6)
  expect_equal(data$value, done$sigel_domain[data$spot], ignore_attr = TRUE)
  # Screens count upwards: the spot with the largest y is lowest.
  panel <- split(drawn$y, drawn$group)
  expect_equal(which.min(vapply(panel, mean, 0)), which.max(y), ignore_attr = TRUE)
  expect_match(plot$labels$subtitle, "^mixture, 2 genes$")
  sizes <- table(done$sigel_domain)
  scale <- build(plot)$plot$scales$get_scales("fill")
  expect_equal(scale$get_labels(), sprintf("%s (%d)", names(sizes), as.integer(sizes)))
  saves(plot)
})

if (nightly()) {
  test_that("the windows that a method saw are said", {
    skip_if_no_engine()
    skip_without("ggplot2")
    said <- function(object) SpatialDomainPlot(object)$labels$subtitle
    expect_match(said(domains_section()), "^mixture, [0-9]+ genes, windows of 1 to 7 spots$")
    one <- find_quietly(regions_section(), config = list(starts = 1, windows = 1, components = 8))
    expect_match(said(one), ", single spots$")
    by_hand <- find_quietly(regions_section(), method = function(x, n) rep_len(seq_len(n), nrow(x)))
    expect_match(said(by_hand), "^function, [0-9]+ genes, windows of 7 spots$")
    in_words <- getFromNamespace("windows_in_words", "sigel")
    about <- list(method = "mixture", window = 5L, params = "{\"windows\": [1, 4, 7, 19], \"window\": 7}")
    expect_identical(in_words(about), "windows of 1 to 5 spots")
    expect_identical(
      in_words(utils::modifyList(about, list(method = "reference"))),
      "windows of 1 to 5 spots"
    )
    expect_identical(in_words(utils::modifyList(about, list(method = "leiden"))), "windows of 5 spots")
    expect_null(in_words(utils::modifyList(about, list(method = "spagcn"))))
  })
}

test_that("pixels of neighbours touch and none hides another", {
  skip_if_no_engine()
  spot_corners <- getFromNamespace("spot_corners", "sigel")
  area <- function(x, y) abs(sum(x * c(y[-1], y[1]) - c(x[-1], x[1]) * y)) / 2
  at <- expand.grid(row = 0:5, col = 0:11)
  table <- function(x, y) data.frame(x = x, y = y, section = factor(rep("", length(x))))
  # Square, turned by 30 degrees and stretched.
  turn <- matrix(c(cos(0.5), sin(0.5), -sin(0.5), cos(0.5)), 2)
  xy <- as.matrix(at[c("col", "row")]) %*% diag(c(10, 12)) %*% t(turn)
  square <- spot_corners(table(xy[, 1], xy[, 2]), as.matrix(at), seq_len(nrow(at)))
  areas <- vapply(split(square, square$spot), function(p) area(p$x, p$y), 0)
  expect_equal(unname(areas), rep(120, nrow(at)))
  # Hexagonal: spots where row and column add up to an even number.
  at <- at[(at$row + at$col) %% 2 == 0, ]
  hexagons <- spot_corners(table(at$col * 5, at$row * 5 * sqrt(3)), as.matrix(at), seq_len(nrow(at)))
  expect_equal(unname(c(base::table(hexagons$spot))), rep(6L, nrow(at)))
  areas <- vapply(split(hexagons, hexagons$spot), function(p) area(p$x, p$y), 0)
  expect_equal(unname(areas), rep(10 * 5 * sqrt(3), nrow(at)))
  # Neighbours share corners.
  corners <- paste(round(hexagons$x, 6), round(hexagons$y, 6))
  expect_equal(max(base::table(corners)), 3L)
  # Places that do not follow the array are no lattice.
  expect_null(spot_corners(
    table(rev(xy[, 1]), xy[, 1]^2)[seq_len(nrow(at)), ],
    as.matrix(at),
    seq_len(nrow(at))
  ))
  expect_null(spot_corners(table(1:3, 1:3), cbind(c(1, 1, 1), 1:3), 1:3))
  expect_null(spot_corners(table(1:3, 1:3), cbind(c(1, 1.5, 2), 1:3), 1:3))
})

if (nightly()) {
  test_that("cells without a lattice are dots that fill the panel", {
    skip_if_no_engine()
    skip_without("ggplot2")
    cells <- regions_section(lattice = "cells", image = "fov")
    done <- with_domains(cells, as.integer(factor(cells$region)))
    plot <- SpatialDomainPlot(done)
    drawn <- build(plot)$data[[1]]
    expect_equal(nrow(drawn), ncol(cells))
    expect_gt(drawn$size[1], 0.5)
    expect_equal(build(SpatialDomainPlot(done, point.size = 2))$data[[1]]$size[1], 2)
    saves(plot)
    by_hand <- SpatialDomainPlot(done, coordinates = table_of(cells))
    expect_equal(by_hand$layers[[1]]$data, plot$layers[[1]]$data)
  })

  test_that("each section has a panel, all on one scale, in the order of the object", {
    skip_if_no_engine()
    skip_without("ggplot2")
    both <- two_sections()
    both$slide <- ifelse(both$slide == "one", "section 2", "section 10")
    done <- with_domains(both, as.integer(factor(both$region)), list(section = "slide"))
    plot <- SpatialDomainPlot(done, ncol = 1)
    layout <- build(plot)$layout$layout
    expect_equal(as.character(layout$section), c("section 2", "section 10"))
    expect_equal(layout$ROW, 1:2)
    data <- plot$layers[[1]]$data
    expect_equal(
      unname(tapply(data$x, data$section, function(x) mean(range(x)))),
      c(0, 0),
      ignore_attr = TRUE
    )
    expect_equal(
      nrow(build(SpatialDomainPlot(done, section = "region"))$layout$layout),
      length(unique(both$region))
    )
    saves(plot)
  })

  test_that("sections in other units are drawn as large, those in one unit as they are", {
    skip_if_no_engine()
    skip_without("ggplot2")
    both <- two_sections()
    places <- getFromNamespace("places_of_sections", "sigel")(both)
    extents <- function(places) {
      data <- SpatialDomainPlot(done, coordinates = places)$layers[[1]]$data
      vapply(split(data$y, data$section), function(y) diff(range(y)), 0)
    }
    done <- with_domains(both, as.integer(factor(both$region)), list(section = "slide"))
    two <- both$slide == "two"
    apart <- places
    apart[two, c("x", "y")] <- 3 * places[two, c("x", "y")]
    whole <- extents(places)
    expect_equal(unname(whole), unname(vapply(split(places$y, both$slide), function(y) diff(range(y)), 0)))
    scaled <- extents(apart)
    # The spacing of scattered cells is nearly the same in both halves.
    expect_equal(scaled[[2]] / scaled[[1]], whole[[2]] / whole[[1]], tolerance = 0.15)
    larger <- places
    larger[two, c("x", "y")] <- 1.3 * places[two, c("x", "y")]
    expect_equal(extents(larger)[[2]], 1.3 * whole[[2]])
    saves(SpatialDomainPlot(done, coordinates = apart))
  })
}

test_that("pixels of a lattice in other units are as large", {
  skip_if_no_engine()
  places <- getFromNamespace("sections_side_by_side", "sigel")
  at <- as.matrix(expand.grid(array_row = 0:8, array_col = 0:8))
  xy <- 100 * at[, 2:1]
  both <- list(coordinates = rbind(xy, 2.5 * xy), lattice = rbind(at, at))
  pixels <- places(both, factor(rep(c("a", "b"), each = 81)))$pixels
  extent <- vapply(split(pixels$x, pixels$section), function(x) diff(range(x)), 0)
  expect_equal(unname(extent), c(9, 9))
  # Where one section has none, all are dots, be it the first or the last.
  flat <- cbind(0, seq_len(81))
  for (lattice in list(rbind(at, flat), rbind(flat, at))) {
    expect_null(
      places(list(coordinates = both$coordinates, lattice = lattice), factor(rep(1:2, each = 81)))$pixels
    )
  }
  # Unknown is the spacing of spots that lie on one place, or alone.
  spacing <- getFromNamespace("spot_spacing", "sigel")
  expect_equal(spacing(xy), 100)
  expect_gt(spacing(xy[rep(1, 9), ]), 0)
  expect_gt(spacing(xy[1, , drop = FALSE]), 0)
})

test_that("a domain keeps its colour in a part of the object", {
  skip_if_no_engine()
  skip_without("ggplot2")
  done <- with_domains(regions_section(), rep_len(1:4, ncol(regions_section())))
  colours <- function(object) {
    plot <- SpatialDomainPlot(object)
    drawn <- build(plot)$data[[1]]
    domain <- as.character(plot$layers[[1]]$data$value)
    tapply(drawn$fill, domain, unique)
  }
  part <- subset(done, cells = colnames(done)[done$sigel_domain %in% c("2", "4")])
  expect_equal(colours(part), colours(done)[c("2", "4")])
})

if (nightly()) {
  test_that("other columns are drawn as text or numbers, spots without a value grey", {
    skip_if_no_engine()
    skip_without("ggplot2")
    done <- with_domains(regions_section(), as.integer(factor(regions_section()$region)))
    done$some <- replace(done$region, 1:5, NA)
    plot <- SpatialDomainPlot(done, group.by = "some")
    expect_equal(plot$labels$title, "some")
    expect_null(plot$labels$subtitle)
    drawn <- build(plot)$data[[1]]
    expect_equal(unique(drawn$fill[drawn$group %in% 1:5]), "grey85")
    # Labels need no domains; a name that is not there is still told of.
    labelled <- regions_section()
    expect_no_error(build(SpatialDomainPlot(labelled, group.by = "region")))
    expect_refused(SpatialDomainPlot(labelled, group.by = "regoin"), "object", "FindSpatialDomains")
    counts <- SpatialDomainPlot(done, group.by = "nCount_Spatial")
    expect_gt(length(unique(build(counts)$data[[1]]$fill)), 20)
    saves(counts)
  })
}

test_that("the table of domains and labels is ordered, and its measures are scikit-learn's", {
  skip_if_no_engine()
  skip_without("ggplot2")
  section <- regions_section()
  # Domains that are the regions in another order, one of them cut in two.
  domain <- as.integer(factor(section$region, levels = rev(sort(unique(section$region)))))
  domain[which(domain == 1)[1:10]] <- 9L
  done <- with_domains(section, domain)
  done$layer <- section$region
  done$layer[3:8] <- NA
  done$layer[9] <- ""
  plot <- SpatialDomainConfusionPlot(done, "layer")
  told <- !is.na(done$layer) & nzchar(done$layer)
  metrics <- reticulate::import("sklearn.metrics")
  pair <- list(as.list(unname(done$layer[told])), as.list(as.character(done$sigel_domain)[told]))
  ari <- do.call(metrics$adjusted_rand_score, pair)
  nmi <- do.call(metrics$normalized_mutual_info_score, pair)
  expect_equal(plot$labels$title, sprintf("ARI %.2f, NMI %.2f", ari, nmi))
  expect_equal(plot$labels$subtitle, sprintf("%d spots; 7 without a label left out", sum(told)))
  cells <- plot$data
  expect_equal(sum(cells$n), sum(told))
  expect_equal(unname(c(tapply(cells$share, cells$domain, sum))), rep(1, nlevels(cells$domain)))
  expect_equal(levels(cells$label), sort(unique(done$layer[told])))
  # From the top, each domain stands with its label; the small piece follows the rest of its region.
  order <- rev(levels(cells$domain))
  k <- nlevels(cells$label)
  expect_equal(order, c(rev(as.character(seq_len(k))), "9"))
  texts <- build(plot)$data[[2]]
  expect_equal(sort(texts$label), sort(cells$n[cells$n > 0]))
  saves(plot)
  many <- rep_len(1:40, ncol(section))
  done$fine <- many
  expect_length(SpatialDomainConfusionPlot(done, "fine")$layers, 1)
})

test_that("labels are matched as well as any permutation does", {
  best_matching <- getFromNamespace("best_matching", "sigel")
  permutations <- function(v) {
    if (length(v) < 2) {
      return(list(v))
    }
    do.call(c, lapply(seq_along(v), function(i) lapply(permutations(v[-i]), function(p) c(v[i], p))))
  }
  withr::local_seed(1)
  for (k in 1:40) {
    n.rows <- sample(4, 1)
    n.cols <- sample(4, 1)
    weight <- matrix(stats::rpois(n.rows * n.cols, 3), n.rows, n.cols)
    matched <- best_matching(weight)
    rows <- which(matched > 0)
    expect_equal(anyDuplicated(matched[rows]), 0)
    n <- max(n.rows, n.cols)
    whole <- matrix(0, n, n)
    whole[seq_len(n.rows), seq_len(n.cols)] <- weight
    best <- max(vapply(permutations(seq_len(n)), function(p) sum(whole[cbind(seq_len(n), p)]), 0))
    expect_equal(sum(weight[cbind(rows, matched[rows])]), best)
  }
})

test_that("measures of one part, or of the same parts, have their limits", {
  adjusted_rand <- getFromNamespace("adjusted_rand", "sigel")
  mutual_information <- getFromNamespace("mutual_information", "sigel")
  same <- diag(c(3, 4, 5))
  expect_equal(adjusted_rand(same), 1)
  expect_equal(mutual_information(same), 1)
  expect_equal(adjusted_rand(matrix(7)), 1)
  expect_equal(mutual_information(matrix(7)), 1)
  independent <- matrix(4, 2, 2)
  expect_equal(mutual_information(independent), 0)
})

test_that("stability is drawn for domains and for spots", {
  skip_if_no_engine()
  skip_without("ggplot2")
  skip_without("patchwork")
  section <- regions_section()
  done <- with_domains(section, rep_len(c(1, 1, 2, 3), ncol(section)))
  table <- data.frame(
    domain = factor(1:3),
    n.spots = as.integer(table(done$sigel_domain)),
    stability = c(0.6, 0.9, 0.4),
    lowest = c(0.5, 0.8, 0.2)
  )
  spots <- stats::setNames(seq(0, 1, length.out = ncol(section)), colnames(section))
  told <- structure(table, ari = 0.876, seeds = 1:5, spots = spots)
  page <- SpatialDomainStabilityPlot(done, told)
  expect_equal(levels(page[[1]]$data$group), c("2", "1", "3"))
  expect_equal(page[[1]]$labels$x, "domain")
  data <- page[[2]]$layers[[1]]$data
  expect_equal(data$value, unname(spots)[data$spot])
  expect_equal(page$patches$annotation$subtitle, "5 more seeds, adjusted Rand index 0.88")
  saves(page, 8, 4)
  refused <- function(...) expect_refused(SpatialDomainStabilityPlot(done, ...), "table", object = done)
  refused()
  refused(0.5)
  refused(table)
  refused(told[1:2])
  refused(structure(table, spots = spots[-1]))
  # Stability of other domains, or of those of a larger object.
  refused(structure(rbind(table, table[1, ]), spots = spots))
  refused(structure(transform(table, domain = factor(2:4)), spots = spots))
  fewer <- with_domains(section, rep_len(1:2, ncol(section)))
  expect_refused(
    SpatialDomainStabilityPlot(fewer, told),
    "table",
    "other domains",
    "FindSpatialDomainStability(object)"
  )
  part <- subset(done, cells = colnames(done)[done$sigel_domain != "3"][-1])
  expect_refused(SpatialDomainStabilityPlot(part, told), "table", "other domains")
})

if (nightly()) {
  test_that("several sections are drawn beside their stability", {
    skip_if_no_engine()
    skip_without("ggplot2")
    skip_without("patchwork")
    both <- two_sections()
    done <- with_domains(both, rep_len(1:2, ncol(both)), list(section = "slide"))
    table <- data.frame(
      domain = factor(1:2),
      n.spots = c(table(done$sigel_domain)),
      stability = 1,
      lowest = 1
    )
    spots <- stats::setNames(rep(1, ncol(both)), colnames(both))
    page <- SpatialDomainStabilityPlot(done, structure(table, ari = 1, seeds = 1L, spots = spots))
    expect_equal(nrow(build(page[[2]])$layout$layout), 2L)
    expect_equal(page$patches$annotation$subtitle, "1 more seed, adjusted Rand index 1.00")
  })
}

test_that("pictures without domains, labels or places are refused", {
  skip_if_no_engine()
  skip_without("ggplot2")
  section <- regions_section()
  done <- with_domains(section, rep_len(1:3, ncol(section)))
  expect_refused(SpatialDomainPlot(section), "object", "FindSpatialDomains()", object = section)
  expect_refused(SpatialDomainPlot(3), "object", "Seurat object")
  expect_refused(SpatialDomainPlot(done, cluster.name = "x_domain"), "object", "\"x_domain\"")
  expect_refused(SpatialDomainPlot(done, group.by = "regoin"), "group.by", "Did you mean \"region\"")
  expect_refused(SpatialDomainPlot(done, section = "nope"), "section")
  expect_refused(SpatialDomainPlot(done, image = "nope"), "image", "\"section\"")
  expect_refused(SpatialDomainPlot(done, point.size = 0), "point.size")
  expect_refused(SpatialDomainPlot(done, ncol = 0), "ncol")
  expect_refused(
    SpatialDomainPlot(done, image = "section", coordinates = spot_table(section)),
    "image",
    "not both"
  )
  expect_refused(SpatialDomainConfusionPlot(done), "labels", "NULL")
  expect_refused(SpatialDomainConfusionPlot(done, "regoin"), "labels", "Did you mean \"region\"")
  expect_refused(SpatialDomainConfusionPlot(done, "nCount_Spatial"), "labels", "at most 60")
  done$nothing <- NA_character_
  expect_refused(SpatialDomainConfusionPlot(done, "nothing"), "labels", "without a label")
})
