/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <signal.h>

int thread_start(pthread_t *ret, void *(*work)(void *data), void *data)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r)
		return -r;
	r = pthread_create(ret, NULL, work, data);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}
