# What the columns of the history mean; a term that is not named here keeps its own name.
TERMS <- c(
  loss = "total loss",
  held.out = "genes held out",
  neighbors = "foretold by near genes",
  reconstruct = "hidden patches",
  contrast = "two views of a gene",
  cluster = "distance to target groups",
  likelihood = "-log likelihood of groups",
  size = "uneven group sizes",
  graph = "neighbouring genes",
  changed = "genes that changed group",
  rank = "effective dimensions"
)

#' Training curves
#'
#' One panel for each term of the loss, epoch by epoch, coloured by stage, and for
#' the share of genes that changed group and the effective number of dimensions.
#' Training starts from the eigenimages, so that the default preset takes few
#' epochs; with more of them, curves that have levelled off tell that it was long
#' enough.
#'
#' @param object A Seurat object or a SpatialExperiment after [RunSIGEL()], or its reduction.
#' @param reduction Name of the reduction.
#' @return A ggplot.
#' @examples
#' if (sigel_available() && requireNamespace("ggplot2", quietly = TRUE)) {
#'   section <- SimulateSection(n.rows = 12, n.cols = 12, n.programmes = 2,
#'     genes.per.programme = 15, n.background.genes = 10)
#'   quick <- list(train = list(pretrain_epochs = 2, refine_epochs = 2))
#'   section <- RunSIGEL(section, n.dims = 8, n.groups = 3, config = quick,
#'     verbose = FALSE)
#'   TrainingPlot(section)
#' }
#' @export
TrainingPlot <- function(object, reduction = "sigel") {
  needs_ggplot()
  object <- as_seurat(object)
  # Those of 0.5.0 have underscores.
  history <- dotted(SeuratObject::Misc(sigel_results(object, reduction))$history)
  history <- history[!history$stage %in% c("eigenimages", "groups"), , drop = FALSE]
  if (!nrow(history)) {
    fix <- "Train for one epoch or more; `preset = \"fast\"` trains nothing."
    sigel_abort("object", "a history without epochs", "at least one epoch", fix)
  }
  terms <- setdiff(
    names(history)[vapply(history, is.numeric, logical(1L))],
    c("epoch", "seconds", "n.groups", "held.out.start", "neighbors.start", "kept.epoch", "foretold")
  )
  terms <- terms[vapply(terms, function(term) any(is.finite(history[[term]])), logical(1L))]
  history$step <- seq_len(nrow(history))
  curves <- do.call(
    rbind,
    lapply(terms, function(term) {
      data.frame(step = history$step, stage = history$stage, term = term, value = history[[term]])
    })
  )
  curves <- curves[is.finite(curves$value), ]
  curves$term <- factor(term_label(curves$term), levels = term_label(terms))
  stages <- unique(history$stage)
  labels <- c(pretrain = "Module I", refine = "Modules II and III")
  curves$stage <- factor(curves$stage, levels = stages)
  ggplot2::ggplot(curves, ggplot2::aes(.data$step, .data$value, colour = .data$stage)) +
    ggplot2::geom_line(data = curves[run_length(curves) > 1L, ], linewidth = 0.8) +
    ggplot2::geom_point(size = 1.4) +
    ggplot2::facet_wrap(
      ggplot2::vars(.data$term),
      scales = "free_y",
      labeller = ggplot2::label_wrap_gen(width = 18)
    ) +
    ggplot2::scale_colour_manual(
      values = unname(group_colours(stages)),
      labels = function(stage) ifelse(stage %in% names(labels), labels[stage], stage)
    ) +
    ggplot2::scale_x_continuous(breaks = function(limits) unique(floor(pretty(limits)))) +
    ggplot2::labs(title = "Training", x = "epoch", y = NULL, colour = NULL) +
    theme_sigel() +
    ggplot2::theme(legend.position = "top", legend.justification = "left")
}

# Points of the curve that each row belongs to; a single one makes no line.
run_length <- function(curves) stats::ave(curves$step, curves$term, curves$stage, FUN = length)

term_label <- function(term) {
  known <- unname(TERMS[term])
  ifelse(is.na(known), gsub(".", " ", term, fixed = TRUE), known)
}
