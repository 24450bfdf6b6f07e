#' @rdname SpatialDomainPlot
#' @param labels Name of a column of the meta data with a label for each spot, or for some.
#' @export
SpatialDomainConfusionPlot <- function(object, labels, cluster.name = "sigel_domain") {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  domain <- domain_results(object, cluster.name, call)$domain
  name <- if (!missing(labels)) labels
  check_string(name, "labels", "Give the name of one column of the meta data.", call)
  known <- label_factor(meta_columns(object, name, names(domain), "labels", call)[[1L]], name, call)
  told <- !is.na(known) & !is.na(domain)
  if (!any(told)) {
    fix <- "Name a column with labels of spots that have a domain."
    sigel_abort("labels", sprintf("\"%s\", without a label", name), "labels of spots", fix, call)
  }
  counts <- table(droplevels(factor(domain)[told]), droplevels(known[told]))
  counts <- counts[staircase(counts), , drop = FALSE]
  cells <- data.frame(
    domain = factor(rep(rownames(counts), ncol(counts)), levels = rev(rownames(counts))),
    label = factor(rep(colnames(counts), each = nrow(counts)), levels = colnames(counts)),
    n = as.vector(counts),
    share = as.vector(counts / rowSums(counts))
  )
  n_without <- sum(!told)
  ggplot2::ggplot(cells, ggplot2::aes(.data$label, .data$domain)) +
    ggplot2::geom_tile(ggplot2::aes(fill = .data$share)) +
    counts_in_cells(cells, dim(counts)) +
    ggplot2::scale_fill_gradient(
      low = "white",
      high = group_colours("1")[[1L]],
      limits = c(0, 1),
      guide = ggplot2::guide_colourbar(frame.colour = "grey70")
    ) +
    ggplot2::scale_x_discrete(expand = c(0, 0)) +
    ggplot2::scale_y_discrete(expand = c(0, 0)) +
    ggplot2::labs(
      title = sprintf("ARI %.2f, NMI %.2f", adjusted_rand(counts), mutual_information(counts)),
      subtitle = paste0(
        sprintf("%d spots", sum(told)),
        if (n_without) sprintf("; %d without a label left out", n_without)
      ),
      x = name,
      y = "domain",
      fill = "share of\nthe domain"
    ) +
    theme_sigel() +
    ggplot2::theme(
      panel.grid = ggplot2::element_blank(),
      panel.border = ggplot2::element_rect(fill = NA, colour = "grey70"),
      axis.text.x = turned_where_long(colnames(counts))
    )
}

# Most labels of a table that can be read.
MOST_LABELS <- 60L

# Labels in their order; empty text is none.
label_factor <- function(column, name, call) {
  column <- if (is.factor(column)) droplevels(column) else factor(column)
  column[!is.na(column) & !nzchar(as.character(column))] <- NA
  column <- droplevels(column)
  if (nlevels(column) > MOST_LABELS) {
    found <- sprintf("\"%s\" with %d different values", name, nlevels(column))
    fix <- "Name a column with labels, or `cut()` its numbers into some."
    sigel_abort("labels", found, sprintf("at most %d labels", MOST_LABELS), fix, call)
  }
  column
}

# The numbers of spots, where there is room for them on a page.
counts_in_cells <- function(cells, size) {
  if (size[1L] > 30L || size[2L] > 16L) {
    return(NULL)
  }
  some <- cells[cells$n > 0, ]
  ggplot2::geom_text(
    ggplot2::aes(label = .data$n),
    data = some,
    size = 3,
    colour = ifelse(some$share > 0.6, "white", "grey10")
  )
}

# Names that would run into each other stand upright, where none reaches beyond the picture.
turned_where_long <- function(names) {
  if (sum(nchar(names) + 2L) > 60L) {
    return(ggplot2::element_text(angle = 90, hjust = 1, vjust = 0.5))
  }
  ggplot2::element_text()
}

# Order of the rows of a table that makes its diagonal heavy, columns as they are: each row stands with the column that
# it is matched to; one that is left over follows the row of the column that it overlaps most.
staircase <- function(counts) {
  place <- max.col(counts, ties.method = "first") + 0.5
  matched <- best_matching(counts)
  pairs <- which(matched > 0L)
  # A pair without a spot is no match.
  pairs <- pairs[counts[cbind(pairs, matched[pairs])] > 0]
  place[pairs] <- matched[pairs]
  order(place, -rowSums(counts))
}

# The column of each row in the one-to-one matching with the largest sum, 0 for none: shortest augmenting paths with
# potentials (Jonker and Volgenant 1987).
best_matching <- function(weight) {
  n <- max(dim(weight))
  cost <- matrix(0, n, n)
  cost[seq_len(nrow(weight)), seq_len(ncol(weight))] <- -weight
  # Column n + 1 stands for the row that is being placed.
  by_row <- numeric(n)
  by_column <- numeric(n + 1L)
  row_of <- integer(n + 1L)
  for (row in seq_len(n)) {
    row_of[n + 1L] <- row
    least <- rep(Inf, n)
    from <- integer(n)
    done <- logical(n + 1L)
    column <- n + 1L
    repeat {
      done[column] <- TRUE
      now <- row_of[column]
      slack <- cost[now, ] - by_row[now] - by_column[seq_len(n)]
      better <- !done[seq_len(n)] & slack < least
      least[better] <- slack[better]
      from[better] <- column
      open <- which(!done[seq_len(n)])
      step <- min(least[open])
      column <- open[which.min(least[open])]
      by_row[row_of[done]] <- by_row[row_of[done]] + step
      by_column[done] <- by_column[done] - step
      least[open] <- least[open] - step
      if (row_of[column] == 0L) {
        break
      }
    }
    while (column != n + 1L) {
      row_of[column] <- row_of[from[column]]
      column <- from[column]
    }
  }
  matched <- integer(n)
  matched[row_of[seq_len(n)]] <- seq_len(n)
  matched <- matched[seq_len(nrow(weight))]
  replace(matched, matched > ncol(weight), 0L)
}

# Agreement of two partitions from the table of both, chance taken off (Hubert and Arabie 1985).
adjusted_rand <- function(counts) {
  pairs <- function(n) sum(n * (n - 1) / 2)
  rows <- pairs(rowSums(counts))
  columns <- pairs(colSums(counts))
  expected <- rows * columns / max(pairs(sum(counts)), 1)
  most <- (rows + columns) / 2
  if (most == expected) 1 else (pairs(counts) - expected) / (most - expected)
}

# Mutual information over the mean of both entropies.
mutual_information <- function(counts) {
  p <- counts / sum(counts)
  entropy <- function(p) -sum(p[p > 0] * log(p[p > 0]))
  both <- entropy(rowSums(p)) + entropy(colSums(p))
  if (both == 0) 1 else 2 * (both - entropy(p)) / both
}
