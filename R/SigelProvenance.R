#' How results were made
#'
#' Lists what was run on an object, with what makes it again: the call, the version
#' of the software, seed, device and time, and for what the engine keeps them with
#' (runs and imputed genes) a hash of the data.
#'
#' The call is as it was typed; names in it are those of the session in which it was
#' made. Files that `sigel` or Python wrote say the same by `sigel info FILE`.
#'
#' @param object A Seurat object, or a SpatialExperiment.
#' @return A data frame with a row for the last call of each verb and assay, in the
#'   order of time: `result` (the verb), `call`, `finished` (the time), `assay`,
#'   `sigel` (version of the software), `seed`, `device`, `data.hash` and
#'   `wall.time` (seconds); NA for what is not known. Its attribute `versions` has for
#'   each verb with a hash the versions of Python, torch and other software, too.
#' @seealso [RunSIGEL()], [SigelReport()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- FindSpatialGenes(section, verbose = FALSE)
#'   SigelProvenance(section)
#' }
#' @export
SigelProvenance <- function(object) {
  call <- rlang::current_env()
  object <- as_seurat(object, call)
  check_seurat(object, call)
  commands <- Filter(is_ours, methods::slot(object, "commands"))
  time <- vapply(commands, function(command) as.double(command@time.stamp), double(1L))
  commands <- commands[order(time)]
  records <- lapply(commands, record_of, object = object)
  params <- lapply(commands, methods::slot, "params")
  device <- values_of(records, "device", "character")
  table <- data.frame(
    result = vapply(commands, verb_of, "", USE.NAMES = FALSE),
    call = vapply(
      commands,
      function(command) paste(command@call.string, collapse = " "),
      "",
      USE.NAMES = FALSE
    ),
    finished = as.POSIXct(sort(time), origin = "1970-01-01"),
    assay = vapply(commands, function(command) command@assay.used %||% NA_character_, "", USE.NAMES = FALSE),
    sigel = values_of(params, "sigel", "character"),
    seed = values_of(params, "seed.use", "numeric"),
    # What "auto" stood for is the engine's to say.
    device = ifelse(is.na(device), values_of(params, "device", "character"), device),
    data.hash = values_of(records, "data_hash", "character"),
    wall.time = values_of(records, "wall_time", "numeric"),
    row.names = NULL
  )
  attr(table, "versions") <- Filter(length, stats::setNames(records, table$result))
  table
}

# One value of each of some lists, by its name; NA where a list has none.
values_of <- function(lists, name, kind) {
  nothing <- methods::as(NA, kind)
  vapply(lists, function(one) methods::as(one[[name]] %||% nothing, kind), nothing, USE.NAMES = FALSE)
}

# Verbs that change an object leave their log in it; here with the version of the package beside the arguments.
logged <- function(object) {
  commands <- methods::slot(object, "commands")
  last <- length(commands)
  commands[[last]]@params$sigel <- as.character(utils::packageVersion("sigel"))
  methods::slot(object, "commands") <- commands
  object
}

verb_of <- function(command) sub("[.].*$", "", command@name)

is_ours <- function(command) {
  verb_of(command) %in% getNamespaceExports("sigel")
}

# What the engine keeps of a run and of imputed genes; NULL for other results.
record_of <- function(command, object) {
  kept <- switch(
    verb_of(command),
    RunSIGEL = {
      name <- command@params$reduction.name
      if (name %in% SeuratObject::Reductions(object)) SeuratObject::Misc(object[[name]])$provenance
    },
    ImputeGenes = provenance_of_imputed(object, command@params$assay.name)
  )
  if (!is.null(kept)) jsonlite::fromJSON(kept)
}

provenance_of_imputed <- function(object, name) {
  if (name %in% SeuratObject::Assays(object)) {
    return(imputation_misc(object[[name]])$provenance)
  }
  SeuratObject::Misc(object, name)$report$provenance
}
