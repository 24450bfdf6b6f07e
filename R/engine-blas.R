# R's reference BLAS shadows torch's matrix product when torch runs inside R.

blas_path <- function() {
  path <- unname(extSoftVersion()["BLAS"])
  if (is.na(path) || !nzchar(path)) utils::sessionInfo()$BLAS %||% "" else path
}

# Only Linux resolves torch's BLAS calls to R's library.
is_reference_blas <- function(path = blas_path(), system = Sys.info()[["sysname"]]) {
  if (system != "Linux" || !nzchar(path)) {
    return(FALSE)
  }
  fast <- "openblas|mkl|blis|atlas|flexiblas|armpl|essl"
  !grepl(fast, path, ignore.case = TRUE) && grepl("(libblas|libRblas)[^/]*$", path)
}

BLAS_FIX <- "Install an optimised one, on Debian and Ubuntu `sudo apt-get install libopenblas0-openmp`, and restart R."

warn_slow_blas <- function(path = blas_path()) {
  if (is.null(the$blas_warned) && is_reference_blas(path)) {
    the$blas_warned <- TRUE
    rlang::warn(
      c(
        sprintf("R uses the reference BLAS (%s); training will be many times slower than it could be.", path),
        i = BLAS_FIX
      ),
      class = "sigel_slow_blas"
    )
  }
}
