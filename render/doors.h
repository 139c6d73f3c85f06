/* SPDX-License-Identifier: MIT */
/* What the columns of a table say of a door: an address and port that leads somewhere else. */
#ifndef DOORS_H
#define DOORS_H

#include "grid.h"
#include "view.h"

enum style door_write_protocol(struct view *view, uint32_t door, struct out *out);
enum style door_write_label(struct view *view, uint32_t door, struct out *out);
enum style door_write_state(struct view *view, uint32_t door, struct out *out);
enum style door_write_port(struct view *view, uint32_t door, struct out *out);
enum style door_write_local(struct view *view, uint32_t door, struct out *out);
enum style door_write_address(struct view *view, uint32_t door, struct out *out);
enum style door_write_ipv4(struct view *view, uint32_t door, struct out *out);
enum style door_write_ipv6(struct view *view, uint32_t door, struct out *out);
enum style door_write_reach(struct view *view, uint32_t door, struct out *out);
/* "published → 172.17.0.2:80" */
enum style door_write_target(struct view *view, uint32_t door, struct out *out);
enum style door_write_namespace(struct view *view, uint32_t door, struct out *out);

#endif
