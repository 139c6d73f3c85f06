/* SPDX-License-Identifier: MIT */
#include "query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "render.h"
#include "screen.h"
#include "suggest.h"

#define NETNS "netns="

int query_select(struct options *options, struct hark_selection **ret)
{
	struct hark_selection *selection = NULL;
	struct hark_error error = { .text = "memory ran out" };
	int r = hark_selection_new(&selection);

	for (uint32_t i = 0; r == 0 && i < options->n_words; i++)
		r = hark_selection_add(selection, options->words[i], &error);
	if (r < 0) {
		complain("%s", error.text);
		hark_selection_free(selection);
		return r == -ENOMEM ? STATUS_FAILED : STATUS_USAGE;
	}
	for (int family = 0; family < HARK_FAMILY_N_; family++)
		if (options->families & (1u << family))
			hark_selection_add_family(selection, (enum hark_family)family);
	hark_selection_set_protocols(selection, options->protocols);
	if (hark_selection_names_connections(selection))
		options->all_states = true;
	if (hark_selection_names_namespaces(selection))
		options->all_namespaces = true;
	*ret = selection;
	return 0;
}

uint32_t query_details(const struct options *options, uint32_t details)
{
	const uint32_t firewall = HARK_DETAIL_FIREWALL | HARK_DETAIL_RULES | HARK_DETAIL_PATH |
				  HARK_DETAIL_DOORS | HARK_DETAIL_CRAFTED;

	return options->no_firewall ? details & ~firewall : details;
}

uint32_t query_exposed_details(const struct options *options)
{
	uint32_t details = HARK_DETAIL_ANSWERS | HARK_DETAIL_FIREWALL | HARK_DETAIL_CRAFTED |
			   HARK_DETAIL_DOORS;

	if (options->holders != HOLDERS_NONE)
		details |= HARK_DETAIL_HOLDERS | HARK_DETAIL_CGROUP;
	if (options->format != FORMAT_TABLE)
		details |= HARK_DETAIL_RULES;
	if (options->format != FORMAT_TABLE && options->holders != HOLDERS_NONE)
		details |= HARK_DETAIL_PROCESS;
	return details;
}

enum hark_holders_way query_holders_way(const struct options *options)
{
	switch ((enum holders)options->holders) {
	case HOLDERS_AUTO:
	case HOLDERS_NONE:
		return HARK_HOLDERS_AUTO;
	case HOLDERS_PROC:
		return HARK_HOLDERS_PROC;
	case HOLDERS_BPF:
		return HARK_HOLDERS_BPF;
	case HOLDERS_BPF_MARKS:
		return HARK_HOLDERS_BPF_MARKS;
	case HOLDERS_BPF_TABLES:
		return HARK_HOLDERS_BPF_TABLES;
	case HOLDERS_BPF_FILES:
		return HARK_HOLDERS_BPF_FILES;
	}
	return HARK_HOLDERS_AUTO;
}

void query_tell_notes(const struct hark_snapshot *snapshot, const struct options *options)
{
	struct render_options render = screen_options(STDERR_FILENO, options);
	struct out out;

	out_init(&out, STDERR_FILENO);
	render.elsewhere = options->format == FORMAT_TABLE &&
			   options->command == command_find("list");
	render_notes(&out, snapshot, &render);
	out_fini(&out);
}

uint64_t query_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void query_tell_times(const struct hark_snapshot *snapshot, const struct options *options,
		      uint64_t began_ns)
{
	uint64_t all_ns = query_clock_ns() - began_ns, rest_ns = all_ns;

	if (!options->debug)
		return;
	fprintf(stderr, "hark: time in ms:");
	for (int stage = 0; stage < HARK_STAGE_N_; stage++) {
		uint64_t ns = hark_snapshot_stage_ns(snapshot, (enum hark_stage)stage);

		rest_ns -= ns;
		fprintf(stderr, " %s %.3f,", hark_stage_name((enum hark_stage)stage),
			(double)ns / 1e6);
	}
	fprintf(stderr, " printing %.3f, in all %.3f\n", (double)rest_ns / 1e6,
		(double)all_ns / 1e6);
}

/* A word that is almost the name of a command, state or protocol hardly means a process. */
static void tell_slip(const char *word, bool is_first)
{
	struct suggestion suggestion = { .word = word };
	const struct command *command;
	const char *what = "command";

	for (size_t i = 0; is_first && (command = command_at(i)); i++)
		if (command->run)
			suggest_offer(&suggestion, command->name);
	for (int i = 0; i < HARK_STATE_N_ + HARK_PROTOCOL_N_; i++) {
		const char *before = suggestion.best;

		suggest_offer(&suggestion, i < HARK_STATE_N_ ?
						   hark_state_name(i) :
						   hark_protocol_name(i - HARK_STATE_N_));
		if (suggestion.best != before)
			what = i < HARK_STATE_N_ ? "state" : "protocol";
	}
	if (suggestion.best && suggestion.distance > 0)
		complain("nothing matched \"%s\": did you mean the %s \"%s\"?", word, what,
			 suggestion.best);
}

/* Who names a namespace that is none wonders less at an empty answer when told. */
static void tell_netns(const struct hark_snapshot *snapshot, const char *wanted)
{
	const struct hark_namespace *own = hark_snapshot_namespace(snapshot, 0);

	if (hark_snapshot_n_namespaces(snapshot) == 1 && own->presence != HARK_KNOWN)
		complain("there is no network namespace \"%s\", or none that can be seen", wanted);
}

/* Those that are there, and into which nobody could look. Our own may merely not be meant. */
static uint32_t count_unread(const struct hark_snapshot *snapshot)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i < hark_snapshot_n_namespaces(snapshot); i++)
		n += hark_snapshot_namespace(snapshot, i)->presence != HARK_KNOWN;
	return n;
}

bool query_names_ports_apart(const struct options *options)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < options->n_words; i++)
		n += options->words[i][strspn(options->words[i], "0123456789:-,")] == '\0';
	return n > 1;
}

int query_status(const struct hark_snapshot *snapshot, const struct options *options,
		 uint32_t n_matched)
{
	if (options->strict && !hark_snapshot_is_complete(snapshot))
		return STATUS_FAILED;
	if (n_matched > 0)
		return STATUS_MATCHED;
	if (hark_snapshot_n_undecided(snapshot)) {
		complain("nothing matched for certain: who holds %" PRIu32
			 " of the sockets may not be seen, and any of them might",
			 hark_snapshot_n_undecided(snapshot));
		return STATUS_FAILED;
	}
	if (count_unread(snapshot)) {
		complain("nothing matched for certain: %" PRIu32
			 " of the network namespaces could not be read",
			 count_unread(snapshot));
		return STATUS_FAILED;
	}
	if (query_names_ports_apart(options))
		complain("no socket has all of these ports; for any of them, put commas between");
	for (uint32_t i = 0; i < options->n_words; i++) {
		if (!strncmp(options->words[i], NETNS, strlen(NETNS)))
			tell_netns(snapshot, options->words[i] + strlen(NETNS));
		if (!strpbrk(options->words[i], "=,.:*"))
			tell_slip(options->words[i], i == 0);
	}
	return STATUS_NOTHING;
}

int query_exposed_status(const struct hark_snapshot *snapshot, const struct options *options,
			 uint32_t n_open, uint32_t n_unknown)
{
	bool is_there = hark_snapshot_n_sockets(snapshot) || hark_snapshot_n_doors(snapshot);
	int status = query_status(snapshot, options, is_there);

	if (status != STATUS_MATCHED || n_open)
		return status;
	if (!n_unknown)
		return STATUS_NOTHING;
	complain("who gets through is not known: the firewall's rules were not read");
	return STATUS_FAILED;
}
