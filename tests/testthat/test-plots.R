finished <- function() {
  if (is.null(made$finished)) {
    made$finished <- run_quick(small_section())
  }
  made$finished
}
build <- function(plot) ggplot2::ggplot_build(plot)

test_that("training curves show every term of every stage", {
  skip_if_no_engine()
  skip_without("ggplot2")
  plot <- TrainingPlot(finished())
  # Narrow panels cut long labels off.
  shown <- unlist(plot$facet$params$labeller(unique(plot$data["term"])))
  expect_true(all(nchar(unlist(strsplit(shown, "\n"))) <= 18L))
  expect_setequal(as.character(unique(plot$data$stage)), c("pretrain", "refine"))
  expect_true("total loss" %in% plot$data$term)
  expect_no_error(build(plot))
  expect_no_error(build(TrainingPlot(finished()[["sigel"]])))
})

test_that("the history of a run of 0.5.0, whose columns have underscores, is drawn", {
  skip_if_no_engine()
  skip_without("ggplot2")
  old <- finished()[["sigel"]]
  names(old@misc$history) <- gsub(".", "_", names(old@misc$history), fixed = TRUE)
  expect_equal(TrainingPlot(old)$data, TrainingPlot(finished())$data)
})

test_that("gene images share one scale and have a polygon for each pixel", {
  skip_if_no_engine()
  skip_without("ggplot2")
  section <- finished()
  genes <- grep("^Gene", rownames(section), value = TRUE)[3:1]
  drawn <- build(GeneImagePlot(section, genes, ncol = 2))
  expect_equal(levels(drawn$layout$layout$gene), genes)
  polygons <- drawn$data[[1]]
  expect_equal(nrow(polygons), 3 * ncol(section) * 6)
  before <- small_section()
  expect_no_error(build(GeneImagePlot(before, genes)))
  expect_refused(GeneImagePlot(section, "nogene"), "features", "nogene")
  expect_error(GeneImagePlot(section, "mt-Nd1"), "excluded by name", class = "sigel_error")
  expect_refused(GeneImagePlot(section, genes, layer = "tpm"), "layer", "\"counts\"", object = section)
  expect_refused(GeneImagePlot(section[["sigel"]], genes), "object", "DimReduc", "Seurat object")
  cells <- small_section(lattice = "cells", image = "fov")
  corners <- build(GeneImagePlot(cells, genes[1]))$data[[1]]
  expect_true(all(table(corners$group) == 4))
})

if (nightly()) {
  test_that("images after a run on some genes are what the model saw", {
    skip_if_no_engine()
    skip_without("ggplot2")
    section <- small_section()
    genes <- grep("^Gene", rownames(section), value = TRUE)
    some <- run_quick(section, features = genes[1:15])
    counts <- counts_of(section)[genes[1:15], ]
    alone <- SeuratObject::CreateSeuratObject(counts, assay = "Spatial")
    values <- function(...) GeneImagePlot(..., coordinates = spot_table(section))$layers[[1]]$data$value
    seen <- values(some, genes[2:3])
    expect_equal(seen, values(alone, genes[2:3]))
    expect_gt(max(abs(seen - values(section, genes[2:3]))), 1e-3)
    expect_refused(GeneImagePlot(some, genes[c(2, 20)]), "features", genes[20], "RunSIGEL")
    expect_no_error(build(GeneGroupPlot(some)))
    part <- subset(some, features = genes[2:15])
    expect_no_error(build(GeneImagePlot(part, genes[2])))
  })
}

test_that("a page of groups shows each group's own genes", {
  skip_if_no_engine()
  skip_without("ggplot2")
  plot <- GeneGroupPlot(finished(), n.genes = 2)
  expect_identical(plot$labels$caption, "Mean images have a scale of their own.")
  features <- SeuratObject::Misc(finished()[["sigel"]])$features
  panels <- plot$layers[[2]]$data
  genes <- panels[panels$rank > 0L, ]
  expect_equal(as.character(features$group[match(genes$gene, features$gene)]), genes$group)
  expect_setequal(genes$group, levels(features$group))
  expect_equal(sum(panels$rank == 0L), nlevels(features$group))
  heads <- plot$layers[[3]]$data
  names <- ifelse(heads$group == "no pattern", "No pattern", paste("Group", heads$group))
  expect_equal(heads$label, sprintf("%s (%d genes)", names, table(features$group)[heads$group]))
  expect_equal(nrow(unique(panels[c("row", "column")])), nrow(panels))
  expect_no_error(build(plot))
  expect_refused(GeneGroupPlot(finished(), groups = "99"), "groups", "99")
  # A reduction holds no counts.
  reduction <- finished()[["sigel"]]
  expect_refused(
    GeneGroupPlot(reduction),
    "object",
    "DimReduc",
    "wanted a Seurat object or a SpatialExperiment."
  )
})

test_that("the map has a dot for each embedded gene, is repeatable and leaves R's seed alone", {
  skip_if_no_engine()
  skip_without("ggplot2")
  set.seed(4)
  before <- .Random.seed
  plot <- GeneMapPlot(finished())
  expect_identical(.Random.seed, before)
  expect_setequal(plot$data$gene, rownames(SeuratObject::Loadings(finished()[["sigel"]])))
  expect_identical(GeneMapPlot(finished())$data, plot$data)
  expect_no_error(build(plot))
  marked <- GeneMapPlot(finished(), features = plot$data$gene[1:2], method = "pca", label = FALSE)
  expect_no_error(build(marked))
  expect_equal(marked$labels[c("x", "y")], list(x = "PC 1", y = "PC 2"))
  # Names stand beside the map, none over another.
  written <- Find(function(layer) inherits(layer$geom, "GeomText"), marked$layers)$data
  expect_true(all(written$beside > max(marked$data$x)))
  expect_gt(abs(diff(written$at)), 0)
  expect_refused(GeneMapPlot(finished(), features = "mt-Nd1"), "features", "mt-Nd1")
  known <- plot$data$gene[1]
  expect_refused(
    GeneMapPlot(finished(), features = tolower(known)),
    "features",
    sprintf("nearest: \"%s\"", known)
  )
})

test_that("a group is named at its gene nearest to the medians of its places", {
  skip_if_no_engine()
  skip_without("ggplot2")
  plot <- GeneMapPlot(finished(), method = "pca")
  names <- Find(function(layer) inherits(layer$geom, "GeomLabel"), plot$layers)$data
  expect_setequal(names$group, levels(plot$data$group))
  for (group in levels(plot$data$group)) {
    own <- plot$data[plot$data$group == group, ]
    away <- sqrt((own$x - stats::median(own$x))^2 + (own$y - stats::median(own$y))^2)
    expect_identical(names$gene[names$group == group], own$gene[which.min(away)])
  }
})

test_that("the map of genes is that of Python", {
  skip_if_no_engine()
  skip_without("ggplot2")
  loadings <- SeuratObject::Loadings(finished()[["sigel"]])
  ours <- reticulate::import("sigel.tasks.gene_map")$gene_map
  for (method in c("pca", if (nightly()) "tsne")) {
    plot <- GeneMapPlot(finished(), method = method, seed.use = 3)
    there <- ours(unname(loadings), method = method, seed = 3L)
    at <- plot$data[match(rownames(loadings), plot$data$gene), c("x", "y")]
    expect_equal(unname(as.matrix(at)), there, tolerance = 1e-12)
  }
  expect_identical(GeneMapPlot(finished())$labels$x, "t-SNE 1")
  if (nightly()) {
    skip_without("uwot")
    expect_identical(GeneMapPlot(finished(), method = "umap")$labels$x, "UMAP 1")
  }
})

test_that("plots of objects without results say what to do", {
  skip_without("ggplot2")
  object <- SeuratObject::CreateSeuratObject(
    matrix(1, 3, 3, dimnames = list(letters[1:3], LETTERS[1:3]))
  )
  expect_refused(TrainingPlot(object), "reduction", "RunSIGEL()", object = object)
  expect_refused(GeneMapPlot(1), "object", "or a DimReduc")
  error <- expect_error(GeneMapPlot(finished(), method = "isomap"), class = "sigel_input_error")
  expect_equal(error$argument, "method")
  expect_refused(GeneImagePlot(1, "a"), "object")
})

test_that("colours differ between groups", {
  group_colours <- getFromNamespace("group_colours", "sigel")
  for (n in c(1, 7, 8, 40)) {
    expect_length(unique(group_colours(as.character(seq_len(n)))), n)
  }
})

test_that("colours are those of Python", {
  skip_if_no_engine()
  group_colours <- getFromNamespace("group_colours", "sigel")
  palette <- unlist(reticulate::import("sigel.pl._colours")$PALETTE)
  for (n in c(1, 7, 20)) {
    expect_equal(unname(group_colours(as.character(seq_len(n)))), palette[seq_len(n)])
  }
  # Numbers have their own in a part, too; where there is any other name, all go by place.
  expect_equal(group_colours(c("4", "2", "20")), stats::setNames(palette[c(4, 2, 20)], c("4", "2", "20")))
  for (names in list(c("4", "white"), c("0", "4"), c("b", "a"), c("1.5", "2"))) {
    expect_equal(unname(group_colours(names)), palette[1:2])
  }
  for (names in list(c("3", "21", "57"), c("4", "white"), paste0("g", 1:30))) {
    python <- reticulate::import("sigel.pl._colours")$colours_of(as.list(names))
    expect_equal(unname(group_colours(names)), unlist(python))
  }
  # Beyond the palette there are hues; what is in it stays.
  many <- group_colours(as.character(1:30))
  expect_equal(unname(many[1:20]), palette)
  expect_equal(group_colours("25"), many["25"])
})

test_that("pixel corners follow the lattice, whatever way it is turned", {
  pixel_corners <- getFromNamespace("pixel_corners", "sigel")
  grid <- expand.grid(col = 0:4, row = 0:3)
  square <- pixel_corners(grid$row, grid$col, 10 * grid$col, 10 * grid$row)
  expect_equal(unname(c(table(square$pixel))), rep(4L, 20))
  expect_equal(range(square$x), c(-5, 45))
  hexagonal <- 2 * grid$col + grid$row %% 2
  turned <- pixel_corners(grid$row, grid$col, -sqrt(3) * grid$row, hexagonal)
  expect_equal(unname(c(table(turned$pixel))), rep(6L, 20))
  first <- turned[turned$pixel == 1, ]
  expect_equal(sqrt(first$x^2 + first$y^2), rep(2 / sqrt(3), 6))
  line <- pixel_corners(0:4, rep(0, 5), rep(3, 5), 2 * (0:4))
  expect_true(all(is.finite(line$x)) && diff(range(line$x)) > 0)
})

test_that("sizes and columns that cannot be drawn are refused", {
  skip_if_no_engine()
  skip_without("ggplot2")
  expect_refused(GeneImagePlot(finished()), "features", "found nothing")
  expect_refused(GeneImagePlot(finished(), "Gene0001", ncol = 0), "ncol")
  expect_refused(GeneMapPlot(finished(), pt.size = "a"), "pt.size")
  expect_refused(GeneGroupPlot(finished(), n.genes = 100), "n.genes", "GeneImagePlot")
})

test_that("one epoch of a stage is drawn without complaint", {
  skip_if_no_engine()
  skip_without("ggplot2")
  once <- list(train = list(pretrain_epochs = 1, refine_epochs = 1))
  done <- run_quick(small_section(), config = once)
  expect_no_message(build(TrainingPlot(done)))
})

if (nightly()) {
  test_that("pictures of a run over several sections show all of them, without an image being named", {
    skip_if_no_engine()
    one <- small_section()
    both <- merge(one, SeuratObject::RenameCells(small_section(), add.cell.id = "b"))
    both$slide <- ifelse(startsWith(colnames(both), "b_"), "second", "first")
    expect_length(SeuratObject::Images(both), 2L)
    done <- run_quick(both, section = "slide")
    gene <- rownames(SeuratObject::Loadings(done[["sigel"]]))[1L]
    drawn <- GeneImagePlot(done, gene)$layers[[1L]]$data
    alone <- GeneImagePlot(run_quick(one), gene)$layers[[1L]]$data
    expect_equal(nrow(drawn), 2L * nrow(alone))
    # The same section twice: the same picture twice, apart by a small gap.
    half <- drawn$pixel <= max(drawn$pixel) / 2
    expect_equal(drawn$value[half], drawn$value[!half], tolerance = 1e-5)
    gap <- min(drawn$y[!half]) - max(drawn$y[half])
    expect_gt(gap, 0)
    expect_lt(gap, 6)
    expect_s3_class(GeneGroupPlot(done, n.genes = 2, max.groups = 2), "ggplot")
    # An image that is named shows its section alone.
    image <- SeuratObject::Images(done)[2L]
    expect_equal(nrow(GeneImagePlot(done, gene, image = image)$layers[[1L]]$data), nrow(alone))
    expect_s3_class(GeneGroupPlot(done, n.genes = 2, max.groups = 2, image = image), "ggplot")
    expect_refused(GeneImagePlot(done, gene, image = "nowhere"), "image", "nowhere")
    # Without the column nothing tells the sections apart.
    done$slide <- NULL
    gone <- "The column \"slide\" told the sections of the run apart"
    expect_refused(GeneImagePlot(done, gene), "image", "2 images", gone)
    expect_refused(GeneGroupPlot(done), "image", gone)
    expect_refused(FindGeneGroupStability(done), "image", gone)
  })
}
