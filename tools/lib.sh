# Sourced by the other scripts of this folder: where things are, and how to speak and to act as root.
# shellcheck shell=bash disable=SC2034

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
VENV=$ROOT/.venv
RLIB=$ROOT/.rlib
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/sigel

say() { printf '==> %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# One line that changes when any of the given files or words does.
fingerprint() {
  local item
  for item in "$@"; do
    if [ -f "$item" ]; then cat -- "$item"; else printf '%s\n' "$item"; fi
  done | sha256sum | cut -c1-16
}

# Fills as_root with what to put before a command that needs root: nothing for root, sudo elsewhere. Where neither
# can be, says what to type and ends.
need_root() {
  local why=$1 typed=$2
  as_root=()
  if [ "$(id -u)" = 0 ]; then
    return
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root=(sudo)
  else
    printf '%s needs root. Run this as root, then start again:\n\n    %s\n\n' "$why" "$typed" >&2
    exit 1
  fi
}

# A list file without its comments: one word a line.
read_list() { sed -e 's/#.*//' "$1" | tr -s ' \t' '\n' | sed '/^$/d'; }

# Of the packages given, those that dpkg does not have.
not_installed() {
  local have
  have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort -u)
  printf '%s\n' "$@" | sort -u | comm -23 - <(printf '%s\n' "$have")
}

# The address of the Debian mirror that this machine's apt already uses.
debian_mirror() {
  # shellcheck disable=SC2016 # apt fills in the field itself
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 'Component: main' | sed -n 1p
}

# Copies the sources alone into the folder given: R CMD build copies everything before it looks at .Rbuildignore.
clean_copy() {
  mkdir -p "$1"
  tar -C "$ROOT" -c --exclude=./.venv --exclude=./.rlib --exclude=./.git --exclude=./build --exclude=./dist \
    --exclude=./demo-output --exclude='./*.Rcheck' --exclude=__pycache__ --exclude='*.egg-info' \
    --exclude='.*_cache' --exclude=./.hypothesis . | tar -x -C "$1"
}

# A source package built from a clean copy of the sources, in the folder given; prints the tarball's path. More
# arguments go to R CMD build: vignettes are built for R CMD check and for what is handed out.
build_tarball() {
  local into=$1
  shift
  clean_copy "$into/source/sigel"
  (cd "$into" && R CMD build "$@" source/sigel) >"$into/build.log" 2>&1 || {
    cat "$into/build.log" >&2
    return 1
  }
  rm -rf "$into/source"
  echo "$into"/sigel_*.tar.gz
}
