/* SPDX-License-Identifier: MIT */
#include "places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct hark_place *place_at(const struct place_index *index, uint32_t i)
{
	return &index->snapshot->places.items[i];
}

static int compare_by_addr(const void *left, const void *right, void *data)
{
	const struct hark_place *a = place_at(data, *(const uint32_t *)left);
	const struct hark_place *b = place_at(data, *(const uint32_t *)right);
	int order =
		memcmp(a->prefix.addr.bytes, b->prefix.addr.bytes, sizeof(a->prefix.addr.bytes));

	return order ? order : (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

static int compare_by_device(const void *left, const void *right, void *data)
{
	const struct hark_place *a = place_at(data, *(const uint32_t *)left);
	const struct hark_place *b = place_at(data, *(const uint32_t *)right);

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return memcmp(a->prefix.addr.bytes, b->prefix.addr.bytes, sizeof(a->prefix.addr.bytes));
}

static int add_place(struct place_index *index, uint32_t i)
{
	const struct hark_place *place = place_at(index, i);
	uint32_t *slot;

	index->lacks_interfaces |= !place->ifindex;
	if (place->prefix.bits < 128) {
		slot = array_push(&index->prefixes);
		if (!slot)
			return -ENOMEM;
		*slot = i;
		return 0;
	}
	slot = array_push(&index->by_addr);
	if (!slot)
		return -ENOMEM;
	*slot = i;
	slot = array_push(&index->by_device);
	if (!slot)
		return -ENOMEM;
	*slot = i;
	index->reaches.n[hark_addr_reach(&place->prefix.addr)]++;
	return 0;
}

/* Where the addresses could not be read, every address of the family is taken to be local. */
static int add_untold(struct place_index *index, struct hark_snapshot *snapshot, uint32_t netns,
		      enum hark_family family)
{
	static const uint8_t zero[16];
	struct hark_place *place = array_push(&snapshot->places);

	if (!place)
		return -ENOMEM;
	place->netns = netns;
	place->prefix.addr = family == HARK_FAMILY_INET ? hark_addr_from_ipv4(zero) :
							  hark_addr_from_ipv6(zero, 0);
	place->prefix.bits = family == HARK_FAMILY_INET ? 96 : 0;
	index->untold = true;
	return add_place(index, snapshot->places.n - 1);
}

static int group_by_device(struct place_index *index)
{
	struct place_device *device = NULL;

	for (uint32_t i = 0; i < index->by_device.n; i++) {
		const struct hark_place *place = place_at(index, index->by_device.items[i]);

		if (!device || device->ifindex != place->ifindex) {
			device = array_push(&index->devices);
			if (!device)
				return -ENOMEM;
			device->ifindex = place->ifindex;
			device->first = i;
		}
		device->n++;
		device->reaches.n[hark_addr_reach(&place->prefix.addr)]++;
	}
	return 0;
}

int place_index_init(struct place_index *index, struct hark_snapshot *snapshot, uint32_t netns,
		     enum hark_family family)
{
	const struct hark_namespace *namespace = &snapshot->namespaces.items[netns];
	int r = 0;

	*index = (struct place_index){ .snapshot = snapshot };
	if (namespace->places_presence != HARK_KNOWN)
		return add_untold(index, snapshot, netns, family);
	for (uint32_t i = 0; i < namespace->n_places && r == 0; i++) {
		uint32_t place = namespace->first_place + i;
		bool is_ipv4 = hark_addr_is_ipv4(&place_at(index, place)->prefix.addr);

		if (is_ipv4 == (family == HARK_FAMILY_INET))
			r = add_place(index, place);
	}
	if (r < 0 || index->by_addr.n == 0)
		return r;
	qsort_r(index->by_addr.items, index->by_addr.n, sizeof(uint32_t), compare_by_addr, index);
	qsort_r(index->by_device.items, index->by_device.n, sizeof(uint32_t), compare_by_device,
		index);
	return group_by_device(index);
}

void place_index_fini(struct place_index *index)
{
	array_fini(&index->by_addr);
	array_fini(&index->by_device);
	array_fini(&index->prefixes);
	array_fini(&index->devices);
}

uint32_t place_index_find(const struct place_index *index, const struct hark_addr *addr,
			  uint32_t *ret_first)
{
	uint32_t low = 0, high = index->by_addr.n, n = 0;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct hark_place *place = place_at(index, index->by_addr.items[middle]);

		if (memcmp(place->prefix.addr.bytes, addr->bytes, sizeof(addr->bytes)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_first = low;
	while (low + n < index->by_addr.n &&
	       !memcmp(place_at(index, index->by_addr.items[low + n])->prefix.addr.bytes,
		       addr->bytes, sizeof(addr->bytes)))
		n++;
	return n;
}

uint32_t place_index_find_prefix(const struct place_index *index, const struct hark_addr *addr)
{
	uint32_t best = HARK_NONE;

	for (uint32_t i = 0; i < index->prefixes.n; i++) {
		uint32_t place = index->prefixes.items[i];

		if (hark_prefix_contains(&place_at(index, place)->prefix, addr) &&
		    (best == HARK_NONE ||
		     place_at(index, place)->prefix.bits > place_at(index, best)->prefix.bits))
			best = place;
	}
	return best;
}

const struct place_device *place_index_device(const struct place_index *index, uint32_t ifindex)
{
	uint32_t low = 0, high = index->devices.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (index->devices.items[middle].ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->devices.n && index->devices.items[low].ifindex == ifindex ?
		       &index->devices.items[low] :
		       NULL;
}
