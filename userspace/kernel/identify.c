// SPDX-License-Identifier: Apache-2.0
/*
 * Asks the kernel under which device, inode and generation it knows our open files, by the BPF iterator
 * iter/task_file: stat(2) tells other numbers on btrfs (a device per subvolume) and on overlayfs, and no
 * generation anywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kernel/state.h"
#include "muniment.skel.h"

/* Reads the iterator to its end, keeping what belongs to one of fds. Returns how many were found, or -errno.
 */
static int collect(int iter, const int *fds, unsigned n, struct identified *ids)
{
	struct identified got[64];
	unsigned found = 0;
	ssize_t bytes;

	while ((bytes = read(iter, got, sizeof(got))) != 0) {
		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes < 0)
			return -errno;
		if ((size_t)bytes % sizeof(got[0]))
			return -EIO;
		for (size_t i = 0; i < (size_t)bytes / sizeof(got[0]); i++) {
			for (unsigned k = 0; k < n; k++) {
				if ((uint32_t)fds[k] != got[i].fd)
					continue;
				ids[k] = got[i];
				found++;
			}
		}
	}
	return (int)found;
}

int kernel_identify(struct kernel *k, const int *fds, unsigned n, struct identified *ids)
{
	union bpf_iter_link_info info = {.task = {.pid = (__u32)getpid()}};
	const struct bpf_iter_attach_opts opts = {
		.sz = sizeof(opts), .link_info = &info, .link_info_len = sizeof(info)};
	struct bpf_link *link = bpf_program__attach_iter(k->skel->progs.iter__identify, &opts);
	int iter, err;

	if (!link) /* before 6.1 there was no filter by process: the program filters itself */
		link = bpf_program__attach_iter(k->skel->progs.iter__identify, NULL);
	if (!link)
		return -errno;
	iter = bpf_iter_create(bpf_link__fd(link));
	err = iter < 0 ? iter : collect(iter, fds, n, ids);
	if (iter >= 0)
		close(iter);
	bpf_link__destroy(link);
	if (err >= 0)
		err = (unsigned)err == n ? 0 : -ENOENT;
	return err;
}

int kernel_identify_path(struct kernel *k, const char *path, struct identified *ret_id)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = kernel_identify(k, &fd, 1, ret_id);
	close(fd);
	return err;
}

int kernel_iterate(const struct bpf_program *program, size_t size, kernel_record_fn fn, void *ctx)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int iter = link ? bpf_iter_create(bpf_link__fd(link)) : -errno, err = iter < 0 ? iter : 0;
	_Alignas(8) char got[4096];
	ssize_t bytes = 0;

	while (!err && (bytes = read(iter, got, sizeof(got) / size * size)) != 0) {
		if (bytes < 0 && errno == EINTR)
			continue;
		err = bytes < 0 ? -errno : (size_t)bytes % size ? -EIO : 0;
		for (size_t at = 0; !err && at < (size_t)bytes; at += size)
			fn(ctx, got + at);
	}
	if (iter >= 0)
		close(iter);
	bpf_link__destroy(link);
	return err;
}

int kernel_held(struct kernel *k, kernel_record_fn fn, void *ctx)
{
	return kernel_iterate(k->skel->progs.iter__held, sizeof(struct held), fn, ctx);
}
