# Pictures of the tissue under spots: the right one, at its place, where it was asked for or is of use.

build <- function(plot) ggplot2::ggplot_build(plot)

# The section with a picture of its tissue: grey stripes, and a black square as wide as two spots around one of them.
with_picture <- function(object, spot, image = "section") {
  picture <- object@images[[image]]
  factors <- picture@scale.factors
  size <- dim(picture@image)[1:2]
  shades <- matrix(rep(seq(0.9, 1, length.out = size[2L]), each = size[1L]), size[1L], size[2L])
  at <- c(picture@coordinates$imagecol[spot], picture@coordinates$imagerow[spot])
  gap <- factors$spot / 0.55
  low <- round((at - gap / 2) * factors$lowres)
  high <- round((at + gap / 2) * factors$lowres)
  shades[(low[2L] + 1):high[2L], (low[1L] + 1):high[1L]] <- 0
  picture@image <- array(shades, c(size, 3L))
  object@images[[image]] <- picture
  object
}

pictures <- function(plot) {
  Filter(function(layer) inherits(layer$geom, "GeomRasterAnn"), plot$layers)
}

# Grey of a picture at places of the plot, whose y is as on the slide.
grey_at <- function(layer, x, y) {
  box <- layer$geom_params
  raster <- as.matrix(box$raster)
  column <- ceiling((x - box$xmin) / (box$xmax - box$xmin) * ncol(raster))
  row <- ceiling((-y - box$ymin) / (box$ymax - box$ymin) * nrow(raster))
  # Rows of a raster begin at the top, and the plot's y is reversed.
  row <- nrow(raster) + 1L - row
  grDevices::col2rgb(raster[cbind(row, column)])[1L, ]
}

test_that("the spot over a black square is drawn over it, as a disc of its true width", {
  skip_if_no_engine()
  skip_without("Seurat")
  skip_without("ggplot2")
  section <- regions_section()
  bare <- SpatialDomainPlot(section, "region")
  expect_length(pictures(bare), 0L)
  shown <- with_picture(section, 60L)
  before <- rlang::hash(shown)
  plot <- SpatialDomainPlot(shown, "region")
  expect_identical(rlang::hash(shown), before)
  found <- pictures(plot)
  expect_length(found, 1L)
  discs <- plot$layers[[length(plot$layers)]]
  middle <- function(name) vapply(split(discs$data[[name]], discs$data$spot), mean, 0)
  grey <- grey_at(found[[1L]], middle("x"), middle("y"))
  expect_identical(unname(which(grey < 160)), 60L)
  factors <- shown[["section"]]@scale.factors
  expect_equal(
    unname(vapply(split(discs$data$x, discs$data$spot), function(x) diff(range(x)), 0)),
    rep(factors$spot, ncol(shown)),
    tolerance = 1e-6
  )
  expect_equal(discs$aes_params$alpha, 0.8)
  # The same places and colours as without the picture.
  pixels <- bare$layers[[1L]]$data
  expect_equal(middle("y"), vapply(split(pixels$y, pixels$spot), mean, 0), tolerance = 1e-6)
  fills <- function(plot, k) {
    drawn <- build(plot)$data[[k]]
    drawn$fill[!duplicated(drawn$group)]
  }
  expect_identical(fills(plot, length(plot$layers)), fills(bare, 1L))
  # On the page, too: the square is black where the spot is.
  file <- withr::local_tempfile(fileext = ".png")
  plot$layers <- plot$layers[-length(plot$layers)]
  ggplot2::ggsave(
    file,
    plot + ggplot2::labs(title = NULL) + ggplot2::theme_void() + ggplot2::theme(legend.position = "none"),
    width = 4,
    height = 4,
    dpi = 100,
    bg = "white"
  )
  page <- matrix(png::readPNG(file)[seq_len(400 * 400)], 400)
  dark <- which(page < 0.65, arr.ind = TRUE)
  box <- found[[1L]]$geom_params
  wide <- box$xmax - box$xmin
  expect_equal(mean(dark[, 2L]) / 400, (middle("x")[[60L]] - box$xmin) / wide, tolerance = 0.02)
  # The panel is as wide as the page, and stands in the middle of it.
  down <- 0.5 + (middle("y")[[60L]] + (box$ymin + box$ymax) / 2) / wide
  expect_equal(mean(dark[, 1L]) / 400, down, tolerance = 0.02)
})

test_that("a picture is left out where it was drawn from the spots, does not fit, or is not wanted", {
  skip_if_no_engine()
  skip_without("Seurat")
  skip_without("ggplot2")
  section <- regions_section()
  draw <- function(object, ...) pictures(SpatialDomainPlot(object, "region", ...))
  # That of a simulated section says nothing, but may be asked for.
  expect_length(draw(section), 0L)
  expect_length(draw(section, histology = TRUE), 1L)
  shown <- with_picture(section, 60L)
  expect_length(draw(shown, histology = FALSE), 0L)
  expect_length(draw(shown, coordinates = spot_table(shown)), 0L)
  expect_refused(
    draw(shown, coordinates = spot_table(shown), histology = TRUE),
    "histology",
    "given by hand"
  )
  expect_refused(draw(shown, histology = "yes"), "histology")
  moved <- shown
  picture <- moved@images$section
  picture@scale.factors$lowres <- 10 * picture@scale.factors$lowres
  moved@images$section <- picture
  expect_length(draw(moved), 0L)
  expect_refused(draw(moved, histology = TRUE), "histology", "beside the picture")
  # Bins fill the plane and would hide it.
  picture <- shown@images$section
  picture@scale.factors$spot <- picture@scale.factors$spot / 0.55
  shown@images$section <- picture
  expect_length(draw(shown), 0L)
  expect_length(draw(shown, histology = TRUE), 1L)
  cells <- regions_section(lattice = "cells", image = "fov")
  expect_length(draw(cells), 0L)
  expect_refused(draw(cells, histology = TRUE), "histology", "VisiumV1 or VisiumV2")
})

if (nightly()) {
  test_that("Space Ranger's large picture lies under spots by its own scale", {
    skip_if_no_engine()
    skip_without("Seurat")
    skip_without("ggplot2")
    object <- with_picture(regions_section(), 60L)
    small <- object@images$section
    large <- small
    twice <- function(n) rep(seq_len(n), each = 2L)
    size <- dim(small@image)
    large@image <- small@image[twice(size[1L]), twice(size[2L]), ]
    large@scale.factors$hires <- 2 * small@scale.factors$lowres
    expect_gt(max(dim(large@image)), 600)
    object@images$section <- large
    plot <- SpatialDomainPlot(object, "region")
    discs <- plot$layers[[length(plot$layers)]]$data
    middle <- function(name) vapply(split(discs[[name]], discs$spot), mean, 0)
    grey <- grey_at(pictures(plot)[[1L]], middle("x"), middle("y"))
    expect_identical(unname(which(grey < 160)), 60L)
    # The small picture, beside the same scales.
    large@image <- small@image
    object@images$section <- large
    same <- SpatialDomainPlot(object, "region")
    expect_equal(
      pictures(same)[[1L]]$geom_params$xmin,
      pictures(plot)[[1L]]$geom_params$xmin,
      tolerance = 0.02
    )
  })

  test_that("each section has its own picture", {
    skip_if_no_engine()
    skip_without("Seurat")
    skip_without("ggplot2")
    parts <- list(regions_section(), regions_section(seed = 3))
    both <- merge(parts[[1L]], parts[[2L]], add.cell.ids = c("a", "b"))
    both$slide <- substr(colnames(both), 1L, 1L)
    images <- SeuratObject::Images(both)
    both <- with_picture(with_picture(both, 20L, images[1L]), 35L, images[2L])
    plot <- SpatialDomainPlot(both, "region", section = "slide")
    found <- pictures(plot)
    expect_length(found, 2L)
    discs <- plot$layers[[length(plot$layers)]]$data
    for (k in 1:2) {
      own <- discs[discs$section == found[[k]]$data$section, ]
      middle <- function(name) vapply(split(own[[name]], own$spot, drop = TRUE), mean, 0)
      grey <- grey_at(found[[k]], middle("x"), middle("y"))
      expect_identical(unname(which(grey < 160)), c(20L, 35L)[k])
    }
    # Where one has none, those that are there must be asked for.
    picture <- both@images[[1L]]
    picture@scale.factors$lowres <- NA_real_
    both@images[[1L]] <- picture
    expect_length(pictures(SpatialDomainPlot(both, "region", section = "slide")), 0L)
    some <- SpatialDomainPlot(both, "region", section = "slide", histology = TRUE)
    expect_length(pictures(some), 1L)
    expect_no_warning(build(some))
  })
}

test_that("pictures of genes and of imputed genes have it under them where it is asked for", {
  skip_if_no_engine()
  skip_without("Seurat")
  skip_without("patchwork")
  section <- with_picture(regions_section(), 60L)
  gene <- rownames(section)[1L]
  expect_length(pictures(GeneImagePlot(section, gene)), 0L)
  # Where there is none, that is said.
  by_hand <- function(object) GeneImagePlot(object, gene, coordinates = spot_table(section), histology = TRUE)
  expect_refused(by_hand(section), "histology", "given by hand")
  bare <- section
  bare[["section"]] <- NULL
  expect_refused(by_hand(bare), "histology", "given by hand", "`ReadSection()`")
  under <- getFromNamespace("picture_under_images", "sigel")
  expect_refused(
    under(bare, NULL, NULL, cbind(1:2, 1:2), TRUE, rlang::current_env()),
    "histology",
    "no picture"
  )
  plot <- GeneImagePlot(section, rownames(section)[1:2], histology = TRUE)
  expect_length(pictures(plot), 1L)
  discs <- plot$layers[[3L]]$data
  middle <- function(name) vapply(split(discs[[name]], discs$pixel), mean, 0)
  grey <- grey_at(pictures(plot)[[1L]], middle("x"), middle("y"))
  table <- spot_table(section)
  there <- which(grey < 160)
  expect_length(there, 1L)
  expect_equal(unname(middle("x")[there]), table$x[60L], tolerance = 1e-3)
  expect_equal(unname(middle("y")[there]), table$y[60L], tolerance = 1e-3)
  pair <- GenePairPlot(section, rownames(section)[1:2])
  expect_length(pictures(pair[[1L]]), 1L)
  expect_no_warning(build(pair[[1L]]))
})

test_that("imputed cells lie over the picture of their section", {
  skip_if_no_engine()
  skip_without("Seurat")
  skip_without("patchwork")
  panel <- getFromNamespace("cell_panel", "sigel")
  under <- list(picture = grDevices::as.raster(matrix(1)), x = c(0, 5), y = c(0, 5), diameter = 1)
  plot <- panel(cbind(1:4, 4:1), c(4, 2, 3, 1), "imputed", "viridis", 1, 3, under)
  expect_length(pictures(plot), 1L)
  discs <- build(plot)$data[[3L]]
  expect_equal(unname(c(tapply(discs$x, discs$group, mean))), c(4, 2, 3, 1))
  expect_identical(length(unique(discs$fill)), 4L)
  bare <- build(panel(cbind(1:4, 4:1), c(4, 2, 3, 1), "imputed", "viridis", 1, 3))$data[[1L]]
  expect_identical(unique(discs$fill), bare$colour)
})
