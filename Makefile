# SPDX-License-Identifier: Apache-2.0
# make [V=1] [O=DIR]        munimentd and muniment in DIR (build)
# make check                unit tests under ASan and UBSan, no root
# make test                 everything: scripts/test
# make ordinary             services at their ordinary work, on every kernel: tests/ordinary
# make evasion              tests/evasion on every kernel, and its table
# make demo | bench | lint | fuzz | crash | install DESTDIR=

O        ?= build
CC       ?= cc
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX   ?= /usr
VERSION  := 0.1.0

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-7s %s\n' $(1) $(2))

CPPFLAGS += -D_GNU_SOURCE -DMUNIMENT_VERSION='"$(VERSION)"' -Iuserspace -I. -I$(O)
WARNINGS := -Wall -Wextra -Wshadow -Werror
CFLAGS   ?= -O2 -g
CFLAGS   += -std=gnu11 $(WARNINGS) -fstack-protector-strong -MMD -MP
LDLIBS   := -lbpf -lelf -lz -lcrypto -lyaml -ljansson -lseccomp -lcap -lmaxminddb -lpthread

FOLDERS  := base policy ledger kernel pipeline report daemon cli
SOURCES  := $(foreach f,$(FOLDERS),$(wildcard userspace/$(f)/*.c))
ENTRIES  := userspace/daemon/main.c userspace/cli/main.c
LIBRARY  := $(filter-out $(ENTRIES),$(SOURCES))
# Unit tests link what needs no BPF object, so that they run without root and without a skeleton.
TESTABLE := $(filter-out $(shell grep -l '"muniment.skel.h"' userspace/*/*.c),$(LIBRARY))

all: $(O)/munimentd $(O)/muniment

$(O)/muniment.bpf.o: bpf/muniment.bpf.c $(wildcard bpf/*.h) Makefile
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -mcpu=v3 -O2 -g $(WARNINGS) -Wno-unused-parameter -D__TARGET_ARCH_x86 -I. -I/usr/include/$(shell uname -m)-linux-gnu -c $< -o $@
	$(Q)llvm-strip -g $@ 2>/dev/null || llvm-strip-14 -g $@

$(O)/muniment.skel.h: $(O)/muniment.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name muniment_bpf > $@.tmp && mv $@.tmp $@

$(O)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

objects = $(patsubst %.c,$(O)/obj/%.o,$(1))
$(call objects,$(wildcard userspace/kernel/*.c userspace/daemon/*.c)): | $(O)/muniment.skel.h

$(O)/libmuniment.a: $(call objects,$(LIBRARY))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/munimentd: $(O)/obj/userspace/daemon/main.o $(O)/libmuniment.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(O)/muniment: $(O)/obj/userspace/cli/main.o $(O)/libmuniment.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

# --- unit tests: each tests/unit/*.c is a program of its own, built with the sanitizers ---------------------------------
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 -g
UNITS    := $(patsubst tests/unit/%.c,$(O)/unit/%,$(wildcard tests/unit/*.c))

$(O)/asan/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -c $< -o $@

$(O)/asan/libmuniment.a: $(patsubst %.c,$(O)/asan/%.o,$(TESTABLE))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/unit/%: tests/unit/%.c $(O)/asan/libmuniment.a
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) $(SANITIZE) $< $(O)/asan/libmuniment.a $(LDLIBS) -lssl -lcmocka -o $@

.SECONDARY:
units: $(UNITS)

check: units
	$(Q)scripts/check $(UNITS)

# --- fuzzers: each tests/fuzz/fuzz_*.c; clang's libFuzzer -------------------------------------------------------------------
FUZZERS := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 600

$(O)/fuzzobj/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu11 -MMD -MP -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -c $< -o $@

$(O)/fuzzobj/libmuniment.a: $(patsubst %.c,$(O)/fuzzobj/%.o,$(TESTABLE))
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/fuzz/%: tests/fuzz/%.c $(O)/fuzzobj/libmuniment.a
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined $< $(O)/fuzzobj/libmuniment.a $(LDLIBS) -o $@

fuzz: $(FUZZERS)
	$(Q)scripts/fuzz $(FUZZ_SECONDS) $(FUZZERS)

fuzz-smoke: $(FUZZERS)
	$(Q)scripts/fuzz 15 $(FUZZERS)

# --- what the guest tests run beside the programs themselves ------------------------------------------------------------
HELPERS := $(patsubst tests/guest/%.c,$(O)/guest/%,$(wildcard tests/guest/*.c))

$(O)/guest/%: tests/guest/%.c
	$(call say,HELPER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $< -luring -lbpf -o $@

# The evasion suite's, and two of the native tests' that it uses.
EVADERS := $(O)/evasion/evade $(O)/evasion/share $(O)/evasion/int80

$(O)/evasion/%: tests/evasion/%.c
	$(call say,HELPER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $< -luring -lpthread -o $@

$(O)/evasion/%: tests/native/%.c
	$(call say,HELPER,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -U_GNU_SOURCE $(CFLAGS) $< -o $@

helpers: $(HELPERS) $(EVADERS)

# --- the rest ---------------------------------------------------------------------------------------------------------------
BENCHES := $(patsubst tests/bench/%.c,$(O)/bench/%,$(wildcard tests/bench/*.c))

$(O)/bench/%: tests/bench/%.c $(O)/libmuniment.a
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $< $(O)/libmuniment.a $(LDLIBS) -o $@

benches: $(BENCHES)

bench: all benches
	$(Q)scripts/bench

test:
	$(Q)scripts/test

# kill -9 at CRASH_ROUNDS random moments, on CRASH_KERNEL with CRASH_MECHANISM: 6 to 14 s each with two guests on two
# cores. Each round verifies the ledger from its start; the pause in seconds between two opens keeps it at about 1,000
# entries a round.
CRASH_ROUNDS ?= 200
CRASH_KERNEL ?= 6.12
CRASH_MECHANISM ?= lsm
CRASH_PAUSE ?= 0.02

crash: all helpers
	$(Q)scripts/guest $(CRASH_KERNEL) $(if $(filter lsm,$(CRASH_MECHANISM)),,--lsm lockdown,yama,apparmor) --mem 3072M \
		--timeout $$(($(CRASH_ROUNDS) * 60 + 600)) --env MECHANISM=$(CRASH_MECHANISM) --env PAUSE=$(CRASH_PAUSE) \
		--env TREE=$(CURDIR) --env BUILD=$(CURDIR)/$(O) --env CASE_DIR=/tmp/crash -- \
		sh -c 'mkdir /tmp/crash && tests/crash/crash.sh $(CRASH_ROUNDS)'

# An hour of work, kills, stops, upgrades and reloads in a guest: SOAK_KERNEL, SOAK_MECHANISM, SOAK_SECONDS.
SOAK_KERNEL ?= 6.12
SOAK_MECHANISM ?= lsm
SOAK_SECONDS ?= 3600

soak: all helpers
	$(Q)scripts/guest $(SOAK_KERNEL) $(if $(filter lsm,$(SOAK_MECHANISM)),,--lsm lockdown,yama,apparmor) --mem 3072M \
		--timeout $$(($(SOAK_SECONDS) * 2 + 900)) --env MECHANISM=$(SOAK_MECHANISM) \
		--env TREE=$(CURDIR) --env BUILD=$(CURDIR)/$(O) --env CASE_DIR=/tmp/soak -- \
		sh -c 'mkdir /tmp/soak && tests/crash/soak.sh $(SOAK_SECONDS)'

# The evasion suite on every kernel and mechanism, an hour, and the table of what became of each attack.
EVASIONS := 6.1-lsm 6.12-lsm sid-lsm 6.12-fmod_ret native-tracing

evasion: all helpers
	$(Q)for run in $(EVASIONS); do scripts/test evasion $${run%-*} $${run#*-} || bad=1; done; \
		awk -f tests/evasion/results.awk $(EVASIONS:%=$(O)/test/evasion/%/results.tsv) >tests/evasion/RESULTS.md && [ -z "$$bad" ]

# Real services at their ordinary work, without a denial: tests/ordinary on every kernel.
ordinary:
	$(Q)scripts/test ordinary

demo:
	$(Q)scripts/demo

lint:
	$(Q)scripts/lint

install: all
	install -D -m 0755 $(O)/munimentd $(DESTDIR)$(PREFIX)/sbin/munimentd
	install -D -m 0755 $(O)/muniment $(DESTDIR)$(PREFIX)/bin/muniment
	for p in userspace/man/*.[1-8]; do \
		install -D -m 0644 $$p $(DESTDIR)$(PREFIX)/share/man/man$${p##*.}/$$(basename $$p) || exit 1; done
	install -d -m 0755 $(DESTDIR)/etc/muniment/policy.d
	install -d -m 0700 $(DESTDIR)/var/lib/muniment
	for p in policies/*.yaml policies/*.json; do \
		[ ! -e $$p ] || install -D -m 0644 $$p $(DESTDIR)$(PREFIX)/share/muniment/policies/$$(basename $$p) || exit 1; done
	[ ! -e scripts/munimentd.service ] || \
		install -D -m 0644 scripts/munimentd.service $(DESTDIR)/lib/systemd/system/munimentd.service

clean:
	rm -rf $(O)

-include $(shell [ -d $(O) ] && find $(O) -type f -name '*.d')

.PHONY: soak all units check fuzz fuzz-smoke helpers benches bench test crash ordinary evasion demo lint install clean
.DELETE_ON_ERROR:
