/* SPDX-License-Identifier: MIT */
/* The value of -i: [46][PROTOCOL][@HOST|ADDRESS][:PORTS], PORTS a list of services and ranges. */
#include "lsof.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "compat.h"

/* lsof compares no more. */
#define ADDRESSES_MAX 100

struct parsing {
	struct lsof *lsof;
	const char *text; /* the whole value */
	const char *at;
	struct lsof_address address;
	const char *host;            /* NULL: none was named */
	const struct hostent *hosts; /* what the host comes to, in gethostbyname2()'s storage */
	bool is_wrong;
};

static void say_wrong(struct parsing *parsing, const char *what)
{
	lsof_complain(parsing->lsof, "%s -i %s", what, parsing->text);
	parsing->is_wrong = true;
}

static void take_version(struct parsing *parsing)
{
	struct lsof_address *address = &parsing->address;

	if (*parsing->at == '4' || *parsing->at == '6')
		address->version = (uint8_t)(*parsing->at++ - '0');
	else if (parsing->lsof->has_net)
		address->version = parsing->lsof->net_version;
	if (address->version)
		address->family = address->version == 4 ? AF_INET : AF_INET6;
}

/* "4" and "6" alone are no address, but all of that version; both of them are all. */
static void add_version(struct lsof *lsof, uint8_t version)
{
	if (lsof->has_net && lsof->net_version && lsof->net_version != version)
		lsof->net_version = 0;
	else
		lsof->net_version = version;
	lsof->has_net = true;
}

static void take_protocol(struct parsing *parsing)
{
	static const char *const protocols[] = { "tcp", "udp", "udplite" };
	size_t length = strcspn(parsing->at, "@:");

	if (!length)
		return;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (strlen(protocols[i]) == length &&
		    strncasecmp(protocols[i], parsing->at, length) == 0)
			parsing->address.protocol = protocols[i];
	if (!parsing->address.protocol) {
		lsof_complain(parsing->lsof, "unknown protocol name (%.*s) in: -i %s", (int)length,
			      parsing->at, parsing->text);
		parsing->is_wrong = true;
	}
	parsing->at += length;
}

/* Four numbers up to 255 with as many digits as one likes, before a ':' or the end. */
static bool take_ipv4(struct parsing *parsing)
{
	const char *at = parsing->at;
	uint8_t bytes[4];

	for (int i = 0; i < 4; i++) {
		uint32_t number = 0;

		if (*at < '0' || *at > '9')
			return false;
		for (; *at >= '0' && *at <= '9'; at++)
			number = number > 255 ? number : number * 10 + (uint32_t)(*at - '0');
		if (number > 255 || (i < 3 && *at++ != '.'))
			return false;
		bytes[i] = (uint8_t)number;
	}
	if (*at && *at != ':')
		return false;
	memcpy(parsing->address.bytes, bytes, sizeof(bytes));
	parsing->at = at;
	return true;
}

static bool is_zero(const uint8_t bytes[16])
{
	static const uint8_t zero[16];

	return memcmp(bytes, zero, sizeof(zero)) == 0;
}

static void take_ipv6(struct parsing *parsing)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct lsof_address *address = &parsing->address;
	const char *begin = parsing->at + 1, *end = strrchr(begin, ']');
	char text[INET6_ADDRSTRLEN];

	if (address->version == 4) {
		say_wrong(parsing, "IPv6 addresses are prohibited:");
		return;
	}
	if (!end || (size_t)(end - begin) >= sizeof(text)) {
		say_wrong(parsing, "unacceptable Internet address in:");
		return;
	}
	memcpy(text, begin, (size_t)(end - begin));
	text[end - begin] = '\0';
	parsing->at = end + 1;
	address->family = AF_INET6;
	if (inet_pton(AF_INET6, text, address->bytes) != 1 || is_zero(address->bytes)) {
		say_wrong(parsing, "unacceptable Internet address in:");
	} else if (memcmp(address->bytes, mapped, sizeof(mapped)) == 0) {
		if (address->version == 6)
			say_wrong(parsing, "IPv4 addresses are prohibited:");
		memmove(address->bytes, address->bytes + 12, 4);
		address->family = AF_INET;
	}
}

/* Makes the address the host's first of the family that the address has; false: there is none. */
static bool look_up(struct parsing *parsing)
{
	struct lsof_address *address = &parsing->address;

	parsing->hosts = gethostbyname2(parsing->host, address->family);
	if (!parsing->hosts || parsing->hosts->h_addrtype != address->family ||
	    parsing->hosts->h_length > (int)sizeof(address->bytes)) {
		parsing->hosts = NULL;
		return false;
	}
	memset(address->bytes, 0, sizeof(address->bytes));
	memcpy(address->bytes, parsing->hosts->h_addr_list[0], (size_t)parsing->hosts->h_length);
	return true;
}

static int take_host(struct parsing *parsing)
{
	size_t length = strcspn(parsing->at, ":");

	parsing->host = arena_memdup(&parsing->lsof->arena, parsing->at, length);
	if (!parsing->host)
		return -ENOMEM;
	if (!parsing->address.version)
		parsing->address.family = AF_INET6;
	if (!look_up(parsing) && !parsing->address.version) {
		parsing->address.family = AF_INET;
		look_up(parsing);
	}
	if (!parsing->hosts) {
		lsof_complain(parsing->lsof, "unknown host name (%s) in: -i %s", parsing->host,
			      parsing->text);
		parsing->is_wrong = true;
	}
	parsing->at += length;
	return 0;
}

static int take_address(struct parsing *parsing)
{
	if (*parsing->at != '@')
		return 0;
	parsing->at++;
	if (!*parsing->at || *parsing->at == ':') {
		say_wrong(parsing, "unacceptable Internet address in:");
	} else if (take_ipv4(parsing)) {
		if (parsing->address.version == 6)
			say_wrong(parsing, "IPv4 addresses are prohibited:");
		parsing->address.family = AF_INET;
	} else if (*parsing->at == '[') {
		take_ipv6(parsing);
	} else {
		return take_host(parsing);
	}
	return 0;
}

static int add_one(struct parsing *parsing)
{
	const struct lsof_address *address = &parsing->address;
	struct lsof_address *added;

	if (!address->protocol && is_zero(address->bytes) && address->low < 0) {
		say_wrong(parsing, "incomplete Internet address specification:");
		return 0;
	}
	if (parsing->lsof->addresses.n >= ADDRESSES_MAX) {
		say_wrong(parsing, "network address limit (100) exceeded:");
		return 0;
	}
	added = array_push(&parsing->lsof->addresses);
	if (!added)
		return -ENOMEM;
	*added = *address;
	return 0;
}

/* All that the host comes to, of the family that was looked up. */
static int add_hosts(struct parsing *parsing)
{
	struct lsof_address first = parsing->address;
	int r = add_one(parsing);

	for (int i = 1; parsing->hosts && parsing->hosts->h_addr_list[i]; i++) {
		if (r < 0 || parsing->is_wrong)
			break;
		memcpy(parsing->address.bytes, parsing->hosts->h_addr_list[i],
		       (size_t)parsing->hosts->h_length);
		r = add_one(parsing);
	}
	parsing->address = first;
	return r;
}

/*
 * Adds what was read so far. A host that has IPv6 addresses is meant with its IPv4 ones, too. lsof
 * then stays with these, for all but the first item of a list of ports; so do we.
 */
static int add(struct parsing *parsing)
{
	int r = add_hosts(parsing);

	if (r < 0 || parsing->is_wrong || !parsing->host || parsing->address.family != AF_INET6 ||
	    parsing->address.version == 6)
		return r;
	parsing->address.family = AF_INET;
	return look_up(parsing) ? add_hosts(parsing) : 0;
}

/* A service by its name: its port, or -1 when told wrong. */
static int32_t find_service(struct parsing *parsing, const char *name)
{
	const char *protocol = parsing->address.protocol;
	const struct servent *entry = getservbyname(name, protocol ? protocol : "tcp");
	int32_t tcp = entry ? ntohs((uint16_t)entry->s_port) : -1, udp;

	if (protocol) {
		if (!entry)
			lsof_complain(parsing->lsof, "unknown service %s for %s in: -i %s", name,
				      protocol, parsing->text);
		return tcp;
	}
	entry = getservbyname(name, "udp");
	udp = entry ? ntohs((uint16_t)entry->s_port) : -1;
	if (tcp >= 0 && udp >= 0 && tcp != udp) {
		lsof_complain(parsing->lsof,
			      "TCP=%d and UDP=%d %s ports conflict; specify \"tcp:%s\" or "
			      "\"udp:%s\": -i %s",
			      tcp, udp, name, name, name, parsing->text);
		return -1;
	}
	if (tcp < 0 && udp < 0)
		lsof_complain(parsing->lsof, "unknown service %s in: -i %s", name, parsing->text);
	return tcp < 0 ? udp : tcp;
}

/* "80", "80-90", "80-http" or "http"; a '-' belongs to a name that has begun. */
static int take_ports(struct parsing *parsing)
{
	struct lsof_address *address = &parsing->address;
	const char *end = strchrnul(parsing->at, ',');
	bool is_range = false;

	address->low = address->high = 0;
	for (;;) {
		int32_t *port = is_range ? &address->high : &address->low;
		size_t n = strspn(parsing->at, "0123456789");

		if (n) {
			*port = (int32_t)(strtoul(parsing->at, NULL, 10) & INT32_MAX);
			parsing->at += n;
		} else {
			char *name = arena_memdup(&parsing->lsof->arena, parsing->at,
						  (size_t)(end - parsing->at));

			if (!name)
				return -ENOMEM;
			*port = *name ? find_service(parsing, name) : 0;
			if (!*name)
				say_wrong(parsing, "invalid service name:");
			parsing->is_wrong |= *port < 0;
			parsing->at = end;
		}
		if (parsing->at == end || parsing->is_wrong)
			break;
		if (*parsing->at != '-' || is_range || parsing->at + 1 == end) {
			say_wrong(parsing, "unacceptable port specification in:");
			return 0;
		}
		parsing->at++;
		is_range = true;
	}
	if (!is_range)
		address->high = address->low;
	if (!parsing->is_wrong && address->high < address->low)
		say_wrong(parsing, "unacceptable port specification in:");
	/* lsof seeks it all the same, in vain; so do we, but not in silence. */
	if (!parsing->is_wrong && address->low > UINT16_MAX)
		compat_complain(parsing->lsof->name, "no port is above %d: -i %s", UINT16_MAX,
				parsing->text);
	return 0;
}

static int take_port_list(struct parsing *parsing)
{
	int r = 0;

	if (*parsing->at != ':' || !parsing->at[1]) {
		say_wrong(parsing, "unacceptable port specification in:");
		return 0;
	}
	do {
		parsing->at++;
		if (!*parsing->at)
			break;
		r = take_ports(parsing);
		if (r == 0 && !parsing->is_wrong)
			r = add(parsing);
	} while (r == 0 && !parsing->is_wrong && *parsing->at == ',');
	return r;
}

int lsof_add_address(struct lsof *lsof, const char *value)
{
	struct parsing parsing = {
		.lsof = lsof,
		.text = value,
		.at = value,
		.address = { .text = value, .low = -1, .high = -1 },
	};
	int r = 0;

	take_version(&parsing);
	if (parsing.at > value && !*parsing.at) {
		add_version(lsof, parsing.address.version);
		return 0;
	}
	take_protocol(&parsing);
	if (!parsing.is_wrong)
		r = take_address(&parsing);
	if (r < 0 || parsing.is_wrong)
		return r;
	return *parsing.at ? take_port_list(&parsing) : add(&parsing);
}

static bool matches(const struct lsof_address *address, const struct lsof_end *end)
{
	bool has_bytes = !is_zero(address->bytes);

	if (address->protocol && strcasecmp(address->protocol, end->protocol) != 0)
		return false;
	/*
	 * The version is that of the socket, as with -i4 alone, and as the manual has it. lsof
	 * compares the addresses, by which mapped ones are of IPv4 here and of IPv6 there.
	 */
	if (address->version &&
	    !end->serves[address->version == 4 ? HARK_FAMILY_INET : HARK_FAMILY_INET6])
		return false;
	if ((!address->version || has_bytes) && address->family && address->family != end->family)
		return false;
	if (has_bytes && memcmp(address->bytes, end->bytes, end->family == AF_INET ? 4 : 16) != 0)
		return false;
	return address->low < 0 || (end->port >= address->low && end->port <= address->high);
}

bool lsof_address_matches(struct lsof *lsof, const struct lsof_end *end, bool marks)
{
	/* The last one first, as lsof has them. */
	for (uint32_t i = lsof->addresses.n; i-- > 0;) {
		struct lsof_address *address = &lsof->addresses.items[i];

		if (!matches(address, end))
			continue;
		address->is_found |= marks;
		return true;
	}
	return false;
}
