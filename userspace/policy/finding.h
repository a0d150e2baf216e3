/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a policy: a list of findings, each with its place, what was expected and the nearest
 * valid word.
 *
 * All findings are collected before any is shown. The ids are stable: tests, editors and `--json` readers
 * rely on them. The list owns its texts. Filled by the reader and the checker, shown by `muniment policy
 * check` and munimentd.
 */
#ifndef MUNIMENT_POLICY_FINDING_H
#define MUNIMENT_POLICY_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_severity { POLICY_SEVERITY_INVALID, POLICY_ERROR, POLICY_WARNING };

/* X(name, id, severity) */
#define POLICY_FINDINGS(X)                                                                                   \
	/* files */                                                                                          \
	X(FILE_UNREADABLE, "file-unreadable", ERROR)                                                         \
	X(FILE_TOO_LARGE, "file-too-large", ERROR)                                                           \
	X(FILE_NAME, "file-name", ERROR)                                                                     \
	X(FILE_IGNORED, "file-ignored", WARNING)                                                             \
	X(NO_FILES, "no-files", ERROR)                                                                       \
	/* YAML */                                                                                           \
	X(NOT_UTF8, "not-utf8", ERROR)                                                                       \
	X(YAML_SYNTAX, "yaml-syntax", ERROR)                                                                 \
	X(YAML_TAB, "yaml-tab", ERROR)                                                                       \
	X(YAML_TAG, "yaml-tag", ERROR)                                                                       \
	X(YAML_ALIAS, "yaml-alias", ERROR)                                                                   \
	X(YAML_BOOLEAN, "yaml-boolean", ERROR)                                                               \
	X(YAML_DOCUMENTS, "yaml-documents", ERROR)                                                           \
	X(YAML_DEPTH, "yaml-depth", ERROR)                                                                   \
	X(YAML_SIZE, "yaml-size", ERROR)                                                                     \
	/* structure */                                                                                      \
	X(DUPLICATE_KEY, "duplicate-key", ERROR)                                                             \
	X(UNKNOWN_KEY, "unknown-key", ERROR)                                                                 \
	X(MISSING_KEY, "missing-key", ERROR)                                                                 \
	X(NOT_ENFORCED, "not-enforced", ERROR)                                                               \
	X(WRONG_TYPE, "wrong-type", ERROR)                                                                   \
	X(WRONG_VERSION, "wrong-version", ERROR)                                                             \
	X(UNKNOWN_WORD, "unknown-word", ERROR)                                                               \
	X(UNKNOWN_ACCESS, "unknown-access", ERROR)                                                           \
	X(INVALID_NAME, "invalid-name", ERROR)                                                               \
	X(INVALID_VALUE, "invalid-value", ERROR)                                                             \
	X(EMPTY_LIST, "empty-list", ERROR)                                                                   \
	X(DUPLICATE_ITEM, "duplicate-item", ERROR)                                                           \
	X(ROLE_NO_CONDITION, "role-no-condition", ERROR)                                                     \
	/* across files and sections */                                                                      \
	X(DUPLICATE_NAME, "duplicate-name", ERROR)                                                           \
	X(DUPLICATE_GRANT, "duplicate-grant", ERROR)                                                         \
	X(UNKNOWN_ROLE, "unknown-role", ERROR)                                                               \
	X(UNKNOWN_STORE, "unknown-store", ERROR)                                                             \
	X(UNUSED_ROLE, "unused-role", WARNING)                                                               \
	X(UNUSED_STORE, "unused-store", WARNING)                                                             \
	X(AGREEMENT_EXPIRED, "agreement-expired", WARNING)                                                   \
	X(AGREEMENT_LOCAL, "agreement-local", WARNING)                                                       \
	X(REGION_TABLE, "region-table", ERROR)                                                               \
	X(REGION_EMPTY, "region-empty", WARNING)                                                             \
	X(COPIES_UNRESTRICTED, "copies-unrestricted", WARNING)                                               \
	X(LIMIT_EXCEEDED, "limit-exceeded", ERROR)                                                           \
	/* the host: paths */                                                                                \
	X(PATH_RELATIVE, "path-relative", ERROR)                                                             \
	X(PATH_MISSING, "path-missing", ERROR)                                                               \
	X(PATH_UNREADABLE, "path-unreadable", ERROR)                                                         \
	X(PATH_TYPE, "path-type", ERROR)                                                                     \
	X(STORE_SYSTEM, "store-system", ERROR)                                                               \
	X(STORE_PROTECTED, "store-protected", ERROR)                                                         \
	X(STORE_OVERLAP, "store-overlap", ERROR)                                                             \
	X(STORE_MOUNT, "store-mount", WARNING)                                                               \
	X(STORE_OVERLAY, "store-overlay", WARNING)                                                           \
	X(NO_RECORDS_OUTSIDE, "no-records-outside", ERROR)                                                   \
	X(NO_RECORDS_WRITTEN, "no-records-written", ERROR)                                                   \
	X(COPIES_IN_STORE, "copies-in-store", WARNING)                                                       \
	X(DECLASSIFY_IN_STORE, "declassify-in-store", WARNING)                                               \
	X(DECLASSIFY_ROOT, "declassify-root", ERROR)                                                         \
	/* the host: who */                                                                                  \
	X(UNKNOWN_USER, "unknown-user", ERROR)                                                               \
	X(UNKNOWN_GROUP, "unknown-group", ERROR)                                                             \
	X(LOOKUP_FAILED, "lookup-failed", ERROR)                                                             \
	X(GROUP_EMPTY, "group-empty", WARNING)                                                               \
	X(ROLE_NOBODY, "role-nobody", WARNING)                                                               \
	X(DUPLICATE_PROGRAM, "duplicate-program", ERROR)                                                     \
	X(NO_PACKAGES, "no-packages", ERROR)                                                                 \
	X(PROGRAM_DIGEST, "program-digest", WARNING)                                                         \
	X(PROGRAM_TYPE, "program-type", ERROR)                                                               \
	X(PROGRAM_SCRIPT, "program-script", WARNING)                                                         \
	X(PROGRAM_INTERPRETER, "program-interpreter", WARNING)                                               \
	X(PROGRAM_WRITABLE, "program-writable", WARNING)                                                     \
	X(LIBRARIES_NO_PROGRAMS, "libraries-no-programs", ERROR)                                             \
	X(LIBRARIES_LOADER, "libraries-loader", WARNING)

enum policy_finding_id {
	POLICY_FINDING_INVALID,
#define X(name, id, severity) POLICY_##name,
	POLICY_FINDINGS(X)
#undef X
		POLICY_FINDING_END
};

/* A place in a source. line 0: the whole file; file POLICY_NO_FILE: the policy as a whole. Lines and columns
 * count from 1. */
#define POLICY_NO_FILE UINT32_MAX
struct policy_place {
	uint32_t file; /* index into the policy's files */
	uint32_t line;
	uint32_t column; /* in characters */
};

struct policy_finding {
	enum policy_finding_id id;
	struct policy_place at;
	struct policy_place other; /* where the first one stands; file POLICY_NO_FILE when there is none */
	char *message;		   /* what is wrong */
	char *expected;		   /* what was expected, or NULL */
	char *suggestion;	   /* the nearest valid word, or NULL */
};

/* Beyond this many only the count goes on: nobody reads the thousandth error of a file that is not a policy.
 */
#define POLICY_FINDINGS_MAX 1000

struct policy_findings {
	struct policy_finding *items;
	size_t n;
	size_t cap;
	size_t errors; /* counts those that found no room too */
	size_t warnings;
	size_t dropped;
	bool failed; /* out of memory */
};

const char *policy_finding_id_text(enum policy_finding_id id);
enum policy_severity policy_finding_severity(enum policy_finding_id id);

/*
 * Adds a finding. Control characters in the text are shown as \xNN, long texts are cut: sources are not
 * trusted. Returns the new finding, or NULL when the list is full or memory is short; the setters below take
 * that NULL.
 */
struct policy_finding *finding_add(struct policy_findings *f, enum policy_finding_id id,
				   struct policy_place at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void finding_expect(struct policy_finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void finding_suggest(struct policy_finding *finding, const char *word);
void finding_other(struct policy_finding *finding, struct policy_place other);

/* Orders by file, line and column; those without a place come last. */
void findings_sort(struct policy_findings *f);

/* Releases the texts and the list, not the struct. */
void findings_free(struct policy_findings *f);

#endif
