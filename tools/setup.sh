#!/usr/bin/env bash
# Installs what is missing, and only that: system packages, the Python environment in .venv, and the R
# library in .rlib with reticulate (where apt's own is too old) and the package itself. Safe to repeat and
# to interrupt: a step counts as done only once it is whole. Settings, all optional:
#   YES=1          install system packages without asking
#   PYTHON=path    the Python that .venv is made from (3.11 to 3.13)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/tools/env.sh"
. "$ROOT/tools/setup_python.sh"
. "$ROOT/tools/setup_r.sh"
cd "$ROOT"

# One set-up at a time in one checkout.
exec 9>"$ROOT/.setup.lock"
flock -n 9 || {
  say "Another set-up is at work here: waiting for it"
  flock 9
}

install_system() {
  local wanted missing
  mapfile -t wanted < <(read_list tools/apt-packages.txt)
  mapfile -t missing < <(not_installed "${wanted[@]}")
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "set-up knows Debian's apt only; install by hand: ${missing[*]}"
  say "System packages to install: ${missing[*]}"
  need_root "Installing system packages" \
    "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  if [ -t 0 ] && [ "${YES-}" != 1 ] && [ "${CI-}" != true ]; then
    local answer
    read -r -p "Install these ${#missing[@]} packages with apt-get? [y/N] " answer
    case $answer in [Yy]*) ;; *) fail "nothing was installed; 'make setup YES=1' installs without asking" ;; esac
  fi
  local update=("${as_root[@]}" apt-get update -q)
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q --no-install-recommends "${missing[@]}")
  # Package lists may be absent or older than the mirror: update where nothing is listed or a download fails.
  [ -n "$(apt-cache madison "${missing[@]}" 2>/dev/null)" ] || "${update[@]}"
  "${install[@]}" || {
    say "Not all could be installed: updating the package lists and trying once more"
    "${update[@]}"
    "${install[@]}"
  }
}

started=$SECONDS
install_system
setup_python
setup_reticulate
setup_package
say "Set-up is complete ($((SECONDS - started)) s)"
