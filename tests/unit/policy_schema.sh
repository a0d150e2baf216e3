#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Holds the JSON Schema for editors against the policy checker's cases (tests/policy/schema_test.py). Prints TAP.
set -u
cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
if ! /usr/bin/python3 -c 'import jsonschema, yaml' 2>/dev/null; then
	echo "1..1"
	echo "ok 1 - policy schema # SKIP python3-jsonschema or python3-yaml is not installed"
	exit 0
fi
exec /usr/bin/python3 tests/policy/schema_test.py
