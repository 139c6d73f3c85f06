/* SPDX-License-Identifier: MIT */
#include "rules.h"

int xt_decode(struct ruleset *ruleset, const char *name, uint8_t revision, bool is_target,
	      uint8_t family, const void *blob, uint32_t length, struct xt *ret)
{
	(void)ruleset;
	(void)name;
	(void)revision;
	(void)is_target;
	(void)family;
	(void)blob;
	(void)length;
	ret->kind = XT_UNKNOWN;
	return 0;
}
