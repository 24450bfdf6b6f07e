# What the plots share: results of an object, palettes, theme, pixels.

needs_ggplot <- function(call = rlang::caller_env()) require_installed("ggplot2", "This plot", call)

# The reduction written by RunSIGEL(), from a Seurat object or as it is.
sigel_results <- function(object, reduction, call = rlang::caller_env()) {
  if (inherits(object, "DimReduc")) {
    found <- object
  } else if (inherits(object, "Seurat")) {
    known <- SeuratObject::Reductions(object)
    if (!reduction %in% known) {
      known <- Filter(function(name) !is.null(SeuratObject::Misc(object[[name]])$features), known)
      found <- sprintf("\"%s\", under which there is nothing", reduction)
      wanted <- "results of RunSIGEL"
      if (length(known)) {
        wanted <- paste0(wanted, ", under one of ", some(known, 10L))
      }
      sigel_abort("reduction", found, wanted, "Call `RunSIGEL()` first.", call)
    }
    found <- object[[reduction]]
  } else {
    fix <- "Pass what `RunSIGEL()` returned."
    sigel_abort("object", describe(object), "a Seurat object, a SpatialExperiment or a DimReduc", fix, call)
  }
  if (is.null(SeuratObject::Misc(found)$features)) {
    fix <- "Call `RunSIGEL()`, or name its reduction."
    sigel_abort("reduction", sprintf("\"%s\", not made by RunSIGEL", reduction), "its results", fix, call)
  }
  found
}

# Okabe and Ito's colours, then others that stay apart for all kinds of colour vision, the same as in Python; beyond
# twenty, hues of changing lightness. Numbers from 1 on have theirs in a part of the object, too; other names by place.
group_colours <- function(groups) {
  # fmt: skip
  apart <- c(
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#292933", "#662900", "#52FFA3",
    "#47005C", "#3333A3", "#85AD5C", "#7A4770", "#9985FF", "#A3EB70", "#475C3D", "#995C29", "#D6A3A3", "#991F8F"
  )
  groups <- as.character(groups)
  numbered <- all(grepl("^0*[1-9][0-9]{0,14}$", groups))
  number <- if (numbered) as.numeric(groups) else seq_along(groups)
  colours <- apart[number]
  beyond <- number > length(apart)
  more <- number[beyond]
  colours[beyond] <- grDevices::hcl((more * 137.508) %% 360, c = 75, l = c(40, 60, 75)[(more - 1) %% 3 + 1])
  stats::setNames(colours, groups)
}

theme_sigel <- function() {
  ggplot2::theme_minimal(base_size = 11) +
    ggplot2::theme(
      # A saved picture is white in dark surroundings, too.
      plot.background = ggplot2::element_rect(fill = "white", colour = NA),
      plot.title = ggplot2::element_text(face = "bold"),
      plot.title.position = "plot",
      plot.subtitle = ggplot2::element_text(colour = "grey35"),
      panel.grid.minor = ggplot2::element_blank(),
      strip.text = ggplot2::element_text(colour = "grey15"),
      legend.key.height = ggplot2::unit(0.9, "lines")
    )
}

theme_pixels <- function() {
  theme_sigel() +
    ggplot2::theme(
      axis.text = ggplot2::element_blank(),
      axis.title = ggplot2::element_blank(),
      panel.grid = ggplot2::element_blank(),
      legend.position = "top",
      legend.justification = "left",
      legend.title = ggplot2::element_text(vjust = 0.9),
      panel.spacing = ggplot2::unit(0.4, "lines")
    )
}

# Size of round points so that `n` of them, spread over the extent of `xy`, touch in a panel with so many mm across and
# down.
touching_size <- function(xy, n, room) {
  extent <- pmax(apply(xy, 2L, function(x) diff(range(x))), 1e-9)
  shown <- extent * min(pmax(room, 4) / extent)
  # A round point is about three quarters as wide as its size in mm.
  max(0.05, min(4, sqrt(prod(shown) / n) / 0.75))
}

# One scale for all images of a plot, not stretched by a few extreme pixels.
fill_pixels <- function(values, named = "scaled expression") {
  limits <- colour_limits(values)
  ggplot2::scale_fill_viridis_c(
    name = named,
    limits = limits,
    oob = function(x, range) pmin(pmax(x, range[1L]), range[2L])
  )
}

# From the first to the 99th percentile, so that a few cells do not stretch the scale.
colour_limits <- function(values) {
  limits <- unname(stats::quantile(values, c(0.01, 0.99)))
  if (diff(limits) > 0) {
    return(limits)
  }
  # The percentiles are the same where a gene is seen in fewer than one cell in a hundred.
  limits <- range(values)
  if (diff(limits) > 0) limits else limits[1L] + c(-0.5, 0.5)
}

# Images of genes as the model saw them: `values` genes x pixels, and the corners of every pixel; with `average`, a
# list of sets of genes, also `mean`, the mean image of each, sets x pixels. `several`: sections; `scattered`: whether
# cells lie on no lattice, so that pixels between them are empty.
gene_pixels <- function(
  object,
  features,
  reduction,
  assay,
  image,
  coordinates,
  layer,
  call,
  average = list()
) {
  sigel_engine(call)
  results <- if (reduction %in% SeuratObject::Reductions(object)) sigel_results(object, reduction, call)
  section <- section_of_run(
    object,
    results,
    assay,
    image,
    coordinates,
    layer,
    call,
    c(features, unlist(average)),
    one = TRUE,
    told = FALSE
  )
  arguments <- list(
    settings = settings_of_run(results, "image"),
    genes = as.list(features),
    average = unname(lapply(average, as.list))
  )
  images <- ask_section("gene_images", section, arguments, call = call)
  values <- images$values
  rownames(values) <- features
  corners <- pixel_corners(unlist(images$row), unlist(images$col), images$x, images$y)
  centres <- cbind(x = unlist(images$x), y = unlist(images$y))
  list(
    values = values,
    corners = corners,
    mean = images$mean,
    centres = centres,
    several = images$n_sections > 1,
    sections = as.character(unlist(images$sections)),
    scattered = images$scattered
  )
}

# Corners of pixels (data frame `pixel`, `x`, `y`) from their centres. Places are linear in row and column; on a
# hexagonal lattice every other row is moved by half a column.
pixel_corners <- function(row, col, x, y) {
  odd <- row %% 2L
  solve_for <- function(centre) {
    fit <- stats::.lm.fit(cbind(1, row, col, odd), centre)
    coefficients <- numeric(4L)
    coefficients[fit$pivot[seq_len(fit$rank)]] <- fit$coefficients[seq_len(fit$rank)]
    coefficients
  }
  by_x <- solve_for(x)
  by_y <- solve_for(y)
  step <- sqrt(by_x[3L]^2 + by_y[3L]^2)
  shift <- sqrt(by_x[4L]^2 + by_y[4L]^2)
  if (step > 0 && abs(shift / step - 0.5) < 0.1) {
    across <- c(1, 1, 0, -1, -1, 0) / 2
    down <- c(1, -1, -2, -1, 1, 2) / 3
  } else {
    across <- c(1, 1, -1, -1) / 2
    down <- c(1, -1, -1, 1) / 2
  }
  # A single column or row of pixels has no step of its own.
  if (step == 0) {
    by_x[3L] <- max(abs(by_y[2L]), 1)
  }
  if (by_x[2L] == 0 && by_y[2L] == 0) {
    by_y[2L] <- max(abs(by_x[3L]), 1)
  }
  corner_x <- across * by_x[3L] + down * by_x[2L]
  corner_y <- across * by_y[3L] + down * by_y[2L]
  n <- length(across)
  data.frame(
    pixel = rep(seq_along(x), each = n),
    x = rep(x, each = n) + corner_x,
    y = rep(y, each = n) + corner_y
  )
}

# Long table for geom_polygon: one row for each gene, pixel and corner.
pixel_table <- function(images) {
  genes <- rownames(images$values)
  corners <- images$corners
  n <- nrow(corners)
  data.frame(
    gene = factor(rep(genes, each = n), levels = genes),
    pixel = rep(corners$pixel, length(genes)),
    x = rep(corners$x, length(genes)),
    y = rep(corners$y, length(genes)),
    value = as.vector(t(images$values[, corners$pixel, drop = FALSE]))
  )
}

# Pixels as polygons, a row of the table for each corner and `part` telling them apart; the border, in the colour of the
# fill, closes hairlines between neighbours. `over` a picture they have none, and let it be seen.
pixel_shapes <- function(table, part = "pixel", over = FALSE) {
  if (over) {
    discs <- ggplot2::aes(.data$x, .data$y, group = .data[[part]], fill = .data$value)
    return(ggplot2::geom_polygon(discs, data = table, colour = NA, alpha = OPACITY))
  }
  ggplot2::geom_polygon(
    ggplot2::aes(
      x = .data$x,
      y = .data$y,
      group = .data[[part]],
      fill = .data$value,
      colour = ggplot2::after_scale(.data$fill)
    ),
    data = table,
    linewidth = 0.1
  )
}

# `values`: those that share the scale, which is `named` so; `under`: from `pictures_under`.
pixel_layers <- function(table, values = table$value, under = NULL, named = "scaled expression") {
  list(
    picture_layers(unname(under)),
    pixel_shapes(table, over = !is.null(under)),
    fill_pixels(values, named),
    # A section's y points down, as on the slide.
    ggplot2::scale_y_reverse(),
    ggplot2::coord_fixed(expand = FALSE, clip = if (is.null(under)) "off" else "on"),
    theme_pixels()
  )
}

# Run with R's random numbers seeded, and leave their state as it was.
with_own_seed <- function(seed, code) {
  before <- get0(".Random.seed", globalenv(), inherits = FALSE)
  on.exit(
    if (is.null(before)) {
      rm(".Random.seed", envir = globalenv())
    } else {
      assign(".Random.seed", before, envir = globalenv())
    }
  )
  set.seed(seed)
  code
}
