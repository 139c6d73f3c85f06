/* SPDX-License-Identifier: MIT */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORDING_MAX (64u << 20) /* bytes */

static int read_whole(int fd, void *buffer, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t got = read(fd, (char *)buffer + length, size - length);

		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		length += (size_t)got;
	}
	return 0;
}

static int load_frames(struct recording *recording, const unsigned char *bytes, size_t length)
{
	size_t at = sizeof(RECORDING_MAGIC) - 1;

	if (length < at || memcmp(bytes, RECORDING_MAGIC, at))
		return -EBADMSG;
	while (at < length) {
		struct frame frame;
		struct frame *added;

		if (length - at < sizeof(frame.header))
			return -EBADMSG;
		memcpy(&frame.header, bytes + at, sizeof(frame.header));
		at += sizeof(frame.header);
		if (frame.header.kind >= FRAME_KIND_N_ || length - at < frame.header.length)
			return -EBADMSG;
		frame.bytes = arena_alloc(&recording->arena, frame.header.length);
		added = array_push(&recording->frames);
		if (!frame.bytes || !added)
			return -ENOMEM;
		memcpy(frame.bytes, bytes + at, frame.header.length);
		at += frame.header.length;
		*added = frame;
	}
	return 0;
}

int recording_load(struct recording *recording, int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC), r = 0;
	unsigned char *bytes = NULL;
	struct stat status;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		r = -errno;
	else if (status.st_size > RECORDING_MAX)
		r = -EFBIG;
	if (r == 0) {
		bytes = arena_alloc(&recording->arena, (size_t)status.st_size);
		r = bytes ? read_whole(fd, bytes, (size_t)status.st_size) : -ENOMEM;
	}
	close(fd);
	return r < 0 ? r : load_frames(recording, bytes, (size_t)status.st_size);
}

static int write_whole(int fd, const void *buffer, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t put = write(fd, (const char *)buffer + length, size - length);

		if (put < 0)
			return -errno;
		length += (size_t)put;
	}
	return 0;
}

int recording_save(const struct recording *recording, int dir_fd, const char *path)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int r = fd < 0 ? -errno : write_whole(fd, RECORDING_MAGIC, sizeof(RECORDING_MAGIC) - 1);

	for (uint32_t i = 0; i < recording->frames.n && r == 0; i++) {
		const struct frame *frame = &recording->frames.items[i];

		r = write_whole(fd, &frame->header, sizeof(frame->header));
		if (r == 0)
			r = write_whole(fd, frame->bytes, frame->header.length);
	}
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

void recording_fini(struct recording *recording)
{
	array_fini(&recording->frames);
	arena_fini(&recording->arena);
}

static void append(struct recorder *recorder, enum frame_kind kind, uint32_t socket, int result,
		   const void *bytes, size_t length)
{
	struct recording *recording = recorder->recording;
	struct frame *frame = array_push(&recording->frames);
	unsigned char *copy = arena_alloc(&recording->arena, length);

	if (!frame || !copy) {
		recorder->error = -ENOMEM;
		return;
	}
	if (length)
		memcpy(copy, bytes, length);
	frame->header = (struct frame_header){ kind, socket, result, (uint32_t)length };
	frame->bytes = copy;
}

/* The source is the first member of both. */
static int record_open(struct hark_source *source, int protocol)
{
	struct recorder *recorder = (struct recorder *)source;
	int32_t number = protocol;
	uint32_t socket = recorder->handles.n;
	int *handle = array_push(&recorder->handles);

	if (!handle)
		return -ENOMEM;
	*handle = recorder->live->ops->nl_open(recorder->live, protocol);
	append(recorder, FRAME_OPEN, socket, *handle < 0 ? *handle : 0, &number, sizeof(number));
	return *handle < 0 ? *handle : (int)socket;
}

static int record_send(struct hark_source *source, int socket, const void *bytes, size_t length)
{
	struct recorder *recorder = (struct recorder *)source;
	struct hark_source *live = recorder->live;
	int r = live->ops->nl_send(live, recorder->handles.items[socket], bytes, length);

	append(recorder, FRAME_SEND, (uint32_t)socket, r, bytes, length);
	return r;
}

static ssize_t record_receive(struct hark_source *source, int socket, void *buffer, size_t size)
{
	struct recorder *recorder = (struct recorder *)source;
	struct hark_source *live = recorder->live;
	ssize_t length = live->ops->nl_receive(live, recorder->handles.items[socket], buffer, size);

	append(recorder, FRAME_RECEIVE, (uint32_t)socket, length < 0 ? (int)length : 0, buffer,
	       length < 0 ? 0 : (size_t)length);
	return length;
}

static void record_close(struct hark_source *source, int socket)
{
	struct recorder *recorder = (struct recorder *)source;

	recorder->live->ops->nl_close(recorder->live, recorder->handles.items[socket]);
}

static int record_count_sk_lookups(struct hark_source *source)
{
	struct recorder *recorder = (struct recorder *)source;
	struct hark_source *live = recorder->live;
	int n = live->ops->count_sk_lookups ? live->ops->count_sk_lookups(live) : -ENOSYS;

	append(recorder, FRAME_LOOKUPS, 0, n, NULL, 0);
	return n;
}

static int64_t record_time(struct hark_source *source)
{
	struct recorder *recorder = (struct recorder *)source;
	int64_t now = recorder->live->ops->time(recorder->live);

	append(recorder, FRAME_TIME, 0, 0, &now, sizeof(now));
	return now;
}

static const struct source_ops recorder_ops = {
	.nl_open = record_open,
	.nl_send = record_send,
	.nl_receive = record_receive,
	.nl_close = record_close,
	.count_sk_lookups = record_count_sk_lookups,
	.time = record_time,
};

void recorder_init(struct recorder *recorder, struct hark_source *live, struct recording *recording)
{
	*recorder = (struct recorder){
		.source.ops = &recorder_ops,
		.source.proc_fd = live->proc_fd,
		.source.sys_fd = live->sys_fd,
		.live = live,
		.recording = recording,
	};
}

void recorder_fini(struct recorder *recorder)
{
	array_fini(&recorder->handles);
}

/* Only the first: what follows it is its consequence. */
static void complain(struct replayer *replayer, const char *problem)
{
	if (!replayer->problem)
		replayer->problem = problem;
}

/* The socket's next frame, which must be of this kind, or NULL. */
static const struct frame *take_frame(struct replayer *replayer, uint32_t socket,
				      enum frame_kind kind)
{
	uint32_t *next = &replayer->next.items[socket];

	while (*next < replayer->recording->frames.n) {
		const struct frame *frame = &replayer->recording->frames.items[(*next)++];

		if (frame->header.kind > FRAME_RECEIVE || frame->header.socket != socket)
			continue;
		if (frame->header.kind == kind)
			return frame;
		break;
	}
	complain(replayer, "another step was recorded here, or none");
	return NULL;
}

static int replay_open(struct hark_source *source, int protocol)
{
	struct replayer *replayer = (struct replayer *)source;
	uint32_t socket = replayer->next.n;
	const struct frame *frame;
	int32_t number = protocol;

	if (!array_push(&replayer->next))
		return -ENOMEM;
	frame = take_frame(replayer, socket, FRAME_OPEN);
	if (!frame)
		return -EPROTO;
	if (frame->header.length != sizeof(number) ||
	    memcmp(frame->bytes, &number, sizeof(number))) {
		complain(replayer, "a socket of another protocol was recorded here");
		return -EPROTO;
	}
	return frame->header.result < 0 ? frame->header.result : (int)socket;
}

static int replay_send(struct hark_source *source, int socket, const void *bytes, size_t length)
{
	struct replayer *replayer = (struct replayer *)source;
	const struct frame *frame = take_frame(replayer, (uint32_t)socket, FRAME_SEND);

	if (!frame)
		return -EPROTO;
	if (frame->header.length != length || memcmp(frame->bytes, bytes, length)) {
		complain(replayer, "the request differs from the recorded one");
		return -EPROTO;
	}
	return frame->header.result;
}

static ssize_t replay_receive(struct hark_source *source, int socket, void *buffer, size_t size)
{
	struct replayer *replayer = (struct replayer *)source;
	const struct frame *frame = take_frame(replayer, (uint32_t)socket, FRAME_RECEIVE);

	if (!frame)
		return -EPROTO;
	if (frame->header.result < 0)
		return frame->header.result;
	if (frame->header.length > size)
		return -EMSGSIZE;
	memcpy(buffer, frame->bytes, frame->header.length);
	return (ssize_t)frame->header.length;
}

static void replay_close(struct hark_source *source, int socket)
{
	(void)source;
	(void)socket;
}

/* The first frame of a kind that belongs to no socket, or NULL. */
static const struct frame *find_frame(const struct hark_source *source, enum frame_kind kind)
{
	const struct recording *recording = ((const struct replayer *)source)->recording;

	for (uint32_t i = 0; i < recording->frames.n; i++)
		if (recording->frames.items[i].header.kind == kind)
			return &recording->frames.items[i];
	return NULL;
}

static int replay_count_sk_lookups(struct hark_source *source)
{
	const struct frame *frame = find_frame(source, FRAME_LOOKUPS);

	return frame ? frame->header.result : -ENOSYS;
}

static int64_t replay_time(struct hark_source *source)
{
	const struct frame *frame = find_frame(source, FRAME_TIME);
	int64_t now = 0;

	if (frame && frame->header.length == sizeof(now))
		memcpy(&now, frame->bytes, sizeof(now));
	return now;
}

static const struct source_ops replayer_ops = {
	.nl_open = replay_open,
	.nl_send = replay_send,
	.nl_receive = replay_receive,
	.nl_close = replay_close,
	.count_sk_lookups = replay_count_sk_lookups,
	.time = replay_time,
};

void replayer_init(struct replayer *replayer, const struct recording *recording, int proc_fd,
		   int sys_fd)
{
	*replayer = (struct replayer){
		.source = { .ops = &replayer_ops, .proc_fd = proc_fd, .sys_fd = sys_fd },
		.recording = recording,
	};
}

void replayer_fini(struct replayer *replayer)
{
	array_fini(&replayer->next);
}
