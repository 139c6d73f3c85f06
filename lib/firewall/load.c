/* SPDX-License-Identifier: MIT */
/*
 * What is loaded into registers: of the packet, of what the kernel notes beside it, and of its
 * connection. A SYN is known to be one, for nothing else opens a connection; the rest of what a
 * sender writes is its own choice, unless it is an ordinary client.
 */
#include "engine.h"

#include <string.h>

#define PROTOCOL_TCP 6

#define HEADER_IPV4 20
#define HEADER_IPV6 40
#define HEADER_MAX  96 /* of what is described at all */

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

/* Ends the rule for all. */
static int breaks(struct condition *condition)
{
	return condition_of_none(condition);
}

int may_break(const struct machine *machine, struct condition *condition, uint32_t doubts)
{
	struct condition some = { 0 };
	int error = condition_of_some(&some, &machine->all, doubts);

	if (!error)
		error = condition_and(condition, &some);
	condition_fini(&some);
	return error;
}

/* --- The packet --- */

static struct cell chosen_by_sender(const struct machine *machine, uint8_t ordinary)
{
	return machine->packet.question->is_canonical ? cell_known(ordinary) :
							cell_unknown(DOUBT(SENDER));
}

static void put_port(struct cell *cells, uint16_t port)
{
	cells[0] = cell_known((uint8_t)(port >> 8));
	cells[1] = cell_known((uint8_t)port);
}

static void put_client_port(const struct machine *machine, struct cell *cells)
{
	cells[0] = chosen_by_sender(machine, CLIENT_PORT >> 8);
	cells[1] = chosen_by_sender(machine, CLIENT_PORT & 0xff);
}

static void put_own_port(const struct packet_state *state, struct cell *cells)
{
	if (state->is_port_known)
		put_port(cells, state->port);
	else
		cells[0] = cells[1] = cell_unknown(DOUBT(CHANCE));
}

static void put_sources(const struct machine *machine, struct cell *cells)
{
	for (uint8_t i = 0; i < (machine->is_ipv6 ? 16 : 4); i++)
		cells[i] = cell_of_source(i);
}

static void put_address(const struct machine *machine, const struct hark_addr *addr,
			struct cell *cells)
{
	for (uint8_t i = 0; i < (machine->is_ipv6 ? 16 : 4); i++)
		cells[i] = cell_known(addr->bytes[machine->is_ipv6 ? i : 12 + i]);
}

static void put_own_address(const struct machine *machine, const struct packet_state *state,
			    struct cell *cells)
{
	if (state->is_to_known)
		put_address(machine, &state->to, cells);
	else
		for (uint8_t i = 0; i < (machine->is_ipv6 ? 16 : 4); i++)
			cells[i] = cell_unknown(DOUBT(CHANCE));
}

static void put_addresses(const struct machine *machine, const struct packet_state *state,
			  struct cell *source, struct cell *destination)
{
	put_sources(machine, machine->packet.is_reply ? destination : source);
	put_own_address(machine, state, machine->packet.is_reply ? source : destination);
}

/* What an ordinary client sends: no options, no fragment, no class of service. */
static void put_ipv4(const struct machine *machine, const struct packet_state *state,
		     struct cell *cells)
{
	cells[0] = machine->packet.question->is_canonical ?
			   cell_known(0x45) :
			   (struct cell){ .known = 0xf0, .value = 0x40, .doubts = DOUBT(SENDER) };
	cells[1] = chosen_by_sender(machine, 0);
	/* The flag that forbids fragments may be set or not. */
	cells[6] = chosen_by_sender(machine, 0);
	if (machine->packet.question->is_canonical)
		cells[6] = (struct cell){ .known = 0xbf, .doubts = DOUBT(SENDER) };
	cells[7] = chosen_by_sender(machine, 0);
	cells[9] = cell_known(machine->packet.question->protocol);
	put_addresses(machine, state, cells + 12, cells + 16);
}

static void put_ipv6(const struct machine *machine, const struct packet_state *state,
		     struct cell *cells)
{
	cells[0] = (struct cell){ .known = 0xf0, .value = 0x60, .doubts = DOUBT(SENDER) };
	if (machine->packet.question->is_canonical) {
		cells[0] = cell_known(0x60);
		cells[1] = (struct cell){ .known = 0xf0, .doubts = DOUBT(SENDER) };
	}
	cells[6] = chosen_by_sender(machine, machine->packet.question->protocol);
	put_addresses(machine, state, cells + 8, cells + 24);
}

static void put_transport(const struct machine *machine, const struct packet_state *state,
			  struct cell *cells)
{
	bool is_reply = machine->packet.is_reply;

	/* The type of an error that says "unreachable" */
	if (is_reply && machine->packet.answer == PACKET_ICMP) {
		cells[0] = cell_known(machine->is_ipv6 ? 1 : 3);
		return;
	}
	put_client_port(machine, cells + (is_reply ? 2 : 0));
	put_own_port(state, cells + (is_reply ? 0 : 2));
	if (!machine_is_tcp(machine))
		return;
	cells[13] = (struct cell){ .known = TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK,
				   .value = is_reply ? TCP_SYN | TCP_ACK : TCP_SYN,
				   .doubts = DOUBT(SENDER) };
	if (is_reply && machine->packet.answer == PACKET_RESET)
		cells[13].value = TCP_RST | TCP_ACK;
	if (machine->packet.question->is_canonical)
		cells[13].known = 0xff;
	if (state->is_rewritten)
		cells[13] = cell_unknown(DOUBT(UNDECODED));
}

/* Bytes from the network header on: *ret are those that every such packet has. */
static void put_packet(const struct machine *machine, const struct packet_state *state,
		       struct cell *cells, uint32_t *ret_transport)
{
	bool is_ipv6 = machine->is_ipv6;

	for (unsigned int i = 0; i < HEADER_MAX; i++)
		cells[i] = cell_unknown(DOUBT(SENDER));
	if (is_ipv6)
		put_ipv6(machine, state, cells);
	else
		put_ipv4(machine, state, cells);
	for (unsigned int i = 0; i < (is_ipv6 ? 8u : 12u) && state->is_rewritten; i++)
		cells[i] = cell_unknown(DOUBT(UNDECODED));
	*ret_transport = is_ipv6 ? HEADER_IPV6 : HEADER_IPV4;
}

static int load_payload(const struct machine *machine, const struct packet_state *state,
			const struct rule_expression *e, struct registers *registers,
			struct condition *condition)
{
	struct cell cells[HEADER_MAX];
	uint32_t transport, end, has;

	registers_store_unknown(registers, e->dreg, e->length, DOUBT(SENDER));
	put_packet(machine, state, cells, &transport);
	has = transport;
	if (e->base == RULE_PAYLOAD_TRANSPORT) {
		for (unsigned int i = 0; i < HEADER_MAX; i++)
			cells[i] = cell_unknown(DOUBT(SENDER));
		put_transport(machine, state, cells);
		has = machine_is_tcp(machine) ? 20 : 8;
	} else if (e->base == RULE_PAYLOAD_NETWORK) {
		if (machine->packet.question->is_canonical) {
			put_transport(machine, state, cells + transport);
			has += machine_is_tcp(machine) ? 20 : 8;
		}
	} else {
		return may_break(machine, condition, DOUBT(SENDER));
	}
	if (e->offset > HEADER_MAX || e->length > HEADER_MAX - e->offset)
		return may_break(machine, condition, DOUBT(SENDER));
	end = e->offset + e->length;
	if (registers_hold(e->dreg, e->length))
		memcpy(registers->cells + e->dreg, cells + e->offset, e->length * sizeof(*cells));
	return end > has ? may_break(machine, condition, DOUBT(SENDER)) : 0;
}

static int load_exthdr(const struct machine *machine, const struct rule_expression *e,
		       struct registers *registers, struct condition *condition)
{
	bool is_ordinary = machine->packet.question->is_canonical &&
			   e->base != RULE_EXTHDR_TCP_OPTION;
	uint8_t absent = 0;

	if ((e->base == RULE_EXTHDR_TCP_OPTION && !machine_is_tcp(machine)) ||
	    e->base == RULE_EXTHDR_SCTP || e->base == RULE_EXTHDR_DCCP ||
	    (e->base == RULE_EXTHDR_IPV6 && !machine->is_ipv6) ||
	    (e->base == RULE_EXTHDR_IPV4_OPTION && machine->is_ipv6))
		is_ordinary = true;
	if (e->flags & RULE_EXTHDR_PRESENT) {
		if (is_ordinary)
			registers_store(registers, e->dreg, &absent, 1);
		else
			registers_store_unknown(registers, e->dreg, 1, DOUBT(SENDER));
		return 0;
	}
	registers_store_unknown(registers, e->dreg, e->length, DOUBT(SENDER));
	return is_ordinary ? breaks(condition) : may_break(machine, condition, DOUBT(SENDER));
}

/* --- What the kernel notes beside it --- */

static void store_u32(struct registers *registers, uint8_t reg, uint32_t number)
{
	registers_store(registers, reg, &number, 4);
}

static void store_name(struct registers *registers, uint8_t reg, const char *name)
{
	char bytes[16] = { 0 };

	if (name)
		memcpy(bytes, name, strnlen(name, sizeof(bytes) - 1));
	registers_store(registers, reg, bytes, sizeof(bytes));
}

/* What comes or goes by a port of a VRF is seen by that interface, and again by that of the VRF. */
static bool is_in_vrf(const struct machine *machine, const struct rule_interface *interface)
{
	const struct rule_interface *master =
		interface ? ruleset_interface(machine->ruleset, interface->master) : NULL;

	return master && master->kind && !strcmp(master->kind, "vrf") &&
	       machine->packet.hook < RULE_HOOK_INGRESS;
}

/* An interface that the packet has not got is number 0 without a name. */
static int load_interface(const struct machine *machine, const struct rule_expression *e,
			  bool is_out, struct registers *registers, struct condition *condition)
{
	const struct packet *packet = &machine->packet;
	const struct rule_interface *interface = is_out ? packet->out : packet->in;
	bool is_missing = !interface && !(is_out ? packet->has_out : packet->has_in);
	uint32_t doubts = DOUBT(ROUTING);

	if (is_in_vrf(machine, interface))
		interface = NULL;
	switch (e->key) {
	case RULE_META_IIF:
	case RULE_META_OIF:
		if (interface || is_missing)
			store_u32(registers, e->dreg, interface ? interface->ifindex : 0);
		else
			registers_store_unknown(registers, e->dreg, 4, doubts);
		return 0;
	case RULE_META_IIFNAME:
	case RULE_META_OIFNAME:
		if (interface || is_missing)
			store_name(registers, e->dreg, interface ? interface->name : NULL);
		else
			registers_store_unknown(registers, e->dreg, 16, doubts);
		return 0;
	default:
		break;
	}
	if (is_missing)
		return breaks(condition);
	if (!interface) {
		registers_store_unknown(registers, e->dreg, e->length ? e->length : 16, doubts);
		return may_break(machine, condition, doubts);
	}
	if (e->key == RULE_META_IIFTYPE || e->key == RULE_META_OIFTYPE) {
		registers_store(registers, e->dreg, &interface->type, 2);
	} else if (e->key == RULE_META_IIFGROUP || e->key == RULE_META_OIFGROUP) {
		store_u32(registers, e->dreg, interface->group);
	} else {
		if (!interface->kind)
			return breaks(condition);
		store_name(registers, e->dreg, interface->kind);
	}
	return 0;
}

/* Of the socket that sends: there is one on the way out alone. */
static int load_owner(const struct machine *machine, const struct rule_expression *e,
		      struct registers *registers, struct condition *condition)
{
	const struct packet *packet = &machine->packet;

	if (packet->hook != RULE_HOOK_OUTPUT && packet->hook != RULE_HOOK_POSTROUTING &&
	    packet->hook != RULE_HOOK_EGRESS)
		return breaks(condition);
	registers_store_unknown(registers, e->dreg, 4, DOUBT(SOCKET));
	if (e->key == RULE_META_SKUID && packet->is_reply && packet->question->uid != HARK_NONE) {
		store_u32(registers, e->dreg, packet->question->uid);
		/* What answers a SYN may be a cookie, without a socket. */
		if (packet->question->protocol != PROTOCOL_TCP)
			return 0;
	}
	return may_break(machine, condition, DOUBT(SOCKET));
}

static uint8_t packet_type(const struct machine *machine)
{
	const struct ruleset *ruleset = machine->ruleset;
	const struct hark_addr *to = &machine->packet.question->to;

	if (machine->packet.is_reply)
		return 0;
	if (hark_addr_is_multicast(to))
		return 2;
	for (uint32_t i = 0; i < ruleset->broadcasts.n; i++) {
		if (hark_prefix_contains(&ruleset->broadcasts.items[i].prefix, to))
			return 1;
	}
	return 0;
}

static int load_meta_number(const struct machine *machine, const struct packet_state *state,
			    const struct rule_expression *e, struct registers *registers)
{
	uint16_t ethertype = machine->is_ipv6 ? 0x86dd : 0x0800;
	uint8_t bytes[2] = { (uint8_t)(ethertype >> 8), (uint8_t)ethertype }, number;

	switch (e->key) {
	case RULE_META_PROTOCOL:
		registers_store(registers, e->dreg, bytes, 2);
		return 0;
	case RULE_META_MARK:
		registers_store_bits(registers, e->dreg, &state->mark);
		return 0;
	case RULE_META_NFPROTO:
		number = machine->table_family == RULE_FAMILY_NETDEV ? RULE_FAMILY_NETDEV :
			 machine->is_ipv6                            ? RULE_FAMILY_IPV6 :
								       RULE_FAMILY_IPV4;
		registers_store(registers, e->dreg, &number, 1);
		return 0;
	case RULE_META_L4PROTO:
		registers_store(registers, e->dreg, &machine->packet.question->protocol, 1);
		return 0;
	case RULE_META_PKTTYPE:
		number = packet_type(machine);
		registers_store(registers, e->dreg, &number, 1);
		return 0;
	case RULE_META_SECPATH:
		number = 0;
		if (machine->packet.question->is_canonical)
			registers_store(registers, e->dreg, &number, 1);
		else
			registers_store_unknown(registers, e->dreg, 1, DOUBT(SENDER));
		return 0;
	case RULE_META_TIME_NS:
		registers_store_unknown(registers, e->dreg, 8, DOUBT(TIME));
		return 0;
	case RULE_META_TIME_DAY:
		registers_store_unknown(registers, e->dreg, 1, DOUBT(TIME));
		return 0;
	case RULE_META_TIME_HOUR:
		registers_store_unknown(registers, e->dreg, 4, DOUBT(TIME));
		return 0;
	case RULE_META_CPU:
	case RULE_META_PRANDOM:
		registers_store_unknown(registers, e->dreg, 4, DOUBT(CHANCE));
		return 0;
	case RULE_META_LEN:
		registers_store_unknown(registers, e->dreg, 4, DOUBT(SENDER));
		return 0;
	default:
		registers_store_unknown(registers, e->dreg, 16, DOUBT(UNDECODED));
		return 1;
	}
}

static int load_meta(const struct machine *machine, const struct packet_state *state,
		     const struct rule_expression *e, struct registers *registers,
		     struct condition *condition)
{
	switch (e->key) {
	case RULE_META_IIF:
	case RULE_META_IIFNAME:
	case RULE_META_IIFTYPE:
	case RULE_META_IIFGROUP:
	case RULE_META_IIFKIND:
		return load_interface(machine, e, false, registers, condition);
	case RULE_META_OIF:
	case RULE_META_OIFNAME:
	case RULE_META_OIFTYPE:
	case RULE_META_OIFGROUP:
	case RULE_META_OIFKIND:
		return load_interface(machine, e, true, registers, condition);
	case RULE_META_SKUID:
	case RULE_META_SKGID:
	case RULE_META_CGROUP:
		return load_owner(machine, e, registers, condition);
	case RULE_META_BRI_IIFNAME:
	case RULE_META_BRI_OIFNAME:
	case RULE_META_BRI_IIFPVID:
	case RULE_META_BRI_IIFVPROTO:
		if (!machine->packet.in || !machine->packet.in->kind ||
		    strcmp(machine->packet.in->kind, "bridge"))
			return breaks(condition);
		registers_store_unknown(registers, e->dreg, 16, DOUBT(BRIDGE));
		return may_break(machine, condition, DOUBT(BRIDGE));
	case RULE_META_RTCLASSID:
		registers_store_unknown(registers, e->dreg, 4, DOUBT(ROUTING));
		return may_break(machine, condition, DOUBT(ROUTING));
	default:
		if (load_meta_number(machine, state, e, registers))
			return may_break(machine, condition, DOUBT(UNDECODED));
		return 0;
	}
}

/* --- Its connection --- */

static uint32_t ct_state(const struct packet_state *state)
{
	switch ((enum packet_ct)state->ct) {
	case PACKET_CT_NONE:
		break;
	case PACKET_CT_UNTRACKED:
		return RULE_CT_STATE_UNTRACKED;
	case PACKET_CT_NEW:
		return RULE_CT_STATE_NEW;
	case PACKET_CT_ESTABLISHED:
		return RULE_CT_STATE_ESTABLISHED;
	case PACKET_CT_RELATED:
		return RULE_CT_STATE_RELATED;
	}
	return RULE_CT_STATE_INVALID;
}

/* What address translation of senders and its own steps do to it is not followed. */
static struct bits ct_status(const struct machine *machine, const struct packet_state *state)
{
	struct bits bits = { .known = RULE_CT_EXPECTED | RULE_CT_SEEN_REPLY | RULE_CT_ASSURED |
				      RULE_CT_CONFIRMED,
			     .doubts = DOUBT(UNDECODED) };

	if (state->ct == PACKET_CT_ESTABLISHED)
		bits.value |= RULE_CT_SEEN_REPLY | RULE_CT_CONFIRMED;
	if (state->is_dnat_known)
		bits.known |= RULE_CT_DST_NAT;
	if (state->is_dnat)
		bits.value |= RULE_CT_DST_NAT;
	if (!machine->packet.is_reply && machine->packet.hook == RULE_HOOK_PREROUTING)
		bits.known |= RULE_CT_SRC_NAT;
	if (!machine->packet.is_reply && machine->packet.hook == RULE_HOOK_INPUT)
		bits.known |= RULE_CT_SRC_NAT;
	return bits;
}

/* The tuple of a direction: the reply's goes from where it is delivered to the sender. */
static void load_tuple(const struct machine *machine, const struct packet_state *state,
		       const struct rule_expression *e, struct registers *registers)
{
	bool is_reply = e->size == 2;
	bool is_source = e->key == RULE_CT_SRC || e->key == RULE_CT_SRC_IP ||
			 e->key == RULE_CT_SRC_IP6 || e->key == RULE_CT_PROTO_SRC;
	bool is_port = e->key == RULE_CT_PROTO_SRC || e->key == RULE_CT_PROTO_DST;
	uint32_t length = is_port ? 2 : machine->is_ipv6 ? 16 : 4;
	struct cell cells[16];

	if (is_source != is_reply) {
		if (is_port)
			put_client_port(machine, cells);
		else
			put_sources(machine, cells);
	} else if (is_reply) {
		if (is_port)
			put_own_port(state, cells);
		else
			put_own_address(machine, state, cells);
	} else {
		if (is_port)
			put_port(cells, machine->packet.question->port);
		else
			put_address(machine, &machine->packet.question->to, cells);
	}
	registers_store_unknown(registers, e->dreg, length, 0);
	if (registers_hold(e->dreg, length))
		memcpy(registers->cells + e->dreg, cells, length * sizeof(*cells));
}

static int load_tracked(const struct machine *machine, const struct packet_state *state,
			const struct rule_expression *e, struct registers *registers,
			struct condition *condition)
{
	struct bits status = ct_status(machine, state);
	uint8_t number = machine->packet.is_reply ? 1 : 0;

	switch (e->key) {
	case RULE_CT_DIRECTION:
		registers_store(registers, e->dreg, &number, 1);
		return 0;
	case RULE_CT_STATUS:
		registers_store_bits(registers, e->dreg, &status);
		return 0;
	case RULE_CT_MARK:
		registers_store_bits(registers, e->dreg, &state->ct_mark);
		return 0;
	case RULE_CT_L3PROTOCOL:
		number = machine->is_ipv6 ? RULE_FAMILY_IPV6 : RULE_FAMILY_IPV4;
		registers_store(registers, e->dreg, &number, 1);
		return 0;
	case RULE_CT_PROTOCOL:
		registers_store(registers, e->dreg, &machine->packet.question->protocol, 1);
		return 0;
	case RULE_CT_SRC_IP:
	case RULE_CT_DST_IP:
	case RULE_CT_SRC_IP6:
	case RULE_CT_DST_IP6:
		if ((e->key >= RULE_CT_SRC_IP6) != machine->is_ipv6)
			return breaks(condition);
		load_tuple(machine, state, e, registers);
		return 0;
	case RULE_CT_SRC:
	case RULE_CT_DST:
	case RULE_CT_PROTO_SRC:
	case RULE_CT_PROTO_DST:
		load_tuple(machine, state, e, registers);
		return 0;
	case RULE_CT_HELPER: /* of a connection that another one announced */
		return breaks(condition);
	case RULE_CT_ZONE: /* rules and tc may set it, for each direction apart */
		registers_store_unknown(registers, e->dreg, 2, DOUBT(MARK));
		return 0;
	case RULE_CT_PKTS:
	case RULE_CT_BYTES:
	case RULE_CT_AVGPKT:
		registers_store_unknown(registers, e->dreg, 8, DOUBT(RATE));
		return 0;
	case RULE_CT_EXPIRATION:
		registers_store_unknown(registers, e->dreg, 4, DOUBT(TIME));
		return 0;
	case RULE_CT_LABELS:
		registers_store_unknown(registers, e->dreg, 16, DOUBT(MARK));
		return 0;
	default:
		registers_store_unknown(registers, e->dreg, 16, DOUBT(UNDECODED));
		return may_break(machine, condition, DOUBT(UNDECODED));
	}
}

static int load_ct(const struct machine *machine, const struct packet_state *state,
		   const struct rule_expression *e, struct registers *registers,
		   struct condition *condition)
{
	if (e->key == RULE_CT_STATE) {
		store_u32(registers, e->dreg, ct_state(state));
		return 0;
	}
	/* Without a connection there is nothing to load. */
	if (state->ct == PACKET_CT_NONE || state->ct == PACKET_CT_UNTRACKED)
		return breaks(condition);
	return load_tracked(machine, state, e, registers, condition);
}

int load(const struct machine *machine, const struct packet_state *state,
	 const struct rule_expression *e, struct registers *registers, struct condition *condition)
{
	uint32_t length = e->length ? e->length : 4;

	switch (e->op) {
	case RULE_OP_PAYLOAD:
		return load_payload(machine, state, e, registers, condition);
	case RULE_OP_META:
		return load_meta(machine, state, e, registers, condition);
	case RULE_OP_CT:
		return load_ct(machine, state, e, registers, condition);
	case RULE_OP_EXTHDR:
		return load_exthdr(machine, e, registers, condition);
	case RULE_OP_RT:
		registers_store_unknown(registers, e->dreg, 16, DOUBT(ROUTING));
		return may_break(machine, condition, DOUBT(ROUTING));
	case RULE_OP_SOCKET:
		registers_store_unknown(registers, e->dreg, 8, DOUBT(SOCKET));
		return may_break(machine, condition, DOUBT(SOCKET));
	case RULE_OP_OSF:
		registers_store_unknown(registers, e->dreg, 16, DOUBT(SENDER));
		return may_break(machine, condition, DOUBT(SENDER));
	default:
		registers_store_unknown(registers, e->dreg, length, DOUBT(UNDECODED));
		return may_break(machine, condition, DOUBT(UNDECODED));
	}
}
