# Builds the vignettes into build/vignettes/, or those that are named, and says how long each took.
#
# Usage: Rscript tools/vignettes.R [get-started ...]
# The installed package is what they show: `make vignettes` installs it first.

named <- commandArgs(trailingOnly = TRUE)
sources <- list.files("vignettes", "[.]Rmd$", full.names = TRUE)
known <- sub("[.]Rmd$", "", basename(sources))
if (length(unknown <- setdiff(named, known))) {
  stop("there is no vignette ", toString(unknown), "; known are ", toString(known), call. = FALSE)
}
if (length(named)) {
  sources <- sources[known %in% named]
}
folder <- file.path("build", "vignettes")
dir.create(folder, recursive = TRUE, showWarnings = FALSE)

for (source in sources) {
  # As in R CMD build, all share one process, so that the engine starts once.
  began <- proc.time()
  copy <- file.path(folder, basename(source))
  file.copy(source, copy, overwrite = TRUE)
  built <- rmarkdown::render(copy, envir = new.env(parent = globalenv()), quiet = TRUE)
  unlink(copy)
  took <- proc.time() - began
  cores <- sum(took[c("user.self", "sys.self", "user.child", "sys.child")])
  size <- file.size(built) / 1e3
  message(sprintf(
    "%-28s %6.1f s, %5.1f s of a core %6.0f kB",
    basename(built),
    took[["elapsed"]],
    cores,
    size
  ))
}
message("In ", folder, "/")
