/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness and watchdog messages to the service manager (sd_notify(3)'s protocol). No state, no errors:
 * without a manager, nothing happens. */
#ifndef MUNIMENT_DAEMON_NOTIFY_H
#define MUNIMENT_DAEMON_NOTIFY_H

#include <stdint.h>

/* Sends lines such as "READY=1\nSTATUS=…" to $NOTIFY_SOCKET. */
void notify_send(const char *message);

/* "RELOADING=1" with the time stamp that Type=notify-reload asks for. */
void notify_reloading(void);

/* How often WATCHDOG=1 is expected, halved; 0: never. */
uint64_t notify_watchdog_ns(void);

#endif
