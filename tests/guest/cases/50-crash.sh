#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 900
# runs-on: 6.12/lsm
#
# A short run of tests/crash/crash.sh; `make crash` has the long one. Run by tests/guest/run-in-guest.sh.
exec "$TREE/tests/crash/crash.sh" 2
