# Which expressions of the R package its suite never takes: `make coverage-r`. Needs the package covr (Debian:
# r-cran-covr); what Seurat 5 alone reaches is not taken with Seurat 4.
if (!requireNamespace("covr", quietly = TRUE)) {
  stop("covr is not installed: `apt-get install r-cran-covr`, or `install.packages(\"covr\")`", call. = FALSE)
}
Sys.setenv(NOT_CRAN = "true", SIGEL_NIGHTLY = "1")
found <- covr::package_coverage(".", type = "tests", quiet = FALSE)
print(found)
never <- covr::zero_coverage(found)
print(never[c("filename", "functions", "first_line")], row.names = FALSE)
