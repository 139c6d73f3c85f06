/* SPDX-License-Identifier: MIT */
/* Who gets through the firewall to the listeners of a namespace: rules to verdicts to rows. */
#ifndef PASSAGE_H
#define PASSAGE_H

#include "firewall.h"
#include "rows.h"
#include "source.h"

/*
 * Reads the rules of the namespace that is read now, and gives its listeners, as far as they match
 * the selection without a look at their holders, their entries; `details` as in struct hark_query.
 * Its sockets have their answers. What could not be read is noted. 0 or -ENOMEM.
 */
int passage_take(struct hark_source *source, struct hark_snapshot *snapshot,
		 const struct hark_selection *selection, uint32_t details);

/* Doors that lead into another namespace of the snapshot, once all were read: 0 or -ENOMEM. */
int passage_join(struct hark_snapshot *snapshot);

/*
 * Makes it depend on tcp wrappers what gets through to listeners of processes that ask them, where
 * they have any rule; once holders are known. 0 or -ENOMEM.
 */
int passage_wrap(struct hark_source *source, struct hark_snapshot *snapshot);

/* Whether they are the same, whatever the scope. */
static inline bool is_same_addr(const struct hark_addr *a, const struct hark_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* What an answer of the firewall has become, as rows. */
struct passage_pieces {
	uint32_t first, n; /* of snapshot->firewall_pieces */
};

struct passage {
	struct hark_snapshot *snapshot;
	const struct ruleset *ruleset;
	struct firewall *firewall;
	uint32_t details;
	uint32_t netns;
	struct hash number_by_answer; /* its address to a number: in order of appearance */
	ARRAY(const struct firewall_answer *) answers;
	struct hash pieces_by_answer; /* its number, and how it is taken, to index of `pieces` */
	ARRAY(struct passage_pieces) pieces;
	struct hash row_by_witness; /* to index of snapshot->firewall_rules */
	struct hash lists;          /* of places, by a sum over them, to index of `place_lists` */
	ARRAY(struct passage_pieces) place_lists;
	struct ranges rest; /* for passage_crafted() */
};

/* How the answer is to be read. */
enum passage_reading {
	PASSAGE_OWN,     /* what is translated comes back to who was asked about */
	PASSAGE_FOREIGN, /* what is translated goes to somebody else */
	PASSAGE_DOOR,    /* what is translated goes where the door leads, the rest does not */
};

/* A place, and what the firewall said of it. */
struct passage_asked {
	uint32_t place;
	uint32_t ifindex;
	uint32_t ordinary; /* numbers of answers */
	uint32_t chosen;   /* likewise; HARK_NONE: nobody wants to know */
	enum passage_reading reading;
};

struct passage_asking {
	ARRAY(struct passage_asked) items;
};

/* IPPROTO_* of the packets that come to the socket; 0: nothing that is judged here. */
int passage_protocol(const struct hark_socket *socket);

/* Whether a packet for that address and port comes to the socket, too. */
bool passage_is_own(const struct hark_snapshot *snapshot, const struct hark_socket *socket,
		    int family, const struct firewall_how *how);

/* Asks for one place, or for all of the namespace; of a door there is no socket. 0 or -errno. */
int passage_ask_place(struct passage *passage, struct passage_asking *asking, uint32_t place,
		      struct firewall_question *question, const struct hark_socket *socket);
int passage_ask_places(struct passage *passage, struct passage_asking *asking,
		       struct firewall_question *question, const struct hark_socket *socket,
		       bool is_for_strangers);

/* Makes entries of what was asked, and forgets it. */
int passage_add_entries(struct passage *passage, struct passage_asking *asking,
			struct firewall_question *question);

/* Rows of the doors of the namespace. */
int passage_judge_doors(struct passage *passage);

/* The pieces of an answer as rows, made once: 0 or -ENOMEM. */
int passage_pieces(struct passage *passage, uint32_t answer, enum hark_family family,
		   enum passage_reading reading, struct passage_pieces *ret);

/* What a sender that chooses all it may gets besides an ordinary client: 0 or -ENOMEM. */
int passage_crafted(struct passage *passage, uint32_t ordinary, uint32_t chosen,
		    enum hark_family family, struct passage_pieces *ret);

/* The row of what decided: its index, or HARK_NONE when memory ran out. */
uint32_t passage_rule(struct passage *passage, const struct firewall_witness *witness);

/* The steps of one question's path: 0 or -ENOMEM. */
int passage_path(struct passage *passage, const struct firewall_question *question,
		 uint32_t *ret_first, uint32_t *ret_n);

#endif
