/* SPDX-License-Identifier: MIT */
/*
 * Trying a bind for real, and finding out by trying what other sockets do not tell. While it lasts,
 * the port is taken.
 */
#ifndef BIND_TRY_H
#define BIND_TRY_H

#include <hark/bind.h>

/* As whom: setuid() to a user, or as we are. */
struct bind_user {
	uint32_t uid;
	uint32_t gid;
	bool is_other;
	char name[64];
};

/*
 * Tries in a child process, which is gone when this returns: socket(), the options, bind(), and
 * listen() where `listens`. Nothing that arrives meanwhile is answered, for a filter drops it. 0,
 * or the negative errno of why it could not be tried.
 */
int bind_try(const struct hark_bind_wish *wish, const struct bind_user *user, bool listens,
	     struct hark_bind_trial *ret);

/*
 * Finds out what SO_REUSEADDR and SO_REUSEPORT other sockets have where the verdict hangs on it:
 * from a duplicate of their descriptor (pidfd_getfd(), which takes the right to trace the holder),
 * else by trying what that one alone can be in the way of. Fills in `flags`, a row for each socket;
 * true where anything came to light.
 */
bool bind_learn(const struct hark_snapshot *snapshot, const struct hark_bind_wish *wish,
		const struct bind_user *user, const struct hark_bind_verdict *verdict,
		struct hark_bind_flags *flags);

#endif
