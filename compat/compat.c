/* SPDX-License-Identifier: MIT */
#include "compat.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

enum hark_holders_way compat_holders_way(void)
{
	const char *way = getenv("HARK_HOLDERS");

	if (way && !strcmp(way, "proc"))
		return HARK_HOLDERS_PROC;
	return way && !strcmp(way, "bpf") ? HARK_HOLDERS_BPF : HARK_HOLDERS_AUTO;
}

void compat_complain(const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	escape_complaint(name, format, args);
	va_end(args);
}
