/* SPDX-License-Identifier: MIT */
/* What the readers of selectors share. */
#ifndef SELECT_PARSE_H
#define SELECT_PARSE_H

#include "select.h"

struct reader {
	struct hark_selection *selection;
	struct hark_error *reterr; /* NULL: nobody wants to know */
};

/* Returns -EINVAL. */
int reader_complain(struct reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * The others add a term, or two, and return 1; or 0 when the text is nothing of theirs; or a
 * negative errno, *reterr being filled.
 */
int reader_add(struct reader *reader, const struct term *term);

/* "10.0.0.7", "10.0.0.0/8", "fe80::1%eth0", "localhost"; with ports: "10.0.0.7:80", "[::1]:80". */
int reader_address(struct reader *reader, const char *text);

/*
 * Ports behind ':', or in an item of their own, into term->ports: "80", "8000-8999", and with a
 * protocol "80/tcp"; where `takes_names`, those of services too. Adds nothing.
 */
int reader_ports(struct reader *reader, const char *text, bool takes_names, struct term *term);
int reader_no_port(struct reader *reader, const char *text);

#endif
