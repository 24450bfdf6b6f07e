# Arguments that a function does not know, with the nearest that it does: one that means the same, or is spelt alike.

check_no_dots <- function(..., known, call = rlang::caller_env()) {
  given <- rlang::names2(rlang::enquos(...))
  if (!length(given)) {
    return(invisible())
  }
  named <- given[nzchar(given)]
  if (!length(named)) {
    sigel_abort("...", "an argument without a name", "named arguments", "Name it.", call)
  }
  known <- setdiff(known, "...")
  near <- nearest_argument(named[1L], known)
  fix <- if (length(near)) {
    sprintf("Did you mean `%s`?", near)
  } else {
    sprintf("The arguments are %s.", toString(known))
  }
  sigel_abort("...", sprintf("an unknown argument `%s`", named[1L]), "arguments of the function", fix, call)
}

# Words that users of Seurat, scanpy and others have for arguments, in which the case, dots, underscores and the "s" of
# several do not matter; of arguments that share a word the first counts that the function has.
RELATIVES <- list(
  features = c("gene", "marker", "symbol"),
  n = c("top", "top.n", "n.genes", "n.features", "n.pairs"),
  n.groups = c("group", "cluster", "n.clusters", "center", "n.centers", "k"),
  n.domains = c("domain", "cluster", "n.clusters", "n.groups", "region", "center", "k", "q"),
  n.dims = c("dim", "dimension", "npcs", "n.pcs", "n.components", "latent.dim"),
  region = c("region.key", "group.by", "domain", "label", "annotation"),
  condition = c("group.by", "group", "treatment", "disease", "diagnosis", "status"),
  donor = c("individual", "subject", "patient", "animal", "mouse", "replicate"),
  section = c(
    "section.key",
    "split.by",
    "batch",
    "batch.key",
    "library.key",
    "sample",
    "sample.id",
    "slide",
    "slice"
  ),
  image = c("fov", "sample", "sample.id", "slide", "slice"),
  covariates = c("batch", "design", "latent.vars", "vars.to.regress"),
  control = c("baseline", "ident.2"),
  coordinates = c("coord", "location", "position", "place", "spatial", "spatial.key", "xy"),
  layer = c("data", "count"),
  seed.use = c("seed", "random.state", "random.seed"),
  verbose = c("progress", "quiet", "silent"),
  device = c("gpu", "cuda", "use.gpu", "accelerator"),
  save.model = c("model", "save", "model.dir", "model.path", "path", "folder", "out"),
  model = c("save.model", "model.dir", "model.path", "path", "folder"),
  config = c("setting", "option", "param", "parameter"),
  preset = c("mode", "speed", "quality"),
  reduction.name = c("key.added", "name"),
  cluster.name = c("key.added", "name"),
  assay.name = c("key.added", "name"),
  reduction = c("key", "use.rep", "dimred"),
  n.nulls = c("n.perm", "n.permutations", "permutation"),
  n.null = c("n.perm", "n.permutations", "permutation"),
  n.draws = c("n.boot", "n.bootstrap", "bootstrap"),
  pairs = c("interaction", "lr", "lr.pairs", "ligand.receptor"),
  partners.of = c("partner", "target"),
  reference = c("ref", "single.cell", "scrna"),
  reference.column = c("ref.labels", "label", "cell.type", "annotation"),
  file = c("path", "out", "output")
)

nearest_argument <- function(name, known) {
  stem <- function(words) sub("s$", "", gsub("[._]", "", tolower(words)))
  spelt <- known[stem(known) == stem(name)]
  alike <- Filter(function(argument) stem(name) %in% stem(RELATIVES[[argument]]), names(RELATIVES))
  found <- c(spelt, intersect(alike, known))
  if (length(found)) {
    return(found[1L])
  }
  distance <- drop(utils::adist(name, known, ignore.case = TRUE))
  if (min(distance) <= min(3, nchar(name) %/% 2L)) known[which.min(distance)]
}
