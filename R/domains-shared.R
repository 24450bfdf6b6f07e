# What the verbs of spatial domains share: names, the section, the method, what is known of genes.

# Where domains are written: columns of the meta data, and a reduction whose name cannot be that of a column. All are
# named after the column of the domains, which by default is named after the reduction of the run.
domain_columns <- function(cluster.name) paste0(cluster.name, c("", "_prob"))
domain_reduction <- function(cluster.name) paste0(sub("_domain$", "", cluster.name), "domain")
default_cluster_name <- function(reduction) paste0(reduction, "_domain")

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
  written <- c(default_cluster_name(reduction), selection_names(reduction)[["selected"]])
  any(written %in% c(names(object[[]]), unlist(of_genes)))
}

# How the domains in a column were found; NULL where the object does not hold it, or not any more.
about_domains <- function(object, cluster.name) {
  results <- methods::slot(object, "reductions")[[domain_reduction(cluster.name)]]
  about <- if (!is.null(results)) methods::slot(results, "misc")
  # 0.5.0 did not write the name down: it was the default.
  found_under <- about$cluster.name %||% sub("domain$", "_domain", domain_reduction(cluster.name))
  if (is.null(about$n.domains) || found_under != cluster.name) {
    return(NULL)
  }
  c(about, list(assay = SeuratObject::DefaultAssay(results)))
}

# The columns of all domains that an object can tell of.
columns_of_domains <- function(object) {
  reductions <- methods::slot(object, "reductions")
  unlist(lapply(unname(reductions), function(found) methods::slot(found, "misc")$cluster.name))
}

# The column of the domains, refused before the work, not after it, where what is written would take the place of
# something else.
check_cluster_name <- function(object, cluster.name, reduction, call) {
  default <- default_cluster_name(reduction)
  argument <- if (is.null(cluster.name)) "reduction" else "cluster.name"
  cluster.name <- cluster.name %||% default
  check_string(cluster.name, "cluster.name", sprintf("Use `cluster.name = \"%s\"`.", default), call)
  check_plain_name(cluster.name, "cluster.name", call)
  own <- !is.null(about_domains(object, cluster.name))
  reductions <- SeuratObject::Reductions(object)
  columns <- intersect(domain_columns(cluster.name), names(object[[]]))
  if (cluster.name %in% c(taken_names(object), reductions)) {
    found <- sprintf("\"%s\", the name of an assay, an image, a graph or a reduction", cluster.name)
    sigel_abort(argument, found, "a name of its own", sprintf("Use `cluster.name = \"%s\"`.", default), call)
  }
  if (length(columns) && cluster.name != default && !own) {
    found <- sprintf("\"%s\", a column that `FindSpatialDomains()` did not make", columns[1L])
    fix <- sprintf("Use another name, or remove the column first: `object[[\"%s\"]] <- NULL`.", columns[1L])
    sigel_abort(argument, found, "a name of its own", fix, call)
  }
  name <- domain_reduction(cluster.name)
  if (name %in% c(taken_names(object), if (!own) reductions)) {
    given <- if (argument == "reduction") reduction else cluster.name
    found <- sprintf("\"%s\", after which \"%s\" is named, which is there already", given, name)
    fix <- sprintf("Rename or remove what is called \"%s\".", name)
    sigel_abort(argument, found, "a name that leaves that free", fix, call)
  }
  cluster.name
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
  config = NULL,
  told = TRUE
) {
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
    new.name = TRUE,
    section = section,
    told = told
  )
  counts <- as_counts(read_counts(object[[seen$assay]], seen$layer, call), "layer", call)
  counts <- select_features(counts, seen$features, call)
  if (length(seen$cells) < ncol(counts)) {
    counts <- counts[, seen$cells, drop = FALSE]
  }
  seen$counts <- mark_checked(counts)
  seen
}

# Settings of the domains as the engine takes them, which has the defaults.
domain_settings <- function(config, call) {
  check_settings(config, "list(windows = c(1, 7))", call, "a named list of settings")
  as_settings(config)
}

check_domain_features <- function(features, genes, call) {
  if (is.null(features)) {
    return(invisible())
  }
  fix <- "See `rownames(object)`, or leave it out for all genes."
  check_gene_names(features, fix, call)
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
