# The engine speaks of Python's arguments and settings; what reaches R users speaks of theirs. A refusal comes in parts
# (argument, found, wanted, fix): its argument is looked up, and a fix that is always the same has its own in R. What
# is left to patterns are values and names within a part, and warnings and other errors, which are one text.

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
  simulation <- c(
    n_rows = "n.rows",
    n_cols = "n.cols",
    n_programmes = "n.programmes",
    genes_per_programme = "genes.per.programme",
    n_background_genes = "n.background.genes",
    median_counts = "median.counts"
  )
  list(
    simulate = simulation,
    simulate_panel = c(simulation, n_panel = "n.panel"),
    simulate_cohort = c(simulation, n_donors = "n.donors", n_changed = "n.changed"),
    embed = c(
      section,
      n_dims = "n.dims",
      n_groups = "n.groups",
      seed = "seed.use",
      save = "save.model",
      preset = "preset",
      path = "save.model",
      section_key = "section",
      key_added = "reduction.name"
    ),
    # There the engine looks for the genes to be drawn; the object's own names were checked before.
    gene_images = replace(section, "genes", "features"),
    gene_map = c(method = "method", seed = "seed.use"),
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
    disease_genes = c(
      section,
      sections = "object",
      section_key = "section",
      condition = "condition",
      control = "control",
      donor = "donor",
      covariates = "covariates",
      paired = "paired",
      seed = "seed.use"
    ),
    disease_gene = c(
      section,
      sections = "object",
      section_key = "section",
      condition = "condition",
      control = "control",
      donor = "donor",
      gene = "feature",
      frame = "frame",
      domain_key = "group.by"
    ),
    # Genes are those whose pairs are asked about; the object's own names were checked before.
    gene_interactions = c(
      replace(section, "genes", "features"),
      sections = "object",
      section_key = "section",
      pairs = "pairs",
      partners_of = "partners.of",
      n = "n",
      known = "known",
      seed = "seed.use"
    ),
    gene_pair = c(section, gene_a = "features", gene_b = "features"),
    write_network = c(table = "table", path = "file"),
    report = c(
      section,
      sigel.report = "file",
      path = "file",
      title = "title",
      gene_sets = "gene.sets",
      disease_genes = "disease.genes",
      method = "method",
      key = "reduction",
      overwrite = "overwrite",
      seed = "seed.use"
    ),
    read_section = c(
      path = "path",
      sample = "sample",
      platform = "platform",
      table = "table",
      off_tissue = "off.tissue",
      bin_size = "bin.size"
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
    label_domains = c(
      section,
      reference = "reference",
      reference_layer = "reference.layer",
      section_key = "section",
      reference_section_key = "reference.section",
      seed = "seed.use"
    ),
    # Genes are those of the call, whose names were checked there.
    domain_stability = c(replace(domains, "genes", "object"), key = "object", n_seeds = "n.seeds"),
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
      # In the warning of fractions.
      layer = "layer",
      reference_layer = "reference.layer",
      model = "model",
      path = "model",
      intervals = "intervals",
      out = "out",
      seed = "seed.use"
    ),
    read_imputed = c(path = "path", genes = "features"),
    compare_imputed = c(
      imputed = "object",
      path = "object",
      first = "first",
      second = "second",
      n_draws = "n.draws",
      seed = "seed.use"
    )
  )
})

# Settings that the engine refuses as it refuses arguments; in R they stand in `config`.
SETTINGS <- c("exclude", "grid", "min_spots", "pixel_size", "window", "windows")

# How R users install what a method needs beyond the engine.
EXTRA <- "Run `install_sigel(c(%s))`, or install them into the Python that you named, and restart R"

# Fixes of the engine, whole, each with what it is in R after it. A test looks for each in the engine.
FIXES <- c(
  "Call sigel.tl.domains(adata, n_domains) again.",
  "Call `FindSpatialDomains()` again.",

  "Call adata.var_names_make_unique() first.",
  "Use `make.unique()` on the row names first.",

  "Call sigel.tl.impute with intervals=True.",
  "Call `ImputeGenes()` with `intervals = TRUE`.",

  "Call sigel.tl.embed first.",
  "Call `RunSIGEL()` first.",

  "Choose another name, or replace it: overwrite=True.",
  "Choose another name, or replace it: `overwrite = TRUE`.",

  "Do both name genes alike? See target.var_names[:5] and reference.var_names[:5].",
  "Do both name genes alike? See `head(rownames(object))` and `head(rownames(reference))`.",

  "Find domains of all sections together, for example by section_key of sigel.tl.domains.",
  "Find domains of all sections together, for example by `section` of `FindSpatialDomains()`.",

  "Leave levels out, or turn the column into text: adata.obs[...].astype(str).astype(\"category\").",
  "Leave `levels` out, or turn the column into text by `as.character()`.",

  "Look at the status of sigel.tl.spatial_genes(adata).",
  "Look at the `status` in `SpatialGenes(FindSpatialGenes(object))`.",

  "Look for spots far off the section, or set a smaller `pixel_size`.",
  "Look for spots far off the section, or set a smaller `config = list(image = list(pixel_size = ...))`.",

  "Name the column of obs that holds the labels: column=...",
  "Name the column that holds the labels: `reference.column = ...`.",

  "Name other genes, or use the image setting exclude=().",
  "Name other genes, or use `config = list(image = list(exclude = character()))`.",

  "Pass what it returned.",
  "Pass the `out` that it was given.",

  "See `status` of each gene.",
  "`sigel.status` in the assay's feature metadata says which have, after `RunSIGEL()`.",

  "See uns: `left_out` says which genes could not be imputed.",
  "`ImputationReport(object)$left.out` says which genes could not be imputed.",

  "See var_names.",
  "See `rownames(object)`.",

  "Store them in adata.obsm[\"spatial\"].",
  "Give `coordinates`.",

  paste(
    "Take the spots of one section, for example adata[adata.obs[...] == ...], or, where the function has",
    "section_key=, name the column of obs that tells them apart."
  ),
  paste(
    "Take the spots of one section, for example by `subset(object, cells = ...)`, or, where the function has",
    "`section = `, name the column of the meta data that tells them apart."
  ),

  "They were renamed or added since: call sigel.tl.impute again.",
  "They were renamed or added since: call `ImputeGenes()` again.",

  "Use device=\"auto\".",
  "Use `device = \"auto\"`.",

  "Use grid=\"continuous\".",
  "Use `config = list(image = list(grid = \"continuous\"))`.",

  "Use min_size=1 or a larger max_size.",
  "Use `min.size = 1` or a larger `max.size`.",

  "Use rounds=1, or name fewer genes and leave `out` away.",
  "Use `config = list(rounds = 1)`, or name fewer genes and leave `out` away.",

  "Use n_donors=(4, 4).",
  "Use `n.donors = c(4, 4)`.",

  "Leave control out.",
  "Leave `control` out.",

  "Use paired=True, which compares each donor with itself, or check the labels.",
  "Use `paired = TRUE`, which compares each donor with itself, or check the labels."
)
FIXES <- stats::setNames(FIXES[c(FALSE, TRUE)], FIXES[c(TRUE, FALSE)])

# Python's phrases (regular expressions) and what they are in R, in this order.
PHRASES <- c(
  # Settings as Python writes them: in warnings and in errors of training, which are one text, and in fixes alike.
  "(Image|Encoder|Mixture|Train)Config\\(([^)]*)\\)" = "config = list(\\L\\1\\E = list(\\2))",
  "config=\\{\"(\\w+)\": \\{\"(\\w+)\": ([^}]*)\\}\\}" = "config = list(\\1 = list(\\2 = \\3))",
  "`(\\w+)` \\((Image|Encoder|Mixture|Train)Config\\)" = "`config = list(\\L\\2\\E = list(\\1 = ...))`",
  "(\\w+=\"\\w+\") \\((Image|Encoder|Mixture|Train)Config\\)" = "`config = list(\\L\\2\\E = list(\\1))`",
  "\\bGANConfig\\b" = "config$gan",
  "`max_domains`" = "`config$max_domains`",
  "`n_domains`" = "`n.domains`",
  # An error of a model's folder is one text, too.
  "\\bSIGEL[.]save\\b" = "`RunSIGEL(save.model = ...)`",
  # Fixes with names or numbers of the data in them.
  "\\b(encoder|train)[.](\\w+)=(\\d+)" = "`config = list(\\1 = list(\\2 = \\3))`",
  "levels=\\{'([^']+)': ([0-9.]+)\\}" = "levels = c(\"\\1\" = \\2)",
  "theirs = \\{g[.]lower.*?\\]\\)\\)[.]" = paste0(
    "`theirs <- rownames(reference); ours <- rownames(object); orthologs <- na.omit(data.frame(target = ours, ",
    "reference = theirs[match(tolower(ours), tolower(theirs))]))`."
  ),
  "adata[.]var_names = .*?regex=True\\)" = "`rownames(counts) <- sub(\"[.][0-9]+$\", \"\", rownames(counts))`",
  "\\borthologs=(?=[,.])" = "`orthologs`",
  "\\btable\\[\\[first, second\\]\\]" = "table[c(\"first\", \"second\")]",
  "\\b(\\w+)[.]dropna\\(\\)" = "`na.omit(\\1)`",
  # Files of imputed values.
  "\\bsigel[.]tl[.]impute wrote" = "`ImputeGenes(out = ...)` wrote",
  "without uns\\['sigel_imputation'\\]" = "without imputed genes",
  # Python's extras, by the package that each brings.
  "Install it: pip install \"sigel\\[leiden\\]\"" = sprintf(EXTRA, "\"igraph\""),
  "Install it: pip install \"sigel\\[spagcn\\]\".*works with" = sprintf(
    EXTRA,
    "\"SpaGCN\", \"setuptools<81\""
  ),
  "Install it: pip install \"sigel\\[(report|plot)\\]\"" = sprintf(EXTRA, "\"jinja2\", \"matplotlib\""),
  "Install it: pip install \"sigel\\[read\\]\"" = sprintf(EXTRA, "\"pyarrow\", \"zarr\""),
  "\\bLeave (bin|off)_(size|tissue) out\\b" = "Leave `\\1.\\2` out",
  # What was found, and what would do, as Python writes values; what stands in quotes is the user's own. A whole number
  # of R is one with a fraction in Python.
  "\\ba dict\\b" = "a named list",
  "\\bor NaN for the background" = "or NA for the background",
  "^(-?\\d+)[.]0(?=$| for ')" = "\\1",
  "(?<![\\w'\".])None(?![\\w'\"])" = "NULL",
  "(?<![\\w'\".])True(?![\\w'\"])" = "TRUE",
  "(?<![\\w'\".])False(?![\\w'\"])" = "FALSE"
)

# A text of the engine's function `name`, or a part of one, as R users would write it.
in_r_words <- function(text, name = "embed") {
  for (phrase in names(PHRASES)) {
    text <- gsub(phrase, PHRASES[[phrase]], text, perl = TRUE)
  }
  arguments <- ARGUMENTS[[name]]
  for (argument in names(arguments)) {
    ours <- arguments[[argument]]
    # Errors of a model's folder begin with the argument.
    text <- sub(sprintf("^`%s`: ", argument), sprintf("`%s`: ", ours), text)
    text <- gsub(sprintf("\\b%s=", argument), sprintf("%s = ", ours), text, perl = TRUE)
    text <- gsub(sprintf("`%s`", argument), sprintf("`%s`", ours), text, fixed = TRUE)
  }
  text
}

# What the engine's function `name` refused, in R's words: `refused` has `argument` or `setting`, `found`, `wanted` and
# `fix`. The answer has what the message begins with, too, as `shown`.
refusal_in_r_words <- function(refused, name) {
  named <- refused$argument %||% refused$setting
  known <- ARGUMENTS[[name]]
  in_table <- named %in% names(known)
  ours <- if (in_table) known[[named]] else sub("^(encoder|train)[.]", "config$\\1$", named)
  is_setting <- !in_table && (is.null(refused$argument) || named %in% SETTINGS || ours != named)
  said <- function(part) in_r_words(part, name)
  list(
    argument = if (is_setting) "config" else ours,
    shown = sprintf(if (is_setting && is.null(refused$argument)) "setting `%s`" else "`%s`", ours),
    found = said(refused$found),
    wanted = said(refused$wanted),
    fix = if (refused$fix %in% names(FIXES)) FIXES[[refused$fix]] else said(refused$fix)
  )
}
