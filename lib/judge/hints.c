/* SPDX-License-Identifier: MIT */
/* To add a server: a row. The first that fits counts, so the narrower one comes first. */
#include "hints.h"

#include <fnmatch.h>
#include <stddef.h>

static const struct server_hint hints[] = {
	{ "hint-apache", "apache2", NULL,
	  "Apache: \"Listen 80\" opens one dual-stack socket, because Debian and most others build it "
	  "with IPv4-mapped addresses. \"Listen 0.0.0.0:80\" serves IPv4 alone; \"Listen [::]:80\" beside "
	  "it makes two sockets, one a family." },
	{ "hint-apache", "httpd", NULL,
	  "Apache: \"Listen 80\" opens one dual-stack socket where it was built with IPv4-mapped addresses. "
	  "\"Listen 0.0.0.0:80\" serves IPv4 alone; \"Listen [::]:80\" beside it makes two sockets, one a "
	  "family." },
	{ "hint-nginx", "nginx", NULL,
	  "nginx: \"listen [::]:80;\" is IPv6 alone (ipv6only=on has been its default since 1.3.4). Add "
	  "\"listen 80;\" for IPv4, or write \"listen [::]:80 ipv6only=off;\" for both through one socket." },
	{ "hint-sshd", "sshd", NULL,
	  "sshd: AddressFamily any, inet or inet6, and ListenAddress, in sshd_config. It always sets "
	  "IPV6_V6ONLY on its IPv6 socket and opens a second one for IPv4." },
	{ "hint-elasticsearch", "java", "*elasticsearch*",
	  "Elasticsearch: network.host in elasticsearch.yml picks the addresses. Java opens dual-stack "
	  "sockets unless it is started with -Djava.net.preferIPv4Stack=true." },
	{ "hint-java", "java", NULL,
	  "Java: it opens dual-stack sockets, unless it is started with "
	  "-Djava.net.preferIPv4Stack=true, which makes all of them IPv4 alone." },
	{ "hint-rabbitmq", "beam.smp", "*rabbit*",
	  "RabbitMQ: \"listeners.tcp.1 = 0.0.0.0:5672\" in rabbitmq.conf serves IPv4 alone, \":::5672\" both; "
	  "the distribution port (25672) follows inet_dist_use_interface." },
	{ "hint-erlang", "beam.smp", NULL,
	  "Erlang: the address goes with the listener's {ip, ...} option; {ipv6_v6only, true} keeps an IPv6 "
	  "socket to IPv6." },
	{ "hint-epmd", "epmd", NULL,
	  "epmd: ERL_EPMD_ADDRESS lists the addresses that it binds to." },
	{ "hint-systemd", "systemd", NULL,
	  "systemd: BindIPv6Only=both, ipv6-only or default in the .socket unit; ListenStream=80 is "
	  "dual-stack, ListenStream=0.0.0.0:80 IPv4 alone." },
	{ "hint-postgresql", "postgres", NULL,
	  "PostgreSQL: listen_addresses in postgresql.conf; it opens a socket for each address and family." },
	{ "hint-mysql", "m*sqld", NULL,
	  "MySQL and MariaDB: bind_address; \"*\" is dual-stack where there is IPv6, \"0.0.0.0\" IPv4 "
	  "alone." },
	{ "hint-mysql", "mariadbd", NULL,
	  "MySQL and MariaDB: bind_address; \"*\" is dual-stack where there is IPv6, \"0.0.0.0\" IPv4 "
	  "alone." },
	{ "hint-redis", "redis-server", NULL,
	  "Redis: bind in redis.conf; \"bind * -::*\" opens a socket a family." },
	{ "hint-haproxy", "haproxy", NULL,
	  "HAProxy: \"bind :::80 v4v6\" serves both families through one socket, \"bind :::80 v6only\" IPv6 "
	  "alone, \"bind *:80\" IPv4 alone." },
	{ "hint-rpcbind", "rpcbind", NULL,
	  "rpcbind: -h ADDRESS binds its UDP and TCP sockets to an address; /etc/netconfig tells which "
	  "families there are." },
	{ "hint-docker", "docker-proxy", NULL,
	  "Docker: \"-p 127.0.0.1:8080:80\" publishes at one address; \"ip\" in daemon.json is the default "
	  "for all." },
	{ "hint-node", "node", NULL,
	  "Node.js: listen(port) is dual-stack; { host: '0.0.0.0' } serves IPv4 alone, { ipv6Only: true } "
	  "IPv6 alone." },
};

const struct server_hint *server_hint_for(const struct hark_process *process)
{
	for (size_t i = 0; process->command && i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (fnmatch(hints[i].command, process->command, 0))
			continue;
		if (!hints[i].line ||
		    (process->command_line && !fnmatch(hints[i].line, process->command_line, 0)))
			return &hints[i];
	}
	return NULL;
}
