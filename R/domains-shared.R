# What the verbs of spatial domains share: names, the section, the method, what is known of genes.

# Names of the meta data and of the reduction of domains, after the reduction of the run.
domain_columns <- function(reduction) paste0(reduction, c("_domain", "_domain_prob"))
domain_reduction <- function(reduction) paste0(reduction, "domain")

# A name that is written under for the first time may be a slip where a run has another.
tell_of_new_name <- function(object, reduction) {
  known <- methods::slot(object, "reductions")
  runs <- names(Filter(function(found) !is.null(SeuratObject::Misc(found)$features), known))
  if (reduction %in% c("sigel", names(known)) || !length(runs) || is_written(object, reduction)) {
    return(invisible())
  }
  rlang::inform(
    c(
      sprintf(
        "Nothing is taken up: no reduction is called \"%s\"; it becomes the name of what is written.",
        reduction
      ),
      i = sprintf("To take up a run, name it: %s.", some(runs))
    ),
    class = "sigel_message"
  )
}

# Whether domains, or a choice of genes, are under the name.
is_written <- function(object, reduction) {
  of_genes <- lapply(SeuratObject::Assays(object), function(assay) names(object[[assay]][[]]))
  written <- c(domain_columns(reduction)[1L], selection_names(reduction)[["selected"]])
  any(written %in% c(names(object[[]]), unlist(of_genes)))
}

# Refused before the work, not after it.
check_domain_names <- function(object, reduction, call) {
  name <- domain_reduction(reduction)
  taken <- c(SeuratObject::Assays(object), SeuratObject::Images(object), names(object@graphs))
  own <- !name %in% SeuratObject::Reductions(object) || !is.null(SeuratObject::Misc(object[[name]])$n.domains)
  if (name %in% taken || !own) {
    found <- sprintf("\"%s\", after which \"%s\" is named, which is there already", reduction, name)
    fix <- sprintf("Rename or remove what is called \"%s\".", name)
    sigel_abort("reduction", found, "a name that leaves that free", fix, call)
  }
}

# Counts, places and section of each cell out of a Seurat object, as a run saw them.
domain_section <- function(
  object,
  assay,
  image,
  section,
  coordinates,
  layer,
  reduction,
  call,
  features = NULL,
  config = NULL
) {
  if (!is.null(section) && is.null(coordinates) && is.null(image)) {
    coordinates <- places_of_sections(object, call)
  }
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
    new.name = TRUE
  )
  if (!is.null(section)) {
    check_string(section, "section", "Give the name of one column of the meta data.", call)
    seen$section <- meta_columns(object, section, seen$cells, "section", call)[[1L]]
  }
  counts <- as_counts(read_counts(object[[seen$assay]], seen$layer, call), "layer", call)
  seen$counts <- mark_checked(select_features(counts, seen$features, call))
  seen
}

# Settings of the domains and, from the part `image`, of the images, as the engine takes them, which has the defaults.
domain_settings <- function(config, call) {
  if (!is.list(config) || length(config) && !rlang::is_named(config)) {
    fix <- "For example `config = list(window = 19)`."
    sigel_abort("config", describe(config), "a named list of settings", fix, call)
  }
  image <- image_settings(config["image"][!is.null(config$image)], call)
  list(domains = as_settings(config[setdiff(names(config), "image")]), image = image)
}

# Where no images were asked for, those of the run.
with_images_of_run <- function(config, seen) {
  if (is.list(config) && is.null(config$image)) c(config, seen$config) else config
}

check_domain_features <- function(features, genes, call) {
  if (is.null(features)) {
    return(invisible())
  }
  if (!is.character(features) || !length(features) || anyNA(features)) {
    fix <- "See `rownames(object)`, or leave it out for the choice of `SelectSpatialGenes()`."
    sigel_abort("features", describe(features), "names of genes", fix, call)
  }
  unknown <- setdiff(features, genes)
  if (length(unknown)) {
    near <- nearest_names(unknown[1L], genes)
    fix <- if (length(near)) sprintf("Did you mean %s?", some(near)) else "See `rownames(object)`."
    sigel_abort("features", some(unknown), "genes of the section", fix, call)
  }
}

# Group, spatial rank and effect of genes, in the order of the genes, as the engine takes them; NULL for what is not
# known.
known_facts <- function(facts, genes, call) {
  if (is.null(facts)) {
    return(list())
  }
  spatial <- c("rank", "effect")
  if (!is.data.frame(facts) || !any(c("group", spatial) %in% names(facts))) {
    fix <- "For example `facts = table`, where `table` is what `FindSpatialGenes()` returned."
    wanted <- "a data frame with genes as row names and columns group, or rank and effect"
    sigel_abort("facts", describe(facts), wanted, fix, call)
  }
  rows <- match(genes, rownames(facts))
  if (all(is.na(rows))) {
    fix <- "Set its row names to the names of the genes."
    sigel_abort("facts", "no row of any gene", "genes as row names", fix, call)
  }
  number <- function(column) as_vector(replace(as.double(facts[[column]][rows]), is.na(rows), NaN))
  list(
    group = if ("group" %in% names(facts)) as_labels(facts$group[rows]),
    rank = if (all(spatial %in% names(facts))) number("rank"),
    effect = if (all(spatial %in% names(facts))) number("effect")
  )
}

# What RunSIGEL() and FindSpatialGenes() left in the feature metadata; NULL where neither was called.
facts_of_assay <- function(assay, reduction) {
  metadata <- assay[[]]
  columns <- c(group = paste0(reduction, ".group"), spatial_names(reduction)[c("rank", "effect")])
  columns <- columns[columns %in% names(metadata)]
  if (!length(columns)) {
    return(NULL)
  }
  stats::setNames(metadata[columns], names(columns))
}
