/* SPDX-License-Identifier: MIT */
/* The options, in one table that the parser, the help and the completions go by. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hark/error.h>

struct command;

enum format {
	FORMAT_TABLE,
	FORMAT_JSON,
	FORMAT_NDJSON,
	FORMAT_CSV
};
enum when {
	WHEN_AUTO,
	WHEN_ALWAYS,
	WHEN_NEVER
};
/* The last three force one BPF program: for those who compare. */
enum holders {
	HOLDERS_AUTO,
	HOLDERS_PROC,
	HOLDERS_NONE,
	HOLDERS_BPF,
	HOLDERS_BPF_MARKS,
	HOLDERS_BPF_TABLES,
	HOLDERS_BPF_FILES,
};

/* What was asked for. Strings are those of argv. */
struct options {
	const struct command *command;
	bool is_command_named; /* list is meant without */
	uint32_t protocols;    /* 1 << enum hark_protocol; 0: all */
	uint32_t families;     /* 1 << enum hark_family; 0: all */
	uint32_t format;
	uint32_t color;         /* enum when */
	uint32_t holders;       /* enum holders */
	double watch_seconds;   /* 0: once */
	double timeout_seconds; /* 0: not chosen */
	double stable_seconds;  /* 0: at once */
	const char *columns;    /* NULL: not chosen */
	const char *to;         /* reach: a selector; NULL: everything */
	const char *send;       /* NULL: nothing */
	const char *pcap;       /* NULL: no file */
	bool from_outside;
	bool gone;
	const char *device; /* bind: NULL: none */
	const char *user;   /* bind: NULL: ours */
	bool all_states;
	bool all_namespaces;
	bool extended;
	bool evidence;
	bool no_header;
	bool no_firewall;
	bool strict;
	bool reuseaddr; /* bind: with that option of the socket */
	bool reuseport;
	bool v6only;
	bool debug;
	bool help;
	bool version;
	bool ignored; /* what is the default anyway */
	char **words; /* selectors, or the arguments of `help` */
	uint32_t n_words;
	char **then; /* what stands behind "--", for a command that runs another; NULL: no "--" */
};

enum option_kind {
	OPTION_FLAG,    /* sets a bool */
	OPTION_BITS,    /* adds `value` to a uint32_t */
	OPTION_VALUE,   /* sets a uint32_t to `value` */
	OPTION_CHOICE,  /* sets a uint32_t to the index of its argument in `choices` */
	OPTION_TEXT,    /* keeps its argument */
	OPTION_SECONDS, /* sets a double to its argument, or to `value` without one */
};

struct option_row {
	char short_name; /* '\0': none */
	enum option_kind kind;
	const char *long_name;
	const char *argument; /* its name in the help, "[...]" where it may be left out; NULL: none */
	size_t member;        /* offset in struct options */
	uint32_t value;
	unsigned int commands;      /* FOR_... */
	const char *const *choices; /* NULL-terminated */
	const char *help;           /* one line */
};

/* Options by index, NULL past the last. */
const struct option_row *option_at(size_t i);

/*
 * Reads the command line; the first word is the command, if it is the name of one and no "--" came
 * before it. Moves words within argv. 0, or -EINVAL: *reterr says what is wrong and what may have
 * been meant.
 */
int options_parse(int argc, char **argv, struct options *ret, struct hark_error *reterr);

#endif
