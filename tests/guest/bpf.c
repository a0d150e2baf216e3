// SPDX-License-Identifier: Apache-2.0
/*
 * What root may try by bpf(2) against a monitor. Called by tests/guest/cases; the exit status tells: 0 it worked, 1 with
 * a message on standard error it was refused, 2 the attempt itself was not possible.
 *
 *	bpf seize map|prog|link NAME	a descriptor of an object whose name begins so (of a link: any)
 *	bpf overwrite NAME		the first value of such an array, with zeros
 *	bpf detach PIN			the program of a pinned link, from what it hangs on
 *	bpf load lsm|fmod_ret|kprobe	a program that does nothing, of a type that could do much
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

static int fail(int err, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(err));
	return 1;
}

/* A descriptor of object id of this kind, if its name is the wanted one; -EAGAIN for others, else -errno. */
static int get(char kind, __u32 id, const char *name)
{
	struct bpf_map_info map = {0};
	struct bpf_prog_info prog = {0};
	__u32 size = kind == 'm' ? sizeof(map) : sizeof(prog);
	int fd = kind == 'm'   ? bpf_map_get_fd_by_id(id)
		 : kind == 'p' ? bpf_prog_get_fd_by_id(id)
			       : bpf_link_get_fd_by_id(id);

	if (fd < 0)
		return -errno;
	if (kind == 'l')
		return fd;
	if (!bpf_obj_get_info_by_fd(fd, kind == 'm' ? (void *)&map : (void *)&prog, &size) &&
	    !strncmp(kind == 'm' ? map.name : prog.name, name, strlen(name)))
		return fd;
	close(fd);
	return -EAGAIN;
}

static int seize(char kind, const char *name, int *ret_fd)
{
	int refused = 0;
	__u32 id = 0;

	while (!(kind == 'm'   ? bpf_map_get_next_id(id, &id)
		 : kind == 'p' ? bpf_prog_get_next_id(id, &id)
			       : bpf_link_get_next_id(id, &id))) {
		int fd = get(kind, id, name);

		if (fd >= 0) {
			*ret_fd = fd;
			return 0;
		}
		refused += fd == -EPERM || fd == -EACCES;
	}
	return refused ? fail(EPERM, name) : 2;
}

static int overwrite(const char *name)
{
	struct bpf_map_info map = {0};
	__u32 size = sizeof(map), zero = 0;
	int fd, status = seize('m', name, &fd);
	void *value;

	if (status)
		return status;
	if (bpf_obj_get_info_by_fd(fd, &map, &size))
		return 2;
	value = calloc(1, map.value_size);
	return bpf_map_update_elem(fd, &zero, value, BPF_ANY) ? fail(errno, name) : 0;
}

static int detach(const char *pin)
{
	int fd = bpf_obj_get(pin);

	if (fd < 0)
		return fail(-fd, pin);
	return bpf_link_detach(fd) ? fail(errno, pin) : 0;
}

static int load(const char *kind)
{
	const struct bpf_insn nothing[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
					   {.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	enum bpf_prog_type type = BPF_PROG_TYPE_KPROBE;
	int fd;

	if (!strcmp(kind, "lsm")) {
		type = BPF_PROG_TYPE_LSM;
		opts.expected_attach_type = BPF_LSM_MAC;
	} else if (!strcmp(kind, "fmod_ret")) {
		type = BPF_PROG_TYPE_TRACING;
		opts.expected_attach_type = BPF_MODIFY_RETURN;
	}
	if (type != BPF_PROG_TYPE_KPROBE) {
		fd = libbpf_find_vmlinux_btf_id(type == BPF_PROG_TYPE_LSM ? "file_open"
									  : "security_file_open",
						opts.expected_attach_type);
		if (fd < 0)
			return 2;
		opts.attach_btf_id = (__u32)fd;
	}
	fd = bpf_prog_load(type, "nothing", "GPL", nothing, 2, &opts);
	return fd < 0 ? fail(-fd, kind) : 0;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc == 4 && !strcmp(argv[1], "seize"))
		return seize(argv[2][0], argv[3], &fd);
	if (argc == 3 && !strcmp(argv[1], "overwrite"))
		return overwrite(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "detach"))
		return detach(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "load"))
		return load(argv[2]);
	fprintf(stderr, "usage: see the head of bpf.c\n");
	return 2;
}
