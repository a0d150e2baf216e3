#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# runs-on: sid/fmod_ret
#
# Owner, mode, times, size, extended attributes and ACLs of a record are changed only by whom a grant allows that. Run by
# tests/guest/run-in-guest.sh.
# shellcheck disable=SC2119  # options that are optional
# shellcheck source=tests/guest/lib.sh
. "$TREE/tests/guest/lib.sh"
# shellcheck source=tests/guest/muniment.sh
. "$TREE/tests/guest/muniment.sh"

mkdir disk && truncate -s 64M ext4.img && mkfs.ext4 -q ext4.img && mount -o loop ext4.img disk || exit
S=$CASE_DIR/disk/store
R=$S/record
WAYS=(chmod chown utimes setxattr removexattr set-acl remove-acl)

lay_out() {
	rm -rf "$S" && mkdir "$S" && echo "$MARKER" >"$R" && chown -R daemon "$S"
	python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.there", b"before")' "$R"
	do_it set-acl
}

# An ACL with a mask is seen in the mode, and its removal, too.
state() {
	stat -c '%a %U %s %Y' "$R"
	python3 - "$R" <<-'END'
		import os, sys
		for name in sorted(os.listxattr(sys.argv[1])):
		    print(name, os.getxattr(sys.argv[1], name).hex())
	END
}

do_it() {
	python3 - "$1" "$R" <<-'END'
		import os, struct, sys
		way, path = sys.argv[1:]
		nobody = 0xffffffff  # tag, permissions, user: of a POSIX ACL with user 5, as the kernel takes it
		entries = ((1, 6, nobody), (2, 6, 5), (4, 4, nobody), (16, 7, nobody), (32, 0, nobody))
		acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
		try:
		    {"chmod": lambda: os.chmod(path, 0o604),
		     "chown": lambda: os.chown(path, 5, 5),
		     "utimes": lambda: os.utime(path, (1, 1)),
		     "truncate": lambda: os.truncate(path, 3),
		     "setxattr": lambda: os.setxattr(path, "user.new", b"value"),
		     "removexattr": lambda: os.removexattr(path, "user.there"),
		     "set-acl": lambda: os.setxattr(path, "system.posix_acl_access", acl),
		     "remove-acl": lambda: os.removexattr(path, "system.posix_acl_access")}[way]()
		except OSError as error:
		    sys.exit(error.strerror)
	END
}

# Each must change what is there while nothing guards it.
for way in "${WAYS[@]}" truncate; do
	lay_out
	[[ $way != set-acl ]] || do_it remove-acl
	before=$(state)
	do_it "$way"
	if [[ $(state) != "$before" ]]; then
		t_ok "unguarded: $way"
	else
		t_fail "unguarded: $way" "nothing changed"
	fi
done
lay_out
do_it remove-acl
before=$(state)
m_policy_of "$S"
m_start
for way in "${WAYS[@]}"; do
	[[ $way != remove-acl ]] || continue # there is none now
	m_attack "$way" "user=root path=$R operations=attributes" do_it "$way"
done
m_attack "truncate" "user=root path=$R operations=write hook=inode_setattr" do_it truncate
t_equal "nothing has changed" "$before" "$(state)"

# The role may write, and so truncate; the rest takes another word.
by_role() {
	as daemon bash -c "R=$R; $(declare -f do_it); do_it $1"
}
for way in chmod utimes setxattr; do
	m_run by_role "$way"
	t_equal "the role may not: $way" "1 Permission denied" "$M_ENDED $M_ERRORS"
done
m_now
t_check "the role truncates" by_role truncate
m_expect "the role truncates" "$M_NOW" "action=1 user=daemon path=$R operations=write hook=inode_setattr"
sed -i 's/read, write\]/read, write, attributes]/' "$M/policy.d/policy.yaml"
t_check "reload" "$MUNIMENT" reload --run "$M/run"
for way in chmod utimes setxattr removexattr set-acl remove-acl; do
	m_now
	t_check "with the word it does: $way" by_role "$way"
	m_expect "the role: $way" "$M_NOW" "action=1 user=daemon path=$R operations=attributes"
done
do_it chmod 2>/dev/null
by_role set-acl
m_attack "remove-acl" "user=root path=$R operations=attributes" do_it remove-acl

# An open that truncates is one access; what is then written comes to a count later on.
t_check "the role opens with O_TRUNC" as daemon sh -c "echo $MARKER >$R"
m_events
t_equal "which has one entry" 1 "$(m_flat | jq -c 'select(.comm == "sh" and .uid == "1" and .repeats == null and (.operations | contains("write")))' | wc -l)"
m_verify
m_stop
t_done
