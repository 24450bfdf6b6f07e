# The main job from beginning to end: a section, RunSIGEL, and what comes out of it in demo-output/.
#
# Usage: Rscript tools/demo.R [file.h5ad | file.rds]
# Without a file the section is simulated.

suppressPackageStartupMessages(library(sigel))

read_section <- function(file) {
  if (!file.exists(file)) {
    stop("there is no file ", file, call. = FALSE)
  }
  kind <- tolower(sub(".*[.]", "", file))
  section <- switch(
    kind,
    h5ad = ReadSection(file),
    rds = readRDS(file),
    stop("a demo file ends in .h5ad or .rds, not in .", kind, call. = FALSE)
  )
  if (!inherits(section, "Seurat")) {
    stop(file, " does not hold a Seurat object", call. = FALSE)
  }
  section
}

# One section is shown: of several, the first.
first_section <- function(section) {
  images <- SeuratObject::Images(section)
  if (length(images) < 2L) {
    return(section)
  }
  message("The object has ", length(images), " images; the first, ", images[1L], ", is used.")
  for (image in images[-1L]) {
    section[[image]] <- NULL
  }
  subset(section, cells = SeuratObject::Cells(section[[images[1L]]]))
}

save_png <- function(plot, file, width, height) {
  ggplot2::ggsave(file.path(folder, file), plot, width = width, height = height, dpi = 110, bg = "white")
}

# Agreement of two groupings beyond chance: 1 where they are equal, near 0 by chance.
adjusted_rand <- function(a, b) {
  pairs <- function(n) sum(n * (n - 1) / 2)
  both <- table(a, b)
  rows <- pairs(rowSums(both))
  columns <- pairs(colSums(both))
  chance <- rows * columns / pairs(sum(both))
  (pairs(both) - chance) / ((rows + columns) / 2 - chance)
}

given <- commandArgs(trailingOnly = TRUE)
simulated <- !length(given) || !nzchar(given[1L])
began <- proc.time()[["elapsed"]]
folder <- "demo-output"
dir.create(folder, showWarnings = FALSE)

sigel_sitrep()
cli::cli_h2("Section")
section <- if (simulated) SimulateSection(seed = 0) else first_section(read_section(given[1L]))
assay <- SeuratObject::DefaultAssay(section)
if (simulated) {
  cli::cli_alert_warning(
    "This section is SIMULATED: its spatial programmes were planted, nothing was measured."
  )
} else {
  cli::cli_alert_info("Read {.file {given[1L]}}.")
}
cli::cli_alert_info("{nrow(section[[assay]])} genes, {ncol(section)} spots.")

cli::cli_h2("RunSIGEL")
section <- RunSIGEL(section, save.model = file.path(folder, "model"))

cli::cli_h2("Tables and pictures")
results <- section[["sigel"]]
misc <- SeuratObject::Misc(results)
genes <- misc$features
truth <- section[[assay]][[]]$programme
if (simulated) {
  genes$programme <- truth[match(genes$gene, rownames(section[[assay]]))]
}
write_table <- function(table, file, ...) utils::write.csv(table, file.path(folder, file), ...)
saveRDS(section, file.path(folder, "section.rds"))
write_table(SeuratObject::Loadings(results), "representations.csv")
write_table(genes, "genes.csv", row.names = FALSE)
write_table(SeuratObject::Embeddings(results), "spots.csv")
write_table(misc$history, "history.csv", row.names = FALSE)

save_png(TrainingPlot(section), "training.png", 9, 6)
# Room for two dozen groups, which sections of yours may have.
save_png(GeneGroupPlot(section), "gene-groups.png", 10, 8)
save_png(GeneMapPlot(section), "gene-map.png", 8, 6)

embedded <- genes[genes$status == "embedded", ]
cli::cli_h2("Done in {round(proc.time()[['elapsed']] - began)} s")
cli::cli_text("{nrow(embedded)} of {nrow(genes)} genes embedded, in {nlevels(genes$group)} groups.")
if (simulated) {
  planted <- embedded[embedded$programme != "background", ]
  cli::cli_text("Truth is known here. Adjusted Rand index of groups against planted programmes:")
  cli::cli_ul(c(
    sprintf(
      "%.3f over the %d genes of a programme",
      adjusted_rand(planted$group, planted$programme),
      nrow(planted)
    ),
    sprintf(
      "%.3f over all embedded genes, where the %d without a pattern may share several groups",
      adjusted_rand(embedded$group, embedded$programme),
      nrow(embedded) - nrow(planted)
    )
  ))
}
cli::cli_text("In {.file {folder}/}:")
cli::cli_ul(c(
  "{.file gene-groups.png}: look here first. A row for each group, its most typical genes: do they share a pattern?",
  "{.file gene-map.png}: all genes in two dimensions, near where their pictures are alike",
  "{.file training.png}: the losses of the epochs that followed the eigenimages",
  "{.file section.rds}: the Seurat object with the reduction {.val sigel}",
  "{.file genes.csv}: group, probability and status of each gene{if (simulated) ', and the planted programme'}",
  "{.file representations.csv}, {.file spots.csv}, {.file history.csv}: the numbers behind",
  "{.file model/}: the fitted model"
))
if (simulated) {
  cli::cli_text("The section was simulated. Yours: {.code make demo DATA=file.h5ad} (or .rds).")
}
