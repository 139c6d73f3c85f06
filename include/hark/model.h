/* SPDX-License-Identifier: MIT */
/*
 * The rows: what a snapshot holds. Plain structs that refer to one another by index (HARK_NONE: no
 * such row). Strings belong to the snapshot and are the kernel's or a user's bytes: hostile text,
 * to be escaped on its way to a terminal. New members are added at the end of a struct.
 *
 * Beside each member stands where its value comes from: an attribute of a sock_diag reply
 * (<linux/inet_diag.h>), of an rtnetlink one, or a file below /proc.
 */
#ifndef HARK_MODEL_H
#define HARK_MODEL_H

#include <hark/addr.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define HARK_NONE UINT32_MAX

/*
 * The names that scripts see are those of hark_protocol_name() and its like: lower case,
 * CONTRACT's.
 */
enum hark_protocol {
	HARK_PROTOCOL_TCP,
	HARK_PROTOCOL_MPTCP,
	HARK_PROTOCOL_UDP,
	HARK_PROTOCOL_UDPLITE,
	HARK_PROTOCOL_RAW,
	HARK_PROTOCOL_ICMP, /* "ping" sockets, SOCK_DGRAM of IPPROTO_ICMP or IPPROTO_ICMPV6 */
	HARK_PROTOCOL_SCTP,
	HARK_PROTOCOL_DCCP,
	HARK_PROTOCOL_N_,
};

enum hark_family {
	HARK_FAMILY_INET,  /* AF_INET; as an index: IPv4 */
	HARK_FAMILY_INET6, /* AF_INET6; as an index: IPv6 */
	HARK_FAMILY_N_,
};

enum hark_state {
	HARK_STATE_ESTABLISHED,
	HARK_STATE_SYN_SENT,
	HARK_STATE_SYN_RECV,
	HARK_STATE_FIN_WAIT_1,
	HARK_STATE_FIN_WAIT_2,
	HARK_STATE_TIME_WAIT,
	HARK_STATE_CLOSE_WAIT,
	HARK_STATE_LAST_ACK,
	HARK_STATE_CLOSING,
	HARK_STATE_LISTEN,
	HARK_STATE_BOUND,       /* TCP: bound, neither listening nor connected */
	HARK_STATE_UNCONNECTED, /* UDP, UDP-Lite, raw, ICMP without a peer */
	HARK_STATE_N_,
};

/* Yes, no, or nobody could tell. */
enum hark_tristate {
	HARK_UNKNOWN,
	HARK_NO,
	HARK_YES
};

/* What is known of a thing that may be hidden or missing. */
enum hark_presence {
	HARK_KNOWN,       /* it was read */
	HARK_ABSENT,      /* it was looked for and is not there */
	HARK_DENIED,      /* permission */
	HARK_UNSUPPORTED, /* this kernel or file does not tell, or nobody asked */
};

enum hark_verdict {
	HARK_VERDICT_ALL,
	HARK_VERDICT_SOME,
	HARK_VERDICT_NONE,
	HARK_VERDICT_UNKNOWN,
	HARK_VERDICT_N_
};

enum hark_via {
	HARK_VIA_NONE,
	HARK_VIA_NATIVE,
	HARK_VIA_MAPPED,
	HARK_VIA_N_
};

enum hark_decided_by {
	HARK_DECIDED_BY_KERNEL,
	HARK_DECIDED_BY_FLAGS,
	HARK_DECIDED_BY_INFERENCE,
	HARK_DECIDED_BY_N_
};

/* Why a verdict is not `all`, or how it was inferred. */
enum hark_why {
	HARK_WHY_NOTHING, /* nothing to say */
	HARK_WHY_FAMILY,  /* sockets of its family and protocol cannot take it */
	HARK_WHY_V6ONLY,  /* IPV6_V6ONLY is set */
	HARK_WHY_BOUND,   /* bound to an address of the other family, or to some of this one */
	/* the namespace (or the bound interface) has no address of this family */
	HARK_WHY_NO_ADDRESS,
	HARK_WHY_NOT_LOCAL,     /* bound to an address that is not local */
	HARK_WHY_MULTICAST,     /* bound to a group: gets multicast, no unicast */
	HARK_WHY_BROADCAST,     /* bound to a broadcast address */
	HARK_WHY_SHADOWED,      /* another socket gets it: see shadowed_by */
	HARK_WHY_V6ONLY_UNTOLD, /* unknown: IPV6_V6ONLY is not told here */
	/* unknown: several sockets fit equally well and the kernel cannot be asked */
	HARK_WHY_RIVALS,
	HARK_WHY_ADDRESSES_UNTOLD, /* unknown: the addresses of the namespace could not be read */
	HARK_WHY_INET_LISTENER, /* inferred: an AF_INET wildcard listener on this port takes IPv4 */
	HARK_WHY_CHANGED,       /* nobody got it when asked: sockets came or went meanwhile */
	HARK_WHY_VRF, /* comes through a VRF, which sockets bound to no interface are kept from */
	HARK_WHY_N_,
};

/* One family's half of what a listener answers. */
struct hark_answer {
	uint8_t verdict;    /* enum hark_verdict */
	uint8_t via;        /* enum hark_via; HARK_VIA_NONE where the verdict is none or unknown */
	uint8_t decided_by; /* enum hark_decided_by */
	uint8_t why;        /* enum hark_why */
	int8_t reach;       /* enum hark_reach, -1 where it answers nothing or that is unknown */
	uint32_t first_address; /* verdict some: index of the first hark_snapshot_place() */
	uint32_t n_addresses;   /* verdict some: how many places follow; else 0 */
	uint32_t shadowed_by;   /* socket that gets (some of) it instead, or HARK_NONE */
};

/* One kernel socket. A host may have millions: what only listeners have is in hark_listener. */
struct hark_socket {
	struct hark_addr local;  /* idiag_src; its scope_id is that of a link-local address */
	struct hark_addr remote; /* idiag_dst; any where there is no peer */
	uint64_t cookie;         /* idiag_cookie; 0: not told (/proc/net, some MPTCP) */
	uint64_t cgroup_id;      /* INET_DIAG_CGROUP_ID (Linux 5.7), 0: not told */
	uint32_t inode;          /* idiag_inode; 0: no file (orphaned, TIME_WAIT, request) */
	/* idiag_uid: the creator's, in the reader's user namespace; SYN_RECV: its listener's */
	uint32_t uid;
	uint32_t mark;          /* INET_DIAG_MARK; see has_mark */
	uint32_t device;        /* idiag_if: interface index that it is bound to, 0: none */
	uint32_t receive_bytes; /* idiag_rqueue (not for listening sockets) */
	uint32_t send_bytes;    /* idiag_wqueue (not for listening sockets) */
	uint32_t netns;         /* index of its hark_namespace */
	uint32_t listener;      /* index of its hark_listener; HARK_NONE unless is_listener */
	uint32_t first_holder;  /* index of its first hark_holder */
	uint32_t n_holders;
	uint32_t expires_ms;  /* milliseconds until its timer runs out (idiag_expires) */
	uint16_t local_port;  /* host order; raw: the IP protocol; ICMP: the identifier */
	uint16_t remote_port; /* host order; 0: no peer */
	uint8_t protocol;     /* enum hark_protocol */
	uint8_t family;       /* enum hark_family, as the kernel gave it */
	uint8_t state;        /* enum hark_state */
	uint8_t v6only;       /* enum hark_tristate, INET_DIAG_SKV6ONLY; HARK_NO for AF_INET */
	uint8_t timer; /* idiag_timer: 0 none, 1 retransmit, 2 keepalive, 3 TIME_WAIT, 4 probe */
	uint8_t retransmits;       /* idiag_retrans; keepalive, probe: probes without an answer */
	uint8_t holders;           /* enum hark_presence: of holders */
	bool has_mark : 1;         /* the mark is told to CAP_NET_ADMIN alone */
	bool has_queues : 1;       /* false where the source does not tell them */
	bool is_mapped : 1;        /* a connection over IPv4 through an AF_INET6 socket */
	bool is_listener : 1;      /* takes what it did not ask for: it has a hark_listener */
	bool holders_complete : 1; /* no process was hidden from the search for its holders */
	/*
	 * Known to be the kernel's own (NFS, WireGuard, VXLAN): there is no file that a process
	 * could have open, so no holder either. False does not tell that it is not.
	 */
	bool is_kernel : 1;
};

/* What a socket that is a listener has besides. */
struct hark_listener {
	/* MPTCP: cookie of the TCP socket beneath it, which answers */
	uint64_t subflow_cookie;
	uint32_t backlog;     /* connections, listening: waiting to be accepted (idiag_rqueue) */
	uint32_t backlog_max; /* connections, listening: its limit (idiag_wqueue) */
	struct hark_answer answers[HARK_FAMILY_N_];
	/*
	 * The query's selection left out another listener of this protocol and port that answers
	 * this family, or may. So "none" of this one is not "none" of the port.
	 */
	bool is_answered_elsewhere[HARK_FAMILY_N_];
	uint32_t activation; /* index of its hark_activation; HARK_NONE: none that is known */
	/* Connections or datagrams that it dropped since it was opened: SK_MEMINFO_DROPS */
	uint32_t drops;
	uint32_t receive_max; /* bytes that its receive queue may take, SK_MEMINFO_RCVBUF */
	bool has_meminfo; /* drops and receive_max are known: INET_DIAG_SKMEMINFO was asked for */
	/*
	 * What the firewall makes of packets to it: HARK_KNOWN, HARK_DENIED (its rules may not be
	 * read), HARK_UNSUPPORTED (nobody asked). Then an entry for each family, interface and
	 * addresses that fare alike: hark_snapshot_firewall_entry().
	 */
	uint8_t firewall; /* enum hark_presence */
	uint32_t first_entry;
	uint32_t n_entries;
};

/* One socket of AF_UNIX: a line of /proc/net/unix (net/unix/af_unix.c, unix_seq_show()). */
struct hark_unix_socket {
	/* "Num": stands for the address of its struct sock (%pK); 0: it is hidden */
	uint64_t address;
	/*
	 * "Path": what it is bound to, as it was bound; of an abstract name the first byte, and
	 * each NUL in it, is '@'. NULL: it has no name.
	 */
	const char *path;
	uint32_t references;   /* "RefCount": of its struct sock, not only descriptors */
	uint32_t protocol;     /* "Protocol", 0 */
	uint32_t flags;        /* "Flags": 0x10000 (__SO_ACCEPTCON) is listening */
	uint32_t inode;        /* "Inode"; 0: no file, as of a connection before accept() */
	uint32_t netns;        /* index of its hark_namespace */
	uint32_t first_holder; /* index of its first hark_holder */
	uint32_t n_holders;
	uint16_t type;   /* "Type": SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5 */
	uint8_t state;   /* "St", <linux/net.h>: 1 unconnected, 2 connecting, 3 connected ... */
	uint8_t holders; /* enum hark_presence: of holders */
	bool holders_complete : 1; /* no process was hidden from the search for its holders */
};

/* How systemd, which holds the listener, uses it. */
struct hark_activation {
	const char *unit;    /* that opened it: "ssh.socket" */
	const char *service; /* that it starts: "ssh.service", "echo@.service"; NULL: not known */
	uint8_t accept;      /* enum hark_tristate: Accept=, a service for each connection */
};

/* One open descriptor of one process (or of a thread with a descriptor table of its own). */
struct hark_holder {
	uint32_t socket;      /* index of the hark_socket; HARK_NONE: it is of AF_UNIX */
	uint32_t process;     /* index of the hark_process */
	uint32_t fd;          /* descriptor number, name of /proc/PID/fd/N */
	uint32_t unix_socket; /* index of the hark_unix_socket, or HARK_NONE */
	/* O_RDWR and so on, /proc/PID/fdinfo/N "flags:"; HARK_NONE: not asked for, or not known */
	uint32_t flags;
};

/* A thread of a process, its leader apart. */
struct hark_task {
	uint32_t process;    /* index of the hark_process */
	uint32_t tid;        /* name of /proc/PID/task/TID */
	const char *command; /* its own, /proc/PID/task/TID/comm; NULL: not readable */
};

/* NULL strings: not asked for, or not readable. */
struct hark_process {
	uint32_t pid;           /* in the pid namespace of the /proc that was read */
	uint32_t uid;           /* effective, /proc/PID/status "Uid:"; HARK_NONE: not known */
	uint64_t start_ticks;   /* clock ticks since boot, /proc/PID/stat field 22; 0: not known */
	const char *command;    /* /proc/PID/comm, at most 15 bytes */
	const char *executable; /* target of /proc/PID/exe */
	const char *command_line; /* /proc/PID/cmdline, NULs turned to spaces, at most 4096 bytes */
	const char *cgroup; /* /proc/PID/cgroup, the path in the unified (else systemd) hierarchy */
	const char *unit;   /* systemd unit by the cgroup path */
	const char *container; /* container id (or name, where the runtime uses names) */
	const char *runtime;   /* "docker", "podman", "containerd", "cri-o", "lxc", "nspawn" */
	const char *pod;       /* Kubernetes pod uid */
	/*
	 * What people call the container, its image, its pod and the pod's namespace, by the state
	 * files of the runtime or the kubelet. NULL: these do not tell, or may not be read.
	 */
	const char *container_name;
	const char *image;
	const char *pod_name;
	const char *pod_namespace;
	bool fronts; /* some of its sockets are held for a container: hark_snapshot_fronted() */
	uint32_t argument0_length; /* bytes of command_line that are its first argument */
	uint32_t parent; /* pid of its parent, /proc/PID/stat field 4; 0: none, or not known */
	uint32_t group;  /* its process group, /proc/PID/stat field 5; 0: not known */
	/*
	 * Whom /proc/PID belongs to: the effective user, or root where the process may not be
	 * dumped. HARK_NONE: not known.
	 */
	uint32_t owner;
	uint32_t first_task; /* index of its first hark_task */
	uint32_t n_tasks;    /* 0: it has one thread, or nobody asked for more */
};

/* One local address, or a whole prefix that is local (AnyIP, 127.0.0.0/8). */
struct hark_place {
	struct hark_prefix prefix; /* bits is 128 for an address */
	uint32_t netns;            /* index of its hark_namespace */
	uint32_t ifindex;          /* interface that has it (IFA_ADDRESS/IFA_LOCAL, or RTA_OIF) */
};

struct hark_interface {
	uint32_t netns;   /* index of its hark_namespace */
	uint32_t ifindex; /* ifi_index */
	const char *name; /* IFLA_IFNAME */
	bool is_up;       /* IFF_UP */
	uint32_t vrf;     /* interface index of the VRF that it belongs to (IFLA_MASTER), 0: none */
};

struct hark_namespace {
	uint64_t inode;       /* of nsfs, as in /proc/PID/ns/net */
	const char *name;     /* below /run/netns, or NULL */
	uint32_t first_place; /* its local addresses: hark_snapshot_place() */
	uint32_t n_places;
	uint8_t bindv6only;    /* enum hark_tristate: /proc/sys/net/ipv6/bindv6only */
	uint8_t ipv6_disabled; /* enum hark_tristate: /proc/sys/net/ipv6/conf/all/disable_ipv6 */
	/* enum hark_tristate: BPF sk_lookup programs attached (BPF_PROG_QUERY) */
	uint8_t sk_lookup;
	uint8_t places_presence; /* enum hark_presence: of the addresses */
	/*
	 * enum hark_tristate: whether sockets that are bound to no interface take what comes
	 * through a VRF, /proc/sys/net/ipv4/tcp_l3mdev_accept and so on; read where there is one.
	 */
	uint8_t tcp_l3mdev_accept, udp_l3mdev_accept, raw_l3mdev_accept;
	uint8_t presence;  /* enum hark_presence: of its sockets; HARK_DENIED: may not be entered */
	uint32_t pid;      /* a process in it; 0: none is known, or it is the reader's own */
	const char *mount; /* where else than below /run/netns it is mounted, or NULL */
	/*
	 * Protocols that this kernel does not have, or has not loaded: 1 << enum hark_protocol, by
	 * /proc/net/protocols, which is read where more than TCP is asked for.
	 */
	uint32_t absent_protocols;
	/*
	 * Of all listeners of TCP that the namespace has and had: connections that found a backlog
	 * full, and those that were dropped for whatever reason; TcpExt of /proc/net/netstat.
	 */
	uint64_t listen_overflows, listen_drops;
	bool has_counters; /* these two are known */
};

/* An address of an interface, whether it may be used yet or not: a line of /proc/net/if_inet6. */
struct hark_ipv6_address {
	struct hark_addr addr;
	uint32_t ifindex;
	uint32_t flags; /* IFA_F_...: 0x40 tentative, 0x08 DAD failed, 0x04 optimistic */
};

/*
 * What a network namespace lets be bound: files below /proc/sys/net/ipv4, unless another is named.
 * HARK_NONE, HARK_UNKNOWN, NULL: the file cannot be read.
 */
struct hark_port_settings {
	uint32_t unprivileged_start; /* ip_unprivileged_port_start */
	uint32_t ephemeral_first;    /* ip_local_port_range */
	uint32_t ephemeral_last;
	const char *reserved;                 /* ip_local_reserved_ports: "8080,9000-9010" */
	uint8_t nonlocal[HARK_FAMILY_N_];     /* enum hark_tristate: ip_nonlocal_bind */
	uint8_t ipv6_presence;                /* enum hark_presence: of the addresses */
	uint8_t has_net_bind;                 /* enum hark_tristate: see ports.c */
	const struct hark_ipv6_address *ipv6; /* net/if_inet6 */
	uint32_t n_ipv6;
};

/*
 * A question that was put to the kernel's socket look-up (SOCK_DIAG_BY_FAMILY without NLM_F_DUMP),
 * for a stranger's packet, and what it said. One address stands for all that must fare alike.
 */
struct hark_lookup {
	struct hark_addr addr; /* where the packet goes */
	uint32_t netns;        /* index of its hark_namespace */
	uint32_t ifindex;      /* interface it arrives on */
	uint32_t n_places;     /* how many places the address stands for, itself included */
	uint32_t socket;       /* who gets it: a hark_socket, or HARK_NONE */
	int32_t error;         /* 0; -ENOENT: nobody gets it; else it was not answered */
	uint16_t port;
	uint8_t protocol; /* enum hark_protocol */
	uint8_t family;   /* enum hark_family, of the packet */
};

/* Something that is missing from the snapshot. */
enum hark_note_what {
	HARK_NOTE_SOCKETS,
	HARK_NOTE_HOLDERS,
	HARK_NOTE_ADDRESSES,
	HARK_NOTE_ANSWERS,
	HARK_NOTE_V6ONLY,
	HARK_NOTE_UNITS,
	HARK_NOTE_NAMESPACES,
	HARK_NOTE_CONTAINERS, /* what containers and pods are called */
	HARK_NOTE_FIREWALL,   /* rules, sets, routes, programs */
	HARK_NOTE_WHAT_N_,
};

enum hark_note_why {
	HARK_NOTE_PERMISSION,
	HARK_NOTE_INTERRUPTED, /* changed while it was read, again and again */
	HARK_NOTE_UNSUPPORTED,
	HARK_NOTE_FAILED,
	HARK_NOTE_LIMIT,    /* more than our own cap */
	HARK_NOTE_FALLBACK, /* read another, poorer way (/proc/net) */
	HARK_NOTE_METHOD,   /* nothing is missing: it tells how it was read */
	HARK_NOTE_WHY_N_,
};

/* Summed by (what, why, detail). */
struct hark_note {
	uint8_t what;       /* enum hark_note_what */
	uint8_t why;        /* enum hark_note_why */
	bool is_debug;      /* nothing is missing from the answer: tell only who asks */
	int32_t error;      /* negative errno behind it, or 0 */
	uint32_t count;     /* how many things it befell */
	const char *detail; /* one sentence for a person, without a final stop */
};

/* What other network namespaces have, where they were not read. */
struct hark_elsewhere {
	uint32_t n_namespaces; /* with sockets in them */
	uint32_t n_listeners;  /* in these, or HARK_NONE: not counted */
};

/* Names as scripts see them; NULL outside of the enumeration. */
const char *hark_protocol_name(enum hark_protocol protocol);
const char *hark_family_name(enum hark_family family); /* "inet", "inet6" */
const char *hark_state_name(enum hark_state state);
const char *hark_verdict_name(enum hark_verdict verdict);
const char *hark_via_name(enum hark_via via); /* NULL for HARK_VIA_NONE */
const char *hark_decided_by_name(enum hark_decided_by decided_by);
const char *hark_why_name(
	enum hark_why why); /* "v6only", "shadowed", ...; NULL for HARK_WHY_NOTHING */
const char *hark_why_text(enum hark_why why); /* one clause for a person */
const char *hark_note_what_name(enum hark_note_what what);
const char *hark_note_why_name(enum hark_note_why why);

/* The enumerator with that name, or -1. */
int hark_protocol_from_name(const char *name);
int hark_state_from_name(const char *name);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
