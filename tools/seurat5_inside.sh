#!/usr/bin/env bash
# The part of seurat5.sh that runs as root in a mount namespace of its own: makes the tree of a Debian suite where it
# is missing, mounts what the tests need, and runs them in it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/tools/env.sh"
suite=$1
tree=$2
tarball=$3
filter=$4

# The first process of a namespace ignores signals that it does not handle.
trap 'exit 130' INT TERM

make_tree() {
  local mirror new proxy
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || fail "apt on this machine has no Debian mirror to make a tree of $suite from"
  rm -rf --one-file-system "$tree".new.*
  new=$(mktemp -d "$tree.new.XXXXXX")
  chmod 755 "$new"
  say "Making a Debian tree of $suite in $tree (once, about a minute)"
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  if [ -n "${proxy-}" ]; then export http_proxy=$proxy; fi
  debootstrap --variant=minbase --include=ca-certificates \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$suite" "$new" "$mirror" >"$new.log" 2>&1 || {
    tail -n 20 "$new.log" >&2
    fail "debootstrap could not make the tree of $suite"
  }
  rm -f "$new.log"
  mv "$new" "$tree"
}

# apt inside reaches the mirror the way apt outside does.
carry_over_network() {
  cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
  apt-config dump | grep -E '^Acquire::(http|https|ftp|ForceIPv|Check-|Retries)' >"$tree/etc/apt/apt.conf.d/90host" || true
  if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
    cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/ca-certificates.crt"
  fi
}

in_tree() { chroot "$tree" /usr/bin/env -i HOME=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 LC_ALL=C.UTF-8 "$@"; }

install_packages() {
  local wanted mark often=once
  mapfile -t wanted < <(read_list "$ROOT/tools/apt-packages-seurat5.txt")
  mark=$(fingerprint "${wanted[@]}")
  # What is newest in the unstable suite changes by the day.
  [ "$suite" != sid ] || often="once a day"
  if [ "$(cat "$tree/.sigel-packages" 2>/dev/null)" = "$mark" ]; then
    [ "$suite" = sid ] && [ -z "$(find "$tree/.sigel-packages" -mtime -1)" ] || return 0
  fi
  say "Installing R and Seurat into the tree of $suite ($often, about two minutes)"
  carry_over_network
  in_tree DEBIAN_FRONTEND=noninteractive bash -c 'set -e
    dpkg --configure -a
    apt-get update -q
    apt-get dist-upgrade -y -q --no-install-recommends -o Dpkg::Options::=--force-confold
    apt-get install -y -q --no-install-recommends "$@"
    apt-get clean' _ "${wanted[@]}" >"$tree/tmp/apt.log" 2>&1 || {
    tail -n 20 "$tree/tmp/apt.log" >&2
    fail "apt could not install R and Seurat into the tree of $suite"
  }
  echo "$mark" >"$tree/.sigel-packages"
}

# Shows a file or folder of this machine at the same path inside, read-only.
show_inside() {
  local path=$1
  if [ -d "$path" ]; then
    mkdir -p "$tree$path"
  else
    mkdir -p "$(dirname "$tree$path")"
    [ -e "$tree$path" ] || touch "$tree$path"
  fi
  mount --bind "$path" "$tree$path"
  mount -o remount,bind,ro "$tree$path"
}

# The Python that .venv was made from. One that lives in /usr is shown piece by piece: its program, its library
# and what these load that the tree does not have.
show_python() {
  local prefix program library
  prefix=$(python -c 'import sys; print(sys.base_prefix)')
  if [ "$prefix" != /usr ]; then
    show_inside "$(realpath "$prefix")"
    [ "$(realpath "$prefix")" = "$prefix" ] || ln -sfn "$(realpath "$prefix")" "$tree$prefix"
    return
  fi
  program=$(python -c 'import os, sys; print(os.path.realpath(sys._base_executable))')
  show_inside "$program"
  show_inside "$(python -c 'import os; print(os.path.dirname(os.__file__))')"
  {
    find /usr/lib -name "lib$(basename "$program").so.*"
    { echo "$program" && find "$(dirname "$(python -c 'import math, os; print(os.__file__)')")/lib-dynload" -name '*.so'; } |
      xargs ldd 2>/dev/null | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p'
  } | sort -u | while read -r library; do
    library=/usr${library#/usr}
    # Empty files are the mount points of an earlier run.
    [ -s "$tree$library" ] || show_inside "$library"
  done
}

[ -x "$tree/usr/bin/apt-get" ] || make_tree
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount -t tmpfs tmpfs "$tree/tmp" -o mode=1777
install_packages

show_inside "$ROOT"
# A link in a second checkout.
[ ! -L "$ROOT/.venv" ] || show_inside "$(realpath "$ROOT/.venv")"
show_python
if [ -d "$SIGEL_SHARED" ]; then show_inside "$(realpath "$SIGEL_SHARED")"; fi

say "Installing the package and running its tests with the Seurat of $suite"
cp "$tarball" "$tree/tmp/sigel.tar.gz"
cp -rP "$ROOT/tests" "$tree/tmp/tests"
left_out=("$ROOT/tools/seurat5-left-out.txt")
# What is newest is asked everything.
if [ "${SIGEL_NIGHTLY-}" != 1 ] && [ "$suite" != sid ]; then left_out+=("$ROOT/tools/seurat5-nightly.txt"); fi
for list in "${left_out[@]}"; do
  while read -r name; do
    rm "$tree/tmp/tests/testthat/$name"
  done < <(read_list "$list")
done
mkdir "$tree/tmp/library"
in_tree R CMD INSTALL --no-test-load -l /tmp/library /tmp/sigel.tar.gz >"$tree/tmp/install.log" 2>&1 || {
  cat "$tree/tmp/install.log" >&2
  fail "the package could not be installed in the tree of $suite"
}
in_tree R_LIBS=/tmp/library RETICULATE_PYTHON="$RETICULATE_PYTHON" OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 \
  SIGEL_REQUIRE_ALL="${SIGEL_REQUIRE_ALL-}" SIGEL_NIGHTLY="${SIGEL_NIGHTLY-}" SIGEL_SHARED="$(realpath -m "$SIGEL_SHARED")" \
  Rscript "$ROOT/tools/testthat.R" /tmp/tests/testthat "$filter"
