/* SPDX-License-Identifier: MIT */
#include "capture.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEPT_BYTES    65535 /* of one frame: the snapshot length that the files tell */
#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/*
 * The client's port and ICMP: what else goes over a busy interface is not to fill our socket, and
 * the rest is seen to by capture_take(). Offsets are from the Ethernet header.
 */
static int set_filter(int fd, uint8_t ip_protocol, uint16_t port)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 9, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 16),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 13, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ip_protocol, 0, 13),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 14),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 9, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 7, 8),
		/* IPv6 */
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ip_protocol, 0, 5),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 54),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 2, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 56),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, KEPT_BYTES),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { N_ELEMENTS(code), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

int capture_clock_open(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	return fd;
}

int capture_open(struct capture *ret, uint32_t ifindex, enum hark_protocol protocol,
		 const struct hark_addr *client, uint16_t client_port)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = (int)ifindex };
	int on = 1, error;

	*ret = (struct capture){ .protocol = (uint8_t)protocol,
				 .client = *client,
				 .client_port = client_port };
	/* Protocol 0: nothing comes before bind(), when the filter is in its place. */
	ret->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ret->fd < 0)
		return -errno;
	if (set_filter(ret->fd, protocol == HARK_PROTOCOL_TCP ? IPPROTO_TCP : IPPROTO_UDP,
		       client_port) < 0 ||
	    setsockopt(ret->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
	    bind(ret->fd, (struct sockaddr *)&link, sizeof(link)) < 0) {
		error = -errno;
		close(ret->fd);
		ret->fd = -1;
		return error;
	}
	return 0;
}

static uint64_t time_of(struct msghdr *message)
{
	struct timespec time = { 0 };

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
		if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&time, CMSG_DATA(part), sizeof(time));
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static bool is_wanted(const struct capture *capture, const struct frame *frame)
{
	const struct hark_addr *client = &capture->client;
	bool is_from = frame->from_port == capture->client_port &&
		       !memcmp(frame->from.bytes, client->bytes, sizeof(client->bytes));
	bool is_to = frame->to_port == capture->client_port &&
		     !memcmp(frame->to.bytes, client->bytes, sizeof(client->bytes));

	/* An error that our end sends is about a packet that came to it: the ports are turned. */
	return is_from || is_to;
}

/* Whether it is the second sight of a frame: the loopback interface shows each out and in. */
static bool is_seen_twice(const struct sockaddr_ll *link)
{
	return link->sll_hatype == ARPHRD_LOOPBACK && link->sll_pkttype == PACKET_OUTGOING;
}

static int keep(struct capture *capture, const struct frame *frame, const uint8_t *bytes,
		size_t length, uint64_t time_ns)
{
	struct captured *kept = &capture->frames[capture->n];
	size_t n = length < KEPT_BYTES ? length : KEPT_BYTES;

	if (capture->n == CAPTURE_MAX) {
		capture->n_more++;
		return 0;
	}
	*kept = (struct captured){ .frame = *frame,
				   .time_ns = time_ns,
				   .length = (uint32_t)length,
				   .n_bytes = (uint32_t)n,
				   .bytes = malloc(n) };
	if (!kept->bytes)
		return -ENOMEM;
	memcpy(kept->bytes, bytes, n);
	/* Where the kernel had not begun to note times (see capture_clock_open()). */
	if (capture->n && kept[-1].time_ns > time_ns)
		kept->time_ns = kept[-1].time_ns;
	capture->n++;
	return 0;
}

int capture_take(struct capture *capture)
{
	uint8_t bytes[KEPT_BYTES];
	int r = 0;

	while (capture->fd >= 0 && r == 0) {
		union {
			struct cmsghdr header;
			char bytes[CMSG_SPACE(sizeof(struct timespec))];
		} control;
		struct sockaddr_ll link = { 0 };
		struct iovec iov = { bytes, sizeof(bytes) };
		struct msghdr message = { .msg_name = &link,
					  .msg_namelen = sizeof(link),
					  .msg_iov = &iov,
					  .msg_iovlen = 1,
					  .msg_control = &control,
					  .msg_controllen = sizeof(control) };
		ssize_t length = recvmsg(capture->fd, &message, MSG_TRUNC);
		struct frame frame;

		if (length < 0 && errno != EINTR)
			return errno == EAGAIN ? 0 : -errno;
		if (length <= 0 || is_seen_twice(&link) ||
		    !frame_parse(bytes,
				 (size_t)length < sizeof(bytes) ? (size_t)length : sizeof(bytes),
				 &frame) ||
		    !is_wanted(capture, &frame))
			continue;
		r = keep(capture, &frame, bytes, (size_t)length, time_of(&message));
	}
	return r;
}

void capture_close(struct capture *capture)
{
	if (capture->fd >= 0)
		close(capture->fd);
	for (uint32_t i = 0; i < capture->n; i++)
		free(capture->frames[i].bytes);
	capture->fd = -1;
	capture->n = 0;
}

void pcap_begin(FILE *file)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, kept_bytes, link_type;
	} header = { 0xa1b23c4d, 2, 4, 0, 0, KEPT_BYTES, 1 /* LINKTYPE_ETHERNET */ };

	fwrite(&header, sizeof(header), 1, file);
}

void pcap_write(FILE *file, const struct capture *capture)
{
	for (uint32_t i = 0; i < capture->n; i++) {
		const struct captured *kept = &capture->frames[i];
		const uint32_t header[] = { (uint32_t)(kept->time_ns / 1000000000),
					    (uint32_t)(kept->time_ns % 1000000000), kept->n_bytes,
					    kept->length };

		fwrite(header, sizeof(header), 1, file);
		fwrite(kept->bytes, 1, kept->n_bytes, file);
	}
}
