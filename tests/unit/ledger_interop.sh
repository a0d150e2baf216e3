#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The cross-check of the ledger with golang.org/x/mod as one of the unit tests: see tests/interop/run.sh.
exec bash "$(dirname "$0")/../interop/run.sh"
