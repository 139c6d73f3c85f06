/* SPDX-License-Identifier: MIT */
#include "compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "escape.h"

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
