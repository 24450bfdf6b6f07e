# Source this to work by hand in the project's own environment:  . tools/env.sh
# shellcheck shell=bash

SIGEL_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
case ":${R_LIBS-}:" in
  *":$SIGEL_ROOT/.rlib:"*) ;;
  *) export R_LIBS="$SIGEL_ROOT/.rlib${R_LIBS:+:$R_LIBS}" ;;
esac
case ":$PATH:" in
  *":$SIGEL_ROOT/.venv/bin:"*) ;;
  *) export PATH="$SIGEL_ROOT/.venv/bin:$PATH" ;;
esac
export RETICULATE_PYTHON="$SIGEL_ROOT/.venv/bin/python"
export SIGEL_SHARED="${SIGEL_SHARED:-$(dirname "$SIGEL_ROOT")/shared}"
# Idle OpenMP threads sleep: spinning ones slow everything down where cores are shared.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-passive}"
# Byte code would land in the sources and, from there, in the installed package.
export PYTHONDONTWRITEBYTECODE=1
# Outside the temporary folder, where R CMD check looks for left-overs.
export TORCHINDUCTOR_CACHE_DIR="${TORCHINDUCTOR_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/sigel/torchinductor}"
case "${LC_ALL:-${LANG-}}" in
  *[Uu][Tt][Ff]*) ;;
  *) export LANG=C.UTF-8 LC_ALL=C.UTF-8 ;;
esac
