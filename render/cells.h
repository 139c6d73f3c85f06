/* SPDX-License-Identifier: MIT */
/* What cells of the tables say. A writer appends escaped text, and tells how it is to be seen. */
#ifndef CELLS_H
#define CELLS_H

#include "grid.h"
#include "view.h"

/* Whether and as what a family is answered: "0.0.0.0", "via ::", "- (10.0.0.7)", "-", "?". */
enum style cell_write_family(struct view *view, const struct row *row, struct out *out,
			     enum hark_family family);
/*
 * Who can reach it, by its addresses and the firewall; both where the families differ ("private |
 * everyone"). The wider the more it stands out.
 */
enum style cell_write_reach(struct view *view, const struct row *row, struct out *out);
/* The same of one family. */
enum style cell_write_from(struct view *view, const struct row *row, struct out *out,
			   enum hark_family family);
/* Of a row and family; NULL: memory ran out, or it is no listener. */
const struct hark_exposure *row_exposure(struct view *view, const struct row *row, int family);
/* Of one family, or of both; one that is wider than the other with a '!' behind it. */
void exposure_write(struct view *view, struct out *out, const struct hark_exposure *e);
void exposures_write(struct view *view, struct out *out, const struct hark_exposure *inet,
		     const struct hark_exposure *inet6);
enum style exposed_style(enum hark_exposed exposed);
/* " → ", or " -> " */
void cell_write_arrow(const struct view *view, struct out *out);
/*
 * Commands with the first pid each: "sshd 842, systemd 1", "apache2 2533 +5"; and the container
 * that one stands for: "docker-proxy 812 → web"; or what systemd keeps it for: "systemd (ssh.socket →
 * ssh.service)".
 */
enum style cell_write_holders(struct view *view, const struct row *row, struct out *out);
/* "ssh.socket → ssh.service" */
void cell_write_activation(struct view *view, struct out *out,
			   const struct hark_activation *activation);
/* The units or containers. */
enum style cell_write_unit(struct view *view, const struct row *row, struct out *out);
/* A container by its name, else by the first digits of its id; a pod as "NAMESPACE/NAME", or by uid. */
void cell_write_container(struct view *view, struct out *out, const struct hark_process *process);
void cell_write_pod(struct view *view, struct out *out, const struct hark_process *process);
/* "tcp4 via v6": the label, and what a mapped connection goes through. */
enum style cell_write_transport(struct view *view, const struct row *row, struct out *out);

/* A port; a raw socket's protocol, by name but in CSV. */
void cell_write_port(struct view *view, struct out *out, const struct hark_socket *socket,
		     uint16_t port);

/* An address, with the interface that it is bound to or that belongs to it ("::%eth0"). */
void cell_write_addr(struct view *view, struct out *out, const struct hark_socket *socket,
		     const struct hark_addr *addr, uint32_t device);
/* "ADDRESS:PORT", "[ADDRESS]:PORT". */
void cell_write_local(struct view *view, struct out *out, const struct hark_socket *socket);
void cell_write_remote(struct view *view, struct out *out, const struct hark_socket *socket);

/* The network namespace: its name, pod or container; else its number. */
enum style cell_write_namespace(struct view *view, const struct row *row, struct out *out);
enum style cell_write_netns(struct view *view, struct out *out, uint32_t netns);
/* An interface by name, or its number. */
void cell_write_interface(struct view *view, struct out *out, uint32_t netns, uint32_t ifindex);

#endif
