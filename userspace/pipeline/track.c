// SPDX-License-Identifier: Apache-2.0
/* Account of record numbers per CPU: see track.h. */
#include "pipeline/track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hole {
	uint64_t first;
	uint64_t last;
	uint64_t since_ns;
};

struct cpu_track {
	uint64_t last;	/* highest number seen or expected */
	uint64_t floor; /* up to here, what is no hole stands in an earlier daemon's ledger */
	uint64_t own;	/* numbers without an entry by design */
	uint64_t told;	/* numbers in losses that were taken */
	unsigned n_holes;
	struct hole holes[TRACK_HOLES_MAX]; /* ascending */
	unsigned n_lost;
	struct track_loss lost[TRACK_HOLES_MAX]; /* closed before their time, for want of room */
};

struct track {
	unsigned cpus;
	struct cpu_track cpu[];
};

struct track *track_new(unsigned cpus)
{
	struct track *t;

	if (!cpus || cpus > TRACK_CPUS_MAX)
		return NULL;
	t = calloc(1, sizeof(*t) + cpus * sizeof(t->cpu[0]));
	if (t)
		t->cpus = cpus;
	return t;
}

void track_free(struct track *t)
{
	free(t);
}

static void hole_remove(struct cpu_track *c, unsigned i)
{
	memmove(&c->holes[i], &c->holes[i + 1], (c->n_holes - i - 1) * sizeof(c->holes[0]));
	c->n_holes--;
}

static void loss_add(struct cpu_track *c, uint32_t cpu, const struct hole *h)
{
	struct track_loss *l;

	/* Out of room even for losses: the last one stands for all up to here. Its count stays exact. */
	if (c->n_lost == TRACK_HOLES_MAX) {
		c->lost[c->n_lost - 1].count += h->last - h->first + 1;
		return;
	}
	l = &c->lost[c->n_lost++];
	l->cpu = cpu;
	l->first = h->first;
	l->count = h->last - h->first + 1;
}

static void hole_add(struct cpu_track *c, unsigned cpu, unsigned at, struct hole h)
{
	if (c->n_holes == TRACK_HOLES_MAX) {
		loss_add(c, cpu, &c->holes[0]);
		hole_remove(c, 0);
		at = at ? at - 1 : 0;
	}
	memmove(&c->holes[at + 1], &c->holes[at], (c->n_holes - at) * sizeof(c->holes[0]));
	c->holes[at] = h;
	c->n_holes++;
}

void track_expect(struct track *t, unsigned cpu, uint64_t upto, uint64_t now_ns)
{
	struct cpu_track *c = &t->cpu[cpu];

	if (upto <= c->last)
		return;
	hole_add(c, cpu, c->n_holes, (struct hole){c->last + 1, upto, now_ns});
	c->last = upto;
}

/* Takes the numbers first..last out of the holes; returns how many were in one. */
static uint64_t holes_fill(struct cpu_track *c, unsigned cpu, uint64_t first, uint64_t last)
{
	uint64_t filled = 0;

	for (unsigned i = c->n_holes; i-- > 0;) {
		struct hole *h = &c->holes[i];
		uint64_t from = first > h->first ? first : h->first, to = last < h->last ? last : h->last;
		struct hole upper = {to + 1, h->last, h->since_ns};

		if (from > to)
			continue;
		filled += to - from + 1;
		if (from == h->first && to == h->last) {
			hole_remove(c, i);
		} else if (from == h->first) {
			h->first = to + 1;
		} else {
			h->last = from - 1;
			if (upper.first <= upper.last)
				hole_add(c, cpu, i + 1, upper);
		}
	}
	return filled;
}

void track_settle(struct track *t, unsigned cpu, uint64_t first, uint64_t count, bool lost)
{
	uint64_t last = first + count - 1;

	if (cpu >= t->cpus || !first || !count || last < first)
		return;
	if (first > t->cpu[cpu].last + 1)
		track_expect(t, cpu, first - 1, 0);
	if (last > t->cpu[cpu].last)
		t->cpu[cpu].last = last;
	holes_fill(&t->cpu[cpu], cpu, first, last);
	if (lost)
		t->cpu[cpu].told += count;
}

void track_own(struct track *t, unsigned cpu)
{
	t->cpu[cpu].own++;
}

void track_numbers(const struct track *t, unsigned cpu, struct track_numbers *ret_numbers)
{
	const struct cpu_track *c = &t->cpu[cpu];

	*ret_numbers = (struct track_numbers){c->last, c->own, c->told};
}

void track_seal(struct track *t)
{
	for (unsigned cpu = 0; cpu < t->cpus; cpu++)
		t->cpu[cpu].floor = t->cpu[cpu].last;
}

enum track_verdict track_check(const struct track *t, unsigned cpu, uint64_t sequence)
{
	const struct cpu_track *c = &t->cpu[cpu];

	if (sequence > c->last)
		return TRACK_NEW;
	for (unsigned i = 0; i < c->n_holes; i++) {
		if (sequence >= c->holes[i].first && sequence <= c->holes[i].last)
			return TRACK_NEW;
	}
	return sequence <= c->floor ? TRACK_DUPLICATE : TRACK_LATE;
}

enum track_verdict track_see(struct track *t, unsigned cpu, uint64_t sequence, uint64_t now_ns)
{
	struct cpu_track *c = &t->cpu[cpu];

	enum track_verdict verdict = track_check(t, cpu, sequence);

	if (sequence > c->last) {
		track_expect(t, cpu, sequence - 1, now_ns);
		c->last = sequence;
	} else if (verdict == TRACK_NEW) {
		holes_fill(c, cpu, sequence, sequence);
	}
	return verdict;
}

size_t track_take_losses(struct track *t, uint64_t now_ns, bool all, struct track_loss *ret_losses,
			 size_t max)
{
	size_t n = 0;

	for (unsigned cpu = 0; cpu < t->cpus; cpu++) {
		struct cpu_track *c = &t->cpu[cpu];

		for (unsigned i = 0; i < c->n_holes;) {
			if (c->n_lost == TRACK_HOLES_MAX ||
			    (!all && now_ns - c->holes[i].since_ns < TRACK_WAIT_NS)) {
				i++;
				continue;
			}
			loss_add(c, cpu, &c->holes[i]);
			hole_remove(c, i);
		}
		while (c->n_lost && n < max) {
			ret_losses[n++] = c->lost[--c->n_lost];
			c->told += ret_losses[n - 1].count;
		}
	}
	return n;
}

void track_save(const struct track *t, struct buf *out)
{
	for (unsigned cpu = 0; cpu < t->cpus; cpu++) {
		const struct cpu_track *c = &t->cpu[cpu];

		if (!c->last)
			continue;
		buf_u64(out, cpu);
		buf_char(out, ' ');
		buf_u64(out, c->last);
		buf_char(out, ' ');
		buf_u64(out, c->own);
		buf_char(out, ' ');
		buf_u64(out, c->told);
		for (unsigned i = 0; i < c->n_holes; i++) {
			buf_char(out, i ? ',' : ' ');
			buf_u64(out, c->holes[i].first);
			buf_char(out, '-');
			buf_u64(out, c->holes[i].last);
		}
		buf_char(out, ';');
	}
}

/* Reads a number and moves on; false when there is none or it is too large. */
static bool read_number(const char **p, const char *end, uint64_t *ret_value)
{
	uint64_t v = 0;
	const char *start = *p;

	for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		if (v > (UINT64_MAX >> 1) / 10 - 1)
			return false;
		v = v * 10 + (uint64_t)(**p - '0');
	}
	*ret_value = v;
	return *p > start;
}

static bool read_char(const char **p, const char *end, char c)
{
	if (*p >= end || **p != c)
		return false;
	(*p)++;
	return true;
}

static bool read_holes(const char **p, const char *end, struct cpu_track *c)
{
	uint64_t below = 0;

	if (!read_char(p, end, ' '))
		return true;
	do {
		struct hole h = {0, 0, 0};

		if (c->n_holes == TRACK_HOLES_MAX || !read_number(p, end, &h.first) ||
		    !read_char(p, end, '-') || !read_number(p, end, &h.last))
			return false;
		if (h.first <= below || h.last < h.first || h.last > c->last)
			return false;
		below = h.last;
		c->holes[c->n_holes++] = h;
	} while (read_char(p, end, ','));
	return true;
}

static bool read_all(struct track *t, const char *text, size_t n)
{
	const char *p = text, *end = text + n;

	while (p < end) {
		struct cpu_track *c;
		uint64_t cpu;

		if (!read_number(&p, end, &cpu) || cpu >= t->cpus || !read_char(&p, end, ' '))
			return false;
		c = &t->cpu[cpu];
		if (c->last || !read_number(&p, end, &c->last) || !c->last || !read_char(&p, end, ' ') ||
		    !read_number(&p, end, &c->own) || !read_char(&p, end, ' ') ||
		    !read_number(&p, end, &c->told) || !read_holes(&p, end, c) || !read_char(&p, end, ';'))
			return false;
	}
	return true;
}

int track_restore(struct track *t, const char *text, size_t n)
{
	struct track *fresh = track_new(t->cpus);
	int err = 0;

	if (!fresh)
		return -ENOMEM;
	if (read_all(fresh, text, n))
		memcpy(t->cpu, fresh->cpu, t->cpus * sizeof(t->cpu[0]));
	else
		err = -EINVAL;
	track_free(fresh);
	return err;
}
