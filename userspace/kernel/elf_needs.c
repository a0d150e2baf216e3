// SPDX-License-Identifier: Apache-2.0
/* Reading PT_INTERP and DT_NEEDED, and #! lines: see elf_needs.h. */
#include "kernel/elf_needs.h"

#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static int tell_script(const char *line, size_t n, elf_needs_fn fn, void *ctx)
{
	char name[PATH_MAX];
	size_t from = 2, to;

	while (from < n && (line[from] == ' ' || line[from] == '\t'))
		from++;
	for (to = from; to < n && !strchr(" \t\n", line[to]);) /* NUL, too */
		to++;
	if (to == from || to - from >= sizeof(name))
		return 0;
	memcpy(name, line + from, to - from);
	name[to - from] = '\0';
	return fn(ctx, name);
}

static int tell_interpreter(Elf *elf, elf_needs_fn fn, void *ctx)
{
	size_t n, size;
	const char *file = elf_rawfile(elf, &size);
	GElf_Phdr header;

	if (!file || elf_getphdrnum(elf, &n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_INTERP)
			continue;
		if (header.p_offset >= size || header.p_filesz > size - header.p_offset ||
		    !memchr(file + header.p_offset, '\0', header.p_filesz))
			return 0;
		return fn(ctx, file + header.p_offset);
	}
	return 0;
}

static int tell_needed(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, elf_needs_fn fn, void *ctx)
{
	Elf_Data *data = elf_getdata(section, NULL);
	int err = 0;

	for (int i = 0; data && !err; i++) {
		GElf_Dyn entry;
		const char *name;

		if (!gelf_getdyn(data, i, &entry) || entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag != DT_NEEDED)
			continue;
		name = elf_strptr(elf, header->sh_link, entry.d_un.d_val);
		if (name)
			err = fn(ctx, name);
	}
	return err;
}

static int tell_elf(int fd, elf_needs_fn fn, void *ctx)
{
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	Elf_Scn *section = NULL;
	int err;

	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		return 0;
	}
	err = tell_interpreter(elf, fn, ctx);
	while (!err && (section = elf_nextscn(elf, section))) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header) && header.sh_type == SHT_DYNAMIC)
			err = tell_needed(elf, section, &header, fn, ctx);
	}
	elf_end(elf);
	return err;
}

int elf_needs(const char *path, elf_needs_fn fn, void *ctx)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err = 0;
	char start[256];
	ssize_t n = fd < 0 ? 0 : pread(fd, start, sizeof(start), 0);

	if (n > 2 && start[0] == '#' && start[1] == '!')
		err = tell_script(start, (size_t)n, fn, ctx);
	else if (n > 4 && !memcmp(start, ELFMAG, SELFMAG))
		err = tell_elf(fd, fn, ctx);
	if (fd >= 0)
		close(fd);
	return err;
}
