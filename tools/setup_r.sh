# Sourced by setup.sh: the R library in .rlib, with reticulate where apt's own is too old, and the package.
# shellcheck shell=bash

RETICULATE_NEEDED=1.41

# Installs a package source into .rlib: whole or not at all.
install_into_rlib() {
  local name=$1 source=$2 stage
  stage=$(mktemp -d "$RLIB/.stage.XXXXXX")
  mkdir "$stage/library"
  MAKEFLAGS=-j2 R CMD INSTALL --no-test-load -l "$stage/library" "$source" >"$stage/log" 2>&1 || {
    cat "$stage/log" >&2
    fail "the R package $name could not be installed"
  }
  rm -rf "${RLIB:?}/$name"
  mv "$stage/library/$name" "$RLIB/$name"
  rm -rf "$stage"
}

# A copy in .rlib must have been built for this R; Debian looks after its own.
reticulate_is_ready() {
  Rscript --vanilla -e "
    found <- tryCatch(packageDescription('reticulate'), error = function(e) NULL)
    minor <- function(version) package_version(version)[, 1:2]
    ok <- is.list(found) && package_version(found[['Version']]) >= '$RETICULATE_NEEDED' &&
      (!startsWith(attr(found, 'file'), '$RLIB') ||
        minor(sub('^R ([0-9.]+);.*', '\\\\1', found[['Built']])) == minor(getRversion()))
    q(status = !ok)" 2>/dev/null
}

# Downloads the source of Debian 13's reticulate into a folder. apt gets lists and settings of its own there, so
# that Debian 13 never becomes a source of this machine; signatures are checked as ever.
fetch_reticulate() {
  local into=$1 mirror
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || fail "apt on this machine has no Debian mirror to take reticulate's source from"
  mkdir -p "$into"/{lists,cache/archives}/partial
  printf '%s\n' "Types: deb-src" "URIs: $mirror" "Suites: trixie" "Components: main" \
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" >"$into/trixie.sources"
  local options=(-q -o "Dir::Etc::sourcelist=$into/trixie.sources" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$into/lists" -o "Dir::Cache=$into/cache" -o "APT::Sandbox::User=$(id -un)")
  (
    cd "$into"
    apt-get "${options[@]}" update
    apt-get "${options[@]}" source --download-only --tar-only r-cran-reticulate
    mkdir source
    tar -xf r-cran-reticulate_*.orig.tar.* -C source --strip-components=1
  ) >"$into/log" 2>&1 || {
    cat "$into/log" >&2
    fail "the source of reticulate could not be fetched from the Debian mirror"
  }
}

setup_reticulate() {
  mkdir -p "$RLIB"
  rm -rf "$RLIB"/.stage.*
  if reticulate_is_ready; then return; fi
  say "Building reticulate from the source of Debian 13 (this machine's is older than $RETICULATE_NEEDED)"
  local work
  work=$(mktemp -d "$RLIB/.stage.XXXXXX")
  fetch_reticulate "$work"
  install_into_rlib reticulate "$work/source"
  rm -rf "$work"
  reticulate_is_ready || fail "reticulate was installed into .rlib but R does not find it there"
}

setup_package() {
  local mark work tarball
  mark=$(fingerprint "$(R --version | sed 1q)" "$(find DESCRIPTION NAMESPACE R man inst/ inst/python/ -type f \
    -not -name '*.pyc' -not -path '*egg-info*' -exec sha256sum {} + | sort)")
  [ "$(cat "$RLIB/sigel/.complete" 2>/dev/null)" != "$mark" ] || return 0
  say "Installing the R package sigel into .rlib"
  work=$(mktemp -d "$RLIB/.stage.XXXXXX")
  tarball=$(build_tarball "$work" --no-build-vignettes)
  install_into_rlib sigel "$tarball"
  rm -rf "$work"
  echo "$mark" >"$RLIB/sigel/.complete"
}
