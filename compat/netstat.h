/* SPDX-License-Identifier: MIT */
/* What the parts of the netstat personality share. */
#ifndef NETSTAT_H
#define NETSTAT_H

#include <stdbool.h>
#include <stdint.h>

#include <hark/hark.h>

#include "netstat_names.h"
#include "out.h"
#include "users.h"

/* What it lists, in that order. */
enum netstat_table {
	NETSTAT_TCP,
	NETSTAT_SCTP,
	NETSTAT_UDP,
	NETSTAT_UDPLITE,
	NETSTAT_RAW,
	NETSTAT_UNIX,
	NETSTAT_IPX,
	NETSTAT_AX25,
	NETSTAT_X25,
	NETSTAT_NETROM,
	NETSTAT_ROSE,
	NETSTAT_BLUETOOTH,
	NETSTAT_N_,
};

#define NETSTAT_INTERNET                                                                      \
	(1u << NETSTAT_TCP | 1u << NETSTAT_SCTP | 1u << NETSTAT_UDP | 1u << NETSTAT_UDPLITE | \
	 1u << NETSTAT_RAW)

struct netstat_options {
	uint32_t tables;   /* 1 << enum netstat_table: those asked for; 0: none was */
	uint32_t families; /* 1 << enum hark_family; never 0 */
	bool is_implied;   /* the protocols follow from a family: none of them must be there */
	bool all;
	bool listening;
	bool continuous;
	bool extended;
	bool programs;
	bool timers;
	bool verbose;
	bool wide;
	bool numeric_hosts;
	bool numeric_ports;
	bool numeric_users;
	bool symbolic; /* nothing of ours, but makes the reference print SCTP's hosts as numbers */
	bool truth;
};

/*
 * Reads the command line, and does what takes no sockets: help, version, complaints. True where
 * that was all: *ret_status.
 */
bool netstat_parse(int argc, char **argv, struct netstat_options *ret, int *ret_status);

struct netstat {
	const struct netstat_options *options;
	const char *name; /* as it was called */
	const struct hark_snapshot *snapshot;
	struct out out;
	struct users users;
	struct netstat_names names;
};

/* Whether a table is to be listed. */
static inline bool netstat_wants(const struct netstat_options *options, enum netstat_table table)
{
	return options->tables ? options->tables & 1u << table : table != NETSTAT_BLUETOOTH;
}

/* The heading, and the rows of a table of internet sockets. */
void netstat_print_heading(struct netstat *netstat);
void netstat_print_internet(struct netstat *netstat, enum netstat_table table);

/* Whether -a, -l or neither lets the socket be listed, whatever its family. */
bool netstat_shows_state(const struct netstat_options *options, const struct hark_socket *socket);

/* All of the section about unix sockets. */
void netstat_print_unix(struct netstat *netstat);

/* " (servers and established)", or what else is listed. */
void netstat_print_what(struct netstat *netstat);

/* The column of -p: the holders of a socket, and as many blanks as it takes behind them. */
void netstat_print_programs(struct netstat *netstat, uint32_t first_holder, uint32_t n_holders);

/* Hostile text, and blanks up to that width, which counts its bytes as printf() would. */
void netstat_print_text(struct out *out, const char *text, size_t length, size_t width);

/* A number, and blanks before or behind it. */
void netstat_print_right(struct out *out, uint64_t number, unsigned int width);
void netstat_print_left(struct out *out, int64_t number, unsigned int width);

#endif
