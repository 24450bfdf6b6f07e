PATTERN_COLUMNS <- c("similarity", "rank", "pval", "qval", "status")

#' Genes that follow a designated pattern
#'
#' You say where a gene should be high and where low; the genes whose
#' representations are most like that of the pattern come first. The pattern is
#' drawn as counts with the section's own noise and depth of sequencing, goes
#' through the same preparation as the genes, and is placed among them by the
#' model.
#'
#' @section The pattern:
#' A column of text or a factor names the region of each cell, and `levels` how
#' high the pattern is in some of them. Cells of other regions, and cells without
#' one, take the level `background`. With `unit = "quantile"` a level of 0.9 is
#' what the gene at the 90 percent quantile of all genes' mean rates has in that
#' region; with `unit = "multiple"` a level of 3 is three times the rate of the
#' section's median gene.
#'
#' A column of numbers is the pattern itself, for example a hand-drawn mask of 0
#' and 1: its lowest value becomes the background, its highest the quantile 0.9,
#' and cells with NA take the background. TRUE and FALSE count as 1 and 0. It
#' takes no `levels`.
#'
#' @inheritParams FindSpatialGenes
#' @param region Name of the column of the meta data with the regions, or with
#'   the pattern in numbers. For a matrix or an assay, a vector with a value for
#'   each cell.
#' @param section Where the object holds several sections, as after `merge()`: the
#'   name of the column of the meta data that tells them apart. For a matrix or an
#'   assay, a vector with the section of each cell. Default: the column of the run,
#'   where that was of several and no image is named. The pattern is one over all of
#'   them; random patterns stay within their section.
#' @param levels Named numeric vector, a level for each of some regions, as in
#'   `c(layer1 = 0.9, layer2 = 0.5)`.
#' @param unit `"quantile"` or `"multiple"`: what a level means, see below.
#' @param background Level of all other cells, in the same unit; NULL: the
#'   quantile 0.1, a gene that is close to silent, or the multiple 1.
#' @param n.draws Number of genes drawn with the pattern; their mean
#'   representation is what genes are compared with.
#' @param null What a p-value compares with: `"regions"`, random patterns of the
#'   same sizes, about as smooth as this one and as much mixed, as cell types are,
#'   so that a gene must follow this pattern rather than any; `"spots"`, the values
#'   shuffled among the spots.
#' @param n.null Number of patterns in the null; 0 leaves the p-values out.
#' @param similarity `"cosine"` of the representations, or `"euclidean"`, minus
#'   their distance.
#' @param model Folder of a saved model. Default: the one that the run saved
#'   (`save.model`), if its files are still there and the genes, the sections and
#'   the settings are the run's; else eigenimages are made on the spot, in seconds.
#' @param seed.use Seed of the drawn counts. R's own random numbers are neither
#'   used nor changed.
#' @return A data frame with a row for each gene, in the order of rank. Columns:
#'   `gene`, `similarity`, `rank`, `pval`, `qval` (Benjamini and Hochberg) and
#'   `status`, why a gene has no answer. Its attribute `pattern` holds the drawn
#'   pattern for `PatternGenePlot()`. The object is left as it was.
#' @seealso [FindSimilarGenes()], [FindSpatialGenes()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   found <- FindPatternGenes(section, "region", c(layer = 0.95), n.draws = 3,
#'     n.null = 20, verbose = FALSE)
#'   head(found)
#' }
#' @export
FindPatternGenes <- function(object, ...) {
  UseMethod("FindPatternGenes", object)
}

#' @rdname FindPatternGenes
#' @export
FindPatternGenes.default <- function(
  object,
  region,
  levels = NULL,
  coordinates = NULL,
  features = NULL,
  section = NULL,
  unit = c("quantile", "multiple"),
  background = NULL,
  n.draws = 10,
  null = c("regions", "spots"),
  n.null = 200,
  similarity = c("cosine", "euclidean"),
  model = NULL,
  seed.use = 0,
  device = "auto",
  config = NULL,
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_object(object, call)
  check_no_dots(..., known = names(formals(FindPatternGenes.default)), call = call)
  check_question(model, seed.use, device, verbose, call)
  unit <- check_choice(unit, c("quantile", "multiple"), "unit", call)
  null <- check_choice(null, c("regions", "spots"), "null", call)
  similarity <- check_choice(similarity, c("cosine", "euclidean"), "similarity", call)
  check_pattern_numbers(n.draws, n.null, background, call)
  levels <- check_levels(levels, call)
  region <- if (!missing(region)) region
  plain <- plain_section(object, coordinates, features, call)
  cells <- colnames(plain$counts)
  plain$labels <- section_labels(section, cells, call)
  region <- region_of_cells(region, levels, cells, call)
  result <- ask_section(
    "pattern_genes",
    plain,
    list(
      settings = image_settings(config, call),
      regions = region_values(region),
      levels = as_py_dict(if (!is.null(levels)) as.list(levels)),
      unit = unit,
      background = background,
      n_draws = n.draws,
      null = null,
      n_null = n.null,
      similarity = similarity,
      model = if (!is.null(model)) path.expand(model),
      seed = seed.use,
      device = device
    ),
    verbose,
    call
  )
  table <- as_gene_table(result, PATTERN_COLUMNS)
  attr(table, "pattern") <- list(
    region = "region",
    levels = levels,
    unit = unit,
    pixels = drawn_pixels(result)
  )
  with_record(table, result, call)
}

#' @rdname FindPatternGenes
#' @export
FindPatternGenes.Assay <- function(object, region, levels = NULL, layer = "counts", slot = NULL, ...) {
  call <- rlang::current_env()
  counts <- read_counts(object, slot %||% layer, call)
  speaking_for(call, FindPatternGenes(counts, region = region, levels = levels, ...))
}

# Registered when the package is loaded, where SeuratObject has the class (Seurat 5).
#' @rdname FindPatternGenes
FindPatternGenes.StdAssay <- FindPatternGenes.Assay

#' @rdname FindPatternGenes
#' @export
FindPatternGenes.Seurat <- function(
  object,
  region,
  levels = NULL,
  unit = c("quantile", "multiple"),
  background = NULL,
  n.draws = 10,
  null = c("regions", "spots"),
  n.null = 200,
  similarity = c("cosine", "euclidean"),
  model = NULL,
  assay = NULL,
  image = NULL,
  features = NULL,
  coordinates = NULL,
  section = NULL,
  layer = NULL,
  slot = NULL,
  reduction = "sigel",
  seed.use = 0,
  device = "auto",
  config = NULL,
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(FindPatternGenes.Seurat)), call = call)
  region <- if (!missing(region)) region
  check_string(region, "region", "Give the name of one column of the meta data.", call)
  layer <- slot %||% layer
  seen <- asked_section(
    object,
    assay,
    image,
    coordinates,
    features,
    layer,
    reduction,
    config,
    call,
    model,
    section = section
  )
  values <- meta_columns(object, region, seen$cells, "region", call)[[1L]]
  table <- speaking_for(call, told = seen$told, {
    FindPatternGenes(
      object[[seen$assay]],
      region = values,
      levels = levels,
      coordinates = seen$coordinates,
      layer = seen$layer,
      features = seen$features,
      section = seen$section,
      unit = unit,
      background = background,
      n.draws = n.draws,
      null = null,
      n.null = n.null,
      similarity = similarity,
      model = model_of_run(object, model, seen, call),
      seed.use = seed.use,
      device = device,
      config = seen$config,
      verbose = verbose
    )
  })
  attr(table, "pattern")$region <- region
  # What the pictures beside the pattern are to be made with.
  made <- list(
    assay = assay,
    layer = layer,
    features = features,
    reduction = reduction,
    config = config,
    section = seen$column
  )
  attr(table, "pattern")$made <- made
  table
}

#' @rdname FindPatternGenes
#' @export
FindPatternGenes.SpatialExperiment <- function(object, ...) {
  view <- as_seurat(object)
  speaking_for(rlang::current_env(), FindPatternGenes(view, ...))
}

# The region of each cell, or its value, as the engine is asked for it.
region_of_cells <- function(region, levels, cells, call) {
  if (is.null(region)) {
    fix <- "Say which region, or which value, each cell has."
    sigel_abort("region", "nothing", "one value for each cell", fix, call)
  }
  region <- per_cell(region, cells, "region", call)
  if (is.logical(region) && !is.null(levels)) as.character(region) else region
}

# The pattern that was drawn, a row for each pixel.
drawn_pixels <- function(result) {
  data.frame(
    row = unlist(result$row),
    col = unlist(result$col),
    x = as.double(result$x),
    y = as.double(result$y),
    value = as.double(unlist(result$pattern))
  )
}

#' Pictures of genes that follow a pattern
#'
#' Draws the pattern that was asked for beside the genes that
#' [FindPatternGenes()] found, each scaled to mean 0 and standard deviation 1,
#' all on one colour scale, with the similarity above each.
#'
#' @param object The Seurat object or the SpatialExperiment that [FindPatternGenes()] was given.
#' @param table What it returned, or some of its rows.
#' @param n.genes Genes shown, the first of the table.
#' @param ncol Number of columns.
#' @param image,coordinates As in [FindPatternGenes()].
#' @return A ggplot.
#' @examples
#' if (sigel_available() && requireNamespace("ggplot2", quietly = TRUE)) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section$mask <- section$array_col > 16
#'   found <- FindPatternGenes(section, "mask", n.draws = 3, n.null = 20,
#'     verbose = FALSE)
#'   PatternGenePlot(section, found)
#' }
#' @export
PatternGenePlot <- function(
  object,
  table,
  n.genes = 7,
  ncol = 4,
  image = NULL,
  coordinates = NULL
) {
  needs_ggplot()
  call <- rlang::current_env()
  object <- as_seurat(object)
  check_seurat(object, call)
  check_whole(n.genes, "n.genes", 1L, 7L, call)
  check_whole(ncol, "ncol", 1L, 4L, call)
  table <- if (!missing(table)) table
  pattern <- pattern_of(table, call)
  shown <- utils::head(table[!is.na(table$rank), , drop = FALSE], n.genes)
  if (!nrow(shown)) {
    fix <- "The column `status` says why."
    sigel_abort("table", "no gene with an answer", "some genes with a rank", fix, call)
  }
  made <- pattern$made
  section <- section_of_pattern(object, made, call)
  seen <- asked_section(
    object,
    made$assay,
    image,
    coordinates,
    made$features,
    made$layer,
    made$reduction %||% "sigel",
    made$config,
    call,
    section = section,
    told = FALSE
  )
  counts <- read_counts(object[[seen$assay]], seen$layer, call)
  plain <- plain_section(counts, seen$coordinates, seen$features, call)
  plain$told <- seen$told
  plain$labels <- section_labels(seen$section, seen$cells, call)
  select_features(plain$counts, shown$gene, call)
  asked <- list(settings = image_settings(seen$config, call), genes = as.list(shown$gene))
  images <- ask_section("gene_images", plain, asked, call = call)
  check_same_pixels(images, pattern$pixels, call)
  drawn <- pattern_and_genes(pattern$pixels, images$values, shown$gene)
  label <- c("pattern", sprintf("%s  %.2f", shown$gene, shown$similarity))
  drawn$panel <- factor(as.integer(drawn$gene))
  ggplot2::ggplot() +
    pixel_layers(drawn) +
    ggplot2::facet_wrap(
      ggplot2::vars(.data$panel),
      ncol = ncol,
      labeller = ggplot2::as_labeller(stats::setNames(label, seq_along(label)))
    ) +
    ggplot2::guides(fill = ggplot2::guide_colourbar(title = "z-score")) +
    ggplot2::labs(
      title = "Genes that follow the pattern",
      subtitle = paste("Pattern:", pattern_words(pattern))
    )
}

# The pattern that a table was made with.
pattern_of <- function(table, call) {
  pattern <- attr(table, "pattern")
  if (is.null(pattern)) {
    found <- if (is.null(table)) "nothing" else paste(describe(table), "without a pattern")
    fix <- "Give the table as it was returned."
    sigel_abort("table", found, "what `FindPatternGenes()` returned", fix, call)
  }
  pattern
}

# The column that told sections apart where the pattern was made; of a matrix the table knows none.
section_of_pattern <- function(object, made, call) {
  section <- made[["section"]]
  if (!is.null(section) && !section %in% names(object[[]])) {
    found <- sprintf("no column \"%s\" in the meta data, which told the sections apart", section)
    fix <- "Put the column back."
    sigel_abort("object", found, "the object that the pattern was made with", fix, call)
  }
  section
}

check_same_pixels <- function(images, pixels, call) {
  same <- identical(as.integer(unlist(images$row)), as.integer(pixels$row)) &&
    ncol(images$values) == nrow(pixels)
  if (!same) {
    fix <- "Give the object, the image and the coordinates that the pattern was made with."
    sigel_abort("object", "another grid of pixels", "that of the pattern", fix, call)
  }
}

# Polygons of the pattern and of the genes, in this order.
pattern_and_genes <- function(pixels, values, genes) {
  values <- rbind(pixels$value, values)
  # A gene may be called "pattern", too.
  rownames(values) <- make.unique(c("pattern", genes))
  corners <- pixel_corners(pixels$row, pixels$col, pixels$x, pixels$y)
  pixel_table(list(values = standardised(values), corners = corners))
}

# Rows with mean 0 and standard deviation 1.
standardised <- function(values) {
  values <- values - rowMeans(values)
  values / pmax(sqrt(rowMeans(values^2)), .Machine$double.eps)
}

# The pattern in a few words, as "region: a 0.9, b 0.5".
pattern_words <- function(pattern) {
  levels <- pattern$levels
  if (is.null(levels)) {
    return(pattern$region)
  }
  shown <- utils::head(levels, 4L)
  words <- paste(names(shown), format(shown, trim = TRUE, digits = 3L), collapse = ", ")
  more <- if (length(levels) > 4L) sprintf(" and %d more", length(levels) - 4L) else ""
  unit <- if (pattern$unit == "quantile") "quantiles" else "times the median gene"
  sprintf("%s at %s%s (%s)", pattern$region, words, more, unit)
}

# Regions as they cross to Python: numbers with NaN, or text with None where there is none.
region_values <- function(region) {
  if (is.logical(region) || is.numeric(region)) {
    region <- as.double(region)
    return(as_vector(replace(region, is.na(region), NaN)))
  }
  lapply(region, function(name) if (!is.na(name)) name)
}

check_pattern_numbers <- function(n.draws, n.null, background, call) {
  check_whole(n.draws, "n.draws", 1L, 10L, call)
  check_whole(n.null, "n.null", 0L, 200L, call)
  if (!is.null(background)) {
    check_number(background, "background", "Use `background = NULL`.", call)
  }
}

check_levels <- function(levels, call) {
  if (is.null(levels)) {
    return(NULL)
  }
  levels <- if (is.list(levels)) unlist(levels) else levels
  wanted <- "a named numeric vector, a level for each of some regions"
  fix <- "For example `levels = c(layer1 = 0.9)`."
  if (!is.numeric(levels) || !length(levels) || !rlang::is_named(levels)) {
    sigel_abort("levels", describe(levels), wanted, fix, call)
  }
  if (any(!is.finite(levels))) {
    found <- sprintf("no finite number for %s", some(names(levels)[!is.finite(levels)]))
    sigel_abort("levels", found, wanted, fix, call)
  }
  twice <- unique(names(levels)[duplicated(names(levels))])
  if (length(twice)) {
    sigel_abort("levels", sprintf("several levels for %s", some(twice)), "one for a region", fix, call)
  }
  levels
}
