#' Spatial domains
#'
#' Divides the tissue into domains: regions whose spots, together with those
#' around them, express the same programmes of genes. Genes are chosen as
#' [SelectSpatialGenes()] chooses them, unless `features` names others.
#'
#' @section How it works:
#' Counts of the chosen genes are normalised, weighted and averaged over each
#' spot's window, itself and its nearest spots of the same section; their principal
#' components are what is clustered. How wide the window is, the section says
#' itself: as wide as its genes resemble themselves. With `method = "mixture"`
#' genes are chosen from ten groupings, Gaussian mixtures of each choice and from
#' many starts vote, and neighbours have a say. Several sections have one model; what
#' sets a section apart as a whole, beyond the domains that it holds, is taken out.
#'
#' Where the object holds the groups of [RunSIGEL()] and the table of
#' [FindSpatialGenes()], the choice of genes takes them up; otherwise both are made
#' on the way.
#'
#' @section What is written:
#' For a Seurat object, named after `cluster.name`:
#' * meta data `sigel_domain`, a factor with the levels 1, 2, ..., the largest
#'   domain first, and `sigel_domain_prob`: for `"mixture"` the share of the starts
#'   that put a spot into its domain, for `"mclust"` the posterior, for others NA, as
#'   for spots that `refine` moved;
#' * the reduction `sigeldomain`: in `Embeddings()` what the spots were clustered
#'   by, so that `RunUMAP(reduction = "sigeldomain")` and the like work; in `Misc()`
#'   how: `method` (and `model.name`), `n.domains`, `window` (number of spots), `genes`
#'   and their `weight` (a column for each choice, 0 for genes that it is without),
#'   `number` (data frame of `n.domains`, `bic`, higher is better,
#'   and `agreement` of the starts; only with `n.domains = NULL`), `refined` and
#'   `n.changed` (spots that refinement moved), `seed`, `params` (settings, JSON),
#'   `layer`, `section`, `reduction` and `cluster.name`.
#'
#' @param object A Seurat object, an assay, or a matrix of raw counts, genes x
#'   cells, sparse or dense.
#' @param n.domains Number of domains; NULL: that of 2 to 15 with the highest BIC. A
#'   warning tells where the BIC is highest for 1 or for the last number tried.
#' @param method `"mixture"`; `"leiden"` (Python package igraph),
#'   whose resolution is searched for the number of domains; `"mclust"`, Gaussian
#'   mixtures of the R package mclust; `"spagcn"` (Python package SpaGCN), for one
#'   section; or a function of a matrix, cells x components, and the number of
#'   domains that returns a label for each cell.
#' @param model.name Of `method = "mclust"`: the covariance, as mclust names it.
#' @param features Genes to use instead of the choice, all with the same weight.
#' @param refine Whether a spot takes the domain of most of its six nearest where
#'   these disagree with it.
#' @param coordinates,assay,image As in [RunSIGEL()].
#' @param section Where the object holds several sections, as after `merge()`: the
#'   name of the column of the meta data that tells them apart. For a matrix or an
#'   assay, a vector with the section of each cell. Spots are neighbours within a
#'   section alone; domains are common to all.
#' @param facts For a matrix or an assay: what is known of the genes already, a data
#'   frame with genes as row names and columns `group`, or `rank` and `effect` (as in
#'   [SpatialGenes()]), or all three. For a Seurat object they are read from the
#'   feature metadata.
#' @param layer Layer with the raw counts; for a Seurat object the default is that
#'   of the run, else `"counts"`. Split layers are joined for reading.
#' @param slot The same by the word of Seurat 4; takes precedence when given.
#' @param reduction Name of the reduction that [RunSIGEL()] wrote, whose genes, groups and
#'   settings are taken up where it is there. A name that nothing has yet takes up
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
#' @param config Settings, for example `list(window = 19, choices = 5)`. An unknown
#'   setting is an error that lists the known ones. The part `image`, as in
#'   [RunSIGEL()], is for the choice of genes; default: that of the run.
#' @param verbose Whether to show progress.
#' @param ... Passed from method to method; anything unknown is an error.
#' @return For a Seurat object, the object. Else a list of class `sigel_domains`:
#'   `domain` (factor) and `prob`, named by cell, `features` (cells x components), and
#'   `about`, what `Misc()` of the reduction is above.
#' @seealso [SpatialDomainPlot()], [SpatialDomainConfusionPlot()],
#'   [FindSpatialDomainStability()], [SelectSpatialGenes()]
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
  facts = NULL,
  seed.use = 0,
  device = "auto",
  config = list(),
  verbose = TRUE,
  ...
) {
  call <- rlang::current_env()
  check_no_dots(..., known = names(formals(FindSpatialDomains.default)), call = call)
  check_question(NULL, seed.use, device, verbose, call)
  check_flag(refine, "refine", call)
  if (!is.null(n.domains)) {
    check_whole(n.domains, "n.domains", 1L, 7L, call)
  }
  method <- domain_method(method, model.name, call)
  settings <- domain_settings(config, call)
  plain <- plain_section(object, coordinates, NULL, call)
  genes <- rownames(plain$counts)
  cells <- colnames(plain$counts)
  check_domain_features(features, genes, call)
  facts <- known_facts(facts, genes, call)
  plain$labels <- section_labels(section, cells, call)
  sigel_engine(call)
  crossing <- method_of_engine(method, model.name, seed.use)
  arguments <- list(
    settings = settings$domains,
    image_settings = settings$image,
    n_domains = n.domains,
    method = crossing$way,
    model_name = model.name,
    genes = if (!is.null(features)) as.list(unique(features)),
    known = facts,
    refine = refine,
    seed = seed.use,
    device = device
  )
  result <- with_method(crossing$state, call, ask_section("domains", plain, arguments, verbose, call))
  asked <- list(method = method, model.name = model.name, refined = refine, seed = seed.use)
  as_domains(result, cells, asked, crossing$state)
}

#' @rdname FindSpatialDomains
#' @export
FindSpatialDomains.Assay <- function(object, coordinates = NULL, layer = "counts", slot = NULL, ...) {
  counts <- read_counts(object, slot %||% layer, rlang::current_env())
  FindSpatialDomains(counts, coordinates = coordinates, ...)
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
  found <- speaking_for(call, {
    FindSpatialDomains(
      seen$counts,
      coordinates = seen$coordinates,
      n.domains = n.domains,
      method = method,
      model.name = model.name,
      features = features,
      refine = refine,
      section = seen$section,
      facts = facts_of_assay(object[[assay]], reduction),
      seed.use = seed.use,
      device = device,
      config = with_images_of_run(config, seen),
      verbose = verbose
    )
  })
  about <- list(layer = seen$layer, section = section, reduction = reduction, cluster.name = cluster.name)
  found$about <- c(found$about, Filter(Negate(is.null), about))
  object <- add_domains(object, found, assay, cluster.name)
  # What the log holds: neither a function nor the place of every cell need be in it.
  method <- found$about$method
  coordinates <- if_given(coordinates)
  SeuratObject::LogSeuratCommand(object)
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
      weight = as.matrix(result$weight),
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

# Meta data and reduction of the domains, so that nothing of an earlier call stays.
add_domains <- function(object, found, assay, cluster.name) {
  metadata <- data.frame(found$domain, found$prob, row.names = names(found$domain))
  names(metadata) <- domain_columns(cluster.name)
  object <- put_columns(object, metadata)
  name <- domain_reduction(cluster.name)
  key <- paste0(toupper(gsub("[^[:alnum:]]", "", name)), "_")
  embeddings <- found$features
  colnames(embeddings) <- paste0(key, seq_len(ncol(embeddings)))
  object[[name]] <- SeuratObject::CreateDimReducObject(
    embeddings = embeddings,
    assay = assay,
    key = key,
    misc = found$about
  )
  object
}
