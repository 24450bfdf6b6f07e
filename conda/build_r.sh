#!/usr/bin/env bash
set -euo pipefail
R CMD INSTALL --build .
