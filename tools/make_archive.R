# Adds to an archive what R saves: a section after several verbs, and an imputed panel.
#
# Usage, once a release, after tools/make_archive.py: Rscript tools/make_archive.R tests/archives/VERSION
library(Seurat)
library(sigel)

folder <- commandArgs(trailingOnly = TRUE)[[1L]]
quick <- list(
  train = list(pretrain_epochs = 1, refine_epochs = 1),
  encoder = list(dim = 16, depth = 1)
)
size <- list(n.rows = 14, n.cols = 14, n.programmes = 3, genes.per.programme = 12)

section <- do.call(SimulateSection, c(size, seed = 3, n.background.genes = 12))
section <- RunSIGEL(section, n.dims = 4, n.groups = 4, config = quick, verbose = FALSE)
section <- FindSpatialGenes(section, verbose = FALSE)
section <- SelectSpatialGenes(section, verbose = FALSE)
section <- FindSpatialDomains(section, n.domains = 3, verbose = FALSE)
saveRDS(section, file.path(folder, "section.rds"), version = 2)

pair <- do.call(SimulatePanel, c(size, seed = 0, n.background.genes = 8, n.panel = 24))
panel <- ImputeGenes(pair$target, pair$reference, verbose = FALSE)
saveRDS(panel, file.path(folder, "panel.rds"), version = 2)
