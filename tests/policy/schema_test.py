# SPDX-License-Identifier: Apache-2.0
"""Holds policies/policy.schema.json against the cases of tests/policy/cases and the example policies; prints TAP.

Each case says in its header what the schema must make of it: good, bad, or none where JSON cannot carry what is wrong
(syntax, keys given twice, tags). What the checker makes of it stands in the same header and is held by
tests/unit/policy_cases.c, and two rules tie the two together: what the schema refuses the checker refuses, and what the
checker refuses for its form alone the schema refuses.
"""

import glob
import json
import re
import sys

import jsonschema
import yaml

# Findings that one file's form decides, as JSON sees it.
STRUCTURAL = {
    "unknown-key", "not-enforced", "wrong-type", "wrong-version", "unknown-word", "unknown-access", "invalid-name",
    "invalid-value", "empty-list", "duplicate-item", "role-no-condition", "path-relative",
}


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as the checker reads it: no dates, no sexagesimals, yes and no are words."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+0123456789."),
):
    CoreLoader.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile("^(?:%s)$" % pattern), list(first))


def headers(text):
    schema = re.search(r"^# schema (good|bad|none)$", text, re.M)
    return schema and schema.group(1), re.findall(r"^# expect \d+:\d+ (\S+)$", text, re.M)


def problem(validator, text, wanted, findings):
    """What is wrong with a case, or None."""
    if wanted is None:
        return "the case does not say what the schema makes of it"
    if wanted == "none":
        return None
    errors = list(validator.iter_errors(yaml.load(text, CoreLoader)))
    if bool(errors) != (wanted == "bad"):
        return "the schema says: " + "; ".join(e.message for e in errors) if errors else "the schema finds nothing"
    if errors and not findings:
        return "the checker takes what the schema refuses"
    if not errors and STRUCTURAL & set(findings):
        return "the checker refuses its form: %s" % ", ".join(sorted(STRUCTURAL & set(findings)))
    return None


def main():
    with open("policies/policy.schema.json", encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    cases = sorted(glob.glob("tests/policy/cases/*.yaml"))
    examples = sorted(glob.glob("policies/*.yaml"))
    failed = 0
    print("1..%d" % (len(cases) + len(examples)))
    for number, path in enumerate(cases + examples, 1):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        wanted, findings = ("good", []) if path in examples else headers(text)
        wrong = problem(validator, text, wanted, findings)
        failed += wrong is not None
        print("%s %d - %s" % ("not ok" if wrong else "ok", number, path))
        if wrong:
            print("# " + wrong)
    return 1 if failed or not cases or not examples else 0


sys.exit(main())
