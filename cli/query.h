/* SPDX-License-Identifier: MIT */
/* From options to a selection. */
#ifndef QUERY_H
#define QUERY_H

#include <hark/select.h>
#include <hark/snapshot.h>

#include "options.h"

/*
 * The selection that the options and selectors ask for; options->all_states is set where a selector
 * means it. 0, or a status, the user having been told.
 */
int query_select(struct options *options, struct hark_selection **ret);

/* The details, without those about the firewall where nobody wants them. */
uint32_t query_details(const struct options *options, uint32_t details);

/* Those of exposed and reach. */
uint32_t query_exposed_details(const struct options *options);

/* How to look for holders, as --holders says. */
enum hark_holders_way query_holders_way(const struct options *options);

/* Whether several words are a port, or ports, of which a socket has one. */
bool query_names_ports_apart(const struct options *options);

/* Tells on standard error what is missing from the snapshot. */
void query_tell_notes(const struct hark_snapshot *snapshot, const struct options *options);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t query_clock_ns(void);

/*
 * For --debug: tells on standard error where the time went since `began_ns`, which is just before
 * the snapshot was taken. What the snapshot does not tell of was spent on printing.
 */
void query_tell_times(const struct hark_snapshot *snapshot, const struct options *options,
		      uint64_t began_ns);

/*
 * The status of an answer with so many listeners and doors that are open to those who are meant,
 * and so many of which that could not be found out.
 */
int query_exposed_status(const struct hark_snapshot *snapshot, const struct options *options,
			 uint32_t n_open, uint32_t n_unknown);

/* The status of an answer with so many sockets in it. */
int query_status(const struct hark_snapshot *snapshot, const struct options *options,
		 uint32_t n_matched);

#endif
