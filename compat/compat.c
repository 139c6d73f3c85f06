/* SPDX-License-Identifier: MIT */
#include "compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	struct out out;
	char *text;
	va_list args;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		return;
	out_init(&out, STDERR_FILENO);
	escape_text(&out, ESCAPE_UTF8, name);
	out_text(&out, ": ");
	escape_bytes(&out, ESCAPE_UTF8, text, (size_t)length);
	out_char(&out, '\n');
	out_flush(&out);
	out_fini(&out);
	free(text);
}
