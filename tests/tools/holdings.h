/*
 * What the worlds of holdings are made with. The first process keeps no descriptor of a listener:
 * it opens one, starts who is to hold it, says so, and closes its own.
 */
#ifndef HOLDINGS_H
#define HOLDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Exit status: the machine does not allow this world. */
#define CANNOT 77

struct world {
	const char *name;
	void (*make)(void);
};

extern const struct world holding_worlds[];
extern const size_t holding_n_worlds;

extern struct self {
	int ready; /* of a child: the pipe by which it says that it stands */
	int guard; /* a pipe whose end somebody waits for who outlives us; 0: nobody does */
	unsigned long *n_forks; /* shared with those who fork */
} self;

/* Ends with a status, and says what errno means. */
__attribute__((noreturn, format(printf, 2, 3))) void die(int status, const char *fmt, ...);
void check(bool done, const char *what);

/* Port 0: any from 32768 on. */
int open_listener(uint16_t port);
/* One that is told of. */
int listen_here(void);
/* So is the listener that was opened last. */
void is_held(pid_t pid, int fd);

/* A process that stays when `body` returns. Comes back when that has called stand(). */
pid_t start(void (*body)(int fd), int fd, int clone_flags);
void stand(void);
void just_stand(int fd);

void start_thread(void *(*body)(void *), void *data);
void *idle(void *data);

#endif
