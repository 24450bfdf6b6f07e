#' Spatial domains
#'
#' Divides the tissue into domains: regions whose spots, together with those
#' around them, express the same programmes of genes.
#'
#' @section How it works:
#' Counts of all genes are normalised and averaged over each spot's window, itself and
#' its nearest spots of the same section; their principal components are what is
#' clustered. Which width of the window and how many components suit differs between
#' tissues. With `method = "mixture"` Gaussian mixtures, in which neighbours have a say,
#' are therefore fitted to windows of 1, 4, 7, 13 and 19 spots, to 12, 16, 20 and 30
#' components, from 8 starts each, 160 partitions in all. The one that is most like all
#' others and the fifth that is most like it vote. Other methods see windows of 7 spots.
#'
#' Windows do not cross to islands, parts that lie farther from the rest than three times
#' what their spots lie from one another. Spots beside the tissue, for which the meta data
#' of a Seurat object has 0 in `in_tissue`, take no part and get NA.
#'
#' With `n.domains = NULL` counts are dealt out to two halves, independent experiments on
#' the same tissue, and domains are found in each by mixtures, whatever the method: the
#' number is the largest of which
#' every domain is found again in the other half (a Jaccard index of 0.75 at least;
#' Hennig 2007). It takes some ten times as long.
#'
#' Several sections have one model. A gene that one of them has no counts of is left
#' out, as it would tell sections apart, and what sets a section apart as a whole,
#' beyond the domains that it holds, is taken out.
#'
#' @section What is written:
#' For a Seurat object, named after `cluster.name`:
#' * meta data `sigel_domain`, a factor with the levels 1, 2, ..., the largest
#'   domain first, and `sigel_domain_prob`: for `"mixture"` the share of all
#'   partitions that put a spot into its domain (of more than 10,000 spots, of those
#'   that vote), for `"mclust"` the posterior, for others NA, as
#'   for spots that `refine` moved;
#' * the reduction `sigeldomain`: in `Embeddings()` the components of windows that other
#'   methods than `"mixture"` cluster, so that `RunUMAP(reduction = "sigeldomain")` and
#'   the like work; in `Misc()` how the domains were found: `method` (and `model.name`),
#'   `n.domains`, `window` (number of spots of those windows), `genes`, `number` (data
#'   frame of `n.domains`, `found.again`, the least Jaccard index of a domain with that of
#'   the other half, `agreement`, the adjusted Rand index of the halves, and `bic`, higher
#'   is better, which takes more; only with `n.domains = NULL`), `refined` and
#'   `n.changed` (spots that refinement moved), `seed`, `params` (settings, JSON),
#'   `layer`, `section`, `reduction` and `cluster.name`.
#'
#' @param object A Seurat object, a SpatialExperiment, an assay, or a matrix of raw counts,
#'   genes x cells, sparse or dense.
#' @param n.domains Number of domains; NULL: the largest up to 15 of which every domain
#'   is found again in an independent half of the counts. A warning tells where none is,
#'   or the last number tried.
#' @param method `"mixture"`; `"leiden"` (Python package igraph),
#'   whose resolution is searched for the number of domains; `"mclust"`, Gaussian
#'   mixtures of the R package mclust; `"spagcn"` (Python package SpaGCN), for one
#'   section; or a function of a matrix, cells x components, and the number of
#'   domains that returns a label for each cell.
#' @param model.name Of `method = "mclust"`: the covariance, as mclust names it.
#' @param features Genes to describe spots by, for example those that
#'   [SelectSpatialGenes()] chose; NULL: all that every section has counts of, of those
#'   that the run was given.
#' @param refine Whether a spot takes the domain of most of its six nearest where
#'   these disagree with it.
#' @param coordinates,assay,image As in [RunSIGEL()].
#' @param section Where the object holds several sections, as after `merge()`: the
#'   name of the column of the meta data that tells them apart. For a matrix or an
#'   assay, a vector with the section of each cell. Default: the column of the run,
#'   where that was of several and no image is named. Spots are neighbours within a
#'   section alone; domains are common to all.
#' @param layer Layer with the raw counts; for a Seurat object the default is that
#'   of the run, else `"counts"`. Split layers are joined for reading.
#' @param slot The same by the word of Seurat 4; takes precedence when given.
#' @param reduction Name of the reduction that [RunSIGEL()] wrote, whose genes
#'   and layer are taken up where it is there. A name that nothing has yet takes up
#'   nothing, and names what is written.
#' @param cluster.name Name of the column of the meta data that receives the domains;
#'   default: `reduction` with `_domain` after it. What else is written follows it: with
#'   `cluster.name = "layers"` the column `layers_prob` and the reduction `layersdomain`,
#'   for a name that ends in `_domain` without that. Each name is a set of domains of its
#'   own, for which [SpatialDomainPlot()] and the others ask by the same word: several
#'   sets of one run, coarse and fine ones, stand side by side. A column that this
#'   function made is replaced; another one is refused.
#' @param seed.use Seed. R's own random numbers are neither used nor changed.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU), `"cpu"`,
#'   `"cuda"`.
#' @param config Settings, for example `list(windows = c(1, 7), starts = 4)`. An unknown
#'   setting is an error that lists the known ones.
#' @param verbose Whether to show progress.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return For a Seurat object, the object. Else a list of class `sigel_domains`:
#'   `domain` (factor) and `prob`, named by cell, `features` (cells x components), and
#'   `about`, what `Misc()` of the reduction is above.
#' @seealso [SpatialDomainPlot()], [SpatialDomainConfusionPlot()],
#'   [FindSpatialDomainStability()], [SelectSpatialGenes()], [LabelSpatialDomains()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- FindSpatialDomains(section, n.domains = 4, verbose = FALSE)
#'   table(section$sigel_domain)
#'   SeuratObject::Misc(section[["sigeldomain"]])$window
#' }
#' @export
FindSpatialDomains <- function(object, ...) {
  UseMethod("FindSpatialDomains", object)
}

#' @rdname FindSpatialDomains
#' @export
FindSpatialDomains.default <- function(
  object,
  coordinates = NULL,
  n.domains = NULL,
  method = c("mixture", "leiden", "mclust", "spagcn"),
  model.name = "EEE",
  features = NULL,
  refine = FALSE,
  section = NULL,
  seed.use = 0,
  device = "auto",
  config = list(),
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_object(object, call)
  check_no_dots(..., known = names(formals(FindSpatialDomains.default)), call = call)
  check_question(NULL, seed.use, device, verbose, call)
  check_flag(refine, "refine", call)
  if (!is.null(n.domains)) {
    check_whole(n.domains, "n.domains", 0L, 7L, call)
  }
  method <- domain_method(method, model.name, call)
  settings <- domain_settings(config, call)
  plain <- plain_section(object, coordinates, NULL, call)
  genes <- rownames(plain$counts)
  cells <- colnames(plain$counts)
  check_domain_features(features, genes, call)
  plain$labels <- section_labels(section, cells, call)
  sigel_engine(call)
  crossing <- method_of_engine(method, model.name, seed.use)
  arguments <- list(
    settings = settings,
    n_domains = n.domains,
    method = crossing$way,
    model_name = model.name,
    genes = if (!is.null(features)) as.list(unique(features)),
    refine = refine,
    seed = seed.use,
    device = device
  )
  result <- with_method(crossing$state, call, ask_section("domains", plain, arguments, verbose, call))
  asked <- list(method = method, model.name = model.name, refined = refine, seed = seed.use)
  with_record(as_domains(result, cells, asked, crossing$state), result, call)
}

#' @rdname FindSpatialDomains
#' @export
FindSpatialDomains.Assay <- function(object, coordinates = NULL, layer = "counts", slot = NULL, ...) {
  call <- rlang::current_env()
  counts <- read_counts(object, slot %||% layer, call)
  speaking_for(call, FindSpatialDomains(counts, coordinates = coordinates, ...))
}

# Registered when the package is loaded, where SeuratObject has the class (Seurat 5).
#' @rdname FindSpatialDomains
FindSpatialDomains.StdAssay <- FindSpatialDomains.Assay

#' @rdname FindSpatialDomains
#' @export
FindSpatialDomains.Seurat <- function(
  object,
  n.domains = NULL,
  method = c("mixture", "leiden", "mclust", "spagcn"),
  model.name = "EEE",
  features = NULL,
  refine = FALSE,
  assay = NULL,
  image = NULL,
  section = NULL,
  coordinates = NULL,
  layer = NULL,
  slot = NULL,
  reduction = "sigel",
  cluster.name = NULL,
  seed.use = 0,
  device = "auto",
  config = list(),
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(FindSpatialDomains.Seurat)), call = call)
  seen <- domain_section(object, assay, image, section, coordinates, slot %||% layer, reduction, call)
  assay <- seen$assay
  check_all_cells(object, assay, call)
  cluster.name <- check_cluster_name(object, cluster.name, reduction, call)
  tell_of_new_name(object, reduction)
  found <- speaking_for(call, told = seen$told, {
    FindSpatialDomains(
      seen$counts,
      coordinates = seen$coordinates,
      n.domains = n.domains,
      method = method,
      model.name = model.name,
      features = features,
      refine = refine,
      section = seen$section,
      seed.use = seed.use,
      device = device,
      config = config,
      verbose = verbose
    )
  })
  about <- list(layer = seen$layer, section = seen$column, reduction = reduction, cluster.name = cluster.name)
  found$about <- c(found$about, Filter(Negate(is.null), about))
  object <- add_domains(object, found, assay, cluster.name)
  # What the log holds: neither a function nor the place of every cell need be in it.
  method <- found$about$method
  coordinates <- if_given(coordinates)
  object <- SeuratObject::LogSeuratCommand(object)
  logged(object, found)
}

#' @rdname FindSpatialDomains
#' @export
FindSpatialDomains.SpatialExperiment <- function(object, ...) {
  view <- as_seurat(object)
  store_in(object, view, FindSpatialDomains(view, ...))
}

# The engine's answer as R keeps it; `state`: what is known after a method of R ran.
as_domains <- function(result, cells, asked, state) {
  by_mclust <- identical(asked$method, "mclust")
  asked["model.name"] <- list(if (by_mclust) asked$model.name)
  asked$method <- if (is.function(asked$method)) "function" else asked$method
  features <- result$features
  dimnames(features) <- list(cells, paste0("DOMAIN_", seq_len(ncol(features))))
  prob <- as.double(result$prob)
  about <- c(
    asked,
    list(
      n.domains = as.integer(result$n_domains),
      window = as.integer(result$window),
      genes = as.character(unlist(result$genes)),
      number = if (!is.null(result$number)) engine_table(result$number),
      n.changed = as.integer(result$n_changed),
      params = result$params
    )
  )
  found <- list(
    domain = stats::setNames(as_group(as.character(unlist(result$domain))), cells),
    prob = stats::setNames(replace(prob, is.nan(prob), NA), cells),
    features = features,
    about = Filter(Negate(is.null), about)
  )
  if (by_mclust) {
    found$prob[] <- sureness(state, found$domain)
  }
  structure(found, class = "sigel_domains")
}

#' @export
print.sigel_domains <- function(x, ...) {
  about <- x$about
  sizes <- table(x$domain)
  cat(sprintf("%d domains of %d spots (%s):\n", about$n.domains, length(x$domain), about$method))
  cat(sprintf("%s (%d)", names(sizes), as.integer(sizes)), sep = ", ")
  cat(sprintf("\nfeatures, %d cells x %d components; about\n", nrow(x$features), ncol(x$features)))
  invisible(x)
}

# Meta data and reduction of the domains, so that nothing of an earlier call stays; NA for spots that took no part.
add_domains <- function(object, found, assay, cluster.name) {
  rows <- match(colnames(object), names(found$domain))
  metadata <- data.frame(found$domain[rows], found$prob[rows], row.names = colnames(object))
  names(metadata) <- domain_columns(cluster.name)
  object <- put_columns(object, metadata)
  name <- domain_reduction(cluster.name)
  key <- paste0(toupper(gsub("[^[:alnum:]]", "", name)), "_")
  embeddings <- found$features[rows, , drop = FALSE]
  dimnames(embeddings) <- list(colnames(object), paste0(key, seq_len(ncol(embeddings))))
  object[[name]] <- SeuratObject::CreateDimReducObject(
    embeddings = embeddings,
    assay = assay,
    key = key,
    misc = found$about
  )
  object
}
