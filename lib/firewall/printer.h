/* SPDX-License-Identifier: MIT */
/* What the files of the printer share. */
#ifndef PRINTER_H
#define PRINTER_H

#include <stdbool.h>
#include <stddef.h>

#include "firewall.h"
#include "print.h"

/* Text of bounded length; what does not fit is cut off, and that is told. */
struct sink {
	char *to;
	uint32_t n, size;
	bool is_cut;
};

void put_bytes(struct sink *sink, const char *bytes, size_t length);
void put(struct sink *sink, const char *text);
void put_number(struct sink *sink, uint64_t number);
void put_hex(struct sink *sink, uint64_t number, int digits); /* without "0x", digits at least */
void put_ipv4(struct sink *sink, const uint8_t *bytes);
void put_ipv6(struct sink *sink, const uint8_t *bytes);

/* Several pieces, up to a NULL. */
#define PUT(sink, ...) put_all(sink, (const char *const[]){ __VA_ARGS__, NULL })
void put_all(struct sink *sink, const char *const *texts);

/* The kinds of values that nft knows, by its own numbers: those that a set's type has. */
enum value_type {
	TYPE_NONE,
	TYPE_VERDICT,
	TYPE_NFPROTO,
	TYPE_BITMASK,
	TYPE_INTEGER,
	TYPE_STRING,
	TYPE_LLADDR,
	TYPE_IPADDR,
	TYPE_IP6ADDR,
	TYPE_ETHERADDR,
	TYPE_ETHERTYPE,
	TYPE_ARPOP,
	TYPE_PROTOCOL,
	TYPE_SERVICE,
	TYPE_ICMP_TYPE,
	TYPE_TCP_FLAG,
	TYPE_DCCP_TYPE,
	TYPE_MH_TYPE,
	TYPE_TIME,
	TYPE_MARK,
	TYPE_IFINDEX,
	TYPE_ARPHRD,
	TYPE_REALM,
	TYPE_CLASSID,
	TYPE_UID,
	TYPE_GID,
	TYPE_CT_STATE,
	TYPE_CT_DIR,
	TYPE_CT_STATUS,
	TYPE_ICMP6_TYPE,
	TYPE_CT_LABEL,
	TYPE_PKTTYPE,
	TYPE_ICMP_CODE,
	TYPE_ICMPV6_CODE,
	TYPE_ICMPX_CODE,
	TYPE_DEVGROUP,
	TYPE_DSCP,
	TYPE_ECN,
	TYPE_FIB_ADDR,
	TYPE_BOOLEAN,
	TYPE_CT_EVENT,
	TYPE_IFNAME,
	TYPE_IGMP_TYPE,
	TYPE_TIME_DATE,
	TYPE_TIME_HOUR,
	TYPE_TIME_DAY,
	TYPE_CGROUPV2,
	TYPE_HEX, /* not nft's: a number of unknown meaning */
	TYPE_N_,
};

struct value {
	const uint8_t *bytes;
	uint32_t length;
	uint8_t type;       /* enum value_type */
	bool is_host_order; /* else as on the wire */
	uint8_t shift;      /* bits below those that count */
	uint8_t bits;       /* that count; 0: all */
};

struct value_name {
	uint64_t value;
	const char *name;
};

/* How a kind of value is written. */
struct value_kind {
	const struct value_name *names; /* up to a NULL; NULL: none */
	uint8_t length;                 /* bytes in a concatenation; 0: no fixed one */
	uint8_t digits;                 /* of a hexadecimal number, 0: decimal */
	bool is_host_order, is_bitmask, is_string, has_prefixes;
};

extern const struct value_kind value_kinds[TYPE_N_];
const char *value_name(const struct value_name *names, uint64_t value);

bool type_is_host_order(uint8_t type); /* as nft keeps it where nothing turns it */
bool type_is_bitmask(uint8_t type);
bool type_names_bits(uint8_t type); /* is a bitmask whose bits have names */
bool type_is_string(uint8_t type);
bool type_has_prefixes(uint8_t type); /* is written with "/LENGTH" */
uint32_t type_length(uint8_t type);   /* bytes that a field of a concatenation has; 0: not known */

/* The number in at most eight bytes. */
uint64_t value_number(const struct value *value);
void put_value(struct sink *sink, const struct ruleset *ruleset, const struct value *value);
/* Bits of a bitmask by name, or the number; several with `delimiter` between. */
void put_bits(struct sink *sink, const struct value *value, const char *delimiter);
/* "a-b": of numbers alone, where single ones have names. */
void put_span(struct sink *sink, const struct ruleset *ruleset, const struct value *first,
	      const struct value *last);
/* The same, or "10.0.0.0/8", or "a" where both are. */
void put_range(struct sink *sink, const struct ruleset *ruleset, const struct value *first,
	       const struct value *last);
/* The length of a prefix whose mask this is, or -1. */
int mask_prefix(const struct value *mask);
void put_milliseconds(struct sink *sink, uint64_t ms);

/* --- Headers and their fields (print_fields.c) --- */

enum header {
	HEADER_NONE,
	HEADER_ETHER,
	HEADER_VLAN,
	HEADER_ARP,
	HEADER_IP,
	HEADER_IP6,
	HEADER_ICMP,
	HEADER_ICMPV6,
	HEADER_IGMP,
	HEADER_TCP,
	HEADER_UDP,
	HEADER_UDPLITE,
	HEADER_SCTP,
	HEADER_DCCP,
	HEADER_AH,
	HEADER_ESP,
	HEADER_COMP,
	HEADER_TH, /* ports of whatever it is */
	HEADER_N_,
};

struct field {
	const char *name;
	uint16_t at, bits; /* position and length, in bits */
	uint8_t type;      /* enum value_type */
	uint8_t icmp_type; /* of which message alone; see FIELD_ANY */
	bool is_protocol;  /* tells what the next header is */
};

#define FIELD_ANY 0xff

const char *header_name(uint8_t header);
/* The field at this bit, of any length, or NULL. `icmp`: the type that is known, or FIELD_ANY. */
const struct field *header_field(uint8_t header, uint32_t at, uint8_t icmp);
uint8_t header_of_protocol(uint32_t protocol); /* IPPROTO_* */
uint8_t header_of_ethertype(uint32_t type);

/* Writes "tcp option maxseg size" and the like; the type of what it loads. */
uint8_t put_exthdr(struct sink *sink, const struct rule_expression *load, const uint8_t *mask,
		   uint8_t *ret_shift, uint8_t *ret_bits);

/* --- nft's syntax (print_nft.c, _rule.c, _load.c, _operand.c, _set.c, _statement.c) --- */

enum operand_kind {
	OPERAND_NONE,
	OPERAND_PAYLOAD, /* not written yet: how depends on what it is compared with */
	OPERAND_VALUE,   /* the bytes of an immediate */
	OPERAND_TEXT,    /* written */
};

/* What a register holds. */
struct operand {
	uint8_t kind;   /* enum operand_kind */
	uint8_t type;   /* enum value_type */
	uint8_t length; /* bytes */
	bool is_host_order;
	uint8_t shift, bits; /* of a field that is no whole bytes, see struct value */
	uint8_t shifted;     /* to the right, after the mask */
	uint8_t precedence;  /* of the operator that was written last, as nft ranks them; 0: none */
	uint8_t header;      /* of a payload that was found to be `field` */
	const struct field *field;
	const struct rule_expression *load;   /* where it came from, NULL: several */
	const struct rule_expression *change; /* the one bitwise that was done to it; NULL: none */
	const uint8_t *mask;                  /* of `length`, not written yet; NULL: none */
	uint32_t types; /* of a concatenation out of a map: nft's, six bits each */
	uint32_t at, n; /* of the text, in `texts` */
};

/* A part of the rule; those that others imply are dropped. */
struct piece {
	uint32_t at, end;
	bool is_dropped;
};

/* What a piece says about the protocol, of one layer. */
struct dependency {
	uint32_t piece; /* RULESET_NONE: none */
	bool is_payload;
	uint8_t base;   /* payload: enum rule_payload */
	uint8_t header; /* payload: enum header */
	uint32_t value;
	bool is_nfproto, is_ethertype; /* `value` tells the family */
};

#define PRINT_PIECES 256
#define PRINT_MAX    4096 /* bytes of a rule's text, without the end of what was cut */
#define OPERANDS     (RULE_REGISTERS / 4)

struct nft_printer {
	const struct ruleset *ruleset;
	const struct rule *rule;
	uint8_t family; /* enum rule_family, of the table */
	struct sink out;
	struct sink texts; /* of operands */
	struct piece pieces[PRINT_PIECES];
	uint32_t n_pieces;
	struct operand operands[OPERANDS + 1]; /* the last: registers that there are not */
	uint8_t headers[3];                    /* enum header, of link, network, transport */
	uint8_t icmp;                          /* type that is known, or FIELD_ANY */
	uint8_t icmp_kept;                     /* that a dependency may be dropped for */
	struct dependency dependencies[4];     /* of link, network, transport, and what is in it */
};

/* A part of the rule that is dropped or stays as a whole. */
struct sink *piece_begin(struct nft_printer *printer);
void piece_end(struct nft_printer *printer);

/* What is in a register; never NULL, for what nobody put there is told so. */
struct operand *operand_get(struct nft_printer *printer, uint8_t reg);
/* A new one of so many bytes. */
struct operand *operand_set(struct nft_printer *printer, uint8_t reg, uint32_t length);
/* Begins and ends the text of an operand. */
struct sink *operand_begin(struct nft_printer *printer, struct operand *operand);
void operand_end(struct nft_printer *printer, struct operand *operand);
/* Makes text of it: what it is depends on nothing that comes. */
void operand_resolve(struct nft_printer *printer, struct operand *operand);
void payload_resolve(struct nft_printer *printer, struct operand *operand);
/* The text of a resolved one, and with its mask. */
void put_written(struct nft_printer *printer, struct sink *sink, const struct operand *operand);
void put_operand_text(struct nft_printer *printer, struct sink *sink,
		      const struct operand *operand);
/* What is in a register, where the taker says what an immediate is. */
void put_operand(struct nft_printer *printer, struct sink *sink, uint8_t reg, uint8_t type,
		 bool is_host_order);

/*
 * The key of a set: one operand, or several that follow one another. `fields` says of each how its
 * values are to be read.
 */
void key_resolve(struct nft_printer *printer, uint8_t reg,
		 uint32_t length); /* before its text begins */
uint32_t put_key(struct nft_printer *printer, struct sink *sink, uint8_t reg, uint32_t length,
		 struct value fields[RULE_FIELDS_MAX]);
/* "{ 22, 80 }" or "@name". */
void put_set(struct sink *sink, const struct ruleset *ruleset, uint32_t set,
	     const struct value *fields, uint32_t n_fields);
void print_lookup(struct nft_printer *printer, const struct rule_expression *lookup);

void print_bitwise(struct nft_printer *printer, const struct rule_expression *bitwise);
/* Loads and what changes them: into registers. False: it is none of those. */
bool print_load(struct nft_printer *printer, const struct rule_expression *load);
/* How many expressions it took, 1 or 2. */
uint32_t print_compare(struct nft_printer *printer, const struct rule_expression *compare,
		       uint32_t n_more);
void print_range(struct nft_printer *printer, const struct rule_expression *range);
/* Whether it is a statement that needs nothing but itself and registers. */
bool put_plain_statement(struct nft_printer *printer, struct sink *sink,
			 const struct rule_expression *statement);
void put_meta_key(struct sink *sink, uint8_t key);
uint8_t meta_key_type(uint8_t key);
bool meta_key_is_host_order(uint8_t key);
/* `header`: of the network, as far as it is known: addresses are of it. */
void put_ct_key(struct sink *sink, const struct rule_expression *ct, uint8_t header);
uint8_t ct_key_type(uint8_t key, uint8_t header);
bool ct_key_is_host_order(uint8_t key);

/* ICMP's replies are of the same kind as what they reply to. */
uint8_t icmp_question(uint8_t header, uint32_t type);
void dependency_use(struct nft_printer *printer, uint8_t base);
void dependencies_forget(struct nft_printer *printer);

/* The verdict, and the name of the chain that it leads to. */
void put_verdict(struct sink *sink, const struct ruleset *ruleset, uint8_t verdict, uint32_t chain);

void print_nft_rule(const struct ruleset *ruleset, const struct rule *rule, struct sink *sink);

/* --- iptables' syntax (print_xt.c, print_xt_match.c, print_xt_target.c) --- */

/* The whole rule: whether it could be written so. */
bool print_xt_rule(const struct ruleset *ruleset, const struct rule *rule, struct sink *sink);
/* A match or target by itself: "-m conntrack --ctstate NEW", "-j DROP". */
void put_xt(struct sink *sink, const struct ruleset *ruleset, const struct rule *rule,
	    const struct xt *xt, bool is_target);
void put_xt_verdict(struct sink *sink, const struct ruleset *ruleset, uint8_t verdict,
		    uint32_t chain);
void put_xt_match(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt,
		  bool is_ipv6);
/* A word as iptables-save quotes it. */
void put_xt_word(struct sink *sink, const char *word);
/* "10.0.0.0/8", "10.0.0.1/255.0.255.0" */
void put_xt_address(struct sink *sink, const uint8_t *address, const uint8_t *mask, bool is_ipv6);
void put_xt_ports(struct sink *sink, const char *option, uint16_t first, uint16_t last,
		  bool is_not);
void put_xt_tcp_flags(struct sink *sink, uint8_t flags);
void put_xt_mark(struct sink *sink, const char *option, uint32_t mark, uint32_t mask, bool is_not);
void put_ipset(struct sink *sink, const struct ruleset *ruleset, uint32_t set);

void put_xt_ports_match(struct sink *sink, const struct xt_ports *ports);
void put_xt_option(struct sink *sink, bool is_not, const char *option);
void put_xt_option_number(struct sink *sink, bool is_not, const char *option, uint64_t number);
void put_xt_option_span(struct sink *sink, bool is_not, const char *option, uint64_t first,
			uint64_t last, const char *delimiter);
/* Whether it is a match that its blob alone tells. */
bool put_xt_blob_match(struct sink *sink, const struct ruleset *ruleset, const struct xt *xt,
		       bool is_ipv6);

/* What a blob has at an offset, in the kernel's order; 0 and "" beyond its end. */
uint8_t xt_u8(const struct ruleset *ruleset, const struct xt *xt, uint32_t at);
uint16_t xt_u16(const struct ruleset *ruleset, const struct xt *xt, uint32_t at);
uint32_t xt_u32(const struct ruleset *ruleset, const struct xt *xt, uint32_t at);
/* A name of at most `length` bytes; `text` has room for one more, and is returned. */
const char *xt_text(const struct ruleset *ruleset, const struct xt *xt, uint32_t at,
		    uint32_t length, char *text);

#endif
