/* SPDX-License-Identifier: MIT */
/*
 * To add a server: a row. The first that fits counts, so the narrower one comes first. Say what it
 * does by default, then how to have it otherwise; run the server and look, for manuals err here.
 */
#include "hints.h"

#include <fnmatch.h>
#include <stddef.h>

/* clang-format off */
static const struct server_hint hints[] = {
	{ "hint-apache", "apache2", NULL, "Apache",
	  "\"Listen 80\" and \"Listen [::]:80\" both open one dual-stack socket, whatever bindv6only is; "
	  "\"Listen 0.0.0.0:80\" is for IPv4 only. A socket for each family takes a build with "
	  "--disable-v4-mapped." },
	{ "hint-apache", "httpd", NULL, "Apache",
	  "\"Listen 80\" and \"Listen [::]:80\" both open one dual-stack socket, whatever bindv6only is; "
	  "\"Listen 0.0.0.0:80\" is for IPv4 only. A socket for each family takes a build with "
	  "--disable-v4-mapped." },
	{ "hint-nginx", "nginx", NULL, "nginx",
	  "\"listen 80;\" is for IPv4 only, and \"listen [::]:80;\" for IPv6 only (ipv6only=on is the default "
	  "since 1.3.4). Have both, or one dual-stack socket by \"listen [::]:80 ipv6only=off;\"." },
	{ "hint-sshd", "sshd", NULL, "sshd",
	  "AddressFamily (any, inet, inet6) and ListenAddress in sshd_config. It opens a socket for each "
	  "family, and always sets IPV6_V6ONLY on the IPv6 one." },
	{ "hint-elasticsearch", "java", "*elasticsearch*", "Elasticsearch",
	  "network.host in elasticsearch.yml picks the addresses. Its sockets are IPv6 ones, which take IPv4 "
	  "as well, unless Java is started with -Djava.net.preferIPv4Stack=true." },
	{ "hint-java", "java", NULL, "Java",
	  "its sockets are IPv6 ones that take IPv4 as well, whatever bindv6only is; started with "
	  "-Djava.net.preferIPv4Stack=true, it opens IPv4 sockets only." },
	{ "hint-rabbitmq", "beam.smp", "*rabbit*", "RabbitMQ",
	  "in rabbitmq.conf, \"listeners.tcp.1 = 0.0.0.0:5672\" is for IPv4 only, \":::5672\" is dual-stack "
	  "unless bindv6only is 1. The port between nodes (25672) is for IPv4, unless Erlang is started with "
	  "\"-proto_dist inet6_tcp\"; inet_dist_use_interface gives its address." },
	{ "hint-erlang", "beam.smp", NULL, "Erlang",
	  "the options of gen_tcp:listen(): inet (the default) is IPv4 only, inet6 follows bindv6only, and "
	  "{ipv6_v6only, true} keeps it to IPv6." },
	{ "hint-epmd", "epmd", NULL, "epmd",
	  "it opens a socket for each family; ERL_EPMD_ADDRESS, or -address, keeps it to some addresses and "
	  "the loopback ones." },
	{ "hint-systemd", "systemd", NULL, "systemd",
	  "a .socket unit opened it (systemctl list-sockets). There, \"ListenStream=80\" is dual-stack as "
	  "far as BindIPv6Only= (default, both, ipv6-only) lets it; \"ListenStream=0.0.0.0:80\" is for IPv4 "
	  "only." },
	{ "hint-postgresql", "postgres", NULL, "PostgreSQL",
	  "listen_addresses in postgresql.conf: \"0.0.0.0\" is for IPv4 only, \"::\" for IPv6 only, \"*\" for "
	  "both, by a socket for each." },
	{ "hint-mariadb", "mariadbd", NULL, "MariaDB",
	  "bind-address: \"0.0.0.0\" is for IPv4 only, \"::\" for IPv6 only, \"*\" for both, by a socket for "
	  "each." },
	{ "hint-mysql", "mysqld", NULL, "MySQL",
	  "bind_address: \"0.0.0.0\" is for IPv4 only; \"*\" and \"::\" are for both families." },
	{ "hint-redis", "redis-server", NULL, "Redis",
	  "bind in redis.conf: \"bind *\" is for IPv4 only, \"bind ::\" for IPv6 only, \"bind * -::*\" for "
	  "both, by a socket for each." },
	{ "hint-memcached", "memcached", NULL, "memcached",
	  "\"-l 0.0.0.0\" is for IPv4 only, \"-l ::\" for IPv6 only; without -l it opens a socket for each." },
	{ "hint-haproxy", "haproxy", NULL, "HAProxy",
	  "\"bind :80\" and \"bind *:80\" are for IPv4 only; \"bind :::80 v4v6\" is dual-stack, \"bind :::80 "
	  "v6only\" for IPv6 only, and without either word bindv6only decides." },
	{ "hint-lighttpd", "lighttpd", NULL, "lighttpd",
	  "server.bind = \"[::]\" is for IPv6 only; without server.bind it is for IPv4 only, and "
	  "$SERVER[\"socket\"] == \"[::]:80\" { } adds a socket for IPv6." },
	{ "hint-vsftpd", "vsftpd", NULL, "vsftpd",
	  "listen=YES is for IPv4 only; listen_ipv6=YES, in its place, is dual-stack unless bindv6only is 1." },
	{ "hint-rpcbind", "rpcbind", NULL, "rpcbind",
	  "under systemd the lines of rpcbind.socket decide; else /etc/netconfig tells the families. Its "
	  "option -h keeps the UDP sockets to an address, not the TCP ones." },
	{ "hint-docker", "docker-proxy", NULL, "Docker",
	  "\"-p 127.0.0.1:8080:80\" publishes a port at one address; \"ip\" in daemon.json is the default "
	  "address." },
	{ "hint-node", "node", NULL, "Node.js",
	  "listen(port) is dual-stack, whatever bindv6only is; { host: '0.0.0.0' } is for IPv4 only, "
	  "{ host: '::', ipv6Only: true } for IPv6 only." },
};
/* clang-format on */

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
