# The engine speaks of Python's arguments and settings; what reaches R users speaks of theirs.

# Arguments of the engine's functions, by function, where R calls them otherwise.
ARGUMENTS <- local({
  section <- c(
    adata = "object",
    counts = "object",
    genes = "object",
    layer = "layer",
    spatial_key = "coordinates",
    "array_row, array_col" = "coordinates",
    "array_col, array_row" = "coordinates"
  )
  domains <- c(
    replace(section, "genes", "features"),
    n_domains = "n.domains",
    method = "method",
    model_name = "model.name",
    refine = "refine",
    section_key = "section",
    seed = "seed.use"
  )
  list(
    embed = c(
      section,
      n_dims = "n.dims",
      n_groups = "n.groups",
      seed = "seed.use",
      save = "save.model",
      preset = "preset",
      path = "save.model",
      key_added = "reduction.name"
    ),
    # There the engine looks for the genes to be drawn; the object's own names were checked before.
    gene_images = replace(section, "genes", "features"),
    similar_genes = c(genes = "features", seed = "seed.use"),
    spatial_genes = c(
      section,
      images = "object",
      section_key = "section",
      null = "null",
      n_nulls = "n.nulls",
      model = "model",
      path = "model",
      seed = "seed.use"
    ),
    pattern_genes = c(
      section,
      images = "object",
      region_key = "region",
      regions = "region",
      levels = "levels",
      unit = "unit",
      background = "background",
      n_draws = "n.draws",
      null = "null",
      n_null = "n.null",
      similarity = "similarity",
      model = "model",
      path = "model",
      seed = "seed.use"
    ),
    gene_groups = c(
      n_groups = "n.groups",
      resolution = "resolution",
      seed = "seed.use",
      settings = "config"
    ),
    group_enrichment = c(
      gene_sets = "gene.sets",
      min_size = "min.size",
      max_size = "max.size",
      genes = "object"
    ),
    group_stability = c(section, n_seeds = "n.seeds", seed = "seed.use"),
    domains = domains,
    select_genes = c(
      section,
      share = "share",
      n_genes = "n.genes",
      balance = "balance",
      section_key = "section",
      seed = "seed.use"
    ),
    # Genes are those of the call, whose names were checked there.
    domain_stability = c(replace(domains, "genes", "object"), n_seeds = "n.seeds"),
    impute = c(
      target = "object",
      # Images are made of the reference alone.
      adata = "reference",
      counts = "reference",
      coordinates = "reference",
      min_spots = "reference",
      "array_row, array_col" = "reference",
      "array_col, array_row" = "reference",
      genes = "features",
      model = "model",
      path = "model",
      seed = "seed.use"
    )
  )
})

# Settings that a refusal of the engine may begin with.
IMAGE_SETTINGS <- c("exclude", "grid", "min_spots", "pixel_size")

# How R users install what a method needs beyond the engine.
EXTRA <- "Run `install_sigel(c(%s))`, or install them into the Python that you named, and restart R"

# Python's phrases (regular expressions) and what they are in R, in this order.
PHRASES <- c(
  "(Image|Encoder|Mixture|Train)Config\\(([^)]*)\\)" = "config = list(\\L\\1\\E = list(\\2))",
  "`(\\w+)` \\((Image|Encoder|Mixture|Train)Config\\)" = "`config = list(\\L\\2\\E = list(\\1 = ...))`",
  "(\\w+=\"\\w+\") \\((Image|Encoder|Mixture|Train)Config\\)" = "`config = list(\\L\\2\\E = list(\\1))`",
  "\\b(Image|Encoder|Mixture|Train)Config\\b" = "config$\\L\\1",
  "\\bDomainConfig\\(([^)]*)\\)" = "config = list(\\1)",
  "\\b(SIGEL|Impute|Domain)Config\\b" = "config",
  "\\bGANConfig\\b" = "config$gan",
  "adata[.]obs\\[[.]{3}\\][.]astype\\(str\\)[.]astype\\(\"category\"\\)" = "`as.character()`",
  "\\bor NaN for the background" = "or NA for the background",
  "\\bSIGEL[.]save\\b" = "`RunSIGEL(save.model = ...)`",
  "levels=\\{'([^']+)': ([0-9.]+)\\}" = "levels = c(\"\\1\" = \\2)",
  "`(encoder|train)[.](\\w+)`" = "`config$\\1$\\2`",
  "\\b(encoder|train)[.](\\w+)=(\\d+)" = "`config = list(\\1 = list(\\2 = \\3))`",
  "\\ba dict\\b" = "a named list",
  "a larger max_size" = "a larger `max.size`",
  "Use grid=(\"\\w+\")" = "Use `config = list(image = list(grid = \\1))`",
  "a smaller `pixel_size`" = "a smaller `config = list(image = list(pixel_size = ...))`",
  "Call adata[.]var_names_make_unique\\(\\) first" = "Use `make.unique()` on the row names first",
  "Store them in adata[.]obsm\\[\"spatial\"\\]" = "Give `coordinates`",
  "for example adata\\[adata[.]obs\\[[^]]*\\][^]]*\\]" = "for example by `subset(object, cells = ...)`",
  "theirs = \\{g[.]lower.*?\\]\\)\\)[.]" = paste0(
    "`theirs <- rownames(reference); ours <- rownames(object); orthologs <- na.omit(data.frame(target = ours, ",
    "reference = theirs[match(tolower(ours), tolower(theirs))]))`."
  ),
  "adata[.]var_names = .*?regex=True\\)" = "`rownames(counts) <- sub(\"[.][0-9]+$\", \"\", rownames(counts))`",
  "target[.]var_names\\[:5\\]" = "`head(rownames(object))`",
  "reference[.]var_names\\[:5\\]" = "`head(rownames(reference))`",
  "Look at the status of sigel[.]tl[.]spatial_genes\\(adata\\)" = paste0(
    "Look at the `status` in `SpatialGenes(FindSpatialGenes(object))`"
  ),
  "Install them: pip install \"sigel\\[leiden\\]\"" = sprintf(EXTRA, "\"igraph\", \"leidenalg\""),
  "Install it: pip install \"sigel\\[spagcn\\]\".*works with" = sprintf(
    EXTRA,
    "\"SpaGCN\", \"setuptools<81\""
  ),
  "\\borthologs=(?=[,.])" = "`orthologs`",
  "`n_domains`" = "`n.domains`",
  "`max_domains`" = "`config$max_domains`",
  "See var_names[.]" = "See `rownames(object)`.",
  "Use device=(\"\\w+\")" = "Use `device = \\1`",
  # A whole number of R is one with a fraction in Python.
  "(?<=found )(-?\\d+)[.]0(?=;)" = "\\1",
  "See `status` of each gene" = "`sigel.status` in the assay's feature metadata says which have, after `RunSIGEL()`",
  # What stands in quotes is the user's own.
  "(?<![\\w'\".])None(?![\\w'\"])" = "NULL",
  "(?<![\\w'\".])True(?![\\w'\"])" = "TRUE",
  "(?<![\\w'\".])False(?![\\w'\"])" = "FALSE"
)

# A message of the engine's function `name`, as R users would write it.
in_r_words <- function(text, name = "embed") {
  for (phrase in names(PHRASES)) {
    text <- gsub(phrase, PHRASES[[phrase]], text, perl = TRUE)
  }
  arguments <- ARGUMENTS[[name]]
  for (argument in names(arguments)) {
    ours <- arguments[[argument]]
    text <- sub(sprintf("^(setting )?`%s`: ", argument), sprintf("`%s`: ", ours), text)
    text <- gsub(sprintf("\\b%s=", argument), sprintf("%s = ", ours), text, perl = TRUE)
  }
  text
}

# Which argument of R's a refusal of the engine, already in R's words, is about.
refused_argument <- function(message) {
  if (startsWith(message, "setting `preset`")) {
    return("preset")
  }
  found <- regmatches(message, regexec("^`([^`]+)`: ", message))[[1L]]
  ours <- length(found) && !found[2L] %in% IMAGE_SETTINGS && !startsWith(found[2L], "config$")
  if (ours) found[2L] else "config"
}
