/* SPDX-License-Identifier: Apache-2.0 */
/* What an executable file names for the kernel and the dynamic loader to load beside it. */
#ifndef MUNIMENT_KERNEL_ELF_NEEDS_H
#define MUNIMENT_KERNEL_ELF_NEEDS_H

/*
 * Hands the path of its interpreter (of an ELF file, or by the #! line of a script) and the name of each library that it
 * needs to fn. What is no such file names nothing. 0 or fn's value.
 */
typedef int (*elf_needs_fn)(void *ctx, const char *name);
int elf_needs(const char *path, elf_needs_fn fn, void *ctx);

#endif
