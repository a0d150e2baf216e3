/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of a store that hold no records: a database's version, its lock file, its settings. They are guarded like the
 * rest, but who reads them comes to hold nothing. Known by their name in a directory, as such files are often written anew
 * under another name and renamed. Asked only by who does not hold the store's data already.
 */
#ifndef MUNIMENT_NO_RECORDS_BPF_H
#define MUNIMENT_NO_RECORDS_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * NO_RECORDS_MAX);
	__type(key, struct no_records_key);
	__type(value, u32);
} no_records SEC(".maps");

/*
 * Is that what inode, opened by the name dentry, is said to be? Not what has several names, as one of them may be a
 * record's, nor what is seen through another file system, whose directory the policy does not mean.
 */
static __noinline bool no_records__are_in(struct inode *inode, struct dentry *dentry, u32 slot, u32 store)
{
	struct no_records_key key = {.slot = slot};
	struct dentry *parent = dentry->d_parent;
	struct inode *directory = parent->d_inode;
	u32 len = dentry->d_name.len, *its;

	if (!directory || dentry->d_inode != inode || object__is_named_often(inode) ||
	    len >= sizeof(key.name))
		return false;
	object__id(directory, &key.directory);
	if (bpf_probe_read_kernel(key.name, len, dentry->d_name.name))
		return false;
	its = bpf_map_lookup_elem(&no_records, &key);
	return its && *its == store;
}

#endif
