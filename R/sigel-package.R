#' sigel: gene representations from spatial transcriptomics sections
#'
#' A gene is an image: a section becomes one small picture per gene on a shared
#' grid of pixels, a model learns what those pictures mean, and every gene gets
#' a vector, the SIGEL gene representation (SGR). [RunSIGEL()] puts the
#' representations in a Seurat object; [GeneGroupPlot()], [GeneMapPlot()],
#' [GeneImagePlot()] and [TrainingPlot()] show them.
#'
#' The engine is written in Python and travels with the package. No Python
#' starts when the package is loaded. [sigel_sitrep()] says what is there, what
#' is missing and how to mend it; [install_sigel()] makes an environment.
#'
#' @keywords internal
#' @importFrom rlang .data %||%
"_PACKAGE"

# What lasts for one R session: the engine's module and the warnings given once.
the <- new.env(parent = emptyenv())
