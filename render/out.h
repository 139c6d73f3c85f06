/* SPDX-License-Identifier: MIT */
/* A writer with a buffer of its own: to a descriptor, or into memory. */
#ifndef OUT_H
#define OUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Writing goes on quietly after an error, which stays in `error`: look at it once, after
 * out_flush(). A reader that went away is -EPIPE (the program has to ignore or take SIGPIPE), a
 * full disk -ENOSPC, memory that ran out -ENOMEM.
 */
struct out {
	char *bytes;
	size_t n; /* bytes in the buffer */
	size_t capacity;
	int fd;    /* the caller's; -1: the bytes stay in memory, out_clear() drops them */
	int error; /* negative errno of what failed first, or 0 */
};

void out_init(struct out *out, int fd);
void out_fini(struct out *out);

/* Writes what is in the buffer. Returns out->error. */
int out_flush(struct out *out);

/* Memory: forgets the bytes, keeps the room. */
static inline void out_clear(struct out *out)
{
	out->n = 0;
}

/* What does not fit into the buffer. */
void out_bytes_slowly(struct out *out, const char *bytes, size_t n);

static inline void out_bytes(struct out *out, const char *bytes, size_t n)
{
	if (n > out->capacity - out->n) {
		out_bytes_slowly(out, bytes, n);
	} else if (n) {
		memcpy(out->bytes + out->n, bytes, n);
		out->n += n;
	}
}

static inline void out_char(struct out *out, char c)
{
	if (out->n < out->capacity)
		out->bytes[out->n++] = c;
	else
		out_bytes_slowly(out, &c, 1);
}

/* Room for n bytes at the end, to be written there and told to out_end(); NULL: there is none. */
char *out_begin_slowly(struct out *out, size_t n);

static inline char *out_begin(struct out *out, size_t n)
{
	return n > out->capacity - out->n ? out_begin_slowly(out, n) : out->bytes + out->n;
}

static inline void out_end(struct out *out, const char *end)
{
	out->n = (size_t)(end - out->bytes);
}

void out_pad(struct out *out, size_t n_blanks);
void out_u64(struct out *out, uint64_t value);
/* Exactly that many hexadecimal digits, 16 at most, in lower case. */
void out_hex(struct out *out, uint64_t value, unsigned int n_digits);

static inline void out_text(struct out *out, const char *text)
{
	out_bytes(out, text, strlen(text));
}

#endif
