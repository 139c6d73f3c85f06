/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the lsof personality share. The rules are those of lsof 4.95; a person's
 * selections are kept with whether anything matched each, which the exit status tells.
 */
#ifndef LSOF_H
#define LSOF_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <hark/hark.h>

#include "arena.h"
#include "hash.h"
#include "out.h"
#include "users.h"

/* Bits: what a file can be selected by; with -a, all that were asked for must hold. */
enum lsof_criterion {
	LSOF_COMMAND = 1 << 0, /* -c */
	LSOF_PID = 1 << 1,     /* -p */
	LSOF_GROUP = 1 << 2,   /* -g */
	LSOF_USER = 1 << 3,    /* -u */
	LSOF_TASK = 1 << 4,    /* -K */
	LSOF_FD = 1 << 5,      /* -d */
	LSOF_NET = 1 << 6,     /* -i without an address */
	LSOF_ADDRESS = 1 << 7, /* -i with one */
	LSOF_UNIX = 1 << 8,    /* -U */
};
#define LSOF_OF_SOCKETS ((uint32_t)(LSOF_NET | LSOF_ADDRESS | LSOF_UNIX))

/* -T: what of a connection is told behind its addresses. */
enum lsof_tell {
	LSOF_TELL_STATE = 1 << 0,
	LSOF_TELL_QUEUES = 1 << 1,
	LSOF_TELL_FLAGS = 1 << 2, /* accepted; there are none */
	LSOF_TELL_ALL = (1 << 3) - 1,
};

/* +f: how the flags of a descriptor are told. */
enum lsof_flags {
	LSOF_FLAGS_NONE,
	LSOF_FLAGS_NAMES,
	LSOF_FLAGS_HEX,
};

/* One of -p, -g or -u. */
struct lsof_id {
	uint32_t id;
	bool is_excluded;
	bool is_found;
	const char *login; /* as it was given, NULL: as a number */
};

struct lsof_ids {
	ARRAY(struct lsof_id) list;
	uint32_t n_included;
	uint32_t n_excluded;
};

/* One of -c; names begin with the text, or match the expression. */
struct lsof_command {
	const char *text;
	size_t length;
	regex_t regex;
	bool is_regex;
	bool is_excluded;
	bool is_found;
};

/* One of -d: descriptors from `low` to `high`. */
struct lsof_range {
	uint32_t low, high;
};

/* One of -i with an address: what it says comes to several where a host has several addresses. */
struct lsof_address {
	const char *text; /* as it was given: what is found for one is found for all of that text */
	uint8_t version;  /* 4 or 6 where that was written, else 0 */
	uint8_t family;   /* AF_INET, AF_INET6, or 0: either */
	_Alignas(4) uint8_t bytes[16]; /* 4 or 16 of them; zeros: any address */
	const char *protocol;          /* "tcp", "udp", "udplite", or NULL: any */
	int32_t low, high;             /* ports; low -1: any */
	bool is_found;
};

/* The states of -s, and of NAME: the kernel's numbers (include/net/tcp_states.h); 0 is CLOSED. */
#define LSOF_N_STATES 12
const char *lsof_state_name(unsigned int state); /* "LISTEN"; NULL beyond the last */

enum lsof_state_wish {
	LSOF_STATE_UNNAMED,
	LSOF_STATE_INCLUDED,
	LSOF_STATE_FOUND, /* included, and seen */
	LSOF_STATE_EXCLUDED,
};

struct lsof {
	const char *name; /* that we were called by */
	struct arena arena;
	bool has_failed; /* a message was written: usage, and status 1 */

	uint32_t criteria; /* of enum lsof_criterion */
	bool is_and;       /* -a */
	bool has_net;      /* -i */
	bool is_net_found;
	uint8_t net_version; /* of -i: 4 or 6; 0: both */
	ARRAY(struct lsof_address) addresses;
	ARRAY(struct lsof_command) commands;
	ARRAY(struct lsof_range) fds;
	bool are_fds_excluded;
	struct lsof_ids pids, groups, users;
	uint8_t states[LSOF_N_STATES]; /* enum lsof_state_wish */
	uint32_t n_states_included;
	uint32_t n_states_excluded;
	bool ignores_tasks; /* -K i */
	bool are_tasks_found;
	bool tells_left_out; /* what the truth would add is to be counted */

	bool is_numeric_host, is_numeric_port, is_numeric_user; /* -n -P -l */
	bool is_quiet;                                          /* -w */
	bool is_verbose;                                        /* -V */
	bool is_terse;                                          /* -t */
	bool is_unidentified;                                   /* -X */
	bool is_content;                             /* -Q: what is not found is no failure */
	bool tells_parent, tells_group, tells_links; /* -R -g +L */
	bool tells_offset, tells_size;               /* -o -s */
	uint8_t flags;                               /* +f, enum lsof_flags */
	uint32_t tell;                               /* -T, of enum lsof_tell */
	uint32_t command_width;                      /* +c; 0: no limit */
	bool has_fields;                             /* -F */
	bool fields[128];                            /* by their letter */
	char terminator;
	uint32_t repeat_seconds; /* -r; 0: once */
	uint32_t repeat_count;   /* 0: without end */
	bool ends_when_empty;    /* +r */
	const char *marker;      /* -r m<format>, or NULL */
	bool wants_help, wants_version, wants_fields_help;
	const char *refused; /* what was asked for that is none of the sockets, or NULL */
	bool is_truth;       /* --truth */
};

/* "NAME: ..." on standard error; the run ends with status 1. */
void lsof_complain(struct lsof *lsof, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* lsof_options.c: the whole command line; what is wrong with it has been said. 0 or -ENOMEM. */
int lsof_parse(struct lsof *lsof, int argc, char **argv);
void lsof_fini(struct lsof *lsof);

/* lsof_check.c: says what does not go together; what is beyond us is kept to be refused. */
void lsof_check(struct lsof *lsof);
void lsof_refuse(struct lsof *lsof, const char *what);

/* lsof_lists.c: the values of options. What is wrong with them is said. 0 or -ENOMEM. */
int lsof_add_command(struct lsof *lsof, const char *value);
int lsof_add_fds(struct lsof *lsof, const char *value);
int lsof_add_states(struct lsof *lsof, const char *value);
int lsof_add_users(struct lsof *lsof, const char *value);
/* `kind` is "process" or "process group", `letter` "P" or "PG". */
int lsof_add_ids(struct lsof *lsof, struct lsof_ids *ids, const char *kind, const char *letter,
		 const char *value);

/* lsof_address.c: the value of -i. */
int lsof_add_address(struct lsof *lsof, const char *value);
/* Whether an address (4 or 16 bytes) and port of a socket is meant, of `protocol` ("TCP"). */
struct lsof_end {
	const uint8_t *bytes;
	uint8_t family; /* AF_INET or AF_INET6, of the bytes: mapped ones are AF_INET */
	bool serves[2]; /* by enum hark_family: what -i4 and -i6 mean */
	uint16_t port;
	const char *protocol;
};
bool lsof_address_matches(struct lsof *lsof, const struct lsof_end *end, bool marks);

/* lsof_select.c */

/* One row: a descriptor of a process, or of one of its tasks. */
struct lsof_file {
	uint32_t pid;
	uint32_t tid; /* 0: the process itself */
	uint32_t fd;
	uint32_t holder; /* index of the hark_holder */
};

struct lsof_files {
	const struct hark_snapshot *snapshot;
	ARRAY(struct lsof_file) list; /* sorted by process, task and descriptor */
	uint32_t n_left_out; /* sockets that the family that was asked for reaches all the same */
};

int lsof_select(struct lsof *lsof, const struct hark_snapshot *snapshot, struct lsof_files *ret);
void lsof_files_fini(struct lsof_files *files);
/* Marks as found what the snapshot's processes fulfil. */
void lsof_mark_processes(struct lsof *lsof, const struct hark_snapshot *snapshot);

/* The end of a socket as lsof tells it; false where it has none. */
bool lsof_socket_end(const struct hark_socket *socket, bool is_remote, struct lsof_end *ret);
const char *lsof_socket_protocol(const struct hark_socket *socket); /* "TCP"; NULL: not lsof's */
unsigned int lsof_socket_state(const struct hark_socket *socket);   /* by lsof_state_name() */

/* lsof_names.c: names of hosts, services and users, as lsof looks them up. */
struct lsof_names {
	const struct lsof *lsof;
	struct users users;
	struct hash hosts;
	ARRAY(struct lsof_host) host_list;
	const char **services[2]; /* TCP, UDP: by port; NULL: not looked up */
	uint16_t missing[10];     /* ports that have no name, of either */
	uint32_t n_missing;
	uint32_t n_looked_up;
	bool has_all_services;
	struct arena arena;
};

void lsof_names_init(struct lsof_names *names, const struct lsof *lsof);
void lsof_names_fini(struct lsof_names *names);
/* Each is put as it is spelled. */
void lsof_put_name(struct lsof_names *names, struct out *out, const struct hark_socket *socket);
/* The login name, or NULL: the number is to be told. */
const char *lsof_login(struct lsof_names *names, uint32_t uid);

/* lsof_row.c: what of a file the columns and the fields share. */
struct lsof_row {
	const struct lsof_file *file;
	const struct hark_process *process;
	const char *command;
	const char *task; /* the task's command; NULL: it is the process itself */
	const struct hark_holder *holder;
	const struct hark_socket *socket;           /* either this */
	const struct hark_unix_socket *unix_socket; /* or that is NULL */
	bool is_whole;                              /* names are not cut */
	uint32_t backlog;                           /* of a listener: connections that wait */
	char fd[16];
	const char *type;
	char device[24];
	char node[24];
};

void lsof_row_fill(const struct lsof *lsof, const struct lsof_files *files, uint32_t i,
		   struct lsof_row *ret);
/* NAME without the state. */
void lsof_put_file_name(struct lsof_names *names, struct out *out, const struct lsof_row *row);
/* "LISTEN"; NULL: it has none. */
const char *lsof_row_state(const struct lsof_row *row);
bool lsof_row_queues(const struct lsof_row *row, uint64_t *ret_receive, uint64_t *ret_send);
/* The flags of the descriptor as +f and -F tell them, "" where they are not known. */
const char *lsof_row_flags(const struct lsof *lsof, const struct lsof_row *row, char *text,
			   size_t size);

/* lsof_print.c, lsof_fields.c: whether that could be written, `out` knows. */
void lsof_print_table(struct lsof *lsof, const struct lsof_files *files, struct lsof_names *names,
		      struct out *out);
void lsof_print_pids(const struct lsof_files *files, struct out *out);
void lsof_print_fields(struct lsof *lsof, const struct lsof_files *files, struct lsof_names *names,
		       struct out *out);
void lsof_help_fields(FILE *file);

/* lsof_report.c: tells what was not found, with -V. 0, or 1 where there is such. */
int lsof_report(const struct lsof *lsof, struct out *out);
/* Whether some of what was asked for of processes was not found. */
bool lsof_misses_processes(const struct lsof *lsof);

/*
 * lsof_text.c: lsof's own spelling of what cannot be printed, its counterpart of render/escape:
 * "\n", "^[", "\x20". Nothing hidden passes as it is.
 */
void lsof_text_put(struct out *out, const char *text);
/* The same with blanks spelled out, cut or padded to a width. */
void lsof_text_put_padded(struct out *out, const char *text, size_t width);
size_t lsof_text_width(const char *text);

#endif
