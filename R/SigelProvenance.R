#' How results were made
#'
#' Lists what was run on an object, or how a table was made, with what makes it again:
#' the call, the version of the software, a hash of the data, seed, device and time.
#'
#' The call is as it was typed; names in it are those of the session in which it was
#' made. Files that `sigel` or Python wrote say the same by `sigel info FILE`.
#'
#' @section The hash of the data:
#' It is made of the sums of the counts over genes and over cells, the names of the
#' genes and the places of the cells, of those genes and cells that the verb read. The
#' same data, with cells in the same order, have the same hash in every verb, in R and in
#' Python (`uns["sigel_calls"]`); places count as the object holds them, and an image of
#' [ReadSection()] has them moved. Where sections lie between each other in one object,
#' verbs of several sections take one after the other. Runs of earlier versions have a
#' hash of their images, and tables of [sigel_command()] none: their files say it.
#' Several sections that are objects of their own, or a section and its references,
#' have one each, with "-" between them. Questions that are not asked of counts have a
#' hash of what they are asked of: [FindGeneGroups()], [GeneGroups()] and
#' [FindSimilarGenes()] of the representations, [GeneGroupEnrichment()] of the groups,
#' [CompareImputedGenes()] of the imputed values, NA where these are in a file.
#'
#' @param object A Seurat object, or a SpatialExperiment; or a table as a verb returned
#'   it, such as that of [FindPatternGenes()], or what a verb made of a matrix: these
#'   have all that is known in their attribute `provenance`, a list.
#' @return A data frame with a row for the last call of each verb and assay, in the
#'   order of time, or one row for a table: `result` (the verb), `call`, `finished` (the
#'   time), `assay` (of objects), `sigel` (version of the software), `seed`, `device`
#'   (what "auto" stood for), `data.hash` and `wall.time` (seconds); NA for what is not
#'   known, as of results of versions before 0.7.0. Its attribute `versions` has for
#'   each verb all that is known, the versions of Python, torch and other software, too.
#' @seealso [RunSIGEL()], [SigelReport()]
#' @examples
#' if (sigel_available()) {
#'   section <- SimulateSection(n.rows = 16, n.cols = 16, n.programmes = 3,
#'     genes.per.programme = 20, n.background.genes = 20)
#'   section <- FindSpatialGenes(section, verbose = FALSE)
#'   SigelProvenance(section)
#'   ring <- FindPatternGenes(section, "region", c(ring = 0.9), n.null = 20, verbose = FALSE)
#'   SigelProvenance(ring)
#' }
#' @export
SigelProvenance <- function(object) {
  call <- rlang::current_env()
  record <- attr(object, "provenance", exact = TRUE)
  if (is.list(record) && all(ASKED %in% names(record))) {
    return(provenance_table(list(c(record[ASKED], list(record = record[!names(record) %in% ASKED])))))
  }
  if (is.data.frame(object)) {
    found <- sprintf("%s without the attribute \"provenance\"", describe(object))
    fix <- paste(
      "Pass it as the function returned it; what `SpatialGenes()` and others read back",
      "was made by what was run on the object: pass that."
    )
    sigel_abort("object", found, paste("a table that a verb returned, or", AN_OBJECT), fix, call)
  }
  object <- as_seurat(object, call)
  check_seurat(object, call)
  commands <- Filter(is_ours, methods::slot(object, "commands"))
  commands <- commands[order(vapply(commands, time_of, double(1L)))]
  provenance_table(lapply(unname(commands), function(command) {
    params <- methods::slot(command, "params")
    list(
      result = verb_of(command),
      call = paste(command@call.string, collapse = " "),
      finished = command@time.stamp,
      assay = command@assay.used,
      sigel = params$sigel,
      seed = params$seed.use,
      device = params$device,
      record = record_of_command(command, object)
    )
  }))
}

# A row for each of some results; `record`: what the engine says of it.
provenance_table <- function(made) {
  records <- lapply(made, `[[`, "record")
  # The engine comes second for what R knows, but first for the device: what "auto" stood for is its to say.
  known <- function(name, kind) {
    own <- values_of(made, name, kind)
    ifelse(is.na(own), values_of(records, name, kind), own)
  }
  device <- values_of(records, "device", "character")
  hash <- values_of(records, "data.hash", "character")
  table <- data.frame(
    result = values_of(made, "result", "character"),
    call = values_of(made, "call", "character"),
    finished = as.POSIXct(
      vapply(made, function(one) as.double(one$finished), double(1L)),
      origin = "1970-01-01"
    ),
    assay = values_of(made, "assay", "character"),
    sigel = known("sigel", "character"),
    seed = known("seed", "numeric"),
    device = ifelse(is.na(device), values_of(made, "device", "character"), device),
    # Of data in a file there is none.
    data.hash = ifelse(hash %in% "", NA, hash),
    wall.time = values_of(records, "wall.time", "numeric")
  )
  attr(table, "versions") <- Filter(length, stats::setNames(records, table$result))
  table
}

# One value of each of some lists, by its name; NA where a list has none.
values_of <- function(lists, name, kind) {
  nothing <- methods::as(NA, kind)
  vapply(lists, function(one) methods::as(one[[name]] %||% nothing, kind), nothing, USE.NAMES = FALSE)
}
