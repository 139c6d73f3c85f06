/* SPDX-License-Identifier: MIT */
/*
 * What the library makes of the routes of this namespace: reads questions, a line each, and answers
 * with partitions of all addresses, a line each interval, and an empty line.
 *
 *   out FAMILY FROM MARK   how packets to all destinations go out: "FIRST LAST TYPE OIF SEVERAL DOUBTS"
 *   in FAMILY TO IFINDEX MARK   what comes of packets from all sources: the same, or TYPE is
 *                          "martian" or "filtered"
 *
 * FAMILY is 4 or 6, FROM may be 0.0.0.0 or ::; `read` reads the namespace again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"
#include "rules.h"
#include "source.h"

struct asked {
	const struct ruleset *ruleset;
	struct fib *fib;
	uint8_t family;
	struct hark_addr addr;
	uint32_t ifindex, mark;
};

static void print(const struct asked *asked, const struct ranges *set, const char *type,
		  const struct fib_result *result)
{
	bool is_ipv6 = asked->family == HARK_FAMILY_INET6;
	char first[HARK_ADDR_TEXT_SIZE], last[HARK_ADDR_TEXT_SIZE];

	for (uint32_t i = 0; i < set->n; i++) {
		struct hark_addr a = ranges_addr(set->items[i].first, is_ipv6),
				 b = ranges_addr(set->items[i].last, is_ipv6);

		printf("%s %s %s %u %d %u\n", hark_addr_format(&a, first),
		       hark_addr_format(&b, last), type, result->oif, result->has_several,
		       result->doubts);
	}
}

static const char *name_of(const struct fib_result *result)
{
	static const char *const names[] = { "none",      "unicast",     "local",
					     "broadcast", "anycast",     "multicast",
					     "blackhole", "unreachable", "prohibit" };

	return result->type < sizeof(names) / sizeof(*names) ? names[result->type] : "?";
}

static int print_results(const struct asked *asked, struct fib_result *results, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		print(asked, &results[i].sources, name_of(&results[i]), &results[i]);
	fib_results_free(results, n);
	return 0;
}

static void fill_state(const struct asked *asked, struct packet_state *state)
{
	*state = (struct packet_state){
		.mark = { .known = UINT32_MAX, .value = asked->mark },
		.to = asked->addr,
		.is_to_known = true,
	};
	if (ranges_set(&state->sources, 0,
		       asked->family == HARK_FAMILY_INET ? RANGES_MAX_IPV4 : RANGES_MAX_IPV6) < 0)
		abort();
}

static int ask_out(const struct asked *asked)
{
	const struct firewall_question question = { .family = asked->family, .protocol = 17 };
	const struct packet packet = { .question = &question,
				       .ruleset = asked->ruleset,
				       .fib = asked->fib };
	struct packet_state state;
	struct fib_result *results;
	uint32_t n;
	int r;

	fill_state(asked, &state);
	r = fib_reply(&packet, &state, &asked->addr, state.mark, &results, &n);
	ranges_fini(&state.sources);
	return r < 0 ? r : print_results(asked, results, n);
}

/* What is sent on to one interface, or is for this host: refused ones, and the rest. */
static int print_admitted(const struct asked *asked, const struct packet *packet,
			  struct packet_state *state, const struct fib_result *delivered)
{
	struct condition filtered = { 0 }, martian = { 0 };
	const struct fib_result none = { 0 };
	uint32_t oif = delivered->type == RULE_ROUTE_UNICAST ? delivered->oif : 0;
	struct fib_result doubtful = { .doubts = 1 };
	int r;

	/* By which of several hops it is sent on changes what rules say of its source. */
	if (delivered->has_several) {
		print(asked, &state->sources, name_of(delivered), &doubtful);
		return 0;
	}
	if (fib_is_way(delivered)) {
		r = fib_refuses(packet, state, oif, &filtered, &martian);
		if (r < 0)
			return r;
	}
	print(asked, &filtered.must, "filtered", &none);
	print(asked, &martian.must, "martian", &none);
	r = ranges_subtract(&state->sources, &filtered.may);
	r = r < 0 ? r : ranges_subtract(&state->sources, &martian.may);
	r = r < 0 ? r : ranges_subtract(&filtered.may, &filtered.must);
	r = r < 0 ? r : ranges_subtract(&martian.may, &martian.must);
	print(asked, &filtered.may, "none", &doubtful);
	print(asked, &martian.may, "none", &doubtful);
	print(asked, &state->sources, name_of(delivered), delivered);
	condition_fini(&filtered);
	condition_fini(&martian);
	return r;
}

static int ask_in(const struct asked *asked)
{
	const struct firewall_question question = { .family = asked->family,
						    .protocol = 17,
						    .ifindex = asked->ifindex,
						    .to = asked->addr,
						    .is_canonical = true };
	const struct packet packet = { .question = &question,
				       .ruleset = asked->ruleset,
				       .fib = asked->fib,
				       .in = ruleset_interface(asked->ruleset, asked->ifindex) };
	struct packet_state state;
	struct fib_result *results = NULL;
	uint32_t n = 0;
	int r;

	fill_state(asked, &state);
	r = fib_deliver(&packet, &state, &results, &n);
	for (uint32_t i = 0; i < n && r == 0; i++) {
		r = ranges_copy(&state.sources, &results[i].sources);
		if (r == 0)
			r = print_admitted(asked, &packet, &state, &results[i]);
	}
	ranges_fini(&state.sources);
	fib_results_free(results, n);
	return r;
}

int main(void)
{
	struct asked asked = { 0 };
	struct ruleset *ruleset = NULL;
	struct hark_source source;
	char line[256], word[16], family[4], addr[64];
	int r = 0;

	source_open_live(&source);
	while (r == 0 && fgets(line, sizeof(line), stdin)) {
		asked.ifindex = asked.mark = 0;
		if (sscanf(line, "%15s %3s %63s %u %u", word, family, addr, &asked.ifindex,
			   &asked.mark) < 4 &&
		    strcmp(word, "read")) {
			r = -1;
		} else if (!strcmp(word, "read")) {
			fib_free(asked.fib);
			ruleset_free(ruleset);
			asked.fib = NULL;
			ruleset = ruleset_new();
			asked.ruleset = ruleset;
			r = ruleset ? routing_read(&source, ruleset) : -1;
			if (r == 0 && ruleset->routing != HARK_KNOWN)
				r = -1;
			if (r == 0)
				r = fib_new(ruleset, &asked.fib);
		} else if (asked.fib && hark_addr_parse(addr, &asked.addr) == 0) {
			asked.family = family[0] == '4' ? HARK_FAMILY_INET : HARK_FAMILY_INET6;
			if (!strcmp(word, "out"))
				asked.mark = asked.ifindex;
			r = !strcmp(word, "out") ? ask_out(&asked) : ask_in(&asked);
		}
		printf("\n");
		fflush(stdout);
	}
	fib_free(asked.fib);
	ruleset_free(ruleset);
	source_close_live(&source);
	return r < 0;
}
