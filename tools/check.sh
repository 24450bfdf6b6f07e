#!/usr/bin/env bash
# Runs every check, goes on after a failure, and ends with a table of what held.
#   tools/check.sh           everything that must hold before a change goes in
#   tools/check.sh quick     the same without R CMD check and the Seurat 5 leg
#   tools/check.sh nightly   what takes long and proves little beside it: the tests marked so of both suites, every file
#                            with Seurat 5, the lowest versions that are allowed
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/tools/env.sh"
cd "$ROOT" || exit 1
mode=${1:-all}

# By night real sections and disks to fill may be missing.
if [ "${CI-}" = true ] && [ "$mode" != nightly ]; then export SIGEL_REQUIRE_ALL=1; fi
# Results must not hang on how many cores a machine has.
export OMP_NUM_THREADS=1
mkdir -p build
work=$(mktemp -d "$ROOT/build/check.XXXXXX")
trap 'rm -rf "$work"' EXIT
beside=
# The row of steps at work beside this one, a group of processes of its own, ends with it.
trap '[ -z "$beside" ] || kill -- -"$beside" 2>/dev/null; exit 130' INT TERM HUP

summary=()
failures=0

# Sets `core`: seconds of a core of all that this shell has waited for. A subshell would tell its own.
of_a_core() {
  local told=$work/times.$BASHPID
  times >"$told"
  core=$(awk -F '[ms ]+' 'NR == 2 { printf "%d", 60 * ($1 + $3) + $2 + $4 }' "$told")
}

step() {
  local begin=$SECONDS core before code=0 verdict=ok
  of_a_core
  before=$core
  printf '\n'
  say "$1"
  "${@:2}" || code=$?
  of_a_core
  if [ "$code" != 0 ]; then verdict=FAILED && failures=$((failures + 1)); fi
  summary+=("$(printf '%-34s %-7s %5d s %5d s of a core' "$1" "$verdict" $((SECONDS - begin)) $((core - before)))")
}

# Two rows of steps side by side, each on a core of its own; what the second said follows when both are done.
# shellcheck disable=SC2030,SC2031 # the second row tells of itself by a file
side_by_side() {
  local more=() failed=0
  : >"$work/summary"
  set -m
  (
    summary=() failures=0
    "$2"
    [ "${#summary[@]}" = 0 ] || printf '%s\n' "${summary[@]}" >"$work/summary"
    exit "$failures"
  ) >"$work/beside.log" 2>&1 </dev/null &
  beside=$!
  set +m
  "$1"
  wait "$beside" || failed=$?
  beside=
  cat "$work/beside.log"
  mapfile -t more <"$work/summary"
  summary+=("${more[@]}")
  failures=$((failures + failed))
}

run_pytest() {
  local marked=()
  [ "$mode" != nightly ] || marked=(-m nightly)
  # A file stays with one process, so that what its tests share is made once.
  python -m pytest -n 2 --dist loadfile "${marked[@]}" --junitxml="$work/pytest.xml"
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
    # The first example pays for the start of Python; on a busy machine it took 72 seconds by the clock, 13 of a core.
    export _R_CHECK_EXAMPLE_TIMING_THRESHOLD_=150
    # The same tests of the installed package are a step of their own.
    # Building the package ran the vignettes already.
    R CMD check --as-cran --no-manual --no-tests --no-vignettes "$tarball"
  )
  python tools/check_log.py "$work/sigel.Rcheck" tools/check-notes.txt
}

of_sources() {
  step "testthat" Rscript tools/testthat.R
  [ "$mode" != nightly ] || return 0
  step "mypy" mypy
  step "air format" air format --check R tests/testthat tools
  step "lintr" Rscript tools/lint.R
  step "help pages are up to date" bash tools/documented.sh
}

of_packages() {
  [ "$mode" != quick ] || return 0
  step "Seurat 5" bash tools/seurat5.sh
  if [ "$mode" = nightly ]; then
    step "lowest versions" bash tools/lowest.sh
  else
    step "R CMD check --as-cran" r_cmd_check
  fi
}

if [ "$mode" = nightly ]; then
  export SIGEL_NIGHTLY=1
else
  # .rlib holds the Python parts of reticulate.
  step "ruff check" ruff check --extend-exclude .rlib .
  step "ruff format" ruff format --check --extend-exclude .rlib .
  step "shellcheck" shellcheck -x -P SCRIPTDIR tools/*.sh .ci/run
fi
step "pytest" run_pytest
side_by_side of_sources of_packages

printf '\n'
say "Summary"
printf '    %s\n' "${summary[@]}"
of_a_core
took="$SECONDS s, $core s of a core"
if [ "$failures" -gt 0 ]; then
  say "$failures of ${#summary[@]} steps failed ($took)"
  exit 1
fi
say "All ${#summary[@]} steps hold ($took)"
