# Lints the R sources by .lintr; the package is loaded first so that its own objects are known.
pkgload::load_all(".", quiet = TRUE)
found <- c(lintr::lint_package("."), lintr::lint_dir("tools"))
for (lint in found) {
  print(lint)
}
message(length(found), " lints")
quit(status = length(found) > 0L)
