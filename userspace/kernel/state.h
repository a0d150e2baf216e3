/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share about struct kernel. Not for others: they use kernel.h. */
#ifndef MUNIMENT_KERNEL_STATE_H
#define MUNIMENT_KERNEL_STATE_H

#include <limits.h>
#include <sys/types.h>
#include <time.h>

#include "kernel/kernel.h"

struct muniment_bpf;
struct bpf_link;
struct bpf_program;

#define KERNEL_LINKS_MAX   192 /* at least as many as the table in attach.c has rows */
#define KERNEL_SERVING_MAX 64
#define KERNEL_CGROUPS	   "/sys/fs/cgroup"

/* The roots of one policy generation, for kernel_root_path: the image's, then mounts found below them. */
struct kernel_roots {
	uint32_t generation;
	char **paths;
	struct kernel_root_stat {
		dev_t dev;
		ino_t ino;
	} * stats; /* by stat(2), of the same index */
	uint32_t n;
};

/* A file that had roles under a program's path. */
struct kernel_former {
	struct object_id id;
	struct program_found found;
};

/* One that was replaced, and goes on in processes that run it. */
struct kernel_replaced {
	char *path;
	struct kernel_former was;
};

/* A program of the policy in force; its index is the image's. */
struct kernel_program {
	char *path;
	struct object_id id; /* of what lies under its path */
	struct content_stamp stamp;
	struct content content;	     /* that it has as long as both stay */
	bool known;		     /* there is something, and the above is about it */
	struct kernel_former former; /* with had_roles: the last that had any */
	bool had_roles;
	char package[PACKAGE_NAME_MAX + 1]; /* that brought an accepted content last */
	uint64_t busy_ns;		    /* CLOCK_MONOTONIC, since when it is PROGRAM_BUSY; 0: it is not */
	struct program_found told;	    /* what the caller knows */
};

struct kernel_programs {
	bool libraries; /* they are those of the image, not its programs */
	struct kernel_program *items;
	size_t n;
	struct kernel_replaced *replaced;
	size_t n_replaced;
	uint64_t packages_ns; /* as packages_changed_ns told last */
};

struct kernel {
	struct muniment_bpf *skel;
	struct btf *btf; /* the kernel's, while programs are loaded */
	struct ring *ring;
	uint64_t grown; /* control.grown, as files that were mapped were looked at last */
	struct kernel_options options;
	char pin_dir[PATH_MAX];
	char run_dir[PATH_MAX];
	enum mechanism mechanism;
	bool net; /* fmod_ret, with the programs of tracing below */
	uint32_t instance;
	struct bpf_link *links[KERNEL_LINKS_MAX];
	unsigned n_links;
	struct kernel_serving serving[KERNEL_SERVING_MAX];
	unsigned n_serving;
	struct kernel_roots roots[2]; /* of the policy in force, and of the one before */
	struct kernel_programs programs;
	struct kernel_programs listed; /* libraries that roles list */
	struct packaged *packaged;     /* libraries that packages bring; NULL while no role takes them */
	uint32_t media_round;	       /* of kernel_watch_media */
	char canary_path[PATH_MAX];
	int canary_fd;	       /* opened before any rule held, for the read probe */
	unsigned canary_asked; /* with tracing: probes whose record has not come back */
	char why_not[MECHANISM_END][160];
};

/* Nanoseconds of CLOCK_MONOTONIC or CLOCK_BOOTTIME, which do not fail. */
static inline uint64_t kernel_clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- attach.c: the table of programs --- */

/* Chooses which programs of the object are loaded for a mechanism, and which maps are made. kernel: its BTF. */
void kernel_select(struct muniment_bpf *skel, enum mechanism mechanism, bool net, const struct btf *kernel,
		   const char *cgroup);

/*
 * Attaches what takes privileges that the daemon gives up, and what says nothing before take-over: programs at packets
 * (CAP_NET_ADMIN), and the net below fmod_ret, as Debian's kernel.perf_event_paranoid = 3 wants CAP_SYS_ADMIN for perf's
 * tracepoints. 0 or -errno, which was told.
 */
int kernel_attach_privileged(struct kernel *k);

void kernel_tell_serving(struct kernel *k);
/* Who shares the memory by that key (bpf/group.bpf.h) is taken to hold nothing by it; what they held is added to *ret_label.
 * 0 or -errno. */
int kernel_clear_shared(const struct kernel *k, uint64_t key, uint64_t *ret_label);

uint64_t kernel_missed_runs(const struct kernel *k, uint64_t *ret_labels);

/* --- identify.c --- */

/* Opens nothing itself: asks the kernel under which numbers it knows these descriptors. ids[i] belongs to
 * fds[i]. */
int kernel_identify(struct kernel *k, const int *fds, unsigned n, struct identified *ids);

/* The same for one path, without following a last symbolic link. */
int kernel_identify_path(struct kernel *k, const char *path, struct identified *ret_id);

/* Hands each record, of that size, that an iterator over all tasks writes to fn. 0 or -errno. */
int kernel_iterate(const struct bpf_program *program, size_t size, kernel_record_fn fn, void *ctx);

/* --- labels.c --- */

/* Gives each store of the image its bit, and the image the names of all bits. 0, -ENOSPC or -errno, which was told. */
int kernel_deal_labels(struct kernel *k, struct policy_image *image);
/* The bits of a set of stores, which has a bit for the index of each. */
uint64_t kernel_labels_of(const struct policy_image *image, uint64_t stores);

/* --- egress.c --- */

/* What the image's agreements say, for a slot whose networks are cleared. Labels have been dealt. 0 or -errno. */
int kernel_fill_egress(struct kernel *k, const struct policy_image *image, uint32_t slot);

/* --- volume.c --- */

/* A count for each agreement of the image that has a limit; those that are there go on. 0 or -errno. */
int kernel_make_volumes(struct kernel *k, const struct policy_image *image);

/* Where what resolvers answer processes leads: the image's names, as the daemon knows them; of an image with dns_answers.
 * 0 or -errno. */
int kernel_fill_answers(struct kernel *k, const struct policy_image *image, uint32_t slot);
/* What is added to the boot time to count windows of that length from where they begin in UTC. */
uint64_t kernel_volume_clock(uint64_t window_ns);

/* --- copies.c --- */

/* What the image says of copies, for a slot whose objects are cleared; after kernel_fill_egress. 0 or -errno. */
int kernel_fill_copies(struct kernel *k, const struct policy_image *image, uint32_t slot);

/* --- programs.c --- */

/*
 * Finds every program of the image, or every library that it lists, and fills roles_by_program (library_roles) of a slot,
 * which is empty. What lies there, and which roles accept it, goes to image->programs[i].found. *ret_programs is the
 * caller's. 0 or -errno.
 */
int kernel_fill_programs(struct kernel *k, struct policy_image *image, bool libraries, uint32_t slot,
			 struct kernel_programs *ret_programs);
/* Looks at them as kernel_watch_programs does. packages: the package database has changed. */
bool kernel_watch_list(struct kernel *k, struct policy_image *image, struct kernel_programs *programs,
		       bool packages, kernel_changed_fn fn, void *ctx);
void kernel_programs_free(struct kernel_programs *programs);

/* --- libraries.c --- */

/* What the slot's policy says of libraries, and libraries that packages bring, those first that the programs of the roles
 * that take them load. The listed ones have been filled in. 0 or -errno. */
int kernel_fill_libraries(struct kernel *k, const struct policy_image *image, uint32_t slot);
void kernel_packaged_free(struct packaged *packaged);

/* --- running.c --- */

/* Opens, for reading, the executable of some process that is this file by stat(2), whether or not it still has a
 * name. A descriptor, or -ENOENT. */
int kernel_open_running(uint64_t dev, uint64_t ino);

/* --- scan.c --- */

typedef int (*kernel_marked_fn)(void *ctx, const struct object_id *id);

/* Walks a tree on its own file system and hands every file of several names to fn. 0, fn's value, or -errno.
 */
int kernel_scan_named_often(struct kernel *k, const char *root, kernel_marked_fn fn, void *ctx);

/* --- mounts.c --- */

typedef int (*kernel_mount_fn)(void *ctx, const char *mount_point);

/* Hands each mount point that lies below path (not path itself) to fn. 0, fn's value, or -errno. */
int kernel_mounts_below(const char *path, kernel_mount_fn fn, void *ctx);

/* The mount that a path lies on. */
struct kernel_mount {
	uint32_t dev;	       /* as in struct object_id, of the super block */
	char type[64];	       /* "ext4" */
	char source[PATH_MAX]; /* "/dev/sda2" */
};
/* False when it cannot be told. Asks no file system: one may hang. */
bool kernel_mount_of(const char *path, struct kernel_mount *ret_mount);

/* --- devices.c --- */

static inline uint32_t kernel_dev(unsigned ma, unsigned mi)
{
	return ma << 20 | (mi & 0xfffff);
}

/* Reads the first line of a file of sysfs without its newline; false when there is none. */
bool kernel_sysfs_line(const char *path, char *line, size_t size);
/* Hands the device number in each file that the pattern finds to next, until that returns other than 0. */
int kernel_sysfs_devices(void *ctx, int (*next)(void *ctx, uint32_t dev), const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Both return 0 to go on, else a negative errno. dev: as in struct object_id. path: of a file behind a loop device. */
typedef int (*kernel_device_fn)(void *ctx, enum object_kind kind, uint32_t dev);
typedef int (*kernel_file_fn)(void *ctx, const char *path);

/*
 * Hands on everything that the file system of path, which the kernel knows by super_dev, lies on: its devices, those
 * below them down to whole disks, what else leads to those disks, and files behind loop devices. File systems without
 * a device have none. 0, a function's value, or -errno.
 */
int kernel_devices_below(uint32_t super_dev, const char *path, kernel_device_fn fn, kernel_file_fn file_fn,
			 void *ctx);

/* --- own.c --- */

/* Maps, programs and links as they are made: nobody else gets a descriptor of one, once the monitor guards itself. */
void own_name_objects(struct kernel *k);
void own_name_link(struct kernel *k, const struct bpf_link *link);
/*
 * May this daemon take over from one with that state? -EBUSY while it lives, -EPERM with other settings, told in a message:
 * else whoever starts our own program with a policy of his own would be the guard.
 */
int own_may_follow(const struct kernel *k, const struct own *before);
/* Before everything is closed: no process of the monitor is one any more. */
void own_end(struct kernel *k);

/* --- apply.c --- */

void kernel_roots_free(struct kernel_roots *roots);

/* --- canary.c --- */

/* Makes a fresh canary file and opens it, before its rule is in force. 0 or -errno. */
int kernel_canary_new(struct kernel *k);
void kernel_canary_free(struct kernel *k);

#endif
