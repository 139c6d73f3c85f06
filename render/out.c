/* SPDX-License-Identifier: MIT */
#include "out.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "text.h"

#define FILE_BUFFER   ((size_t)64 * 1024)
#define MEMORY_BUFFER ((size_t)256)

void out_init(struct out *out, int fd)
{
	*out = (struct out){ .fd = fd };
}

void out_fini(struct out *out)
{
	free(out->bytes);
	out->bytes = NULL;
	out->n = out->capacity = 0;
}

static void fail(struct out *out, int error)
{
	if (!out->error)
		out->error = error;
}

static void write_all(struct out *out, const char *bytes, size_t n)
{
	while (n && !out->error) {
		ssize_t written = write(out->fd, bytes, n);

		if (written >= 0) {
			bytes += written;
			n -= (size_t)written;
		} else if (errno == EAGAIN) {
			/* Someone who shares the descriptor made it non-blocking. */
			struct pollfd wait = { .fd = out->fd, .events = POLLOUT };

			if (poll(&wait, 1, -1) < 0 && errno != EINTR)
				fail(out, -errno);
		} else if (errno != EINTR) {
			fail(out, -errno);
		}
	}
}

int out_flush(struct out *out)
{
	if (out->fd >= 0) {
		write_all(out, out->bytes, out->n);
		out->n = 0;
	}
	return out->error;
}

/* Makes room in memory for n more; what does not fit is dropped, with an error that stays. */
static int grow(struct out *out, size_t n)
{
	size_t capacity = out->capacity ? out->capacity : MEMORY_BUFFER;
	char *bytes;

	if (out->fd >= 0)
		capacity = FILE_BUFFER;
	while (capacity - out->n < n)
		capacity *= 2;
	bytes = realloc(out->bytes, capacity);
	if (!bytes) {
		fail(out, -ENOMEM);
		return -ENOMEM;
	}
	out->bytes = bytes;
	out->capacity = capacity;
	return 0;
}

void out_bytes_slowly(struct out *out, const char *bytes, size_t n)
{
	if (out->fd >= 0 && out->bytes)
		out_flush(out);
	if (out->fd >= 0 && n >= FILE_BUFFER) {
		write_all(out, bytes, n);
		return;
	}
	if (out->capacity - out->n < n && grow(out, n) < 0)
		return;
	memcpy(out->bytes + out->n, bytes, n);
	out->n += n;
}

char *out_begin_slowly(struct out *out, size_t n)
{
	if (out->fd >= 0 && out->bytes)
		out_flush(out);
	if (out->capacity - out->n < n && grow(out, n) < 0)
		return NULL;
	return out->bytes + out->n;
}

void out_pad(struct out *out, size_t n_blanks)
{
	char *to = out_begin(out, n_blanks);

	if (to)
		out_end(out, (char *)memset(to, ' ', n_blanks) + n_blanks);
}

void out_u64(struct out *out, uint64_t value)
{
	char *to = out_begin(out, TEXT_U64_SIZE);

	if (to)
		out_end(out, text_put_u64(to, value));
}

void out_hex(struct out *out, uint64_t value, unsigned int n_digits)
{
	char digits[16];

	for (unsigned int i = 0; i < n_digits; i++)
		digits[i] = "0123456789abcdef"[value >> 4 * (n_digits - 1 - i) & 0xf];
	out_bytes(out, digits, n_digits);
}
