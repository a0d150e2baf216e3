// SPDX-License-Identifier: Apache-2.0
/* The Merkle tree against known roots, against RFC 6962's recursive definition written out anew, and against
 * tampering. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/b64.h"
#include "ledger/tree.h"

#define N 70

/* The leaves and roots of the Certificate Transparency test tree. */
static const struct {
	const char *leaf;
	const char *root;
} known[] = {
	{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
	{"\x00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
	{"\x10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
	{"\x20\x21", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	{"\x30\x31", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
	{"\x40\x41\x42\x43", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
	{"\x50\x51\x52\x53\x54\x55\x56\x57",
	 "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
	{"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
	 "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

static size_t known_length(size_t i)
{
	return i == 1 ? 1 : strlen(known[i].leaf);
}

static void assert_hex(const struct tree_hash *h, const char *expected)
{
	char hex[HEX_SIZE(TREE_HASH_SIZE)];

	hex_encode(h->bytes, TREE_HASH_SIZE, hex);
	assert_string_equal(hex, expected);
}

static void test_known_roots(void **state)
{
	struct tree_frontier f = {0};
	struct tree_hash h;

	(void)state;
	tree_frontier_root(&f, &h);
	assert_hex(&h, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		tree_leaf(known[i].leaf, known_length(i), &h);
		tree_frontier_add(&f, 0, &h);
		tree_frontier_root(&f, &h);
		assert_int_equal(f.size, i + 1);
		assert_hex(&h, known[i].root);
	}
}

/* RFC 6962, 2.1, to the letter and with another of OpenSSL's interfaces. */
static struct tree_hash leaves[N];

static void sha256(const void *bytes, size_t n, struct tree_hash *out)
{
	unsigned len = 0;

	assert_int_equal(EVP_Digest(bytes, n, out->bytes, &len, EVP_sha256(), NULL), 1);
}

static void mth(unsigned lo, unsigned hi, struct tree_hash *out)
{
	uint8_t both[65] = {1};
	struct tree_hash l, r;
	unsigned k = 1;

	if (hi - lo == 1) {
		*out = leaves[lo];
		return;
	}
	if (hi == lo) {
		sha256("", 0, out);
		return;
	}
	while (2 * k < hi - lo)
		k *= 2;
	mth(lo, lo + k, &l);
	mth(lo + k, hi, &r);
	memcpy(both + 1, l.bytes, 32);
	memcpy(both + 33, r.bytes, 32);
	sha256(both, sizeof(both), out);
}

static int node(void *ctx, unsigned level, uint64_t index, struct tree_hash *out)
{
	unsigned size = *(unsigned *)ctx;

	/* A prover may only ask for full subtrees of its tree. */
	if ((index + 1) << level > size)
		return -ERANGE;
	mth((unsigned)(index << level), (unsigned)((index + 1) << level), out);
	return 0;
}

static int make_leaves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N; i++) {
		uint8_t entry[2] = {0, (uint8_t)i};

		sha256(entry, 2, &leaves[i]);
	}
	return 0;
}

static void test_frontier_is_mth(void **state)
{
	struct tree_frontier f = {0};
	struct tree_hash got, want;

	(void)state;
	for (unsigned n = 0; n < N; n++) {
		tree_frontier_root(&f, &got);
		mth(0, n, &want);
		assert_memory_equal(&got, &want, sizeof(got));
		tree_frontier_add(&f, 0, &leaves[n]);
	}
}

static void test_frontier_takes_subtrees(void **state)
{
	struct tree_frontier f = {0};
	struct tree_hash h, want;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		mth(16 * i, 16 * i + 16, &h);
		tree_frontier_add(&f, 4, &h);
	}
	for (unsigned i = 48; i < 53; i++)
		tree_frontier_add(&f, 0, &leaves[i]);
	tree_frontier_root(&f, &h);
	mth(0, 53, &want);
	assert_memory_equal(&h, &want, sizeof(h));
}

static void test_inclusion(void **state)
{
	(void)state;
	for (unsigned size = 1; size < N; size++) {
		struct tree_source s = {node, &size};
		struct tree_hash root;

		mth(0, size, &root);
		for (unsigned i = 0; i < size; i++) {
			struct tree_proof p;

			assert_int_equal(tree_prove_inclusion(&s, i, size, &p), 0);
			assert_int_equal(tree_verify_inclusion(&p, i, size, &leaves[i], &root), 0);
			/* Another index, leaf, root or size: the proof must fail. */
			assert_int_equal(tree_verify_inclusion(&p, i, size, &leaves[(i + 1) % N], &root),
					 -EBADMSG);
			assert_int_equal(tree_verify_inclusion(&p, i, size, &leaves[i], &leaves[N - 1]),
					 -EBADMSG);
			if (size > 1)
				assert_int_equal(
					tree_verify_inclusion(&p, (i + 1) % size, size, &leaves[i], &root),
					-EBADMSG);
			assert_int_equal(tree_verify_inclusion(&p, size, size, &leaves[i], &root), -EBADMSG);
		}
		assert_int_equal(tree_prove_inclusion(&s, size, size, &(struct tree_proof){0}), -EINVAL);
	}
}

static void test_known_inclusion(void **state)
{
	static const char *const path[] = {
		"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
		"b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"};
	unsigned size = 7;
	struct tree_source s = {node, &size};
	struct tree_proof p;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		tree_leaf(known[i].leaf, known_length(i), &leaves[i]);
	assert_int_equal(tree_prove_inclusion(&s, 5, 7, &p), 0);
	assert_int_equal(p.n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_hex(&p.hashes[i], path[i]);
	make_leaves(NULL);
}

static void test_consistency(void **state)
{
	(void)state;
	for (unsigned size = 0; size < N; size++) {
		struct tree_source s = {node, &size};
		struct tree_hash root;

		mth(0, size, &root);
		for (unsigned old = 0; old <= size; old++) {
			struct tree_hash old_root, wrong;
			struct tree_proof p;

			mth(0, old, &old_root);
			assert_int_equal(tree_prove_consistency(&s, old, size, &p), 0);
			assert_int_equal(tree_verify_consistency(&p, old, size, &old_root, &root), 0);
			wrong = old_root;
			wrong.bytes[31] ^= 1;
			assert_int_equal(tree_verify_consistency(&p, old, size, &wrong, &root), -EBADMSG);
			wrong = root;
			wrong.bytes[0] ^= 1;
			if (old)
				assert_int_equal(tree_verify_consistency(&p, old, size, &old_root, &wrong),
						 -EBADMSG);
		}
		assert_int_equal(tree_prove_consistency(&s, size + 1, size, &(struct tree_proof){0}),
				 -EINVAL);
	}
}

static void test_altered_proofs(void **state)
{
	unsigned size = 61;
	struct tree_source s = {node, &size};
	struct tree_hash root, old_root;
	struct tree_proof p, bad;

	(void)state;
	mth(0, 61, &root);
	mth(0, 23, &old_root);
	assert_int_equal(tree_prove_inclusion(&s, 30, 61, &p), 0);
	for (unsigned i = 0; i < p.n; i++) {
		bad = p;
		bad.hashes[i].bytes[i] ^= 0x40;
		assert_int_equal(tree_verify_inclusion(&bad, 30, 61, &leaves[30], &root), -EBADMSG);
	}
	bad = p;
	bad.n--;
	assert_int_equal(tree_verify_inclusion(&bad, 30, 61, &leaves[30], &root), -EBADMSG);
	bad.n += 2;
	assert_int_equal(tree_verify_inclusion(&bad, 30, 61, &leaves[30], &root), -EBADMSG);
	assert_int_equal(tree_prove_consistency(&s, 23, 61, &p), 0);
	for (unsigned i = 0; i < p.n; i++) {
		bad = p;
		bad.hashes[i].bytes[i] ^= 0x40;
		assert_int_equal(tree_verify_consistency(&bad, 23, 61, &old_root, &root), -EBADMSG);
	}
	bad = p;
	bad.n--;
	assert_int_equal(tree_verify_consistency(&bad, 23, 61, &old_root, &root), -EBADMSG);
	bad.n = 0;
	assert_int_equal(tree_verify_consistency(&bad, 23, 61, &old_root, &root), -EBADMSG);
	bad.n = TREE_PROOF_MAX + 1;
	assert_int_equal(tree_verify_consistency(&bad, 23, 61, &old_root, &root), -EBADMSG);
	assert_int_equal(tree_verify_inclusion(&bad, 30, 61, &leaves[30], &root), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_roots),
		cmocka_unit_test(test_frontier_is_mth),
		cmocka_unit_test(test_frontier_takes_subtrees),
		cmocka_unit_test(test_inclusion),
		cmocka_unit_test(test_known_inclusion),
		cmocka_unit_test(test_consistency),
		cmocka_unit_test(test_altered_proofs),
	};

	return cmocka_run_group_tests(tests, make_leaves, NULL);
}
