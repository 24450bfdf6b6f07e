#' Stability of spatial domains
#'
#' Finds the domains of an object again at other seeds, from the same genes and with
#' everything else as [FindSpatialDomains()] was told, and says how far each comes back,
#' and each spot.
#'
#' A domain's stability is the Jaccard index with the domain most like it at another
#' seed (spots in both, by spots in either), averaged over the seeds: 1 where the same
#' domain comes back each time; below 0.5 it is dissolved, from about 0.75 it is found
#' again (Hennig 2007, Computational Statistics and Data Analysis 52:258). It takes
#' `n.seeds` times as long as the call itself. Domains that an earlier version found,
#' by settings that this one does not know, are to be found again first.
#'
#' @param object A Seurat object or a SpatialExperiment after [FindSpatialDomains()].
#' @param n.seeds Number of further calls.
#' @param method Where the method was a function: that function.
#' @param cluster.name Name of the column of the meta data with the domains, the
#'   `cluster.name` of that call.
#' @param image,coordinates As in [FindSpatialDomains()], to be given here where they
#'   were given there.
#' @param layer Default: that of the call.
#' @param seed.use The calls use this seed and the following, without that of the call
#'   itself.
#' @param device `"auto"` (a CUDA device if there is one, else the CPU), `"cpu"`,
#'   `"cuda"`.
#' @param verbose Whether to show progress.
#' @return A data frame with a row for each domain: `domain`, `n.spots`, `stability` and
#'   `lowest`, that at the worst seed. Attributes: `ari`, the mean adjusted Rand index
#'   between the domains and those of the other seeds, `ari.by.seed`, `seeds`, and
#'   `spots`, for each spot, by name, the share of the seeds at which it stays in its
#'   domain. The object is left as it was; `object$stays <- attr(table, "spots")` keeps
#'   them.
#' @seealso [SpatialDomainStabilityPlot()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- FindSpatialDomains(section, n.domains = 4, verbose = FALSE)
#'   FindSpatialDomainStability(section, n.seeds = 2, verbose = FALSE)
#' }
#' @export
FindSpatialDomainStability <- function(
  object,
  n.seeds = 10,
  method = NULL,
  cluster.name = "sigel_domain",
  image = NULL,
  coordinates = NULL,
  layer = NULL,
  seed.use = 0,
  device = "auto",
  verbose = TRUE
) {
  call <- rlang::current_env()
  object <- as_seurat(object)
  domains <- domain_results(object, cluster.name, call)
  about <- domains$about
  if (is.null(about)) {
    found <- sprintf("an object without the reduction \"%s\"", domain_reduction(cluster.name))
    fix <- "Call `FindSpatialDomains()` again."
    sigel_abort("object", found, "one that says how its domains were found", fix, call)
  }
  if (identical(about$method, "reference")) {
    found <- "labels by a reference, which no seed would change"
    fix <- "Ask for the stability of the reference's domains."
    sigel_abort("object", found, "domains of `FindSpatialDomains()`", fix, call)
  }
  check_whole(n.seeds, "n.seeds", 1L, 10L, call)
  check_question(NULL, seed.use, device, verbose, call)
  method <- method_again(method, about, call)
  layer <- layer %||% about$layer
  reduction <- about$reduction %||% sub("_domain$", "", cluster.name)
  seen <- domain_section(
    object,
    about$assay,
    image,
    about$section,
    coordinates,
    layer,
    reduction,
    call,
    told = FALSE
  )
  everyone <- colnames(object[[seen$assay]])
  domains <- all_domains(domains$domain[seen$cells], call)
  sigel_engine(call)
  # The seeds that the engine takes, in its order.
  seeds <- utils::head(setdiff(seed.use + 0:n.seeds, about$seed), n.seeds)
  crossing <- method_of_engine(method, about$model.name, seeds)
  section <- list(
    counts = seen$counts,
    places = places_from_table(seen$coordinates, seen$cells, call),
    labels = section_labels(seen$section, seen$cells, call),
    told = seen$told
  )
  arguments <- list(
    params = about$params,
    domain = as_labels(domains),
    method = crossing$way,
    model_name = about$model.name %||% "EEE",
    genes = as.list(about$genes),
    refine = about$refined,
    n_seeds = n.seeds,
    fit_seed = about$seed,
    seed = seed.use,
    device = device
  )
  result <- with_method(crossing$state, call, {
    ask_section("domain_stability", section, arguments, verbose, call)
  })
  table <- stability_table(result, "domain")
  spots <- as.double(result$spots)[match(everyone, seen$cells)]
  attr(table, "spots") <- stats::setNames(spots, everyone)
  with_record(table, result, call)
}

# The domain of every spot.
all_domains <- function(domain, call) {
  if (anyNA(domain)) {
    found <- paste(number_of(sum(is.na(domain)), "spot"), "without a domain")
    sigel_abort("object", found, "a domain for every spot", "Call `FindSpatialDomains()` again.", call)
  }
  domain
}

# The method of the call, as FindSpatialDomains() takes it.
method_again <- function(method, about, call) {
  if (about$method != "function") {
    if (!is.null(method)) {
      found <- describe(method)
      sigel_abort(
        "method",
        found,
        sprintf("NULL, for the \"%s\" of the call", about$method),
        "Leave it out.",
        call
      )
    }
    return(domain_method(about$method, about$model.name, call))
  }
  if (!is.function(method)) {
    sigel_abort("method", describe(method), "the function that found the domains", "Give it again.", call)
  }
  method
}
