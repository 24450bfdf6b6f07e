#!/usr/bin/env bash
# Runs every check, goes on after a failure, and ends with a table of what held. `quick` leaves out
# R CMD check, the Seurat 5 leg and the lowest versions.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/tools/env.sh"
cd "$ROOT" || exit 1
mode=${1:-all}

if [ "${CI-}" = true ]; then export SIGEL_REQUIRE_ALL=1; fi
# Results must not hang on how many cores a machine has.
export OMP_NUM_THREADS=1
mkdir -p build
work=$(mktemp -d "$ROOT/build/check.XXXXXX")
trap 'rm -rf "$work"' EXIT
beside=
# A step at work beside the others ends with them.
trap '[ -z "$beside" ] || kill "$beside" 2>/dev/null; exit 130' INT TERM

summary=()
failures=0

step() {
  local begin=$SECONDS code=0
  printf '\n'
  say "$1"
  "${@:2}" || code=$?
  judge "$1" "$code" $((SECONDS - begin))
}

judge() {
  local verdict=ok
  if [ "$2" != 0 ]; then verdict=FAILED && failures=$((failures + 1)); fi
  summary+=("$(printf '%-34s %-7s %5d s' "$1" "$verdict" "$3")")
}

# Starts a step that needs one core while the next ones run; `step_ends` waits for it and says what it said.
step_begins() {
  beside_name=$1 beside_begin=$SECONDS
  (exec "${@:2}") >"$work/beside.log" 2>&1 &
  beside=$!
}

step_ends() {
  local code=0
  wait "$beside" || code=$?
  printf '\n'
  say "$beside_name"
  cat "$work/beside.log"
  judge "$beside_name" "$code" $((SECONDS - beside_begin))
}

run_pytest() {
  python -m pytest -n 2 --junitxml="$work/pytest.xml"
  local code=$?
  python tools/skips.py "$work/pytest.xml" || code=1
  return $code
}

r_cmd_check() {
  local tarball
  tarball=$(build_tarball "$work") || return 1
  (
    cd "$work" || exit 1
    # No reference to the network or the clock; every suggested package is there and must be used.
    export _R_CHECK_SYSTEM_CLOCK_=0 _R_CHECK_CRAN_INCOMING_REMOTE_=false _R_CHECK_FORCE_SUGGESTS_=true
    # The first example pays for the start of Python, and how long that takes says nothing of the package.
    export _R_CHECK_EXAMPLE_TIMING_THRESHOLD_=60
    # The same tests of the installed package are a step of their own.
    R CMD check --as-cran --no-manual --no-tests "$tarball"
  )
  python tools/check_log.py "$work/sigel.Rcheck" tools/check-notes.txt
}

# .rlib holds the Python parts of reticulate.
step "ruff check" ruff check --extend-exclude .rlib .
step "ruff format" ruff format --check --extend-exclude .rlib .
step "mypy" mypy
step "shellcheck" shellcheck -x -P SCRIPTDIR tools/*.sh .ci/run
step "pytest" run_pytest
step "air format" air format --check R tests/testthat tools
step "lintr" Rscript tools/lint.R
step "help pages are up to date" bash tools/documented.sh
if [ "$mode" = quick ]; then
  step "testthat" Rscript tools/testthat.R
else
  step_begins "Seurat 5" bash tools/seurat5.sh
  step "testthat" Rscript tools/testthat.R
  step_ends
  step_begins "lowest versions" bash tools/lowest.sh
  step "R CMD check --as-cran" r_cmd_check
  step_ends
fi

printf '\n'
say "Summary"
printf '    %s\n' "${summary[@]}"
if [ "$failures" -gt 0 ]; then
  say "$failures of ${#summary[@]} steps failed ($SECONDS s)"
  exit 1
fi
say "All ${#summary[@]} steps hold ($SECONDS s)"
