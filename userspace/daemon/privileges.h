/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up what is not needed any more. Called once by each process. */
#ifndef MUNIMENT_DAEMON_PRIVILEGES_H
#define MUNIMENT_DAEMON_PRIVILEGES_H

/*
 * The keeper after loading: keeps CAP_BPF and CAP_PERFMON (reload fills maps and asks the kernel about
 * inodes), CAP_DAC_READ_SEARCH (stores and programs anywhere; cgroups by handle), CAP_SYS_PTRACE
 * (/proc/PID/exe of others), CAP_SYS_RESOURCE (the space kept for root on a full disk), of those it has. Sets
 * no_new_privs. Before any thread is made: each has capabilities of its own. 0 or -errno.
 */
int privileges_keep_needed(void);

/* No capability at all, in any set. 0 or -errno. */
int privileges_drop_all(void);

#endif
