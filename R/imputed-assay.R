# The engine's answer as R's tables and matrices, and as an assay.

# Columns of the table of imputed genes, and of the feature metadata of their assay.
IMPUTED_COLUMNS <- c(
  "expected.pcc",
  "trusted",
  "similarity",
  "nearest.gene",
  "level",
  "spatial",
  "spread",
  "beyond",
  "round"
)

# Parts of the engine's answer that are tables, as R names them.
IMPUTED_TABLES <- c(
  shared = "shared",
  weights = "weights",
  coverage = "coverage",
  left.out = "left_out",
  history = "history"
)

# What Seurat, or the user, would regret only after the work is done; TRUE where an earlier answer is replaced.
# `to.file`: whether a file takes the values, so that no assay is made.
check_assay_name <- function(object, name, source, call, to.file = FALSE) {
  check_string(name, "assay.name", "Use `assay.name = \"sigel.imputed\"`.", call)
  check_plain_name(name, "assay.name", call)
  own <- name %in% SeuratObject::Assays(object) && !is.null(imputation_misc(object[[name]]))
  if (own && name == source) {
    fix <- sprintf(
      "Name the assay with the panel: `assay = \"%s\"`.",
      setdiff(SeuratObject::Assays(object), name)[1L]
    )
    sigel_abort("assay", sprintf("\"%s\", which is imputed", name), "an assay with raw counts", fix, call)
  }
  taken <- c(taken_names(object), SeuratObject::Reductions(object))
  if (name %in% setdiff(taken, if (own) name)) {
    found <- sprintf("\"%s\", which the object has and which `ImputeGenes()` did not make", name)
    sigel_abort("assay.name", found, "a name of its own", "Use `assay.name = \"sigel.imputed\"`.", call)
  }
  if (to.file) {
    check_name_beside(object, name, own, call)
  }
  own
}

# Of values that go to a file, the object keeps what is known of the genes in `Misc()`.
check_name_beside <- function(object, name, own, call) {
  if (name %in% names(methods::slot(object, "misc")) && is.null(imputed_file_of(object, name))) {
    found <- sprintf("\"%s\", which `Misc()` of the object has and which `ImputeGenes()` did not make", name)
    sigel_abort("assay.name", found, "a name of its own", "Use `assay.name = \"imputed.file\"`.", call)
  }
  if (own) {
    found <- sprintf("\"%s\", an assay of an earlier call, while the values go to a file", name)
    fix <- sprintf("Take it out, `object[[\"%s\"]] <- NULL`, or use `assay.name = \"imputed.file\"`.", name)
    sigel_abort("assay.name", found, "a name of its own", fix, call)
  }
}

tell_of_file <- function(imputed, tell) {
  if (tell) {
    cli::cli_inform(c(
      i = "Values of {nrow(imputed$genes)} gene{?s} are in {.file {imputed$file}}.",
      i = "{.code ReadImputed({deparse(imputed$file)}, features)} reads some of them."
    ))
  }
}

tell_of_replaced <- function(name, tell) {
  if (tell) {
    cli::cli_inform(c(i = "The assay {.val {name}} of an earlier call is replaced."))
  }
}

# The answer of the engine as a list; `file` took the values, where it is not NULL.
as_imputation <- function(result, cells, file = NULL) {
  genes <- unlist(result$genes)
  named <- function(values) {
    if (is.null(values)) {
      return(NULL)
    }
    if (is.list(values)) {
      return(methods::new(
        "dgCMatrix",
        i = as.integer(values$i),
        p = as.integer(values$p),
        x = as.double(values$x),
        Dim = as.integer(unlist(values$dim)),
        Dimnames = list(genes, cells)
      ))
    }
    dimnames(values) <- list(genes, cells)
    values
  }
  with_rows <- function(columns) {
    table <- engine_table(columns)
    if (!is.null(table$gene)) {
      rownames(table) <- table$gene
    }
    table
  }
  table <- with_rows(result$table)[c("gene", IMPUTED_COLUMNS)]
  table$trusted <- as.logical(table$trusted)
  table$round <- as.integer(table$round)
  tables <- lapply(result[IMPUTED_TABLES], function(columns) if (!is.null(columns)) with_rows(columns))
  names(tables) <- names(IMPUTED_TABLES)
  known <- result$report
  report <- list(
    method = known$method,
    n.shared = as.integer(known$n_shared),
    spearman = replace(as.double(known$spearman), is.nan(known$spearman), NA),
    converged = known$converged,
    min.pcc = as.double(known$min_pcc),
    target.sum = as.double(known$target_sum),
    params = known$params,
    provenance = known$provenance
  )
  values <- list(
    values = named(result$values),
    lower = named(result$lower),
    upper = named(result$upper),
    genes = table
  )
  if (!is.null(file)) {
    values <- list(genes = table, file = normalizePath(file), n.cells = length(cells))
  }
  structure(c(values, Filter(Negate(is.null), tables), list(report = report)), class = "sigel_imputation")
}

# What is known of genes whose values are in a file, kept with the object, which has no assay of them.
keep_imputed_file <- function(object, imputed, source, layer, name) {
  imputed$report <- c(imputed$report, list(source = source, layer = layer))
  # `Misc<-` would turn tables into plain lists.
  methods::slot(object, "misc")[[name]] <- imputed
  object
}

# The same again; NULL where there is none under that name, or an assay instead.
imputed_file_of <- function(object, name) {
  if (!inherits(object, "Seurat") || !rlang::is_string(name) || name %in% SeuratObject::Assays(object)) {
    return(NULL)
  }
  kept <- methods::slot(object, "misc")[[name]]
  if (inherits(kept, "sigel_imputation") && !is.null(kept$file)) kept
}

# The values as a new assay, of the class of the assay they were made from; the object's other parts stay as they are.
add_imputed_assay <- function(object, imputed, source, layer, name) {
  # Seurat keeps neither underscores nor bars in names of features.
  of_experiment <- !is.null(experiment_of(object))
  genes <- rownames(imputed$values)
  genes <- if (of_experiment) genes else make.unique(gsub("[_|]", "-", genes))
  renamed <- function(x) {
    if (!is.null(x)) {
      rownames(x) <- genes
    }
    x
  }
  values <- for_all_cells(renamed(imputed$values), colnames(object[[source]]))
  # Assay5, and the function that makes one, exist only in SeuratObject 5, which cannot make one of a single feature.
  assay <- if (of_experiment) {
    bare_assay(values, dimnames(values), data.frame(row.names = genes), key = "imputed_", counts = FALSE)
  } else if (inherits(object[[source]], "StdAssay") && nrow(values) > 1L) {
    getExportedValue("SeuratObject", "CreateAssay5Object")(data = methods::as(values, "CsparseMatrix"))
  } else {
    SeuratObject::CreateAssayObject(data = values)
  }
  metadata <- imputed$genes[IMPUTED_COLUMNS]
  rownames(metadata) <- genes
  assay <- SeuratObject::AddMetaData(assay, metadata = metadata)
  SeuratObject::Key(assay) <- paste0(gsub("[^[:alnum:]]", "", name), "_")
  misc <- c(
    list(lower = renamed(imputed$lower), upper = renamed(imputed$upper)),
    imputed[intersect(names(IMPUTED_TABLES), names(imputed))],
    imputed$report,
    list(source = source, layer = layer)
  )
  # `Misc<-` would turn tables into plain lists.
  methods::slot(assay, "misc") <- Filter(Negate(is.null), misc)
  # What was known of a file gives way to the assay.
  if (!is.null(imputed_file_of(object, name))) {
    methods::slot(object, "misc")[[name]] <- NULL
  }
  # SeuratObject 5 would tell what is meant: no counts, and an assay that replaces one of other genes or class.
  meant <- "counts isn't present|Different cells and/or features from existing|changing from Assay"
  withCallingHandlers(
    object[[name]] <- assay,
    warning = function(w) if (grepl(meant, conditionMessage(w))) tryInvokeRestart("muffleWarning")
  )
  object
}
