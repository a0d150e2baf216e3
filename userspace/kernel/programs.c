// SPDX-License-Identifier: Apache-2.0
/*
 * The programs of the policy: which inode lies under each path, what is its content, and which roles accept it.
 * At load, and again whenever something about the file has changed.
 *
 * The kernel side compares size and ctime at each look-up (actor__by_program), so that between a change and our
 * look nobody has a role by it. We look by stat(2) a few times a second rather than by inotify: that sees what is
 * mounted over a program or renamed above it, too, and needs no watch for each directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/log.h"
#include "kernel/state.h"
#include "muniment.skel.h"

#define REPLACED_MAX 256 /* files that are carried over to the next policy */

static const struct role_set nobody;

static bool same_object(const struct object_id *a, const struct object_id *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->generation == b->generation;
}

static bool same_stamp(const struct content_stamp *a, const struct content_stamp *b)
{
	return a->size == b->size && a->ctime_ns == b->ctime_ns;
}

static bool any_role(const struct role_set *roles)
{
	return memcmp(roles, &nobody, sizeof(nobody)) != 0;
}

/* The image's side of them. */
static struct image_program *list_of(const struct policy_image *image, const struct kernel_programs *programs,
				     size_t *ret_n)
{
	*ret_n = programs->libraries ? image->n_libraries : image->n_programs;
	return programs->libraries ? image->libraries : image->programs;
}

static int map_of(const struct kernel *k, const struct kernel_programs *programs)
{
	return bpf_map__fd(programs->libraries ? k->skel->maps.library_roles
					       : k->skel->maps.roles_by_program);
}

static const struct content *known_content(const struct kernel_programs *known, const struct identified *id)
{
	for (size_t i = 0; i < known->n; i++) {
		const struct kernel_program *p = &known->items[i];

		if (p->known && same_object(&p->id, &id->id) && same_stamp(&p->stamp, &id->stamp))
			return &p->content;
	}
	return NULL;
}

/*
 * The content of an open file that stays what it is: nobody has it open for writing (a mapping could be written
 * without a trace in the ctime), and its ctime is old enough to tell the next change. PROGRAM_FOUND, PROGRAM_BUSY
 * or PROGRAM_UNREADABLE.
 */
static enum program_state settle(struct kernel *k, bool library, int fd, const struct stat *st,
				 struct kernel_program *p)
{
	const struct kernel_programs *known = library ? &k->listed : &k->programs;
	const struct content *content;
	struct identified before, after;

	p->known = false;
	if (!S_ISREG(st->st_mode))
		return PROGRAM_UNREADABLE;
	if (kernel_identify(k, &fd, 1, &before))
		return PROGRAM_BUSY; /* no memory, perhaps: tried again */
	p->id = before.id;
	p->stamp = before.stamp;
	if (before.writers || content_unsettled_ns(st))
		return PROGRAM_BUSY;
	content = known_content(known, &before);
	if (content)
		p->content = *content;
	else if (content_read(fd, &p->content))
		return PROGRAM_UNREADABLE;
	else if (kernel_identify(k, &fd, 1, &after) || after.writers ||
		 !same_stamp(&before.stamp, &after.stamp))
		return PROGRAM_BUSY;
	p->known = true;
	return PROGRAM_FOUND;
}

/* Does a package bring this content? The one that did last is asked first. */
static void find_package(const struct image_program *program, const struct content *content,
			 const struct kernel_program *p, struct package *ret_package)
{
	int err;

	if (!any_role(&program->packaged))
		return;
	err = packages_find(PACKAGES_DIR, program->path, content, p->package, ret_package);
	if (err && err != -ENOENT && err != -EBADMSG)
		log_warn("%s: the package database: %s", program->path, strerror(-err));
}

/* Looks at what lies under the program's path, and finds which roles accept it. */
static void look(struct kernel *k, bool library, const struct image_program *program,
		 struct kernel_program *p, struct program_found *ret_found)
{
	struct program_found found = {.state = PROGRAM_MISSING};
	int fd = open(program->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	p->known = false;
	p->id = (struct object_id){0};
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		found.state = PROGRAM_UNREADABLE;
	/* Also of what cannot be opened: the key tells when to try again. */
	if (!(fd < 0 ? lstat(program->path, &st) : fstat(fd, &st)))
		found.key = content_key(&st);
	if (fd >= 0) {
		found.state = settle(k, library, fd, &st, p);
		close(fd);
	}
	if (found.state == PROGRAM_FOUND) {
		found.content = p->content;
		find_package(program, &found.content, p, &found.package);
		image_program_roles(program, found.content.sha256, found.package.name[0], &found.roles);
	}
	*ret_found = found;
}

/* The libraries of a program are asked for from its exec on, whether or not it is accepted by then. */
static void ask_libraries(struct kernel *k, const struct policy_image *image,
			  const struct image_program *program, const struct object_id *id, uint32_t slot,
			  struct program_roles *value)
{
	struct policy_slot *policy = &k->skel->data_control->control.slots[slot];
	uint32_t bit = decide_filter_bit(id->ino);

	for (int w = 0; w < ROLE_WORDS; w++)
		value->asking.words[w] |= program->named.words[w] & image->asking.words[w];
	if (any_role(&value->asking))
		__atomic_or_fetch(&policy->programs[bit / 64], 1ull << bit % 64, __ATOMIC_SEQ_CST);
}

/*
 * Puts what the object may do into a slot: the roles of every path that leads to it. Without any it stays listed,
 * with a stamp that no file has, so that denials tell that it is a program without its roles.
 */
static int place(struct kernel *k, const struct policy_image *image, const struct kernel_programs *programs,
		 const struct object_id *id, uint32_t slot)
{
	struct object_key key = {.id = *id, .slot = slot};
	struct program_roles value = {0};
	size_t n;
	const struct image_program *list = list_of(image, programs, &n);

	if (!id->ino)
		return 0;
	for (size_t i = 0; i < programs->n && i < n; i++) {
		const struct kernel_program *p = &programs->items[i];

		if (!same_object(&p->id, id))
			continue;
		if (!programs->libraries)
			ask_libraries(k, image, &list[i], id, slot, &value);
		if (!p->known)
			continue;
		for (int w = 0; w < ROLE_WORDS; w++)
			value.roles.words[w] |= list[i].found.roles.words[w];
		if (any_role(&value.roles))
			value.stamp = p->stamp;
	}
	return bpf_map_update_elem(map_of(k, programs), &key, &value, BPF_ANY);
}

static void note_roles(struct kernel_program *p, const struct program_found *found)
{
	if (found->package.name[0])
		memcpy(p->package, found->package.name, sizeof(p->package));
	p->had_roles = p->known && any_role(&found->roles);
	p->former = (struct kernel_former){p->id, *found};
}

void kernel_programs_free(struct kernel_programs *programs)
{
	for (size_t i = 0; programs->items && i < programs->n; i++)
		free(programs->items[i].path);
	for (size_t i = 0; i < programs->n_replaced; i++)
		free(programs->replaced[i].path);
	free(programs->items);
	free(programs->replaced);
	*programs = (struct kernel_programs){0};
}

/* Is the former content still what that file has, and who runs it? Fills the stamp. */
static bool is_running(struct kernel *k, const struct kernel_former *was, struct content_stamp *ret_stamp)
{
	int fd = kernel_open_running(was->found.key.dev, was->found.key.ino);
	struct content content;
	struct identified id;
	bool running = fd >= 0 && !kernel_identify(k, &fd, 1, &id) && same_object(&id.id, &was->id) &&
		       !id.writers && !content_read(fd, &content) &&
		       !memcmp(content.sha256, was->found.content.sha256, POLICY_DIGEST_SIZE);

	if (running)
		*ret_stamp = id.stamp;
	if (fd >= 0)
		close(fd);
	return running;
}

/*
 * What was replaced goes on in the processes that run it, a database over the upgrade of its package: they keep the
 * roles. Losing its name changed its ctime; being executed, it cannot have been written. Notes it, so that the next
 * policy keeps it, too.
 */
static void keep_running(struct kernel *k, const struct policy_image *image,
			 const struct image_program *program, const struct kernel_former *was,
			 const struct role_set *roles, uint32_t slot, struct kernel_programs *programs)
{
	struct object_key key = {.id = was->id, .slot = slot};
	struct program_roles value = {.roles = *roles};
	int map = bpf_map__fd(k->skel->maps.roles_by_program);
	struct kernel_replaced *replaced;

	/* Who runs a script cannot be told by executables, and no longer needs the stamp (actor__by_script); whoever
	 * begins with it from here on does. */
	if (!was->found.content.script && !is_running(k, was, &value.stamp)) {
		bpf_map_delete_elem(map, &key);
		return;
	}
	ask_libraries(k, image, program, &was->id, slot, &value);
	bpf_map_update_elem(map, &key, &value, BPF_ANY);
	if (programs->n_replaced == REPLACED_MAX) /* scripts pile up: until the next policy, then */
		return;
	replaced = reallocarray(programs->replaced, programs->n_replaced + 1, sizeof(*replaced));
	if (!replaced)
		return;
	programs->replaced = replaced;
	replaced += programs->n_replaced;
	*replaced = (struct kernel_replaced){strdup(program->path), *was};
	programs->n_replaced += replaced->path != NULL;
}

/* The same for the idle slot: by what the new policy says of that content. */
static void carry_over(struct kernel *k, const struct policy_image *image, const char *path,
		       const struct kernel_former *was, uint32_t slot, struct kernel_programs *programs)
{
	long at = policy_image_program_by_path(image, path);
	struct role_set roles;

	if (at < 0)
		return;
	for (size_t i = 0; i < programs->n; i++)
		if (same_object(&programs->items[i].id, &was->id))
			return; /* it lies under a program's path: no matter of the past */
	image_program_roles(&image->programs[at], was->found.content.sha256, was->found.package.name[0],
			    &roles);
	if (any_role(&roles))
		keep_running(k, image, &image->programs[at], was, &roles, slot, programs);
}

static void carry_all(struct kernel *k, const struct policy_image *image, uint32_t slot,
		      struct kernel_programs *programs)
{
	const struct kernel_programs *former = &k->programs;

	for (size_t i = 0; i < former->n; i++)
		if (former->items[i].had_roles)
			carry_over(k, image, former->items[i].path, &former->items[i].former, slot, programs);
	for (size_t i = 0; i < former->n_replaced; i++)
		carry_over(k, image, former->replaced[i].path, &former->replaced[i].was, slot, programs);
}

int kernel_fill_programs(struct kernel *k, struct policy_image *image, bool libraries, uint32_t slot,
			 struct kernel_programs *ret_programs)
{
	struct kernel_programs programs = {.libraries = libraries,
					   .packages_ns = packages_changed_ns(PACKAGES_DIR)};
	size_t n;
	struct image_program *list = list_of(image, &programs, &n);
	int err = 0;

	programs.items = calloc(n + 1, sizeof(*programs.items));
	if (!programs.items)
		return -ENOMEM;
	for (; programs.n < n && !err; programs.n++) {
		struct kernel_program *p = &programs.items[programs.n];
		struct image_program *program = &list[programs.n];

		p->path = strdup(program->path);
		if (!p->path)
			err = -ENOMEM;
		memcpy(p->package, program->found.package.name, sizeof(p->package));
		look(k, libraries, program, p, &program->found);
		p->told = program->found;
		if (program->found.state == PROGRAM_BUSY)
			p->busy_ns = kernel_clock_ns(CLOCK_MONOTONIC);
		note_roles(p, &program->found);
	}
	for (size_t i = 0; i < programs.n && !err; i++)
		err = place(k, image, &programs, &programs.items[i].id, slot);
	if (err) {
		kernel_programs_free(&programs);
		return err;
	}
	if (!libraries)
		carry_all(k, image, slot, &programs);
	*ret_programs = programs;
	return 0;
}

static bool is_news(const struct program_found *now, const struct program_found *told)
{
	return now->state != told->state || now->key.dev != told->key.dev || now->key.ino != told->key.ino ||
	       memcmp(&now->roles, &told->roles, sizeof(now->roles)) != 0 ||
	       memcmp(now->content.sha256, told->content.sha256, POLICY_DIGEST_SIZE) != 0;
}

/* Program i is not, or may not be, what it was. */
static void look_again(struct kernel *k, struct policy_image *image, struct kernel_programs *programs,
		       size_t i, kernel_changed_fn fn, void *ctx)
{
	uint32_t slot = epoch_slot(k->skel->data_control->control.epoch);
	struct kernel_program *p = &programs->items[i];
	const struct program_found told = p->told;
	size_t n;
	struct image_program *program = &list_of(image, programs, &n)[i];
	struct program_found found;
	bool tell;
	int err;

	look(k, programs->libraries, program, p, &found);
	program->found = found;
	if (found.state == PROGRAM_BUSY && !p->busy_ns)
		p->busy_ns = kernel_clock_ns(CLOCK_MONOTONIC);
	tell = found.state != PROGRAM_BUSY ||
	       kernel_clock_ns(CLOCK_MONOTONIC) - p->busy_ns > KERNEL_BUSY_MS * 1000000ull;
	if (found.state != PROGRAM_BUSY) {
		if (!programs->libraries && p->had_roles && !same_object(&p->former.id, &p->id))
			keep_running(k, image, program, &p->former, &p->former.found.roles, slot, programs);
		note_roles(p, &found);
		p->busy_ns = 0;
	}
	err = place(k, image, programs, &p->id, slot);
	if (err)
		log_error("%s: cannot give the program its roles: %s", program->path, strerror(-err));
	if (!tell || !is_news(&found, &told))
		return;
	p->told = found;
	fn(ctx, program, &told);
}

bool kernel_watch_list(struct kernel *k, struct policy_image *image, struct kernel_programs *programs,
		       bool packages, kernel_changed_fn fn, void *ctx)
{
	size_t n;
	const struct image_program *list = list_of(image, programs, &n);
	bool changed = false;

	for (size_t i = 0; i < programs->n && i < n; i++) {
		const struct image_program *program = &list[i];
		struct content_key key = {0};
		struct stat st;

		if (!lstat(program->path, &st))
			key = content_key(&st);
		if (content_key_equal(&key, &program->found.key) && program->found.state != PROGRAM_BUSY &&
		    !(packages && any_role(&program->packaged) && !image_program_accepted(program)))
			continue;
		look_again(k, image, programs, i, fn, ctx);
		changed = true;
	}
	return changed;
}

bool kernel_watch_programs(struct kernel *k, struct policy_image *image, kernel_changed_fn fn, void *ctx)
{
	uint64_t packages_ns = packages_changed_ns(PACKAGES_DIR);
	bool packages = packages_ns != k->programs.packages_ns, changed;

	k->programs.packages_ns = packages_ns;
	changed = kernel_watch_list(k, image, &k->programs, packages, fn, ctx);
	/* Kept answers are void. After the map: who finds the new epoch finds the new roles. Libraries are in no
	 * answer. */
	if (changed)
		__atomic_add_fetch(&k->skel->data_control->control.epoch, EPOCH_STEP, __ATOMIC_SEQ_CST);
	return kernel_watch_list(k, image, &k->listed, packages, fn, ctx) || changed;
}
