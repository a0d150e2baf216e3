// SPDX-License-Identifier: Apache-2.0
/*
 * Tells the kernel side what the monitor consists of: its processes, its program, its BPF objects and its cgroups.
 * Its files are stores like any other (apply.c). What follows from that is in bpf/guard.bpf.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/file.h"
#include "base/log.h"
#include "kernel/state.h"
#include "muniment.skel.h"

static void name_object(struct kernel *k, enum own_kind kind, uint64_t id)
{
	const struct own_key key = {.kind = kind, .id = id};
	const __u32 value = 1;
	int err = bpf_map_update_elem(bpf_map__fd(k->skel->maps.own_objects), &key, &value, BPF_ANY);

	if (err)
		log_warn("cannot guard an object of our own (kind %d): %s", (int)kind, strerror(-err));
}

/* The id is the same member of all three kinds' infos, but not at the same place. */
static void name_map(struct kernel *k, int fd)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	if (!bpf_obj_get_info_by_fd(fd, &info, &size))
		name_object(k, OWN_MAP, info.id);
}

static void name_program(struct kernel *k, int fd)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);

	if (!bpf_obj_get_info_by_fd(fd, &info, &size))
		name_object(k, OWN_PROGRAM, info.id);
}

void own_name_link(struct kernel *k, const struct bpf_link *link)
{
	struct bpf_link_info info = {0};
	__u32 size = sizeof(info);
	int fd = bpf_link__fd(link);

	/* perf's tracepoints are no links to older kernels, but events, whose descriptors nobody else gets. */
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) && info.id)
		name_object(k, OWN_LINK, info.id);
}

void own_name_objects(struct kernel *k)
{
	struct bpf_program *program;
	struct bpf_map *map;

	bpf_object__for_each_map (map, k->skel->obj)
		if (bpf_map__fd(map) >= 0)
			name_map(k, bpf_map__fd(map));
	bpf_object__for_each_program (program, k->skel->obj)
		if (bpf_program__fd(program) >= 0)
			name_program(k, bpf_program__fd(program));
}

/* In hundredths of a second since boot, field 22 of /proc/PID/stat; 0 when there is no such process. */
static uint64_t start_of(int pid)
{
	char path[64], text[1024], *at;
	unsigned long long start = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	n = file_read_small(path, text, sizeof(text));
	at = n > 0 ? strrchr(text, ')') : NULL; /* a name may hold blanks and parentheses */
	if (!at || sscanf(at + 1,
			  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			  "%*d %llu",
			  &start) != 1)
		return 0;
	return start;
}

static void name_process(struct own *own, int slot, int pid)
{
	own->processes[slot].tgid = 0;
	own->processes[slot].start = start_of(pid);
	__atomic_store_n(&own->processes[slot].tgid, (uint32_t)pid, __ATOMIC_SEQ_CST);
}

/* A directory of the cgroup file system bears its cgroup's id as inode number. */
void kernel_own_cgroups(struct kernel *k)
{
	char text[4096], path[sizeof(KERNEL_CGROUPS) + sizeof(text)], *at;
	ssize_t n = file_read_small("/proc/self/cgroup", text, sizeof(text));
	struct stat st;

	at = n > 0 ? strstr(text, "0::/") : NULL;
	if (!k->options.protect || !at)
		return;
	at[strcspn(at, "\n")] = '\0';
	snprintf(path, sizeof(path), KERNEL_CGROUPS "%s", at + 3);
	while (strlen(path) > sizeof(KERNEL_CGROUPS)) {
		if (!stat(path, &st))
			name_object(k, OWN_CGROUP, st.st_ino);
		*strrchr(path, '/') = '\0';
	}
}

static int name_own_program(struct kernel *k, struct own *own)
{
	struct identified id;
	int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	int err = fd < 0 ? -errno : kernel_identify(k, &fd, 1, &id);

	if (fd >= 0)
		close(fd);
	if (!err)
		own->program = id.id;
	return err;
}

static int find_pins(const struct kernel *k, struct own *own)
{
	struct identified id;
	int err = kernel_identify_path((struct kernel *)k, k->pin_dir, &id);

	if (!err)
		own->pins_dev = id.super_dev;
	return err;
}

int kernel_protect(struct kernel *k)
{
	struct own *own = &k->skel->data_control->control.own;
	enum store_mode mode = k->options.protect;
	int err;

	if (!mode) {
		own->mode = STORE_MODE_INVALID;
		return 0;
	}
	if (k->mechanism == MECHANISM_TRACING)
		mode = STORE_MODE_MONITOR;
	err = name_own_program(k, own);
	if (!err)
		err = find_pins(k, own);
	if (err) {
		log_error("the monitor cannot guard itself: %s", strerror(-err));
		return err;
	}
	own->settings = k->options.settings;
	name_process(own, 0, getpid());
	if (k->options.signer)
		name_process(own, 1, k->options.signer);
	kernel_own_cgroups(k);
	kernel_heartbeat(k);
	__atomic_store_n(&own->mode, (uint32_t)mode, __ATOMIC_SEQ_CST);
	return 0;
}

int own_may_follow(const struct kernel *k, const struct own *before)
{
	if (before->mode != STORE_MODE_ENFORCE || kernel_clock_ns(CLOCK_BOOTTIME) < before->window_until)
		return 0;
	for (int i = 0; i < OWN_PROCESSES; i++) {
		const struct own_process *p = &before->processes[i];

		if (p->tgid && start_of((int)p->tgid) == p->start) {
			log_error("munimentd runs already with the pins in %s (process %u)", k->pin_dir,
				  p->tgid);
			return -EBUSY;
		}
	}
	if (before->settings == k->options.settings)
		return 0;
	log_error(
		"the pins in %s belong to a daemon with other settings (its policy, ledger, key and run "
		"directory, --pin, --protect); start it with those, and open a window: muniment maintenance",
		k->pin_dir);
	return -EPERM;
}

void kernel_heartbeat(struct kernel *k)
{
	__atomic_store_n(&k->skel->data_control->control.own.heartbeat, kernel_clock_ns(CLOCK_BOOTTIME),
			 __ATOMIC_RELAXED);
}

void kernel_window(struct kernel *k, uint64_t until_boot_ns)
{
	__atomic_store_n(&k->skel->data_control->control.own.window_until, until_boot_ns, __ATOMIC_SEQ_CST);
}

void own_end(struct kernel *k)
{
	struct own *own = &k->skel->data_control->control.own;

	for (int i = 0; i < OWN_PROCESSES; i++)
		if (own->processes[i].tgid == (uint32_t)getpid() ||
		    own->processes[i].tgid == (uint32_t)k->options.signer)
			__atomic_store_n(&own->processes[i].tgid, 0, __ATOMIC_SEQ_CST);
}
