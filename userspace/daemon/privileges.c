// SPDX-License-Identifier: Apache-2.0
/* Capabilities: see privileges.h. */
#include "daemon/privileges.h"

#include <errno.h>
#include <stddef.h>
#include <sys/capability.h>
#include <sys/prctl.h>

static int keep(const cap_value_t *wanted, int n)
{
	cap_t now = cap_get_proc(), next = cap_init();
	int err = now && next ? 0 : -ENOMEM;

	for (int i = 0; !err && i < n; i++) {
		cap_flag_value_t have = CAP_CLEAR;

		/* A kernel that does not know it says so here. */
		if (cap_get_flag(now, wanted[i], CAP_PERMITTED, &have) || have != CAP_SET)
			continue;
		if (cap_set_flag(next, CAP_PERMITTED, 1, &wanted[i], CAP_SET) ||
		    cap_set_flag(next, CAP_EFFECTIVE, 1, &wanted[i], CAP_SET))
			err = -errno;
	}
	/* The bounding set first: it takes CAP_SETPCAP, which goes with the rest. Without it, nothing is to
	 * be bounded. */
	for (cap_value_t cap = 0; !err && cap_get_bound(cap) >= 0; cap++) {
		if (cap_drop_bound(cap) && errno != EPERM)
			err = -errno;
	}
	if (!err && cap_set_proc(next))
		err = -errno;
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	cap_free(now);
	cap_free(next);
	return err;
}

int privileges_keep_needed(void)
{
	static const cap_value_t needed[] = {CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE,
					     CAP_SYS_RESOURCE};

	return keep(needed, sizeof(needed) / sizeof(needed[0]));
}

int privileges_drop_all(void)
{
	return keep(NULL, 0);
}
