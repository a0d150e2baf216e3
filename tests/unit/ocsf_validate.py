#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds lines of OCSF JSON (standard input) against the schemas in the directory given. Exit status 0: all fit."""
import json
import os
import sys

import jsonschema

CLASSES = {1001: "file_activity", 1003: "kernel_activity", 1007: "process_activity", 4001: "network_activity",
           6002: "application_lifecycle"}


def main():
    validators, bad = {}, 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        event = json.loads(line.decode("utf-8"))
        name = CLASSES[event["class_uid"]]
        if name not in validators:
            with open(os.path.join(sys.argv[1], "ocsf-1.8.0", name + ".schema.json"), encoding="utf-8") as f:
                schema = json.load(f)
            validators[name] = jsonschema.validators.validator_for(schema)(schema)
        for error in validators[name].iter_errors(event):
            bad += 1
            print("line %d: %s: %s" % (number, "/".join(map(str, error.path)), error.message[:400]), file=sys.stderr)
    return 1 if bad else 0


sys.exit(main())
