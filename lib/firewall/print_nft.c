/* SPDX-License-Identifier: MIT */
/* What meta and ct tell, statements that set something, and the rule of nf_tables as a whole. */
#include "printer.h"

static const struct {
	const char *name;
	uint8_t type; /* enum value_type */
} meta_keys[RULE_META_N_] = {
	[RULE_META_LEN] = { "meta length", TYPE_INTEGER },
	[RULE_META_PROTOCOL] = { "meta protocol", TYPE_ETHERTYPE },
	[RULE_META_PRIORITY] = { "meta priority", TYPE_CLASSID },
	[RULE_META_MARK] = { "meta mark", TYPE_MARK },
	[RULE_META_IIF] = { "iif", TYPE_IFINDEX },
	[RULE_META_OIF] = { "oif", TYPE_IFINDEX },
	[RULE_META_IIFNAME] = { "iifname", TYPE_IFNAME },
	[RULE_META_OIFNAME] = { "oifname", TYPE_IFNAME },
	[RULE_META_IIFTYPE] = { "meta iiftype", TYPE_ARPHRD },
	[RULE_META_OIFTYPE] = { "meta oiftype", TYPE_ARPHRD },
	[RULE_META_SKUID] = { "meta skuid", TYPE_UID },
	[RULE_META_SKGID] = { "meta skgid", TYPE_GID },
	[RULE_META_NFTRACE] = { "meta nftrace", TYPE_INTEGER },
	[RULE_META_RTCLASSID] = { "meta rtclassid", TYPE_REALM },
	[RULE_META_SECMARK] = { "meta secmark", TYPE_INTEGER },
	[RULE_META_NFPROTO] = { "meta nfproto", TYPE_NFPROTO },
	[RULE_META_L4PROTO] = { "meta l4proto", TYPE_PROTOCOL },
	[RULE_META_BRI_IIFNAME] = { "meta ibrname", TYPE_IFNAME },
	[RULE_META_BRI_OIFNAME] = { "meta obrname", TYPE_IFNAME },
	[RULE_META_PKTTYPE] = { "meta pkttype", TYPE_PKTTYPE },
	[RULE_META_CPU] = { "meta cpu", TYPE_INTEGER },
	[RULE_META_IIFGROUP] = { "iifgroup", TYPE_DEVGROUP },
	[RULE_META_OIFGROUP] = { "oifgroup", TYPE_DEVGROUP },
	[RULE_META_CGROUP] = { "meta cgroup", TYPE_INTEGER },
	[RULE_META_PRANDOM] = { "meta random", TYPE_INTEGER },
	[RULE_META_SECPATH] = { "meta ipsec", TYPE_BOOLEAN },
	[RULE_META_IIFKIND] = { "meta iifkind", TYPE_IFNAME },
	[RULE_META_OIFKIND] = { "meta oifkind", TYPE_IFNAME },
	[RULE_META_BRI_IIFPVID] = { "meta ibrpvid", TYPE_INTEGER },
	[RULE_META_BRI_IIFVPROTO] = { "meta ibrvproto", TYPE_ETHERTYPE },
	[RULE_META_TIME_NS] = { "meta time", TYPE_TIME_DATE },
	[RULE_META_TIME_DAY] = { "meta day", TYPE_TIME_DAY },
	[RULE_META_TIME_HOUR] = { "meta hour", TYPE_TIME_HOUR },
	[RULE_META_SDIF] = { "meta sdif", TYPE_IFINDEX },
	[RULE_META_SDIFNAME] = { "meta sdifname", TYPE_IFNAME },
	[RULE_META_BRI_BROUTE] = { "meta broute", TYPE_INTEGER },
	[RULE_META_BRI_IIFHWADDR] = { "meta ibrhwaddr", TYPE_ETHERADDR },
};

void put_meta_key(struct sink *sink, uint8_t key)
{
	if (key < RULE_META_N_) {
		put(sink, meta_keys[key].name);
	} else {
		put(sink, "meta [unknown key ");
		put_number(sink, key);
		put(sink, "]");
	}
}

uint8_t meta_key_type(uint8_t key)
{
	return key < RULE_META_N_ ? meta_keys[key].type : TYPE_HEX;
}

/* All but those that have an order of their own; nft keeps a random number as it comes. */
bool meta_key_is_host_order(uint8_t key)
{
	uint8_t type = meta_key_type(key);

	return key != RULE_META_PRANDOM && (type == TYPE_INTEGER || type_is_host_order(type));
}

static const struct {
	const char *name;
	uint8_t type; /* enum value_type */
} ct_keys[RULE_CT_N_] = {
	[RULE_CT_STATE] = { "state", TYPE_CT_STATE },
	[RULE_CT_DIRECTION] = { "direction", TYPE_CT_DIR },
	[RULE_CT_STATUS] = { "status", TYPE_CT_STATUS },
	[RULE_CT_MARK] = { "mark", TYPE_MARK },
	[RULE_CT_SECMARK] = { "secmark", TYPE_INTEGER },
	[RULE_CT_EXPIRATION] = { "expiration", TYPE_TIME },
	[RULE_CT_HELPER] = { "helper", TYPE_STRING },
	[RULE_CT_L3PROTOCOL] = { "l3proto", TYPE_NFPROTO },
	[RULE_CT_SRC] = { "saddr", TYPE_IPADDR },
	[RULE_CT_DST] = { "daddr", TYPE_IPADDR },
	[RULE_CT_PROTOCOL] = { "protocol", TYPE_PROTOCOL },
	[RULE_CT_PROTO_SRC] = { "proto-src", TYPE_SERVICE },
	[RULE_CT_PROTO_DST] = { "proto-dst", TYPE_SERVICE },
	[RULE_CT_LABELS] = { "label", TYPE_CT_LABEL },
	[RULE_CT_PKTS] = { "packets", TYPE_INTEGER },
	[RULE_CT_BYTES] = { "bytes", TYPE_INTEGER },
	[RULE_CT_AVGPKT] = { "avgpkt", TYPE_INTEGER },
	[RULE_CT_ZONE] = { "zone", TYPE_INTEGER },
	[RULE_CT_EVENTMASK] = { "event", TYPE_CT_EVENT },
	[RULE_CT_SRC_IP] = { "ip saddr", TYPE_IPADDR },
	[RULE_CT_DST_IP] = { "ip daddr", TYPE_IPADDR },
	[RULE_CT_SRC_IP6] = { "ip6 saddr", TYPE_IP6ADDR },
	[RULE_CT_DST_IP6] = { "ip6 daddr", TYPE_IP6ADDR },
	[RULE_CT_ID] = { "id", TYPE_INTEGER },
};

void put_ct_key(struct sink *sink, const struct rule_expression *ct, uint8_t header)
{
	bool is_address = ct->key == RULE_CT_SRC || ct->key == RULE_CT_DST;

	PUT(sink, "ct ",
	    ct->size == 1 ? "original " :
	    ct->size == 2 ? "reply " :
			    "",
	    !is_address || !ct->size ? "" :
	    header == HEADER_IP      ? "ip " :
	    header == HEADER_IP6     ? "ip6 " :
				       "",
	    ct->key < RULE_CT_N_ ? ct_keys[ct->key].name : "[unknown key]");
}

uint8_t ct_key_type(uint8_t key, uint8_t header)
{
	if (key >= RULE_CT_N_)
		return TYPE_HEX;
	if ((key == RULE_CT_SRC || key == RULE_CT_DST) && header == HEADER_IP6)
		return TYPE_IP6ADDR;
	return ct_keys[key].type;
}

bool ct_key_is_host_order(uint8_t key)
{
	uint8_t type = ct_key_type(key, HEADER_NONE);

	return key != RULE_CT_ID && (type == TYPE_INTEGER || type_is_host_order(type));
}

void put_verdict(struct sink *sink, const struct ruleset *ruleset, uint8_t verdict, uint32_t chain)
{
	const char *name = rule_verdict_name(verdict);

	put(sink, name ? name : "[unknown verdict]");
	if (verdict == RULE_JUMP || verdict == RULE_GOTO)
		PUT(sink, " ",
		    chain == RULESET_NONE ? "[unknown chain]" : ruleset->chains.items[chain].name);
}

/* --- What sets something --- */

/* "ip dscp set cs1": bits of a byte, of which the others were loaded and are written back. */
static bool put_bits_set(struct nft_printer *printer, struct sink *sink,
			 const struct rule_expression *set, const struct operand *operand)
{
	const struct rule_expression *load = operand->load;
	uint8_t rest[8];
	struct operand field = { .length = set->length, .mask = rest, .load = load };
	struct value value;

	if (!operand->change || !load || load->op != RULE_OP_PAYLOAD || load->base != set->base ||
	    load->offset != set->offset || set->length > sizeof(rest) ||
	    operand->change->data.length < set->length ||
	    operand->change->data2.length < set->length)
		return false;
	for (uint32_t i = 0; i < set->length; i++)
		rest[i] = (uint8_t)~ruleset_bytes(printer->ruleset, operand->change->data.at)[i];
	payload_resolve(printer, &field);
	if (!field.field)
		return false;
	value = (struct value){
		.bytes = ruleset_bytes(printer->ruleset, operand->change->data2.at),
		.length = set->length,
		.type = field.type,
		.shift = field.shift,
		.bits = field.bits,
	};
	put_written(printer, sink, &field);
	put(sink, " set ");
	put_value(sink, printer->ruleset, &value);
	return true;
}

static void put_packet_set(struct nft_printer *printer, struct sink *sink,
			   const struct rule_expression *set)
{
	struct operand target = { .kind = OPERAND_PAYLOAD, .length = set->length, .load = set };
	bool is_reset = set->op == RULE_OP_EXTHDR_SET && set->sreg == RULE_REG_NONE;
	struct rule_expression plain;

	if (set->op == RULE_OP_PAYLOAD_SET) {
		if (put_bits_set(printer, sink, set, operand_get(printer, set->sreg)))
			return;
		payload_resolve(printer, &target);
	} else {
		plain = *set;
		/* What is there is taken out as a whole. */
		plain.flags |= is_reset ? RULE_EXTHDR_PRESENT : 0;
		target.load = &plain;
		operand_resolve(printer, &target);
	}
	put(sink, is_reset ? "reset " : "");
	put_written(printer, sink, &target);
	if (is_reset)
		return;
	put(sink, " set ");
	put_operand(printer, sink, set->sreg, target.type, false);
}

static void put_dynset(struct nft_printer *printer, struct sink *sink,
		       const struct rule_expression *dynset)
{
	static const char *const operations[] = { "add", "update", "delete" };
	const struct ruleset *ruleset = printer->ruleset;
	const struct rule_set *set =
		dynset->set == RULESET_NONE ? NULL : &ruleset->sets.items[dynset->set];
	struct value fields[RULE_FIELDS_MAX];
	uint32_t length = set ? set->key_length : 4;
	uint8_t type = set && set->data_type < TYPE_HEX ? (uint8_t)set->data_type : TYPE_NONE;

	key_resolve(printer, dynset->sreg, length);
	if (set && (set->flags & RULE_SET_ANONYMOUS))
		PUT(sink, "meter ", set->name);
	else
		PUT(sink, dynset->key < 3 ? operations[dynset->key] : "?", " @",
		    set ? set->name : "[unknown set]");
	put(sink, " { ");
	put_key(printer, sink, dynset->sreg, length, fields);
	if (dynset->unit) {
		put(sink, " timeout ");
		put_milliseconds(sink, dynset->unit);
	}
	for (uint32_t i = 0; i < dynset->n_inner; i++) {
		put(sink, " ");
		put_plain_statement(printer, sink,
				    &ruleset->expressions.items[dynset->first_inner + i]);
	}
	if (dynset->sreg2 != RULE_REG_NONE) {
		put(sink, " : ");
		put_operand(printer, sink, dynset->sreg2, type, type_is_host_order(type));
	}
	put(sink, " }");
}

static void put_objref(struct nft_printer *printer, struct sink *sink,
		       const struct rule_expression *objref)
{
	static const char *const kinds[] = {
		"object name ",      "counter name ",       "quota name ",    "ct helper set ",
		"limit name ",       "connlimit name ",     "tunnel name ",   "ct timeout set ",
		"meta secmark set ", "ct expectation set ", "synproxy name ",
	};
	struct value fields[RULE_FIELDS_MAX];
	uint32_t length, n;

	put(sink, kinds[objref->key < sizeof(kinds) / sizeof(kinds[0]) ? objref->key : 0]);
	if (objref->name || objref->sreg == RULE_REG_NONE) {
		PUT(sink, "\"", objref->name ? objref->name : "?", "\"");
		return;
	}
	length = objref->set == RULESET_NONE ? 4 :
					       printer->ruleset->sets.items[objref->set].key_length;
	key_resolve(printer, objref->sreg, length);
	n = put_key(printer, sink, objref->sreg, length, fields);
	put(sink, " map ");
	put_set(sink, printer->ruleset, objref->set, fields, n);
}

static void put_unknown(struct sink *sink, const struct rule_expression *expression)
{
	PUT(sink, "[unknown expression ", expression->name ? expression->name : "?", "]");
}

static void put_statement(struct nft_printer *printer, struct sink *sink,
			  const struct rule_expression *statement)
{
	switch (statement->op) {
	case RULE_OP_IMMEDIATE:
		put_verdict(sink, printer->ruleset, statement->verdict, statement->chain);
		break;
	case RULE_OP_META_SET:
		put_meta_key(sink, statement->key);
		put(sink, " set ");
		put_operand(printer, sink, statement->sreg, meta_key_type(statement->key),
			    meta_key_is_host_order(statement->key));
		break;
	case RULE_OP_CT_SET:
		put_ct_key(sink, statement, HEADER_NONE);
		put(sink, " set ");
		put_operand(printer, sink, statement->sreg,
			    ct_key_type(statement->key, HEADER_NONE),
			    ct_key_is_host_order(statement->key));
		break;
	case RULE_OP_PAYLOAD_SET:
	case RULE_OP_EXTHDR_SET:
		put_packet_set(printer, sink, statement);
		break;
	case RULE_OP_DYNSET:
		put_dynset(printer, sink, statement);
		break;
	case RULE_OP_OBJREF:
		put_objref(printer, sink, statement);
		break;
	case RULE_OP_XT_IP:
	case RULE_OP_XT_MATCH:
	case RULE_OP_XT_TARGET:
		put_xt(sink, printer->ruleset, printer->rule,
		       &printer->ruleset->xts.items[statement->xt],
		       statement->op == RULE_OP_XT_TARGET);
		break;
	default:
		if (!put_plain_statement(printer, sink, statement))
			put_unknown(sink, statement);
		break;
	}
}

/* --- The rule --- */

static void print_expressions(struct nft_printer *printer)
{
	const struct rule *rule = printer->rule;
	const struct rule_expression *expressions =
		&printer->ruleset->expressions.items[rule->first_expression];

	for (uint32_t i = 0; i < rule->n_expressions;) {
		const struct rule_expression *expression = &expressions[i];

		if (expression->op == RULE_OP_CMP) {
			i += print_compare(printer, expression, rule->n_expressions - i - 1);
			continue;
		}
		i++;
		if (expression->op == RULE_OP_RANGE) {
			print_range(printer, expression);
		} else if (expression->op == RULE_OP_LOOKUP) {
			print_lookup(printer, expression);
		} else if (!print_load(printer, expression)) {
			put_statement(printer, piece_begin(printer), expression);
			piece_end(printer);
			dependencies_forget(printer);
		}
	}
}

void print_nft_rule(const struct ruleset *ruleset, const struct rule *rule, struct sink *sink)
{
	static const uint8_t headers[] = {
		[RULE_FAMILY_IPV4] = HEADER_IP,
		[RULE_FAMILY_IPV6] = HEADER_IP6,
		[RULE_FAMILY_ARP] = HEADER_ARP,
	};
	char out[PRINT_MAX], texts[PRINT_MAX];
	struct nft_printer printer;
	const char *before = "";

	memset(&printer, 0, sizeof(printer));
	printer.ruleset = ruleset;
	printer.rule = rule;
	printer.family = ruleset->tables.items[ruleset->chains.items[rule->chain].table].family;
	printer.out = (struct sink){ .to = out, .size = sizeof(out) };
	printer.texts = (struct sink){ .to = texts, .size = sizeof(texts) };
	printer.icmp = printer.icmp_kept = FIELD_ANY;
	if (printer.family < sizeof(headers))
		printer.headers[RULE_PAYLOAD_NETWORK] = headers[printer.family];
	if (printer.family == RULE_FAMILY_BRIDGE)
		printer.headers[RULE_PAYLOAD_LINK] = HEADER_ETHER;
	dependencies_forget(&printer);
	print_expressions(&printer);
	for (uint32_t i = 0; i < printer.n_pieces; i++) {
		const struct piece *piece = &printer.pieces[i];

		if (piece->is_dropped)
			continue;
		put(sink, before);
		put_bytes(sink, out + piece->at, piece->end - piece->at);
		before = " ";
	}
	sink->is_cut = sink->is_cut || printer.out.is_cut || printer.texts.is_cut;
	if (rule->comment)
		PUT(sink, before, "comment \"", rule->comment, "\"");
}
