#!/usr/bin/env bash
# The lowest versions that pyproject.toml allows, in an environment of their own, under the tests of the main road.
# torch alone is the pinned one: its floor has no build for the CPU.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/tools/env.sh"
. "$ROOT/tools/setup_python.sh"
cd "$ROOT"

lowest=$CACHE/lowest
mark=$(fingerprint pyproject.toml tools/lowest.sh "$(sed -n 's/^torch==//p' tools/constraints.txt)")
if [ "$(cat "$lowest/.complete" 2>/dev/null)" != "$mark" ]; then
  say "Installing the lowest versions that are allowed"
  rm -rf "$lowest"
  python -m venv "$lowest"
  lists=$(mktemp -d)
  trap 'rm -rf "$lists"' EXIT
  python -c 'import torch; print(f"torch=={torch.__version__}")' >"$lists/pinned.txt"
  # What is needed, and the extras that need no R and no compiler, by their floors in pyproject.toml.
  sed -n -e '/^dependencies = \[/,/^\]/s/^ *"\(.*\)",$/\1/p' \
    -e '/^\(cli\|plot\|leiden\|progress\|read\|report\) = \[/{s/^[a-z]* = \["//;s/"\]$//;s/", "/\n/g;p}' pyproject.toml >"$lists/lowest.txt"
  uv_into "$lowest" --resolution lowest-direct --override "$lists/pinned.txt" -r "$lists/lowest.txt"
  uv_into "$lowest" pytest pytest-xdist hypothesis beartype
  echo "$mark" >"$lowest/.complete"
fi
say "Python $("$lowest/bin/python" -V | cut -d' ' -f2), $("$lowest/bin/python" -m pip list 2>/dev/null |
  awk '$1 ~ /^(anndata|numpy|pandas|scikit-learn|scipy)$/ {printf "%s %s  ", $1, $2}')"
# Tests that compare with other packages skip here: they run beside the newest versions. So do those of real
# sections, which are simulated ones of another size to a package.
SIGEL_REAL_SECTIONS=0 SIGEL_REQUIRE_ALL=0 PYTHONPATH=$ROOT/python "$lowest/bin/python" -m pytest -n 2 --dist loadfile -p no:cacheprovider "$@" \
  tests/python/images/test_images.py tests/python/images/test_raster.py tests/python/model \
  tests/python/doors/test_tl.py tests/python/doors/test_pl.py tests/python/tasks/spatial_genes \
  tests/python/tasks/test_similar_genes.py tests/python/tasks/domains/test_domain_methods.py \
  tests/python/tasks/imputation/test_gene_pairing.py tests/python/io tests/python/cli
