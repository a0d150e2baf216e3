// SPDX-License-Identifier: Apache-2.0
/* The signer's process and the keeper's end of its socket: see signer.h. */
#include "daemon/signer.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "daemon/privileges.h"

#define MESSAGE_MAX 4096
#define ANSWER_MS   10000
#define NOBODY	    65534

/* Fills the process with nothing but the key: no dumps, no tracing, no swap, no user, no files. */
static int confine(int fd)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	/* Best effort: without the privilege, a limit on locked memory may stand in the way. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_debug("signer: memory is not locked: %s", strerror(errno));
	if (close_range(3, (unsigned)fd - 1, 0) && fd > 3)
		return -errno;
	if (close_range((unsigned)fd + 1, ~0u, 0))
		return -errno;
	/* Where the keeper itself may not change users, the filter and the empty sets have to do. */
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))) {
		if (errno != EPERM)
			return -errno;
		log_warn("signer: cannot change to an unprivileged user");
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return privileges_drop_all();
}

/* Dies with the keeper, which may have died before this was said. A change of user clears both settings. */
static int bind_to(pid_t keeper)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	return getppid() == keeper ? 0 : -ESRCH;
}

static int allow_only_signing(void)
{
	/* What OpenSSL and the allocator need after the key is loaded, and the socket. Anything else kills.
	 */
	static const int allowed[] = {
		SCMP_SYS(read),	     SCMP_SYS(write),	      SCMP_SYS(recvfrom),
		SCMP_SYS(sendto),    SCMP_SYS(exit),	      SCMP_SYS(exit_group),
		SCMP_SYS(brk),	     SCMP_SYS(mmap),	      SCMP_SYS(munmap),
		SCMP_SYS(mremap),    SCMP_SYS(madvise),	      SCMP_SYS(futex),
		SCMP_SYS(getrandom), SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask),
		SCMP_SYS(getpid),    SCMP_SYS(clock_gettime), SCMP_SYS(restart_syscall),
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

static void serve(int fd, struct signer_key *key)
{
	char request[MESSAGE_MAX], answer[MESSAGE_MAX];
	ssize_t n;

	for (;;) {
		n = read(fd, request, sizeof(request));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* the keeper is gone */
		n = (ssize_t)signer_answer(key, request, (size_t)n, answer, sizeof(answer));
		if (write(fd, answer, (size_t)n) != n)
			return;
	}
}

/* The whole life of the signer. Its first message is 'S' and the verifier key, or 'E' and why there is none.
 */
static int signer_main(int fd, pid_t keeper, const char *path)
{
	char hello[MESSAGE_MAX] = "E";
	struct signer_key *key = NULL;
	struct buf line = {0};
	int err;

	prctl(PR_SET_NAME, "muniment-signer");
	if (bind_to(keeper))
		return 1;
	signal(SIGTERM, SIG_IGN); /* the keeper ends first, and still needs signatures for that */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	err = signer_key_read(path, &key, hello + 1, sizeof(hello) - 1);
	if (!err) {
		note_verifier_format(signer_key_verifier(key), &line);
		memory_give_back(); /* reading a key runs much that signing does not */
		err = confine(fd);
		if (!err)
			err = bind_to(keeper);
		if (!err)
			err = allow_only_signing();
		if (err)
			snprintf(hello + 1, sizeof(hello) - 1, "the signer cannot be confined: %s",
				 strerror(-err));
		else
			snprintf(hello, sizeof(hello), "S%s", line.data);
	}
	if (write(fd, hello, strlen(hello)) < 0 || err)
		return 1;
	serve(fd, key);
	return 0;
}

/* One message, waiting at most ANSWER_MS. Its length or -errno; NUL-terminated. */
static ssize_t receive(int fd, char *text, size_t size)
{
	struct pollfd p = {fd, POLLIN, 0};
	ssize_t n;
	int ready;

	do
		ready = poll(&p, 1, ANSWER_MS);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return ready ? -errno : -ETIMEDOUT;
	n = read(fd, text, size - 1);
	if (n <= 0)
		return n && errno != ECONNRESET ? -errno : -EPIPE;
	text[n] = '\0';
	return n;
}

int signer_start(const char *path, struct signer *ret_signer)
{
	char hello[MESSAGE_MAX];
	struct signer s = {.fd = -1};
	pid_t keeper = getpid();
	int pair[2], err;
	ssize_t n;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	s.pid = fork();
	if (s.pid < 0) {
		err = -errno;
		close(pair[0]);
		close(pair[1]);
		return err;
	}
	if (s.pid == 0) {
		close(pair[0]);
		_exit(signer_main(pair[1], keeper, path));
	}
	close(pair[1]);
	s.fd = pair[0];
	n = receive(s.fd, hello, sizeof(hello));
	if (n > 0 && hello[0] == 'S' && !note_verifier_parse(hello + 1, &s.verifier)) {
		*ret_signer = s;
		return 0;
	}
	log_error("signer: %s", n > 1 ? hello + 1 : n < 0 ? strerror((int)-n) : "ended without a word");
	signer_stop(&s);
	return -EKEYREJECTED;
}

void signer_stop(struct signer *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	if (s->pid > 0) {
		/* It ends at the end of its input; a stopped one would keep us here. */
		kill(s->pid, SIGCONT);
		kill(s->pid, SIGKILL);
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	s->pid = 0;
}

int signer_sign(void *ctx, const char *text, size_t n, struct buf *signatures)
{
	struct signer *s = ctx;
	char answer[MESSAGE_MAX] = "";
	ssize_t got;

	if (send(s->fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
		return -EPIPE;
	got = receive(s->fd, answer, sizeof(answer));
	if (got < 0)
		return (int)got;
	if (answer[0] != 'S') {
		log_error("signer: %s", answer + 1);
		return -EKEYREJECTED;
	}
	buf_add(signatures, answer + 1, (size_t)got - 1);
	return signatures->failed ? -ENOMEM : 0;
}
