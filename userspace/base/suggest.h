/* SPDX-License-Identifier: Apache-2.0 */
/* The nearest valid word for a mistyped one, for messages of the form "did you mean …?". */
#ifndef MUNIMENT_BASE_SUGGEST_H
#define MUNIMENT_BASE_SUGGEST_H

#include <stddef.h>

/*
 * Returns the word of words[0..n) with the least optimal-string-alignment distance to typed, if that distance
 * is at most a third of the longer one's length (at least 1), else NULL. Words over 63 bytes are passed over.
 * The result is one of words.
 */
const char *suggest_nearest(const char *typed, const char *const *words, size_t n);

#endif
