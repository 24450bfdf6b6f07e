# Values of spots on the tissue: one pixel a spot where a lattice is known, else dots; a panel for each section.

# Places of all spots of an object with domains: `table` (x and y about the middle of each section, section, the cells
# as row names; on one scale) and `pixels`, corners of each spot, or NULL where there is no lattice.
domain_places <- function(object, domains, section, image, coordinates, call, histology = FALSE) {
  section <- section %||% domains$about$section
  cells <- names(domains$domain)
  if (!is.null(domains$about)) {
    cells <- intersect(cells, colnames(object[[domains$about$assay]]))
  }
  places <- places_of(object, image, coordinates, cells, call, section)
  labels <- if (is.null(section)) {
    factor(rep("", length(cells)))
  } else {
    check_string(section, "section", "Give the name of one column of the meta data.", call)
    column <- meta_columns(object, section, cells, "section", call)[[1L]]
    # In the order of the object, as text would put section 10 before section 2.
    if (is.factor(column)) droplevels(column) else factor(column, levels = unique(column))
  }
  under <- pictures_under(object, image, coordinates, places$coordinates, labels, histology, call)
  sections_side_by_side(places, labels, under)
}

# Each section about its own middle, so that all panels share one scale; that of its spacing where units differ, as
# between scans. `under`: from `pictures_under`; over pictures spots are discs.
sections_side_by_side <- function(places, section, under = NULL) {
  xy <- places$coordinates
  parts <- split(seq_len(nrow(xy)), section)
  table <- data.frame(x = xy[, 1L], y = xy[, 2L], section = section, row.names = rownames(xy))
  unit <- section_units(xy, parts)
  corners <- vector("list", length(parts))
  for (part in seq_along(parts)) {
    rows <- parts[[part]]
    middle <- apply(xy[rows, , drop = FALSE], 2L, function(v) mean(range(v)))
    table$x[rows] <- (table$x[rows] - middle[1L]) / unit[part]
    table$y[rows] <- (table$y[rows] - middle[2L]) / unit[part]
    lattice <- places$lattice[rows, , drop = FALSE]
    shape <- if (!is.null(under)) {
      if (!is.null(under[[part]])) {
        under[[part]] <- moved(under[[part]], middle, unit[part])
      }
      width <- under[[part]]$diameter %||% (spot_spacing(xy[rows, , drop = FALSE]) / unit[part])
      discs <- disc_corners(table$x[rows], table$y[rows], width)
      cbind(spot = rep(rows, each = nrow(discs) / length(rows)), discs, section = names(parts)[part])
    } else if (!is.null(places$lattice)) {
      spot_corners(table[rows, ], lattice, rows)
    }
    if (!is.null(shape)) {
      corners[[part]] <- shape
    }
  }
  known <- !any(vapply(corners, is.null, logical(1L)))
  pixels <- if (known) do.call(rbind, corners)
  if (!is.null(pixels)) {
    pixels$section <- factor(pixels$section, levels = levels(section))
  }
  list(table = table, pixels = pixels, under = under)
}

# What the places of each section are divided by.
section_units <- function(xy, parts) {
  if (length(parts) < 2L) {
    return(rep(1, length(parts)))
  }
  unit <- vapply(parts, function(rows) spot_spacing(xy[rows, , drop = FALSE]), double(1L))
  if (max(unit) < 2 * min(unit)) rep(1, length(unit)) else unname(unit)
}

# Median distance to the fourth neighbour, which is one spacing away on any lattice; a hundred spots tell.
spot_spacing <- function(xy) {
  n <- min(5L, nrow(xy))
  some <- unique(round(seq(1, nrow(xy), length.out = min(100L, nrow(xy)))))
  away <- vapply(
    some,
    function(spot) sort((xy[, 1L] - xy[spot, 1L])^2 + (xy[, 2L] - xy[spot, 2L])^2, partial = n)[n],
    double(1L)
  )
  spacing <- sqrt(stats::median(away))
  if (spacing > 0) spacing else max(apply(xy, 2L, function(v) diff(range(v))), 1) / 50
}

# Corners of the spots of one section, each as wide as the step of its lattice; NULL where array positions are none of
# a lattice, or places do not follow them.
spot_corners <- function(table, lattice, spot) {
  row <- lattice[, 1L]
  col <- lattice[, 2L]
  whole <- all(row == round(row)) && all(col == round(col)) && !anyDuplicated(lattice)
  spread <- length(unique(row)) > 1L && length(unique(col)) > 1L
  if (!whole || !spread) {
    return(NULL)
  }
  fit <- stats::.lm.fit(cbind(1, row, col), as.matrix(table[c("x", "y")]))
  if (fit$rank < 3L) {
    return(NULL)
  }
  step <- fit$coefficients[2:3, , drop = FALSE]
  # Sections that were put together by hand may number their spots one way and place them another.
  if (max(abs(fit$residuals)) > 0.5 * sqrt(max(rowSums(step^2)))) {
    return(NULL)
  }
  hexagonal <- length(unique((row + col) %% 2)) == 1L
  # In steps of row and column: a hexagonal lattice has neighbours at (0, 2) and (1, 1).
  corner <- if (hexagonal) {
    cbind(c(2, 1, -1, -2, -1, 1), c(0, 3, 3, 0, -3, -3)) / 3
  } else {
    cbind(c(1, 1, -1, -1), c(1, -1, -1, 1)) / 2
  }
  offset <- corner %*% step
  n <- nrow(corner)
  data.frame(
    spot = rep(spot, each = n),
    x = rep(table$x, each = n) + offset[, 1L],
    y = rep(table$y, each = n) + offset[, 2L],
    section = rep(table$section, each = n)
  )
}

# The spots in the fill of their values, a panel for each section. Its scale is the caller's.
tissue_plot <- function(places, values, point.size, n.columns = NULL, page = 1) {
  table <- places$table
  n.columns <- n.columns %||% ceiling(sqrt(nlevels(table$section)))
  if (is.null(places$pixels)) {
    rows <- ceiling(nlevels(table$section) / n.columns)
    size <- point.size %||% dot_size(table, c(170 / n.columns, (170 / page - 15) / rows))
    shapes <- ggplot2::geom_point(
      ggplot2::aes(.data$x, .data$y, fill = .data$value),
      data = cbind(table, value = values),
      shape = 21L,
      size = size,
      stroke = 0
    )
  } else {
    pixels <- places$pixels
    pixels$value <- values[pixels$spot]
    shapes <- pixel_shapes(pixels, "spot", over = !is.null(places$under))
  }
  bare <- is.null(places$under)
  plot <- ggplot2::ggplot() +
    picture_layers(places$under) +
    shapes +
    # A section's y points down, as on the slide.
    ggplot2::scale_y_reverse() +
    ggplot2::coord_fixed(expand = bare, clip = if (bare) "off" else "on") +
    theme_pixels()
  if (nlevels(table$section) < 2L) {
    return(plot)
  }
  # Names of sections are often longer than small panels are wide.
  room <- 70 / n.columns / max(nchar(levels(table$section)))
  plot +
    ggplot2::facet_wrap(ggplot2::vars(.data$section), ncol = n.columns) +
    ggplot2::theme(strip.text = ggplot2::element_text(size = min(9, max(5, 9 * room))))
}

# Size of dots so that the spots of the largest section touch, where a panel has so many mm across and down.
dot_size <- function(table, room) {
  touching_size(table[c("x", "y")], max(table(table$section)), room - c(4, 8))
}
