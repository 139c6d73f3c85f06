/* SPDX-License-Identifier: MIT */
/* Situations written down as the judge would conclude them, for hark_explain(). */
#ifndef STORIES_H
#define STORIES_H

#include <stddef.h>
#include <stdint.h>

#include <hark/snapshot.h>

/*
 * What a socket answers, a letter for IPv4 and one for IPv6: 'a' all; 's' its own address; 'p' all
 * places but those of the socket above it; 'n' nothing, by its kind; 'v' nothing, by IPV6_V6ONLY;
 * 'x' nothing, the socket above gets it; 'X' nothing, an unknown socket gets it; '-' there is no
 * address; 'l' bound to one that is not local; 'm', 'b' multicast, broadcast; 'i' nothing,
 * inferred; '?' IPV6_V6ONLY untold; 'r' rivals; 'q' what is for lo, not what is for eth0.
 */
struct given {
	const char *protocol, *addr; /* protocol NULL: the end */
	uint8_t family;
	uint16_t port;
	const char *answers;
	/*
	 * "v6only", "unknown", "eth0"; "denied", "unheld", "unread", "kernel" of holders; "connected",
	 * "bound"; "crowd" for 29 more
	 * like it; "waiting", "limit", "full", "queued", "choked", "drops" of queues; of
	 * story_activations[] "activated", "accepted", "opened"
	 */
	const char *flags;
	const char *holders; /* a letter for each, of story_processes[] */
	/*
	 * What the firewall makes of packets: words of a family's digit, a verdict and, with a
	 * colon before, ranges, "4accept:10.0.0.0/8"; without ranges all that are left. "6crafted":
	 * a sender that chooses its port gets through; "4lo:drop" of this host's own packets;
	 * "denied": the rules may not be read; "path": with the rules on the way. NULL: nobody
	 * asked.
	 */
	const char *firewall;
};

struct story {
	const char *name;
	struct given sockets[5];
	const char *words[8]; /* that are said, in a text or in what it rests on */
	/*
	 * "bindv6only", "disabled", "sk_lookup", "overflows", "elsewhere", "unread-sockets";
	 * "entry-port": 2222 leads to the first socket, "published": 8080 to a container
	 */
	const char *settings;
	const char *selectors; /* words with blanks between, "-4" among them; NULL: all is meant */
};

struct story_process {
	char letter;
	struct hark_process process;
	struct hark_process fronted; /* what it holds its sockets for; without a runtime: nothing */
};

struct story_activation {
	const char *flag;
	struct hark_activation activation;
};

extern const struct story_process story_processes[];
extern const struct story_activation story_activations[];
extern const struct story stories[];
extern const size_t n_story_processes, n_story_activations, n_stories;

/* What the firewall makes of packets to the last socket; where the settings' doors lead. */
void story_add_firewall(struct hark_snapshot *snapshot, const char *words);
void story_add_doors(struct hark_snapshot *snapshot, const char *settings);

/* The caller's, to be freed; programming errors end the program. */
struct hark_snapshot *story_snapshot(const struct story *story);
struct hark_selection *story_selection(const struct story *story); /* NULL: all is meant */

/* For those who write down what is no story: a host without sockets; one more socket. */
struct hark_snapshot *story_begin(const char *settings);
void story_add(struct hark_snapshot *snapshot, const struct given *given);
void story_add_place(struct hark_snapshot *snapshot, const char *text, uint32_t ifindex);

#endif
