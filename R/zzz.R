.onLoad <- function(libname, pkgname) {
  # SeuratObject 4 has no StdAssay, the parent class of Assay5.
  if (methods::isClass("StdAssay", where = asNamespace("SeuratObject"))) {
    registerS3method("FindDiseaseGenes", "StdAssay", FindDiseaseGenes.StdAssay)
    registerS3method("FindGeneInteractions", "StdAssay", FindGeneInteractions.StdAssay)
    registerS3method("FindPatternGenes", "StdAssay", FindPatternGenes.StdAssay)
    registerS3method("FindSpatialDomains", "StdAssay", FindSpatialDomains.StdAssay)
    registerS3method("FindSpatialGenes", "StdAssay", FindSpatialGenes.StdAssay)
    registerS3method("ImputeGenes", "StdAssay", ImputeGenes.StdAssay)
    registerS3method("LabelSpatialDomains", "StdAssay", LabelSpatialDomains.StdAssay)
    registerS3method("RunSIGEL", "StdAssay", RunSIGEL.StdAssay)
    registerS3method("SelectSpatialGenes", "StdAssay", SelectSpatialGenes.StdAssay)
  }
}
