#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accounts for every number that a CPU gave and for every access that happened, from a ledger's entries alone.

account.py ENTRIES STORE OPENED TRIED MECHANISM [READ]: ENTRIES is what `muniment log show --json` printed, of one boot and one ring, ended
by a `stop` entry; OPENED and TRIED are how often the permitted process and the intruder of crash.sh opened files below
STORE, and READ how many bytes the former read. Ends with 1 and says why if anything is missing or there twice.
"""
import collections
import json
import sys

def main():
    entries_path, store, opened, tried, mechanism = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    seen = collections.defaultdict(collections.Counter)
    lost = collections.defaultdict(set)
    kinds = collections.Counter()
    friend = foe = read = cut = 0
    numbers = None
    with open(entries_path, encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            own = entry["unmapped"]["muniment"]
            kind = own.get("kind")
            if kind is None:
                metadata = entry["metadata"]
                seen[metadata["log_source"]][metadata["sequence"]] += 1
                uid = entry["actor"]["user"]["uid"]  # its name may be missing: the daemon does not wait long for it
                times = entry.get("count", 0 if "repeats" in own else 1)
                path = entry.get("file", {}).get("path", "")  # what is about the host has no file
                if path.startswith(store + "/") and own["operations"] == ["read"]:
                    if entry["actor"]["process"]["name"] == "perl":
                        opens = entry["activity_id"] == 14
                        friend += times * (uid == "1") * opens
                        foe += times * (uid == "0") * opens
                        # Also by entries about uses: a file may be open while a policy or a daemon takes over.
                        read += own.get("bytes_read", 0) * (uid == "1")
                continue
            kinds[kind] += 1
            if kind == "loss":
                for r in own["ranges"]:
                    lost["cpu%d" % r["cpu"]].update(range(r["first"], r["first"] + r["count"]))
            if kind == "recovered":
                cut += own["cut_entries"]
            if kind == "stop":
                numbers = own["numbers"]
    problems = []
    if numbers is None:
        problems.append("the last daemon's stop entry has no numbers")
    for n in numbers or []:
        cpu = "cpu%d" % n["cpu"]
        twice = [s for s, count in seen[cpu].items() if count > 1]
        both = set(seen[cpu]) & lost[cpu]
        print("%s: last %d, in entries %d, own %d, lost %d" % (cpu, n["last"], len(seen[cpu]), n["own"], len(lost[cpu])))
        if twice:
            problems.append("%s: %d numbers stand in two entries, such as %d" % (cpu, len(twice), twice[0]))
        if both:
            problems.append("%s: %d numbers are lost and there" % (cpu, len(both)))
        if len(set(seen[cpu]) | lost[cpu]) + n["own"] != n["last"]:
            problems.append("%s: entries, losses and own numbers do not sum up to the last number" % cpu)
        if n["lost"] != len(lost[cpu]):
            problems.append("%s: the stop entry counts %d lost" % (cpu, n["lost"]))
    print("entries of the daemon: %s; cut and written anew: %d" % (dict(kinds), cut))
    print("opened %d, in the ledger %d; tried %d, in the ledger %d" % (opened, friend, tried, foe))
    # Under tracing the one access of each CPU that a takeover finds between the programs of two loads may stand there
    # twice (userspace/pipeline/twice.h); otherwise each is there exactly once.
    twice_max = kinds["start"] * len(numbers or []) if mechanism == "tracing" else 0
    if not opened <= friend <= opened + twice_max:
        problems.append("of %d permitted opens %d are in the ledger" % (opened, friend))
    lost_all = sum(len(l) for l in lost.values())
    if not foe - twice_max <= tried <= foe + lost_all:
        problems.append("of %d attempts %d are in the ledger, %d numbers lost" % (tried, foe, lost_all))
    if len(sys.argv) > 6:
        print("read %s bytes, in the ledger %d" % (sys.argv[6], read))
        # While a daemon takes over, the uses of its first moment may be counted by both loads.
        if not int(sys.argv[6]) <= read <= int(sys.argv[6]) * 1.001:
            problems.append("of %s bytes read %d are in the ledger" % (sys.argv[6], read))
    if not kinds["recovered"]:
        problems.append("no recovered entry")
    print("\n".join(problems) or "all accounted for")
    return 1 if problems else 0


sys.exit(main())
