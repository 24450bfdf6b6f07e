# Text of panels that fits them: as large as the page has room for, and cut where that would be too small to be read.

# A layer with text of one size. `side` of the panels: above them or below; `span`: how many of them a text has room on,
# `between` apart (a unit); `sizes` in points, the least and the most. Of two `lines`, where not all would
# fit on one, that of every other panel (`rank`) stands a line lower, and has twice the room.
fitted_text <- function(
  data,
  side,
  span = 1L,
  between = grid::unit(0, "pt"),
  sizes = c(6, 8),
  lines = 1L
) {
  all <- data$label
  draw <- function(data, panel_params, coord, ...) {
    place <- coord$transform(data, panel_params)
    grid::gTree(
      label = as.character(place$label),
      all = all,
      above = side == "above",
      span = span,
      between = between,
      face = place$face,
      lower = place$rank %% 2 == 1,
      sizes = sizes,
      lines = lines,
      cl = "sigel_fitted_text"
    )
  }
  geom <- ggplot2::ggproto(
    NULL,
    ggplot2::Geom,
    required_aes = c("x", "y", "label", "face", "rank"),
    draw_panel = draw
  )
  ggplot2::layer(
    geom,
    "identity",
    data,
    ggplot2::aes(.data$x, .data$y, label = .data$label, face = .data$face, rank = .data$rank),
    position = "identity",
    show.legend = FALSE,
    inherit.aes = FALSE
  )
}

# nolint start: object_name_linter. A method of grid.
#' @exportS3Method grid::makeContent
makeContent.sigel_fitted_text <- function(x) {
  gap <- in_points(x$between)
  room <- in_points(grid::unit(1, "npc")) * x$span + gap * (x$span - 1)
  widest <- max(0.1, widths_of(x$all, x$face[1L]))
  staggered <- x$lines > 1L && room / widest < x$sizes[1L]
  if (staggered) {
    room <- 2 * room + gap
  }
  # A PDF has letters of whole points.
  size <- min(x$sizes[2L], max(x$sizes[1L], floor(room / widest)))
  text <- grid::textGrob(
    cut_to(x$label, room / size, x$face[1L]),
    x = if (x$above) 0 else 0.5,
    y = if (x$above) {
      grid::unit(1, "npc") + grid::unit(2, "pt")
    } else {
      grid::unit(-2 - staggered * x$lower * 1.15 * size, "pt")
    },
    hjust = if (x$above) 0 else 0.5,
    vjust = if (x$above) 0 else 1,
    gp = grid::gpar(fontsize = size, fontface = x$face, col = if (x$above) "black" else "grey15")
  )
  grid::setChildren(x, grid::gList(text))
}
# nolint end

in_points <- function(unit) grid::convertWidth(unit, "pt", valueOnly = TRUE)

# Of letters of one point, in points; measured large, where fonts are not rounded to dots.
widths_of <- function(text, face) {
  one <- function(text) {
    grob <- grid::textGrob(text, gp = grid::gpar(fontsize = 20, fontface = face))
    in_points(grid::grobWidth(grob)) / 20
  }
  vapply(as.character(text), one, double(1L), USE.NAMES = FALSE)
}

# Text that is wider than the room, in points for letters of one point, ends in an ellipsis.
cut_to <- function(text, room, face) {
  vapply(
    as.character(text),
    function(whole) {
      shown <- whole
      n <- nchar(whole)
      while (n > 1L && widths_of(shown, face) > room + 0.01) {
        n <- n - 1L
        shown <- paste0(trimws(substr(whole, 1L, n), "right"), "...")
      }
      shown
    },
    "",
    USE.NAMES = FALSE
  )
}
