/* SPDX-License-Identifier: MIT */
#include "compat.h"

int lsof_main(int argc, char **argv)
{
	(void)argc;
	compat_complain(argv[0], "this version does not stand in for lsof");
	return COMPAT_REFUSED;
}
