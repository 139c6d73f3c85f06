/* SPDX-License-Identifier: MIT */
/*
 * hark bind: could a program bind that now, and if not, what is in the way. The verdict is reasoned
 * from a snapshot, and then tried for real. Where the two disagree it may be that sockets came or
 * went in between, so that it is done once more before anything is said.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hark/bind.h>

#include "bind_try.h"
#include "cli.h"
#include "options.h"
#include "query.h"
#include "render.h"
#include "screen.h"
#include "text.h"

#define MAX_ROUNDS 3
#define MAX_TRIES  8 /* at learning, each of which may tell more sockets apart */

struct binding {
	const struct options *options;
	struct hark_bind_wish wish;
	struct bind_user user;
	bool is_anywhere; /* the port was given alone */
	char device[64];  /* of the address: [fe80::1%eth0] */
	struct hark_snapshot *snapshot;
	struct hark_bind_flags *flags; /* by socket */
	struct hark_bind_verdict *verdict;
	struct hark_bind_trial trial;
	bool is_tried;
};

static int refuse(const char *word, const char *why)
{
	complain("\"%.80s\" %s: hark bind [tcp|udp] ADDRESS:PORT, as 127.0.0.1:80, [::]:80 or "
		 "[fe80::1%%eth0]:80",
		 word, why);
	return STATUS_USAGE;
}

static bool parse_port(struct binding *binding, const char *text)
{
	bool is_udp = binding->wish.protocol == HARK_PROTOCOL_UDP;
	const struct servent *service;
	uint64_t port;

	if (text_to_u64(text, UINT16_MAX, &port)) {
		binding->wish.port = (uint16_t)port;
		return port > 0;
	}
	service = *text ? getservbyname(text, is_udp ? "udp" : "tcp") : NULL;
	if (service)
		binding->wish.port = ntohs((uint16_t)service->s_port);
	return service != NULL;
}

/* "", "*", "10.0.0.7", "[::1]", "[fe80::1%eth0]"; one that has a colon is of an AF_INET6 socket. */
static bool parse_address(struct binding *binding, char *text)
{
	size_t length = strlen(text);
	char *scope;

	binding->is_anywhere = !*text || !strcmp(text, "*");
	binding->wish.family = HARK_FAMILY_INET6;
	if (binding->is_anywhere)
		return true;
	if (text[0] == '[' && text[length - 1] == ']') {
		text[length - 1] = '\0';
		text++;
	}
	scope = strchr(text, '%');
	if (scope) {
		*scope = '\0';
		snprintf(binding->device, sizeof(binding->device), "%s", scope + 1);
	}
	if (!strchr(text, ':'))
		binding->wish.family = HARK_FAMILY_INET;
	return hark_addr_parse(text, &binding->wish.addr) == 0;
}

static int parse_place(struct binding *binding, const char *word)
{
	char text[128];
	const char *colon = strrchr(word, ':');
	size_t length = colon ? (size_t)(colon - word) : 0;

	if (length >= sizeof(text))
		return refuse(word, "is no address and port");
	memcpy(text, word, length);
	text[length] = '\0';
	if (!parse_port(binding, colon ? colon + 1 : word))
		return refuse(word, "ends in no port (1 to 65535)");
	if (length && strchr(text, ':') && text[0] != '[')
		return refuse(word, "wants brackets around the address");
	if (!parse_address(binding, text))
		return refuse(word, "begins with no address (names are not looked up)");
	return 0;
}

static int parse_device(struct binding *binding)
{
	const char *device = binding->options->device;

	if (device && strlen(device) >= 16) {
		complain("--device cannot be \"%.60s\": names of interfaces are shorter", device);
		return STATUS_USAGE;
	}
	if (device && *binding->device && strcmp(device, binding->device) != 0) {
		complain("the address is of %s, and --device says %s", binding->device, device);
		return STATUS_USAGE;
	}
	binding->wish.device = device ? device : *binding->device ? binding->device : NULL;
	return 0;
}

static int parse_user(struct binding *binding)
{
	const char *name = binding->options->user;
	const struct passwd *entry = name ? getpwnam(name) : getpwuid(geteuid());
	struct bind_user *user = &binding->user;
	uint64_t uid = geteuid();

	if (name && !entry && !text_to_u64(name, UINT32_MAX - 1, &uid)) {
		complain("there is no user \"%.60s\"", name);
		return STATUS_USAGE;
	}
	if (!entry)
		entry = getpwuid((uid_t)uid);
	user->uid = entry ? entry->pw_uid : (uint32_t)uid;
	user->gid = entry ? entry->pw_gid : (uint32_t)uid;
	user->is_other = user->uid != geteuid();
	if (entry)
		snprintf(user->name, sizeof(user->name), "%s", entry->pw_name);
	else
		snprintf(user->name, sizeof(user->name), "uid %u", user->uid);
	binding->wish.uid = user->uid;
	return 0;
}

static int parse(struct binding *binding)
{
	const struct options *options = binding->options;
	uint32_t next = 0;
	int r;

	binding->wish.protocol = HARK_PROTOCOL_TCP;
	binding->wish.reuseaddr = options->reuseaddr;
	binding->wish.reuseport = options->reuseport;
	binding->wish.v6only = options->v6only ? HARK_YES : HARK_UNKNOWN;
	if (options->n_words > 1 &&
	    (!strcmp(options->words[0], "tcp") || !strcmp(options->words[0], "udp"))) {
		if (options->words[next++][0] == 'u')
			binding->wish.protocol = HARK_PROTOCOL_UDP;
	}
	if (options->n_words == next) {
		complain("bind what? An address and a port, say: hark bind 127.0.0.1:80");
		return STATUS_USAGE;
	}
	if (options->n_words > next + 1)
		return refuse(options->words[next + 1], "is one word too many");
	r = parse_place(binding, options->words[next]);
	if (r == 0 && options->v6only && binding->wish.family == HARK_FAMILY_INET)
		return refuse(options->words[next], "is IPv4, where --v6only means nothing");
	if (r == 0)
		r = parse_device(binding);
	return r ? r : parse_user(binding);
}

static void forget(struct binding *binding)
{
	hark_bind_verdict_free(binding->verdict);
	binding->verdict = NULL;
	free(binding->flags);
	binding->flags = NULL;
	hark_snapshot_free(binding->snapshot);
	binding->snapshot = NULL;
}

/* The sockets of the port, of whatever state. */
static int read_port(struct binding *binding, struct hark_error *reterr)
{
	struct hark_selection *selection = NULL;
	struct hark_query query = { .details = HARK_DETAIL_ALL | HARK_DETAIL_PORTS,
				    .all_states = true };
	uint32_t n;
	char port[16];
	int r;

	snprintf(port, sizeof(port), "port=%u", binding->wish.port);
	snprintf(reterr->text, sizeof(reterr->text), "memory ran out");
	r = hark_selection_new(&selection);
	if (r == 0)
		r = hark_selection_add(selection, port, reterr);
	if (r == 0) {
		hark_selection_set_protocols(
			selection, binding->wish.protocol == HARK_PROTOCOL_UDP ?
					   1u << HARK_PROTOCOL_UDP :
					   1u << HARK_PROTOCOL_TCP | 1u << HARK_PROTOCOL_MPTCP);
		query.selection = selection;
		r = hark_snapshot_take(&query, &binding->snapshot, reterr);
	}
	hark_selection_free(selection);
	if (r < 0)
		return r;
	n = hark_snapshot_n_sockets(binding->snapshot);
	binding->flags = calloc(n + 1, sizeof(*binding->flags));
	return binding->flags ? 0 : -ENOMEM;
}

static void complete_wish(struct binding *binding)
{
	const struct hark_port_settings *ports = hark_snapshot_ports(binding->snapshot);
	struct hark_bind_wish *wish = &binding->wish;

	if (binding->is_anywhere && ports->ipv6_presence == HARK_ABSENT) {
		wish->family = HARK_FAMILY_INET;
		wish->addr = hark_addr_from_ipv4((uint8_t[4]){ 0 });
	}
	wish->is_privileged = ports->has_net_bind;
	if (binding->user.is_other && geteuid() == 0 && binding->user.uid != 0)
		wish->is_privileged = HARK_NO;
}

static int judge(struct binding *binding)
{
	hark_bind_verdict_free(binding->verdict);
	binding->verdict = NULL;
	return hark_bind_judge(binding->snapshot, &binding->wish, binding->flags,
			       binding->is_tried ? &binding->trial : NULL, &binding->verdict);
}

/*
 * The wish with another option; false where there is none to try. TCP remembers for each port the
 * user and the address of who had it last with SO_REUSEPORT, and lets in who is the same without a
 * look at other sockets (sk_reuseport_match(), net/ipv4/inet_connection_sock.c): a try must not
 * leave more there than is true of that option alone, on all interfaces.
 */
static bool change_wish(struct hark_bind_wish *wish, enum hark_bind_option option)
{
	bool is_any6 = wish->family == HARK_FAMILY_INET6 && hark_addr_is_any(&wish->addr) &&
		       !hark_addr_is_ipv4(&wish->addr);
	bool is_tcp = wish->protocol == HARK_PROTOCOL_TCP;

	switch (option) {
	case HARK_BIND_REUSEADDR:
		if (wish->reuseaddr)
			return false;
		wish->reuseaddr = true;
		wish->reuseport &= !is_tcp;
		return true;
	case HARK_BIND_REUSEPORT:
		if (wish->reuseport || (is_tcp && wish->device))
			return false;
		wish->reuseport = true;
		wish->reuseaddr &= !is_tcp;
		return true;
	case HARK_BIND_V6ONLY:
		if (!is_any6 || wish->v6only == HARK_YES || (is_tcp && wish->reuseport))
			return false;
		wish->v6only = HARK_YES;
		return true;
	}
	return false;
}

/* Which option alone would have made it. */
static void try_options(struct binding *binding)
{
	const enum hark_bind_option options[] = { HARK_BIND_REUSEADDR, HARK_BIND_REUSEPORT,
						  HARK_BIND_V6ONLY };

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct hark_bind_wish changed = binding->wish;
		struct hark_bind_trial trial;

		if (change_wish(&changed, options[i]) &&
		    bind_try(&changed, &binding->user, true, &trial) == 0 &&
		    trial.step == HARK_BIND_DONE)
			binding->trial.helps |= options[i];
	}
}

/* Reasons, learns what the reasoning hangs on, and tries. */
static int find_out(struct binding *binding)
{
	int r = judge(binding);

	for (int i = 0; r == 0 && i < MAX_TRIES; i++) {
		if (!bind_learn(binding->snapshot, &binding->wish, &binding->user, binding->verdict,
				binding->flags))
			break;
		r = judge(binding);
	}
	if (r < 0)
		return r;
	r = bind_try(&binding->wish, &binding->user, true, &binding->trial);
	if (r < 0)
		complain("it could not be tried: %s", strerror(-r));
	binding->is_tried = r == 0;
	if (binding->is_tried && binding->trial.error == -EADDRINUSE)
		try_options(binding);
	return judge(binding);
}

static int look(struct binding *binding)
{
	struct hark_error error;
	int r = 0;

	for (int round = 0; round < MAX_ROUNDS; round++) {
		forget(binding);
		binding->is_tried = false;
		r = read_port(binding, &error);
		if (r < 0) {
			complain("%s", error.text);
			return STATUS_FAILED;
		}
		complete_wish(binding);
		r = find_out(binding);
		if (r < 0 || !hark_bind_disagrees(binding->verdict))
			break;
	}
	if (r == 0)
		return 0;
	complain("%s", strerror(-r));
	return STATUS_FAILED;
}

static int tell(struct binding *binding)
{
	const struct options *options = binding->options;
	struct render_options render = screen_options(STDOUT_FILENO, options);
	const struct render_bind bind = {
		.snapshot = binding->snapshot,
		.wish = &binding->wish,
		.verdict = binding->verdict,
		.trial = binding->is_tried ? &binding->trial : NULL,
		.user = binding->user.name,
	};
	enum hark_tristate can;
	struct out out;
	int error, r;

	out_init(&out, STDOUT_FILENO);
	r = options->format == FORMAT_JSON ? render_bind_json(&out, &bind) :
					     render_bind_text(&out, &bind, &render);
	out_fini(&out);
	r = status_of_writing(r);
	query_tell_notes(binding->snapshot, options);
	if (r != STATUS_MATCHED)
		return r;
	can = hark_bind_can(binding->verdict, &error);
	return can == HARK_YES ? STATUS_MATCHED : can == HARK_NO ? STATUS_NOTHING : STATUS_FAILED;
}

int bind_run(const struct options *options)
{
	struct binding binding = { .options = options };
	int r = parse(&binding);

	if (r == 0)
		r = look(&binding);
	if (r == 0)
		r = tell(&binding);
	forget(&binding);
	return r;
}
