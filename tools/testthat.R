# Runs the testthat suite against the installed package and counts. Where everything must be present
# (SIGEL_REQUIRE_ALL=1) a skip fails, save one that says which Seurat or R the test is for.
allowed_skips <- "needs Seurat(Object)? [<>=]*\\s*[45]|needs R [<>=]*\\s*[0-9.]+"

given <- commandArgs(trailingOnly = TRUE)
folder <- if (length(given)) given[[1L]] else "tests/testthat"
filter <- if (length(given) > 1L && nzchar(given[[2L]])) given[[2L]]
Sys.setenv(NOT_CRAN = "true")
library(testthat)
for (name in c("Seurat", "SeuratObject", "reticulate")) {
  message(name, " ", packageVersion(name))
}
results <- test_dir(
  folder,
  filter = filter,
  package = "sigel",
  load_package = "installed",
  reporter = "summary",
  stop_on_failure = FALSE
)

outcomes <- unlist(lapply(results, `[[`, "results"), recursive = FALSE)
count <- function(class) sum(vapply(outcomes, inherits, logical(1L), class))
skips <- Filter(function(outcome) inherits(outcome, "expectation_skip"), outcomes)
reasons <- sub("^Reason: ", "", vapply(skips, conditionMessage, ""))
refused <- if (Sys.getenv("SIGEL_REQUIRE_ALL") == "1") {
  grep(allowed_skips, reasons, invert = TRUE, value = TRUE)
}
for (reason in refused) {
  cat("skipped where everything must be present:", reason, "\n")
}
passed <- count("expectation_success")
failed <- count("expectation_failure") + count("expectation_error")
cat(sprintf("\ntestthat: %d passed, %d failed, %d skipped\n", passed, failed, length(skips)))
if (!passed) {
  cat("no test ran\n")
}
quit(status = failed > 0L || length(refused) > 0L || !passed)
