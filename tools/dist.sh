#!/usr/bin/env bash
# Builds what is released, from a clean copy of the sources: the wheel, the Python source package, and the R source
# package, which carries the engine; and looks into each whether the engine is whole.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/tools/env.sh"
cd "$ROOT"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clean_copy "$work/python"
say "Building the Python packages"
(
  cd "$work/python"
  python -c 'from setuptools import build_meta as build; build.build_sdist("."); build.build_wheel(".")'
) >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  fail "the Python packages could not be built"
}
say "Building the R package"
tarball=$(build_tarball "$work/r")
python tools/dist_check.py "$work"/python/sigel-*.whl "$work"/python/sigel-*.tar.gz "$tarball"
rm -rf dist
mkdir dist
mv "$work"/python/sigel-*.whl "$work"/python/sigel-*.tar.gz "$tarball" dist/
ls -l dist
