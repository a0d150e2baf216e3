// SPDX-License-Identifier: Apache-2.0
/*
 * Loads the BPF object with the strongest mechanism that this kernel takes, and adopts the pinned maps of the
 * daemon before. What the kernel can do is found by asking it, never by its version.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>

#include "base/file.h"
#include "base/log.h"
#include "kernel/ring.h"
#include "kernel/state.h"
#include "muniment.skel.h"

static int quiet_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

/* MUNIMENT_BPF_DEBUG in the environment shows libbpf's and the verifier's messages, and show_costs. */
static int loud_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, fmt, ap);
}

/* "" when bpf is an active LSM, else the reason. Attaching would succeed without and decide nothing. */
static void probe_lsm(char *why, size_t size)
{
	char list[512];
	ssize_t n = file_read_small("/sys/kernel/security/lsm", list, sizeof(list));

	why[0] = '\0';
	if (n < 0) {
		snprintf(why, size, "cannot read /sys/kernel/security/lsm (%s)", strerror((int)-n));
		return;
	}
	for (char *save = NULL, *name = strtok_r(list, ",\n", &save); name;
	     name = strtok_r(NULL, ",\n", &save))
		if (!strcmp(name, "bpf"))
			return;
	snprintf(why, size, "bpf is not in the active LSM list");
}

/* perf's tracepoints are found in tracefs; mounted where nobody did, as systemd does. */
static void prepare_tracefs(void)
{
	static const char place[] = "/sys/kernel/tracing";
	struct statfs fs;

	if (!statfs(place, &fs) && fs.f_type != TRACEFS_MAGIC &&
	    mount("tracefs", place, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		log_debug("cannot mount tracefs at %s: %s", place, strerror(errno));
}

/* bpffs under the pin directory, which is made; mounted at /sys/fs/bpf if nobody did, as systemd does. */
static int prepare_pins(const char *pin_dir)
{
	struct statfs fs;
	int err;

	if (!strncmp(pin_dir, "/sys/fs/bpf", 11) && !statfs("/sys/fs/bpf", &fs) &&
	    fs.f_type != BPF_FS_MAGIC &&
	    mount("bpf", "/sys/fs/bpf", "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")) {
		err = -errno;
		log_error("cannot mount bpffs at /sys/fs/bpf: %s", strerror(-err));
		return err;
	}
	err = file_make_dirs(pin_dir, 0700);
	if (!err && statfs(pin_dir, &fs))
		err = -errno;
	if (!err && fs.f_type != BPF_FS_MAGIC)
		err = -EINVAL;
	if (err)
		log_error("the pin directory %s must lie on a bpffs: %s", pin_dir, strerror(-err));
	return err;
}

/* Every map but the read-only data of one load is pinned, so that a later daemon finds ring, numbers and
 * rules. */
static int set_pins(struct muniment_bpf *skel, const char *pin_dir)
{
	struct bpf_map *map;
	char path[PATH_MAX];
	int err;

	bpf_object__for_each_map (map, skel->obj) {
		const char *name = map == skel->maps.data_control  ? "control"
				   : map == skel->maps.data_copies ? "copy_filter"
								   : bpf_map__name(map);

		if (name[0] == '.' || map == skel->maps.rodata || map == skel->maps.bss ||
		    !bpf_map__autocreate(map))
			continue; /* read-only data, constants, what is known anew in a moment */
		if (snprintf(path, sizeof(path), "%s/%s", pin_dir, name) >= (int)sizeof(path))
			return -ENAMETOOLONG;
		err = bpf_map__set_pin_path(map, path);
		if (err)
			return err;
	}
	return 0;
}

/* Reads the pinned control map of a load before; all zero when there was none. */
static void read_earlier(const char *pin_dir, struct control *ret_control)
{
	char path[PATH_MAX];
	__u32 zero = 0;
	int fd;

	memset(ret_control, 0, sizeof(*ret_control));
	if (snprintf(path, sizeof(path), "%s/control", pin_dir) >= (int)sizeof(path))
		return;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return;
	if (bpf_map_lookup_elem(fd, &zero, ret_control))
		memset(ret_control, 0, sizeof(*ret_control));
	close(fd);
}

/* With MUNIMENT_BPF_DEBUG: what each program cost at load. Of each, the kernel notes when that began. */
static void show_costs(const struct muniment_bpf *skel)
{
	struct bpf_prog_info info = {0}, next;
	const char *name = NULL;
	struct bpf_program *program;
	__u32 size;

	bpf_object__for_each_program (program, skel->obj) {
		next = (struct bpf_prog_info){0};
		size = sizeof(next);
		if (bpf_program__fd(program) < 0 ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(program), &next, &size))
			continue;
		if (name)
			fprintf(stderr, "%-32s %7u instructions verified, %5llu ms\n", name,
				info.verified_insns,
				(unsigned long long)(next.load_time - info.load_time) / 1000000);
		name = bpf_program__name(program);
		info = next;
	}
	if (name)
		fprintf(stderr, "%-32s %7u instructions verified, %5llu ms\n", name, info.verified_insns,
			(unsigned long long)(kernel_clock_ns(CLOCK_BOOTTIME) - info.load_time) / 1000000);
}

static int load_with(struct kernel *k, enum mechanism mechanism, bool net)
{
	struct muniment_bpf *skel = muniment_bpf__open();
	int err;

	if (!skel)
		return -errno;
	kernel_select(skel, mechanism, net, k->btf, k->options.cgroup);
	skel->rodata->net = net;
	skel->rodata->watches = mechanism != MECHANISM_TRACING;
	skel->rodata->instance = k->instance;
	skel->rodata->loader_tgid = (uint32_t)getpid();
	err = set_pins(skel, k->pin_dir);
	if (!err)
		err = muniment_bpf__load(skel);
	if (err) {
		muniment_bpf__destroy(skel);
		return err;
	}
	if (getenv("MUNIMENT_BPF_DEBUG"))
		show_costs(skel);
	k->skel = skel;
	k->mechanism = mechanism;
	k->net = net;
	return 0;
}

/* Tries the mechanisms from the strongest down (or only the one asked for), noting why each of them will not
 * do. */
static int load_strongest(struct kernel *k)
{
	int err = -EOPNOTSUPP;

	for (enum mechanism m = MECHANISM_LSM; m <= MECHANISM_TRACING; m++) {
		char *why = k->why_not[m];

		if (k->options.only && k->options.only != m) {
			snprintf(why, sizeof(k->why_not[m]), "not asked for");
			continue;
		}
		if (m == MECHANISM_LSM)
			probe_lsm(why, sizeof(k->why_not[m]));
		if (why[0])
			continue;
		err = m == MECHANISM_FMOD_RET ? load_with(k, m, true) : -EOPNOTSUPP;
		if (err)
			err = load_with(k, m, false);
		if (!err)
			return 0;
		snprintf(why, sizeof(k->why_not[m]), "the kernel refuses its programs (%s)", strerror(-err));
		log_debug("mechanism %d: %s", (int)m, why);
	}
	log_error("no mechanism works on this kernel: lsm: %s; fmod_ret: %s; tracing: %s",
		  k->why_not[MECHANISM_LSM], k->why_not[MECHANISM_FMOD_RET], k->why_not[MECHANISM_TRACING]);
	return err == -ENOMEM ? err : -EOPNOTSUPP;
}

static int load(struct kernel *k)
{
	int err;

	k->btf = btf__load_vmlinux_btf();
	if (!k->btf) {
		log_error("cannot read this kernel's types (/sys/kernel/btf/vmlinux, CONFIG_DEBUG_INFO_BTF): "
			  "%s",
			  strerror(errno));
		return -EOPNOTSUPP;
	}
	err = load_strongest(k);
	btf__free(k->btf);
	k->btf = NULL;
	return err;
}

/* Notes that this load has been, before it attaches anything: whoever comes next must not take its number. */
static void claim(struct kernel *k)
{
	struct control *control = &k->skel->data_control->control;

	control->claimed = k->instance;
	control->fold_ns = k->options.fold_ns;
	if (!control->ring)
		control->ring = kernel_clock_ns(CLOCK_BOOTTIME);
}

int kernel_open(const struct kernel_options *options, struct kernel **ret_kernel, bool *ret_adopted)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct kernel *k = calloc(1, sizeof(*k));
	struct control before;
	uint32_t earlier;
	int err;

	if (!k)
		return -ENOMEM;
	k->options = *options;
	k->canary_fd = -1;
	err = snprintf(k->pin_dir, sizeof(k->pin_dir), "%s/v%d", options->pin_dir, MUNIMENT_ABI_VERSION) >=
				      PATH_MAX ||
			      snprintf(k->run_dir, sizeof(k->run_dir), "%s", options->run_dir) >= PATH_MAX
		      ? -ENAMETOOLONG
		      : 0;
	if (err)
		goto fail;
	libbpf_set_print(getenv("MUNIMENT_BPF_DEBUG") ? loud_print : quiet_print);
	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* only kernels before 5.11 count BPF memory there */
	prepare_tracefs();
	err = prepare_pins(k->pin_dir);
	if (err)
		goto fail;
	read_earlier(k->pin_dir, &before);
	err = own_may_follow(k, &before.own);
	if (err)
		goto fail;
	earlier = before.claimed;
	k->instance = earlier + 1 ? earlier + 1 : 1;
	err = load(k);
	if (!err)
		err = ring_new(bpf_map__fd(k->skel->maps.records), RING_SIZE_BYTES, &k->ring);
	if (!err)
		err = kernel_canary_new(k);
	if (err)
		goto fail;
	claim(k);
	own_name_objects(k);
	err = kernel_attach_privileged(k);
	if (err)
		goto fail;
	kernel_tell_serving(k);
	*ret_kernel = k;
	*ret_adopted = earlier != 0;
	return 0;
fail:
	kernel_close(k, true);
	return err;
}

/* Removes every pin that bears one of our names. */
static void remove_pins(const char *pin_dir)
{
	DIR *dir = opendir(pin_dir);
	struct dirent *entry;
	char path[PATH_MAX];

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", pin_dir, entry->d_name) >= (int)sizeof(path))
			continue;
		if (unlink(path))
			log_warn("cannot remove the pin %s: %s", path, strerror(errno));
	}
	closedir(dir);
	rmdir(pin_dir);
}

void kernel_close(struct kernel *k, bool keep)
{
	if (!k)
		return;
	if (k->skel)
		own_end(k);
	for (unsigned i = 0; i < k->n_links; i++)
		bpf_link__destroy(k->links[i]); /* a pinned link stays attached */
	if (!keep)
		remove_pins(k->pin_dir);
	ring_free(k->ring);
	if (k->skel) {
		if (!keep)
			kernel_canary_free(k);
		muniment_bpf__destroy(k->skel);
	}
	if (k->canary_fd >= 0)
		close(k->canary_fd);
	kernel_roots_free(&k->roots[0]);
	kernel_roots_free(&k->roots[1]);
	kernel_programs_free(&k->programs);
	kernel_programs_free(&k->listed);
	kernel_packaged_free(k->packaged);
	free(k);
}

struct ring *kernel_ring(struct kernel *k)
{
	return k->ring;
}

uint64_t kernel_ring_id(const struct kernel *k)
{
	return k->skel->data_control->control.ring;
}

int kernel_ring_fd(const struct kernel *k)
{
	return bpf_map__fd(k->skel->maps.records);
}

/* All CPUs' states in one allocation, which the caller frees, and in *ret_n their number; NULL: -errno in
 * *ret_n. */
static struct cpu_state *cpu_states(const struct kernel *k, int *ret_n)
{
	struct cpu_state *states;
	__u32 zero = 0;
	int err;

	*ret_n = libbpf_num_possible_cpus();
	if (*ret_n < 0)
		return NULL;
	states = calloc((size_t)*ret_n, sizeof(*states));
	err = states ? bpf_map_lookup_elem(bpf_map__fd(k->skel->maps.cpus), &zero, states) : -ENOMEM;
	if (err) {
		*ret_n = err;
		free(states);
		return NULL;
	}
	return states;
}

int kernel_sequences(const struct kernel *k, uint64_t *sequences, unsigned max)
{
	int n;
	struct cpu_state *states = cpu_states(k, &n);

	if (!states)
		return n;
	for (unsigned i = 0; i < (unsigned)n && i < max; i++)
		sequences[i] = states[i].sequence;
	free(states);
	return n;
}

int kernel_count(const struct kernel *k, struct kernel_counters *ret_counters)
{
	struct kernel_counters sum = {0};
	int n;
	struct cpu_state *states = cpu_states(k, &n);

	if (!states)
		return n;
	for (int i = 0; i < n; i++) {
		sum.sequence += states[i].sequence;
		for (int c = 0; c < COUNTER_END; c++)
			sum.counters[c] += states[i].counters[c];
	}
	free(states);
	sum.missed_runs = kernel_missed_runs(k, &sum.missed_labels);
	*ret_counters = sum;
	return 0;
}

/* Runs a program that makes records. 0, -EAGAIN when some are left to make, or -errno. */
static int sweep_with(const struct bpf_program *program, bool all)
{
	struct sweep sweep = {.all = all};
	struct bpf_test_run_opts opts = {.sz = sizeof(opts), .ctx_in = &sweep, .ctx_size_in = sizeof(sweep)};
	int err = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);

	if (err)
		return err;
	return opts.retval ? -EAGAIN : 0;
}

int kernel_tell(struct kernel *k, bool all)
{
	uint64_t grown = __atomic_load_n(&k->skel->data_control->control.grown, __ATOMIC_SEQ_CST);
	int err = sweep_with(k->skel->progs.tell__sweep, all);

	if (err || (grown == k->grown && !all))
		return err;
	err = sweep_with(k->skel->progs.mapped__sweep, all);
	if (!err)
		k->grown = grown;
	return err;
}

/* As the kernel side sent it to the daemon before; -ENAMETOOLONG when only its flag was kept. */
static int rebuild_program(const struct object_id *id, const struct program_kept *kept,
			   struct record_program *record)
{
	if (!kept->path_bytes || kept->path_bytes > sizeof(kept->path))
		return -ENAMETOOLONG;
	memset(record, 0, sizeof(*record));
	record->header.size = (uint32_t)sizeof(*record) + kept->path_bytes;
	record->header.kind = RECORD_PROGRAM;
	record->header.sequence = 1;
	record->program = *id;
	record->path_bytes = kept->path_bytes;
	record->path_count = kept->path_count;
	record->flags = kept->flags;
	memcpy(record->path, kept->path, kept->path_bytes);
	return 0;
}

void kernel_take_programs(struct kernel *k, kernel_program_fn fn, void *ctx)
{
	int fd = bpf_map__fd(k->skel->maps.programs_sent);
	struct record_program *record = malloc(sizeof(*record) + PROGRAM_KEPT);
	struct program_kept kept;
	struct object_id id;

	while (record && !bpf_map_get_next_key(fd, NULL, &id)) {
		if (!bpf_map_lookup_elem(fd, &id, &kept) && !rebuild_program(&id, &kept, record))
			fn(ctx, record, record->header.size);
		/* So that the name is sent again with the program's next access. */
		if (bpf_map_delete_elem(fd, &id))
			break;
	}
	free(record);
}

void kernel_each_pass(struct kernel *k, kernel_pass_fn fn, void *ctx)
{
	int fd = bpf_map__fd(k->skel->maps.passes_kept);
	__u64 key, *before = NULL;
	struct record_pass record;

	/* Bounded, as keys that come and go meanwhile would begin the walk anew. */
	for (unsigned i = 0; i < 2 * PASSES_KEPT && !bpf_map_get_next_key(fd, before, &key); i++) {
		before = &key;
		if (!bpf_map_lookup_elem(fd, &key, &record) && record.header.size)
			fn(ctx, &record);
	}
}

const char *kernel_root_path(const struct kernel *k, uint32_t generation, uint32_t root)
{
	for (int i = 0; i < 2; i++)
		if (k->roots[i].generation == generation && root < k->roots[i].n)
			return k->roots[i].paths[root];
	return NULL;
}
