/* SPDX-License-Identifier: MIT */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>

/*
 * Starts a thread that gets no signals: those are the program's business, not a library's. 0 or
 * -errno.
 */
int thread_start(pthread_t *ret, void *(*work)(void *data), void *data);

#endif
