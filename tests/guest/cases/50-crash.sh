#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# runs-on: all
#
# The shortest run of tests/crash/crash.sh, one kill and what comes after; `make crash` has the long one. Run by tests/guest/run-in-guest.sh.
exec "$TREE/tests/crash/crash.sh" 1
