// SPDX-License-Identifier: Apache-2.0
/* What entries tell of labels: the stores whose data a process may hold. See ocsf_state.h. */
#include "pipeline/ocsf_state.h"

#include "base/json.h"

void ocsf_add_label(struct buf *b, const char *key, uint64_t label, const struct policy_image *image)
{
	json_open(b, key, '[');
	for (unsigned bit = 0; bit < STORES_MAX; bit++) {
		if (!(label >> bit & 1))
			continue;
		if (image && image->labels[bit].name[0])
			json_str(b, NULL, image->labels[bit].name);
		else
			json_u64_str(b, NULL, bit);
	}
	json_close(b, ']');
}

/* The stores of the policy that a label stands for. */
static uint64_t stores_of(const struct policy_image *image, uint64_t label)
{
	uint64_t stores = 0;

	for (size_t i = 0; i < image->n_stores; i++)
		stores |= image->stores[i].rules.label & label ? 1ull << i : 0;
	return stores;
}

const struct image_compartment *ocsf_compartment(const struct record_access *a,
						 const struct policy_image *image)
{
	uint64_t held, wanted;

	if (a->reason != REASON_COMPARTMENT || a->store >= image->n_stores)
		return NULL;
	wanted = 1ull << a->store;
	held = stores_of(image, a->label) & ~wanted;
	for (size_t i = 0; i < image->n_compartments; i++)
		if (image->compartments[i].stores & wanted &&
		    (a->target_tgid || image->compartments[i].stores & held))
			return &image->compartments[i];
	return NULL;
}
