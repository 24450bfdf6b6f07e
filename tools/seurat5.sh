#!/usr/bin/env bash
# Runs the testthat suite with Seurat 5. Where this machine's R is older than 4.4 that needs a Debian 13
# tree: made once with debootstrap in the user's cache, reused, entered with chroot. All mounts live in a mount
# namespace of their own, which ends with its last process: nothing stays mounted, however the leg ends.
#   tools/seurat5.sh           run the suite
#   tools/seurat5.sh newest    run it with the newest Seurat, that of Debian's unstable suite
#   tools/seurat5.sh remove    remove the trees
# With FILTER=word only the test files whose names have it. Those of seurat5-nightly.txt run with the newest, and where
# SIGEL_NIGHTLY=1.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/tools/env.sh"
cd "$ROOT"

# Kept by a re-run through sudo, whose HOME may be another one.
CACHE=${SIGEL_CACHE:-$CACHE}
SUITE=trixie
if [ "${1-}" = newest ]; then SUITE=sid; fi
TREE=$CACHE/$SUITE

if [ "${1-}" = remove ]; then
  [ -e "$CACHE/trixie" ] || [ -e "$CACHE/sid" ] || exit 0
  need_root "Removing the Debian trees" "rm -rf --one-file-system '$CACHE/trixie' '$CACHE/sid'"
  exec "${as_root[@]}" rm -rf --one-file-system "$CACHE"/{trixie,sid} "$CACHE"/{trixie,sid}.new.*
fi

if [ "$SUITE" = trixie ] && Rscript --vanilla -e 'q(status = !(getRversion() >= "4.4" && packageVersion("SeuratObject") >= "5"))'; then
  say "This machine's own R has Seurat 5: the testthat run above covered it"
  exit 0
fi

mkdir -p "$CACHE"
if [ "$(id -u)" != 0 ]; then
  need_root "The Seurat 5 leg (chroot and mounts)" "SIGEL_CACHE='$CACHE' bash '$ROOT/tools/seurat5.sh' $*"
  exec "${as_root[@]}" env SIGEL_CACHE="$CACHE" SIGEL_SHARED="$SIGEL_SHARED" PATH="$PATH" FILTER="${FILTER-}" \
    SIGEL_REQUIRE_ALL="${SIGEL_REQUIRE_ALL-}" SIGEL_NIGHTLY="${SIGEL_NIGHTLY-}" bash "$ROOT/tools/seurat5.sh" "$@"
fi

exec 8>"$CACHE/$SUITE.lock"
flock -n 8 || {
  say "Another Seurat 5 leg is at work: waiting for it"
  flock 8
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tarball=$(build_tarball "$work" --no-build-vignettes)

interrupted() {
  kill -KILL "$inside" 2>/dev/null || true
  wait "$inside" 2>/dev/null || true
  say "Seurat 5 leg interrupted: nothing is left running or mounted"
  exit 130
}

# The namespace ends with unshare, and unshare with this script, even where that is killed outright.
setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
  bash "$ROOT/tools/seurat5_inside.sh" "$SUITE" "$TREE" "$tarball" "${FILTER-}" </dev/null &
inside=$!
trap interrupted INT TERM HUP
wait "$inside"
