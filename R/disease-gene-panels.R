# The three kinds of pictures of one gene in a cohort, from what the engine says of them.

# Parts of a panel's side: the gap between panels, a title above them, the heading of a condition.
PANEL <- c(gap = 0.08, title = 0.19, heading = 0.24)

# A panel for each section, a block of rows for each condition, all on one canvas whose unit is the side of a panel.
gene_panel_plot <- function(found, feature, ncol) {
  headings <- vapply(found$panels, function(one) one$heading, "")
  block <- match(headings, unique(headings))
  ncol <- min(ncol, max(table(block)))
  shapes <- lapply(found$panels, panel_shape)
  height <- max(vapply(shapes, function(one) diff(range(one$y)), 0))
  rank <- stats::ave(block, block, FUN = seq_along) - 1L
  row <- rank %/% ncol + c(0, cumsum(ceiling(tabulate(block) / ncol)))[block]
  column <- rank %% ncol
  left <- column * (1 + PANEL[["gap"]])
  top <- row * (height + PANEL[["title"]]) + block * PANEL[["heading"]]
  titles <- data.frame(
    x = left + 0.5,
    y = top - 0.05,
    label = vapply(found$panels, function(one) one$title, "")
  )
  heads <- data.frame(x = 0, y = top - PANEL[["title"]], label = headings)[!duplicated(block), ]
  measured <- !vapply(found$panels, function(one) is.null(one$values), NA)
  table <- do.call(
    rbind,
    lapply(which(measured), function(k) {
      shape <- shapes[[k]]
      data.frame(
        pixel = paste(k, shape$pixel),
        x = shape$x + left[k] + 0.5,
        y = shape$y + top[k] + height / 2,
        value = as.vector(found$panels[[k]]$values)[shape$pixel],
        panel = titles$label[k]
      )
    })
  )
  # Millimetres of a panel on a page of 7 in, and of a letter.
  side <- 150 / (ncol * (1 + PANEL[["gap"]]))
  size <- max(1.4, min(3, side / (0.55 * max(nchar(titles$label)))))
  absent <- data.frame(x = left + 0.5, y = top + height / 2, label = "not measured")[!measured, ]
  written <- function(data, ...) {
    ggplot2::geom_text(ggplot2::aes(.data$x, .data$y, label = .data$label), data = data, ...)
  }
  wide <- ncol * (1 + PANEL[["gap"]]) - PANEL[["gap"]]
  ggplot2::ggplot() +
    pixel_shapes(table) +
    fill_levels(unlist(found$limits)) +
    written(titles, size = size, vjust = 0, colour = "grey15") +
    written(heads, size = 3.4, hjust = 0, vjust = 0.2, fontface = "bold") +
    written(absent, size = min(3, side / 8), colour = "grey45") +
    # A section's y points down, as on the slide.
    ggplot2::scale_y_reverse() +
    ggplot2::coord_fixed(xlim = c(0, wide), clip = "off") +
    ggplot2::labs(title = feature) +
    theme_pixels() +
    ggplot2::theme(legend.position = "right", plot.title = ggplot2::element_text(face = "bold.italic"))
}

# Corners of the pixels of a section about its middle, its longer side 1.
panel_shape <- function(panel) {
  corners <- pixel_corners(unlist(panel$row), unlist(panel$col), as.vector(panel$x), as.vector(panel$y))
  middle <- c(mean(range(corners$x)), mean(range(corners$y)))
  side <- max(diff(range(corners$x)), diff(range(corners$y)))
  corners$x <- (corners$x - middle[1L]) / side
  corners$y <- (corners$y - middle[2L]) / side
  corners
}

fill_levels <- function(limits) {
  ggplot2::scale_fill_viridis_c(
    name = LEVEL_SCALE,
    limits = limits,
    oob = function(x, range) pmin(pmax(x, range[1L]), range[2L]),
    guide = ggplot2::guide_colourbar(title.theme = ggplot2::element_text(size = 8))
  )
}

# Mean images in a row, and how each differs from the first.
mean_image_plots <- function(found, feature) {
  titles <- function(panels) vapply(panels, function(one) one$title, "")
  n <- vapply(found$panels, function(one) one$heading, "")
  donors <- ifelse(n == "1", "donor", "donors")
  means <- sprintf("%s\nmean of %s %s", titles(found$panels), n, donors)
  differences <- sub(" minus ", "\nminus ", titles(found$differences), fixed = TRUE)
  most <- stats::quantile(abs(unlist(lapply(found$differences, `[[`, "values"))), 0.99, names = FALSE)
  most <- if (most > 0) most else 1
  diverging <- ggplot2::scale_fill_gradient2(
    name = "difference",
    low = "#2166AC",
    mid = "grey97",
    high = "#B2182B",
    limits = c(-most, most),
    oob = function(x, range) pmin(pmax(x, range[1L]), range[2L]),
    guide = ggplot2::guide_colourbar(title.theme = ggplot2::element_text(size = 8))
  )
  level <- faceted_pixels(found$panels, means) + fill_levels(unlist(found$limits))
  change <- faceted_pixels(found$differences, differences) + diverging
  two <- length(found$panels) == 2L
  widths <- if (two) c(2, 1)
  patchwork::wrap_plots(level, change, ncol = if (two) 2L else 1L, widths = widths) +
    patchwork::plot_annotation(
      title = feature,
      theme = theme_sigel() + ggplot2::theme(plot.title = ggplot2::element_text(face = "bold.italic"))
    )
}

faceted_pixels <- function(panels, titles) {
  corners <- pixel_corners(
    unlist(panels[[1L]]$row),
    unlist(panels[[1L]]$col),
    as.vector(panels[[1L]]$x),
    as.vector(panels[[1L]]$y)
  )
  values <- do.call(rbind, lapply(panels, function(one) as.vector(one$values)))
  rownames(values) <- titles
  ggplot2::ggplot() +
    pixel_shapes(pixel_table(list(values = values, corners = corners))) +
    ggplot2::facet_wrap(ggplot2::vars(.data$gene), nrow = 1L) +
    ggplot2::scale_y_reverse() +
    ggplot2::coord_fixed(expand = FALSE, clip = "off") +
    theme_pixels() +
    ggplot2::theme(legend.position = "right")
}

# A dot for each donor in each domain, conditions beside each other, and a line at their mean.
gene_by_domain_plot <- function(found, feature) {
  table <- engine_table(found$table)
  domains <- as.character(unlist(found$domains))
  conditions <- as.character(unlist(found$conditions))
  table$condition <- factor(table$condition, levels = conditions)
  step <- 0.8 / length(conditions)
  code <- as.integer(table$condition)
  table$x <- match(table$domain, domains) + (code - (length(conditions) + 1) / 2) * step
  part <- interaction(table$domain, table$condition, drop = TRUE)
  # Donors next to each other, so that equal ones are seen.
  rank <- stats::ave(code, part, FUN = seq_along)
  n <- stats::ave(code, part, FUN = length)
  table$beside <- table$x + 0.6 * step * ((rank - 0.5) / n - 0.5)
  means <- stats::aggregate(level ~ x + condition, data = table, FUN = mean)
  turned <- max(nchar(domains)) > 4L && max(nchar(domains)) * length(domains) > 40L
  ggplot2::ggplot(table, ggplot2::aes(colour = .data$condition)) +
    ggplot2::geom_vline(xintercept = seq_along(domains)[-1L] - 0.5, colour = "grey90", linewidth = 0.4) +
    ggplot2::geom_point(ggplot2::aes(.data$beside, .data$level), size = 1.8, stroke = 0) +
    ggplot2::geom_segment(
      ggplot2::aes(
        x = .data$x - 0.4 * step,
        xend = .data$x + 0.4 * step,
        y = .data$level,
        yend = .data$level
      ),
      data = means,
      linewidth = 0.8,
      alpha = 0.6
    ) +
    ggplot2::scale_colour_manual(values = group_colours(conditions)) +
    ggplot2::scale_x_continuous(breaks = seq_along(domains), labels = domains) +
    ggplot2::expand_limits(y = 0) +
    ggplot2::labs(
      title = sprintf("%s by domain", feature),
      subtitle = "A dot a donor, a line their mean",
      x = NULL,
      y = gsub("\n", " ", LEVEL_SCALE, fixed = TRUE),
      colour = NULL
    ) +
    theme_sigel() +
    ggplot2::theme(
      panel.grid.major.x = ggplot2::element_blank(),
      axis.text.x = if (turned) ggplot2::element_text(angle = 40, hjust = 1)
    )
}
