# Names of genes in a column at the right, each tied to its point and none over another; `x`: the column across.
names_beside <- function(first, all, x) {
  if (!nrow(first)) {
    return(list())
  }
  first <- first[order(-first$y), , drop = FALSE]
  across <- max(all[[x]])
  first$at <- spread_down(first$y, 0.045 * max(diff(range(all$y)), 1e-9))
  first$beside <- across + 0.06 * max(across - min(all[[x]]), 1e-9)
  list(
    ggplot2::geom_segment(
      ggplot2::aes(xend = .data$beside, yend = .data$at),
      data = first,
      colour = "grey75",
      linewidth = 0.3
    ),
    ggplot2::geom_text(
      ggplot2::aes(x = .data$beside, y = .data$at, label = .data$gene),
      data = first,
      hjust = -0.08,
      size = 3,
      colour = "grey10"
    ),
    ggplot2::scale_x_continuous(expand = ggplot2::expansion(c(0.05, 0.16)))
  )
}

# Falling heights, moved as little as need be to lie `gap` apart: what would overlap is laid around its middle.
spread_down <- function(y, gap) {
  steps <- gap * seq_along(y)
  # With the steps added, heights that are far enough apart fall, and an isotonic fit pools the others.
  -stats::isoreg(-(y + steps))$yf - steps
}
