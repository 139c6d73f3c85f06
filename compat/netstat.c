/* SPDX-License-Identifier: MIT */
#include "compat.h"

int netstat_main(int argc, char **argv)
{
	(void)argc;
	compat_complain(argv[0], "this version does not stand in for netstat");
	return COMPAT_REFUSED;
}
