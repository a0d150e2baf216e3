# SPDX-License-Identifier: Apache-2.0
#
# Makes tests/evasion/RESULTS.md of what runs of the evasion suite have left: `awk -f results.awk NAME.tsv…`, files of one
# or more runs for each kernel and mechanism, as evasion.sh writes them: a line `run` (kernel, release, mechanism), lines
# `case` (name, kind, line of the list, what) and lines `result` (name, intruder, verdict, reason). Called by `make evasion`.
BEGIN { FS = "\t" }

# A kernel of this machine's own is told by its version alone. Runs on the same kernel share a column.
$1 == "run" {
	version = $3
	if ($2 == "native")
		sub(/-.*/, "", version)
	title = ($2 == "native" ? version : $2 == "sid" ? "7.2" : $2) " `" $4 "`"
	if (!(title in number_of)) {
		number_of[title] = ++columns
		head[columns] = title
		release[columns] = version
	}
	column = number_of[title]
}

$1 == "case" && !($2 in kind) { order[++cases] = $2; kind[$2] = $3; line[$2] = $4; what[$2] = $5 }

# What a later run of some cases has to say takes the place of what an earlier one said.
$1 == "result" {
	if (($2, column, $3) in word)
		seen[column, word[$2, column, $3]]--
	word[$2, column, $3] = $4
	seen[column, $4]++
	why[$2, column, $3] = $5
}

function note(reason) {
	if (!(reason in number)) {
		number[reason] = ++notes
		reasons[notes] = reason
	}
	return number[reason]
}

# The verdict, with the number of its reason.
function told(name, c, who) {
	if (!((name, c, who) in word))
		return ""
	return word[name, c, who] (why[name, c, who] == "" ? "" : " [" note(why[name, c, who]) "]")
}

# Both intruders' verdicts in one word where they agree.
function cell(name, c,   root, user) {
	if ((name, c, "-") in word)
		return "– [" note(why[name, c, "-"]) "]"
	root = told(name, c, "root")
	user = told(name, c, "user")
	if (root == "" && user == "")
		return "not run"
	if (root == "" || user == "" || root == user)
		return root (root == "" ? user : "") (root == "" ? " (user)" : user == "" ? " (root)" : "")
	return "root " root ", user " user
}

function table(which, title,   i, c) {
	printf "\n## %s\n\n| case | way | what is tried |", title
	for (c = 1; c <= columns; c++)
		printf " %s |", head[c]
	printf "\n|---|---|---|"
	for (c = 1; c <= columns; c++)
		printf "---|"
	print ""
	for (i = 1; i <= cases; i++) {
		if (kind[order[i]] != which)
			continue
		printf "| %s | %s | %s |", order[i], line[order[i]], what[order[i]]
		for (c = 1; c <= columns; c++)
			printf " %s |", cell(order[i], c)
		print ""
	}
}

function totals(   words, n, i, c) {
	n = split("prevented stopped detected missed unrecorded broken skipped", words, " ")
	printf "\n| attempts |"
	for (c = 1; c <= columns; c++)
		printf " %s |", head[c]
	printf "\n|---|"
	for (c = 1; c <= columns; c++)
		printf "---|"
	printf "\n| kernel |"
	for (c = 1; c <= columns; c++)
		printf " %s |", release[c]
	print ""
	for (i = 1; i <= n; i++) {
		printf "| %s |", words[i] == "skipped" ? "skipped cases" : words[i]
		for (c = 1; c <= columns; c++)
			printf " %d |", seen[c, words[i]]
		print ""
	}
}

END {
	print "<!-- SPDX-License-Identifier: Apache-2.0 -->"
	print "<!-- Made by `make evasion` from the results of tests/evasion/evasion.sh; not to be edited. -->"
	print "# Ways past the monitor, tried\n"
	printf "%d cases, each by root with all capabilities and, where that makes sense, by an ordinary user; each has worked without\n", cases
	print "Muniment on the same kernel first. Both intruders fared alike where one word stands; (root) or (user): only that one tried."
	print ""
	print "* **prevented**: nothing came out, nothing changed, and a signed entry names the attempt."
	print "* **stopped**: the same, but by SIGKILL as the call returned."
	print "* **detected**: it worked, and a signed entry (of the ledger's own harm: `log verify`) names it."
	print "* **missed**: it worked, and no entry names it. **unrecorded**: it failed, and no entry names it."
	print "* **–**: not to be tried here. **not run**: not in this run. Numbers in brackets are reasons, at the end."
	totals()
	table("read", "Reaching the data")
	table("egress", "Getting it out")
	table("destroy", "Destroying")
	table("monitor", "Against the monitor")
	print "\n## Reasons\n"
	for (i = 1; i <= notes; i++)
		printf "%d. %s\n", i, reasons[i]
}
