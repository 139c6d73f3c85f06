/* SPDX-License-Identifier: MIT */
/* What went wrong, for a person. */
#ifndef HARK_ERROR_H
#define HARK_ERROR_H

/*
 * Filled where a function that takes a `struct hark_error *` returns a negative errno. The storage
 * is the caller's; the text is one sentence without a final stop, and holds what the user wrote as
 * it was written: escape it before it reaches a terminal.
 */
struct hark_error {
	int error; /* negative errno, as returned */
	char text[240];
};

#endif
