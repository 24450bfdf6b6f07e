#' Gene representations of a section
#'
#' Makes a small picture of every gene from a section's counts and coordinates,
#' learns what the pictures mean, and gives every gene a vector, the SIGEL gene
#' representation (SGR), and a group of genes that share a spatial pattern.
#'
#' Three modules learn in turn: eigenimages of the section, and beside them a
#' masked autoencoder that fills in hidden parts of the pictures (Module I); a
#' mixture of Student t distributions over the representations, whose components
#' are the groups (Module II); and a contrastive refinement that draws a gene to
#' the genes of its group, the surest pairs first (Module III). What training finds
#' is kept where it foretells genes held out better than what was known before it,
#' which is seldom more than the eigenimages know: it takes about a fifth of the
#' time, and changes little. With
#' `preset = "fast"` Module I is the eigenimages alone and nothing is refined.
#'
#' Genes detected in few spots, mitochondrial genes and spike-ins are left out;
#' `sigel.status` says why for every gene that was.
#'
#' Cells beside the tissue, where the meta data of a Seurat object have 0 in
#' `in_tissue`, take no part, here and in all other functions, which say how many
#' they are. What has a value for each cell has NA for them.
#'
#' @section What is written:
#' * the reduction `object[["sigel"]]`: `Loadings()` holds the representations,
#'   embedded genes x dimensions; `Embeddings()` holds for each spot the mean
#'   representation of its genes, weighted by expression and centred, so that
#'   `FindNeighbors(reduction = "sigel")` works;
#' * `Misc()` of the reduction: `params` and `provenance` (JSON: settings,
#'   versions, seed, device, hash of the data, time), `history` (data frame, one
#'   row an epoch, and one
#'   each for the eigenimages and the first groups), `features` (data frame, one row a gene: `gene`, `group`,
#'   `prob`, `status`), `posterior` (matrix, embedded genes x groups: the probability
#'   of each group), `bic` (data frame of `n.groups` and `bic`, the numbers of
#'   groups that were tried; only with `n.groups = "auto"` and more than 300 genes: of
#'   fewer, `history` has `foretold`, how well genes of a group foretell values of each
#'   other, which chose the number), `raster` (JSON: the
#'   grid of pixels), `layer` and, of several sections, `sections` (see below) and
#'   `section`;
#' * feature metadata of the assay, named after the reduction: `sigel.group`,
#'   `sigel.group.prob` (posterior probability of the group), `sigel.status`. They
#'   speak of this run alone: a gene that it was not given has no group, and the
#'   status "not among `features`" (or "not in the layer");
#' * with `save.model`, `Tool(object, "RunSIGEL")`: path of the model and a hash of
#'   its files.
#'
#' @section Several sections:
#' With `section` the pictures of a gene in all sections are one picture, each
#' scaled on its own, so that levels that differ between sections are no pattern. Genes
#' that all sections have, 20 at least, make the space; a gene that some lack is read
#' by the others. `Misc(object[["sigel"]])$sections` is a list with a matrix for
#' each section, embedded genes x dimensions: what that section alone says of a
#' gene, on the same axes as `Loadings()`; NA where it has no picture of the gene.
#' Coordinates of all images are used. A list of objects is refused with the lines that make one of them.
#'
#' The object given is changed only when everything succeeded.
#'
#' @section Coordinates:
#' They are taken from the object's image (`VisiumV1`, `VisiumV2`, `FOV`,
#' `SlideSeq`) or from `coordinates`. Array positions of a lattice are used where
#' known, one pixel a spot: from a `VisiumV1` image, or from columns `array_row`
#' and `array_col` of the meta data or of `coordinates`; a hexagonal lattice is
#' also found in the coordinates alone. Other cells are binned into pixels of
#' about one cell.
#'
#' @section SpatialExperiment:
#' All functions that take a Seurat object take a SpatialExperiment, with the same arguments:
#' `assay` is one of its assays, by default `"counts"`; an assay has one matrix, so that `layer` is not needed;
#' `image` is a sample, by its `sample_id`, and `section = "sample_id"` takes several as sections; columns of
#' the meta data are those of `colData`, `in_tissue`, `array_row` and `array_col` among them. Cells need
#' names of their own, `colnames(object)`. Coordinates are columns `pxl_col_in_fullres` and
#' `pxl_row_in_fullres`, or `x` and `y`, of `spatialCoords()`. Genes keep their names.
#'
#' The answer is the SpatialExperiment with
#' * feature metadata in `rowData`, and what is known of each cell in `colData`, under the same names;
#' * embeddings of spots in `reducedDim(object, "sigel")`. `metadata(object)$sigel$reductions` has a list by
#'   the name of each reduction: `loadings`, the representations, and what `Misc()` has above;
#' * imputed genes as `altExp(object, "sigel.imputed")`: its assays are `logcounts`, the values, and the bounds
#'   `lower` and `upper`; its `rowData` and `metadata` are what is known of genes and of all.
#'
#' `saveRDS()` keeps it all. Of several objects in one, by `cbind()`, results of runs are left out, as after
#' `merge()`. A SingleCellExperiment has no places: its counts serve as a reference of [ImputeGenes()].
#'
#' @param object A Seurat object, a SpatialExperiment, an assay, or a matrix of raw counts,
#'   genes x cells, sparse or dense.
#' @param coordinates Matrix or data frame with columns `x` and `y` (or
#'   `imagecol` and `imagerow`), cells as row names, and optionally `array_row`
#'   and `array_col`. For a Seurat object the default is to read the image.
#' @param assay Name of the assay; default: the object's default assay, of a SpatialExperiment
#'   `"counts"`.
#' @param image Name of the image, of a SpatialExperiment that of a sample; needed where there are several and `section`
#'   is not given. The object must hold the cells of that image only. Several names
#'   are fields of view of one section, side by side in one frame of coordinates.
#'   Pictures of a run over several sections show all of them, row by row in their order.
#' @param section Where the object holds several sections, as after `merge()`: the
#'   name of the column of the meta data that tells them apart. For a matrix or an
#'   assay, a vector with the section of each cell. A gene gets one representation
#'   over all sections, and one for each in the same space; see below.
#' @param features Genes to use; default: all. The others are left out before
#'   anything is computed, as by `subset()`.
#' @param n.dims Length of a representation; 32 as in the paper.
#' @param n.groups Number of gene groups, or `"auto"`: the best by the likelihood
#'   less a cost for each parameter; of a panel of up to 300 genes, the fewest by
#'   which genes of a group foretell values of each other about as well as by any
#'   number. Genes without a pattern are not counted.
#' @param layer Layer with the raw counts. Layers that were split
#'   (`counts.1`, `counts.2`) are joined for reading.
#' @param slot The same by the word of Seurat 4; takes precedence when given.
#' @param reduction.name,reduction.key Name and key of the reduction.
#' @param seed.use Seed. The same seed and device give the same numbers; R's
#'   own random numbers are neither used nor changed.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU),
#'   `"cpu"`, `"cuda"`.
#' @param config Further settings, a nested named list: parts `image`,
#'   `encoder`, `mixture`, `train`. For example
#'   `list(train = list(pretrain_epochs = 20), image = list(min_spots = 5))`. A
#'   setting that takes several values may be empty: `character()` or `list()`, as
#'   in `list(image = list(exclude = character()))`, which excludes no gene by
#'   name. An unknown setting is an error that lists the known ones.
#' @param preset `"fast"`: eigenimages and groups, nothing is trained; `"default"`;
#'   `"thorough"`: more epochs and eigenimages; `"paper"`: the published settings
#'   as far as they are known, for comparison, which take hours without a GPU: 500
#'   groups, or a third of the genes where that is fewer. What `config` says, and
#'   `n.dims` and `n.groups` where they are given, go before the preset.
#' @param checkpoint Folder that keeps the state after every epoch; the same call
#'   goes on from there after an interruption, to the same numbers. NULL keeps
#'   none.
#' @param save.model Folder in which to save the fitted model; NULL saves none.
#' @param verbose Whether to show progress.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return For a Seurat object, the object with the reduction; else a `DimReduc`.
#' @references Method: SIGEL, the gene representation learner for spatial
#'   transcriptomics, with the changes listed in the package's README.
#' @seealso [GeneGroupPlot()], [GeneMapPlot()], [TrainingPlot()],
#'   [SimulateSection()], [sigel_sitrep()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(seed = 1, n.rows = 16, n.cols = 16,
#'     n.programmes = 3, genes.per.programme = 20, n.background.genes = 20)
#'   quick <- list(train = list(pretrain_epochs = 2, refine_epochs = 1))
#'   section <- RunSIGEL(section, n.dims = 8, n.groups = 4, config = quick,
#'     verbose = FALSE)
#'   dim(SeuratObject::Loadings(section[["sigel"]]))
#'   head(SeuratObject::Misc(section[["sigel"]])$features)
#' }
#' @export
RunSIGEL <- function(object, ...) {
  UseMethod("RunSIGEL", object)
}

#' @rdname RunSIGEL
#' @export
RunSIGEL.default <- function(
  object,
  coordinates,
  assay = NULL,
  section = NULL,
  features = NULL,
  n.dims = 32,
  n.groups = "auto",
  reduction.key = "SIGEL_",
  seed.use = 0,
  device = "auto",
  config = list(),
  save.model = NULL,
  verbose = TRUE,
  preset = "default",
  checkpoint = NULL,
  ...
) {
  call <- rlang::current_env()
  check_object(object, call)
  check_no_dots(..., known = names(formals(RunSIGEL.default)), call = call)
  if (missing(coordinates)) {
    wanted <- "a data frame with columns x and y, and the cells as row names"
    sigel_abort("coordinates", "nothing", wanted, "Give the place of every cell.", call)
  }
  check_flag(verbose, "verbose", call)
  given <- c(!missing(n.dims), !missing(n.groups))
  settings <- run_settings(n.dims, n.groups, given, config, preset, call)
  check_whole(seed.use, "seed.use", 0L, call = call)
  check_string(device, "device", "Use `device = \"auto\"`.", call)
  check_string(reduction.key, "reduction.key", "Use `reduction.key = \"SIGEL_\"`.", call)
  if (!is.null(save.model)) {
    check_string(save.model, "save.model", "Give the path of a folder, or NULL.", call)
    save.model <- path.expand(save.model)
  }
  if (!is.null(checkpoint)) {
    check_string(checkpoint, "checkpoint", "Give the path of a folder, or NULL.", call)
    checkpoint <- path.expand(checkpoint)
  }
  plain <- plain_section(object, coordinates, features, call)
  plain$labels <- section_labels(section, colnames(plain$counts), call)

  result <- ask_section(
    "embed",
    plain,
    list(
      settings = as_settings(settings),
      seed = seed.use,
      device = device,
      save = save.model,
      checkpoint = checkpoint
    ),
    verbose,
    call
  )
  with_record(as_reduction(result, plain$counts, assay %||% "RNA", reduction.key), result, call)
}

#' @rdname RunSIGEL
#' @export
RunSIGEL.Assay <- function(object, coordinates, assay = NULL, layer = "counts", slot = NULL, ...) {
  call <- rlang::current_env()
  counts <- read_counts(object, slot %||% layer, call)
  speaking_for(call, RunSIGEL(counts, coordinates = coordinates, assay = assay, ...))
}

# Registered when the package is loaded, where SeuratObject has the class (Seurat 5).
#' @rdname RunSIGEL
RunSIGEL.StdAssay <- RunSIGEL.Assay

#' @rdname RunSIGEL
#' @export
RunSIGEL.Seurat <- function(
  object,
  assay = NULL,
  image = NULL,
  section = NULL,
  features = NULL,
  n.dims = 32,
  n.groups = "auto",
  coordinates = NULL,
  layer = "counts",
  slot = NULL,
  reduction.name = "sigel",
  reduction.key = "SIGEL_",
  seed.use = 0,
  device = "auto",
  config = list(),
  save.model = NULL,
  verbose = TRUE,
  preset = "default",
  checkpoint = NULL,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(RunSIGEL.Seurat)), call = call)
  assay <- choose_assay(object, assay, call)
  check_reduction_name(object, reduction.name, call)
  check_all_cells(object, assay, call)
  cells <- colnames(object[[assay]])
  labels <- NULL
  if (!is.null(section)) {
    check_string(section, "section", "Give the name of one column of the meta data.", call)
    labels <- meta_columns(object, section, cells, "section", call)[[1L]]
  }
  places <- places_of(object, image, coordinates, cells, call, labels)
  seen <- cells_within(object, cells, places, labels, call)
  given <- c(if (!missing(n.dims)) list(n.dims = n.dims), if (!missing(n.groups)) list(n.groups = n.groups))
  reduction <- speaking_for(call, {
    rlang::inject(RunSIGEL(
      object[[assay]],
      coordinates = seen$coordinates,
      assay = assay,
      section = seen$section,
      features = features,
      !!!given,
      layer = layer,
      slot = slot,
      reduction.key = reduction.key,
      seed.use = seed.use,
      device = device,
      config = config,
      save.model = save.model,
      verbose = verbose,
      preset = preset,
      checkpoint = checkpoint
    ))
  })
  embeddings <- t(for_all_cells(t(SeuratObject::Embeddings(reduction)), cells))
  methods::slot(reduction, "cell.embeddings") <- embeddings
  SeuratObject::Misc(reduction, slot = "layer") <- slot %||% layer
  if (!is.null(section)) {
    SeuratObject::Misc(reduction, slot = "section") <- section
  }
  object[[reduction.name]] <- made_as(reduction, NULL)
  known <- SeuratObject::Misc(reduction)$features
  object[[assay]] <- add_feature_metadata(object[[assay]], known, features, reduction.name)
  if (!is.null(save.model)) {
    SeuratObject::Tool(object) <- model_record(save.model)
  }
  # The log need not hold the place of every cell.
  coordinates <- if_given(coordinates)
  object <- SeuratObject::LogSeuratCommand(object)
  logged(object, reduction)
}

#' @rdname RunSIGEL
#' @export
RunSIGEL.SpatialExperiment <- function(object, ...) {
  view <- as_seurat(object)
  store_in(object, view, RunSIGEL(view, ...))
}

# What is left at its default is the preset's to say; `given`: whether each of the first two is not.
run_settings <- function(n.dims, n.groups, given, config, preset, call) {
  check_string(preset, "preset", "Use `preset = \"default\"`.", call)
  check_whole(n.dims, "n.dims", 2L, 32L, call)
  check_groups(n.groups, call)
  check_settings(config, "list(train = list(pretrain_epochs = 20))", call)
  twice <- c(n_dims = "n.dims", n_groups = "n.groups", preset = "preset")
  for (name in intersect(names(twice), names(config))) {
    fix <- sprintf("Use the argument `%s`.", twice[[name]])
    sigel_abort(
      "config",
      sprintf("the setting %s", name),
      "settings that are no arguments of RunSIGEL",
      fix,
      call
    )
  }
  c(list(n_dims = n.dims, n_groups = n.groups)[given], list(preset = preset), config)
}

check_groups <- function(n.groups, call) {
  if (identical(n.groups, "auto")) {
    return(invisible())
  }
  whole <- is.numeric(n.groups) &&
    length(n.groups) == 1L &&
    is.finite(n.groups) &&
    n.groups == round(n.groups)
  if (!whole || n.groups < 1) {
    wanted <- "\"auto\" or a whole number, 1 or more"
    sigel_abort("n.groups", describe(n.groups), wanted, "Use `n.groups = \"auto\"`.", call)
  }
}

as_reduction <- function(result, counts, assay, key) {
  group <- as_group(as.character(result$group))
  features <- data.frame(
    gene = rownames(counts),
    group = group,
    prob = as.double(result$group_prob),
    status = as.character(result$status),
    row.names = rownames(counts)
  )
  embedded <- features$status == "embedded"
  dimensions <- paste0(key, seq_len(ncol(result$sgr)))
  loadings <- result$sgr[embedded, , drop = FALSE]
  dimnames(loadings) <- list(features$gene[embedded], dimensions)
  embeddings <- result$spot_embedding
  dimnames(embeddings) <- list(colnames(counts), dimensions)
  misc <- list(
    params = result$params,
    provenance = result$provenance,
    history = as_history(result$history),
    features = features,
    posterior = if (!is.null(result$posterior)) {
      as_posterior(result$posterior[embedded, , drop = FALSE], features$gene[embedded], result$names)
    },
    bic = as_bic(result$bic),
    raster = result$raster,
    sections = as_sections(result$sections, embedded, dimnames(loadings))
  )
  SeuratObject::CreateDimReducObject(
    embeddings = embeddings,
    loadings = loadings,
    assay = assay,
    key = key,
    misc = Filter(Negate(is.null), misc)
  )
}

# What each section alone says of the embedded genes, by its name; NULL where there was one.
as_sections <- function(sections, embedded, names) {
  if (!length(sections)) {
    return(NULL)
  }
  lapply(sections, function(found) {
    found <- found[embedded, , drop = FALSE]
    found[is.nan(found)] <- NA
    dimnames(found) <- names
    found
  })
}

as_history <- function(history) {
  columns <- lapply(history, unlist)
  columns <- columns[lengths(columns) > 0L]
  as.data.frame(dotted(columns), stringsAsFactors = FALSE)
}

# The numbers of groups that were tried, named, as a table; NULL where none were.
as_bic <- function(bic) {
  if (!length(bic)) {
    return(NULL)
  }
  table <- data.frame(n.groups = as.integer(names(bic)), bic = as.double(unlist(bic)))
  table <- table[order(table$n.groups), ]
  rownames(table) <- NULL
  table
}

# Results of the genes given as columns for all genes of the assay, so that nothing of an earlier run stays.
add_feature_metadata <- function(assay, features, asked = NULL, name = "sigel") {
  genes <- rownames(assay)
  rows <- match(genes, features$gene)
  status <- features$status[rows]
  status[is.na(rows)] <- if (is.null(asked)) "not in the layer" else "not among `features`"
  metadata <- data.frame(group = features$group[rows], prob = features$prob[rows], status = status)
  names(metadata) <- paste0(name, c(".group", ".group.prob", ".status"))
  rownames(metadata) <- genes
  put_columns(assay, metadata)
}

# What SIGEL.save writes.
MODEL_FILES <- c("config.json", "genes.txt", "raster.json", "weights.safetensors")

# Path and hash of a saved model: what is needed to find and to trust it in another session. The folder may hold
# other files.
model_record <- function(folder) {
  files <- MODEL_FILES[file.exists(file.path(folder, MODEL_FILES))]
  sums <- tools::md5sum(file.path(folder, files))
  manifest <- tempfile()
  on.exit(unlink(manifest))
  writeLines(paste(files, sums), manifest)
  list(path = normalizePath(folder), hash = unname(tools::md5sum(manifest)))
}
