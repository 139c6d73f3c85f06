/* SPDX-License-Identifier: MIT */
/*
 * Who gets through to the listeners and doors of a snapshot, joined over all their addresses and
 * interfaces. Rests on HARK_DETAIL_FIREWALL, and sends and reads nothing by itself. It is this
 * host's own view: what routers and clouds let through is outside of it.
 */
#ifndef HARK_EXPOSURE_H
#define HARK_EXPOSURE_H

#include <hark/error.h>
#include <hark/snapshot.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum hark_who {
	HARK_WHO_UNSERVED, /* it does not answer this family */
	HARK_WHO_NOBODY,   /* not even this host */
	HARK_WHO_HOST,     /* this host alone: by its addresses, or as the firewall keeps all out */
	HARK_WHO_SOME,     /* certain senders */
	HARK_WHO_OPEN,     /* whoever can address it, as far as `open` tells */
	HARK_WHO_DEPENDS,  /* some may, see `depends_on`; others perhaps for certain */
	HARK_WHO_UNKNOWN,  /* the rules were not read, or whether it answers is not known */
	HARK_WHO_N_
};

/*
 * Who gets through to a listener or a door over one family. Addresses of the widest scope come
 * first: `open` tells at which of them everybody gets through, the ranges who does at addresses
 * that are wider still.
 */
struct hark_exposure {
	uint8_t who;      /* enum hark_who */
	uint8_t firewall; /* enum hark_presence: as of struct hark_listener */
	int8_t reach;     /* enum hark_reach of its widest address, -1: none, or not known */
	int8_t open;      /* enum hark_reach of the widest at which everybody gets through, or -1 */
	/* everybody gets through, or may, while the port's other family is kept to some */
	bool is_wider;
	/* who chooses what an ordinary client does not gets through from elsewhere, or may */
	bool has_crafted;
	uint32_t depends_on;  /* mask of 1 << enum hark_firewall_doubt: of those who may */
	uint32_t first_range; /* hark_exposures_range(): who gets through for certain; ascending */
	uint32_t n_ranges;
	uint32_t first_maybe; /* who may besides */
	uint32_t n_maybe;
	uint32_t first_other; /* all who are neither */
	uint32_t n_others;
};

struct hark_exposures;

/*
 * Of all listeners and doors. The snapshot must outlive it, as it stays the caller's. 0 or -ENOMEM.
 * Freed by hark_exposures_free().
 */
int hark_exposures_new(const struct hark_snapshot *snapshot, struct hark_exposures **ret);
void hark_exposures_free(struct hark_exposures *exposures); /* NULL is fine */

/* Of struct hark_socket.listener; NULL where there is no such listener. */
const struct hark_exposure *hark_exposures_listener(const struct hark_exposures *exposures,
						    uint32_t listener, enum hark_family family);
/* Of a door, whose family is one. */
const struct hark_exposure *hark_exposures_door(const struct hark_exposures *exposures,
						uint32_t door);
const struct hark_range *hark_exposures_range(const struct hark_exposures *exposures, uint32_t i);

/*
 * In a few words: "everyone", "10.0.0.0/8", "3 ranges", "all but 2 ranges", "private" (all that can
 * address its private addresses), "this host", "nobody", "depends (rate)", "unknown"; "public?"
 * where the firewall was not asked: the addresses alone; "+ crafted" as of has_crafted. Empty where the family is not served.
 * `text` is the caller's, of HARK_EXPOSURE_TEXT_SIZE bytes; returned for convenience.
 */
#define HARK_EXPOSURE_TEXT_SIZE 192
char *hark_exposure_format(const struct hark_exposures *exposures,
			   const struct hark_exposure *exposure, char *text);

/* How far open something is to others than this host; worse is greater. */
enum hark_exposed {
	HARK_EXPOSED_NOT,
	HARK_EXPOSED_LINK,     /* everybody on the same wire */
	HARK_EXPOSED_PRIVATE,  /* everybody who can address its private addresses */
	HARK_EXPOSED_SOME,     /* certain senders */
	HARK_EXPOSED_UNKNOWN,  /* the rules were not read */
	HARK_EXPOSED_DEPENDS,  /* some may get through */
	HARK_EXPOSED_EVERYONE, /* at public addresses */
	HARK_EXPOSED_WIDER,    /* over one family further than over the other */
	HARK_EXPOSED_N_,
};

/* Of both families together; NULL: there is none. */
enum hark_exposed hark_exposed_of(const struct hark_exposure *inet,
				  const struct hark_exposure *inet6);
const char *hark_exposed_name(enum hark_exposed exposed); /* "not", "link", ..., "wider" */

/*
 * One clause: "IPv6 is open to everyone, IPv4 only to 10.0.0.0/8". Of HARK_EXPOSED_TEXT_SIZE bytes.
 */
#define HARK_EXPOSED_TEXT_SIZE (2 * HARK_EXPOSURE_TEXT_SIZE + 64)
char *hark_exposed_format(const struct hark_exposures *exposures, const struct hark_exposure *inet,
			  const struct hark_exposure *inet6, char *text);

/*
 * Whether two pieces, hark_snapshot_firewall_piece(), say the same of the same senders, for the
 * same reasons. So do often those of several interfaces.
 */
bool hark_firewall_pieces_alike(const struct hark_snapshot *snapshot, uint32_t a, uint32_t b);

/* Senders: an address, prefix or range of one family, or whoever comes by an interface. */
struct hark_senders {
	struct hark_range range; /* unless is_anyone */
	bool is_anyone;          /* of both families */
	uint32_t netns;          /* index of the hark_namespace of the interface */
	uint32_t ifindex;        /* by which they come; 0: any */
};

/*
 * Reads "10.0.0.5", "10.0.0.0/8", "10.0.0.1-10.0.0.9", "fe80::1%eth0", or the name of an interface of
 * the snapshot. -EINVAL: *reterr says what is wrong.
 */
int hark_senders_parse(const struct hark_snapshot *snapshot, const char *text,
		       struct hark_senders *ret, struct hark_error *reterr);

/* How some senders fare with a listener, or a door, at one interface's addresses. */
struct hark_passage {
	uint32_t socket; /* the hark_socket, or HARK_NONE */
	uint32_t door;   /* the hark_door, or HARK_NONE */
	uint32_t entry;  /* hark_snapshot_firewall_entry(); HARK_NONE: the rules were not read */
	uint32_t piece;  /* hark_snapshot_firewall_piece(); HARK_NONE likewise */
	uint8_t verdict; /* enum hark_firewall_verdict */
	bool is_all;     /* all of the senders that were asked about */
	uint32_t first_range; /* hark_passages_range(): which of them */
	uint32_t n_ranges;
};

struct hark_passages;

/*
 * How these senders fare with all listeners and doors that match the selection (NULL: all): a row
 * for each part of them that fares differently. What they cannot send to (another host to loopback
 * addresses, this host by another interface than lo) is left out. 0 or -ENOMEM; freed by
 * hark_passages_free().
 */
int hark_passages_new(const struct hark_snapshot *snapshot, const struct hark_selection *selection,
		      const struct hark_senders *from, struct hark_passages **ret);
void hark_passages_free(struct hark_passages *passages); /* NULL is fine */
const struct hark_passage *hark_passages_at(const struct hark_passages *passages, uint32_t i);
const struct hark_range *hark_passages_range(const struct hark_passages *passages, uint32_t i);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
