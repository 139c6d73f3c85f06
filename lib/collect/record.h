/* SPDX-License-Identifier: MIT */
/*
 * Recorded netlink traffic: a source that writes down all that goes through it, and one that plays
 * it back. What is below /proc and /sys is not in a recording: a fixture tree stands beside it.
 *
 * The file is RECORDING_MAGIC and then frames: struct frame_header, as this machine has it in
 * memory, and `length` bytes.
 */
#ifndef RECORD_H
#define RECORD_H

#include "arena.h"
#include "source.h"

#define RECORDING_MAGIC "hark-netlink-1\n\0"

enum frame_kind {
	FRAME_OPEN,    /* bytes: the protocol, an int32_t */
	FRAME_SEND,    /* bytes: the requests */
	FRAME_RECEIVE, /* bytes: the datagram */
	FRAME_TIME,    /* bytes: an int64_t */
	FRAME_LOOKUPS, /* no bytes; the result is that of count_sk_lookups() */
	FRAME_KIND_N_,
};

struct frame_header {
	uint32_t kind;
	uint32_t socket; /* of those three: counted by opening, from 0 */
	int32_t result;  /* 0 or -errno */
	uint32_t length;
};

struct frame {
	struct frame_header header;
	unsigned char *bytes; /* in the recording's arena */
};

/* All zero is an empty one. */
struct recording {
	struct arena arena;
	ARRAY(struct frame) frames;
};

/* Reads a file below a directory descriptor: 0; -EBADMSG, -EFBIG or another errno. */
int recording_load(struct recording *recording, int dir_fd, const char *path);
int recording_save(const struct recording *recording, int dir_fd, const char *path);
void recording_fini(struct recording *recording);

/* Hands everything on to `live` and appends it to `recording`. */
struct recorder {
	struct hark_source source;
	struct hark_source *live;
	struct recording *recording;
	ARRAY(int) handles; /* of the live source, by number of the socket */
	int error;          /* -ENOMEM: the recording has gaps */
};

void recorder_init(struct recorder *recorder, struct hark_source *live,
		   struct recording *recording);
void recorder_fini(struct recorder *recorder);

/*
 * Replies in the recorded order to each socket. A request that differs in a single byte from the
 * recorded one, sequence numbers included, is -EPROTO, and so is all that goes beyond the
 * recording.
 */
struct replayer {
	struct hark_source source;
	const struct recording *recording;
	ARRAY(uint32_t) next; /* frame to look at next, by number of the socket */
	const char *problem;  /* why something was -EPROTO first, or NULL */
};

void replayer_init(struct replayer *replayer, const struct recording *recording, int proc_fd,
		   int sys_fd);
void replayer_fini(struct replayer *replayer);

#endif
