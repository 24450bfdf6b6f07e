# Sourced by setup.sh: the Python environment in .venv, by the pins of constraints.txt.
# shellcheck shell=bash

# Prints the real path of a Python that .venv can be made from. reticulate loads Python as a shared library.
find_python() {
  local candidate PATH=${PATH//"$VENV/bin:"/}
  for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
    "$candidate" - 2>/dev/null <<'PY' && return
import os
import sys
import sysconfig

import ensurepip  # noqa: F401
import venv  # noqa: F401

assert (3, 11) <= sys.version_info < (3, 14)
assert sysconfig.get_config_var("Py_ENABLE_SHARED") or sys.base_prefix == "/usr"
print(os.path.realpath(sys._base_executable))
PY
    [ "$candidate" != "${PYTHON-}" ] || fail "PYTHON=$PYTHON is not a Python 3.11 to 3.13 with venv and a shared library"
  done
  fail "no Python 3.11 to 3.13 with venv and a shared library was found; name one: make setup PYTHON=/path/to/python3"
}

# The real path of the Python that .venv was made from; fails where .venv does not work.
base_python() {
  "$VENV/bin/python" -c 'import os, sys; print(os.path.realpath(sys._base_executable))' 2>/dev/null
}

# One of pip's settings, be it from a file or from the environment.
pip_setting() {
  "$VENV/bin/python" -m pip config list 2>/dev/null |
    sed -nE "s/^(:env:|global|install)\.$1='(.*)'$/\2/p" | sed -n 1p
}

# Installs with uv, which reads none of pip's own settings: hand those over that say where packages come from.
uv_install() { uv_into "$VENV" "$@"; }

# The same into the environment named first.
uv_into() {
  local links index certificate environment=$1
  shift
  links=$(pip_setting find-links)
  index=$(pip_setting index-url)
  certificate=$(pip_setting cert)
  local options=(--python "$environment/bin/python" --compile-bytecode --system-certs) link
  for link in $links; do options+=(--find-links "$link"); done
  [ -z "$index" ] || options+=(--default-index "$index")
  [ -z "$certificate" ] || export SSL_CERT_FILE=$certificate
  "$VENV/bin/uv" -q pip install "${options[@]}" "$@"
}

# Where there is no NVIDIA GPU the CPU build of torch is wanted: the default one brings gigabytes of CUDA.
install_python_packages() {
  local what=(-c tools/constraints.txt -r tools/python-packages.txt -e '.[plot,test,dev]') version
  version=$(sed -n 's/^torch==//p' tools/constraints.txt)
  # rpy2 links R's own libraries where it can, and fails where only some of their headers are here.
  export RPY2_CFFI_MODE=ABI
  if ! "$VENV/bin/python" -m pip -qq install -c tools/constraints.txt uv; then
    say "uv can't be had here: installing with pip, which takes some minutes"
    "$VENV/bin/python" -m pip install "${what[@]}"
  elif command -v nvidia-smi >/dev/null; then
    say "An NVIDIA driver is here: taking torch's build for GPUs"
    uv_install "${what[@]}"
  elif ! uv_install "torch==$version+cpu" "${what[@]}" 2>"$VENV/uv.log" &&
    ! uv_install --torch-backend cpu "${what[@]}" 2>"$VENV/uv.log"; then
    say "The CPU build of torch can't be had here: taking the default one, which is large"
    uv_install "${what[@]}"
  fi
}

setup_python() {
  local python mark
  mark=$(fingerprint tools/constraints.txt tools/python-packages.txt pyproject.toml "$ROOT")
  if [ -z "${PYTHON-}" ] || [ "$(find_python)" = "$(base_python)" ]; then
    if [ "$(cat "$VENV/.complete" 2>/dev/null)" = "$mark" ] && base_python >/dev/null; then return; fi
  fi
  python=$(find_python)
  # An interrupted installation may have left half a package that looks whole: begin again.
  if [ -e "$VENV/.incomplete" ] || ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1 ||
    { [ -n "${PYTHON-}" ] && [ "$(base_python)" != "$python" ]; }; then
    say "Making the Python environment .venv from $python"
    rm -rf "$VENV"
    "$python" -m venv "$VENV"
  fi
  say "Installing the pinned Python packages into .venv"
  rm -f "$VENV/.complete"
  touch "$VENV/.incomplete"
  install_python_packages
  "$VENV/bin/python" -c 'import importlib.util, torch; assert importlib.util.find_spec("sigel")'
  rm -f "$VENV/.incomplete"
  echo "$mark" >"$VENV/.complete"
}
