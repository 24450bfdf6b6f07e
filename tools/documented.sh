#!/usr/bin/env bash
# Fails where a help page is broken, or NAMESPACE or man/ differ from what roxygen2 makes of the sources. Versions
# of roxygen2 write slightly different pages, so only the one that DESCRIPTION names can judge the latter.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

Rscript --vanilla -e 'found <- lapply(list.files("man", "[.]Rd$", full.names = TRUE), tools::checkRd)' \
  -e 'for (page in found[lengths(found) > 0L]) print(page); quit(status = any(lengths(found) > 0L))' ||
  { say "a help page is broken" && exit 1; }

wanted=$(sed -n 's/^RoxygenNote: //p' DESCRIPTION)
have=$(Rscript --vanilla -e 'cat(format(packageVersion("roxygen2")))')
if [ "$wanted" != "$have" ]; then
  say "not judged: the pages are made with roxygen2 $wanted, here is $have"
  exit 0
fi
mkdir -p build
copy=$(mktemp -d build/documented.XXXXXX)
trap 'rm -rf "$copy"' EXIT
cp -rP DESCRIPTION NAMESPACE R man inst "$copy/"
ln -s "$ROOT/python" "$copy/python"
(cd "$copy" && Rscript -e 'roxygen2::roxygenise()') >"$copy/log" 2>&1 || {
  cat "$copy/log"
  exit 1
}
for part in DESCRIPTION NAMESPACE man; do
  diff -ru "$part" "$copy/$part" || { say "$part is not up to date: run 'make document'" && exit 1; }
done
