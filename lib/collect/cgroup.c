/* SPDX-License-Identifier: MIT */
/*
 * Who made a cgroup is told by its name alone, so a table holds how each maker names them. The
 * path is read from the outside in: the first unit is the host's (inside of a container may be
 * another systemd with units of its own), or the user's where that is user@UID.service; the last
 * container is the nearest.
 */
#include "cgroup.h"

#include <stdint.h>
#include <string.h>

#include "text.h"

#define HEX_ID_LENGTH 64

/* One component of a path. */
struct part {
	const char *at;
	size_t length;
};

enum id_form {
	ID_HEX,     /* 64 hexadecimal digits */
	ID_NAME,    /* whatever it is called */
	ID_ESCAPED, /* the same, with systemd's \xNN */
	ID_NONE,    /* no container, though a later row would take it for one */
};

struct container_form {
	const char *parent; /* the component before; NULL: any */
	const char *prefix;
	const char *suffix;
	const char *runtime;
	uint8_t id; /* enum id_form */
	bool parent_is_first;
};

/* The first that fits counts. libpod-conmon- and crio-conmon- are monitors: not hexadecimal. */
static const struct container_form container_forms[] = {
	{ .prefix = "docker-", .suffix = ".scope", .id = ID_HEX, .runtime = "docker" },
	{ .prefix = "libpod-", .suffix = ".scope", .id = ID_HEX, .runtime = "podman" },
	{ .prefix = "libpod-", .id = ID_HEX, .runtime = "podman" },
	/* podman run --cgroups=split, as Quadlet does: below the unit's own cgroup. */
	{ .prefix = "libpod-payload-", .id = ID_HEX, .runtime = "podman" },
	{ .prefix = "cri-containerd-", .suffix = ".scope", .id = ID_HEX, .runtime = "containerd" },
	{ .prefix = "nerdctl-", .suffix = ".scope", .id = ID_HEX, .runtime = "containerd" },
	{ .prefix = "crio-", .suffix = ".scope", .id = ID_HEX, .runtime = "cri-o" },
	{ .prefix = "crio-", .id = ID_HEX, .runtime = "cri-o" },
	{ .prefix = "systemd-nspawn@", .suffix = ".service", .id = ID_ESCAPED, .runtime = "nspawn" },
	/* systemd-machined: virtual machines have scopes of the same form. */
	{ .prefix = "machine-qemu\\x2d", .suffix = ".scope", .id = ID_NONE },
	{ .prefix = "machine-lxc\\x2d", .suffix = ".scope", .id = ID_ESCAPED, .runtime = "lxc" },
	{ .prefix = "machine-", .suffix = ".scope", .id = ID_ESCAPED, .runtime = "nspawn" },
	{ .prefix = "lxc.payload.", .id = ID_NAME, .runtime = "lxc" },
	{ .parent = "lxc.payload", .id = ID_NAME, .runtime = "lxc" },
	{ .parent = "lxc", .parent_is_first = true, .id = ID_NAME, .runtime = "lxc" },
	{ .parent = "docker", .id = ID_HEX, .runtime = "docker" },
	/* containerd's own default: its namespace, then the container. */
	{ .parent = "default", .parent_is_first = true, .id = ID_NAME, .runtime = "containerd" },
	{ .parent = "k8s.io", .parent_is_first = true, .id = ID_NAME, .runtime = "containerd" },
	/* kubelet's cgroupfs driver, ECS, docker --cgroup-parent: the runtime is not told. */
	{ .id = ID_HEX },
};

static const char *const unit_suffixes[] = { ".service", ".scope", ".socket", ".mount", ".swap" };

static bool begins(struct part part, const char *prefix)
{
	size_t length = strlen(prefix);

	return part.length >= length && !memcmp(part.at, prefix, length);
}

static bool ends(struct part part, const char *suffix)
{
	size_t length = strlen(suffix);

	return part.length >= length && !memcmp(part.at + part.length - length, suffix, length);
}

static bool is_text(struct part part, const char *text)
{
	return part.length == strlen(text) && begins(part, text);
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whether all bytes are hexadecimal digits, or `also`. */
static bool is_hex(struct part part, char also)
{
	for (size_t i = 0; i < part.length; i++)
		if (hex_digit(part.at[i]) < 0 && part.at[i] != also)
			return false;
	return part.length > 0;
}

static void copy(char *to, size_t size, struct part part)
{
	if (part.length >= size)
		part.length = size - 1;
	memcpy(to, part.at, part.length);
	to[part.length] = '\0';
}

/* Undoes systemd's \xNN; what is no such escape, or of a NUL, stays as it is. */
static void copy_unescaped(char to[CGROUP_NAME_SIZE], struct part part)
{
	size_t n = 0;

	while (part.length && n < CGROUP_NAME_SIZE - 1) {
		size_t taken = 1;
		char c = *part.at;

		if (part.length >= 4 && c == '\\' && part.at[1] == 'x' &&
		    is_hex((struct part){ part.at + 2, 2 }, '0')) {
			int value = hex_digit(part.at[2]) * 16 + hex_digit(part.at[3]);

			if (value) {
				c = (char)value;
				taken = 4;
			}
		}
		to[n++] = c;
		part.at += taken;
		part.length -= taken;
	}
	to[n] = '\0';
}

/* As systemd understands a name: a known suffix, and no byte that no unit may have. */
static bool is_unit(struct part part)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789@:-_.\\";

	for (size_t i = 0; i < part.length; i++)
		if (!memchr(allowed, part.at[i], sizeof(allowed) - 1))
			return false;
	if (part.length >= CGROUP_NAME_SIZE)
		return false;
	for (size_t i = 0; i < sizeof(unit_suffixes) / sizeof(*unit_suffixes); i++)
		if (ends(part, unit_suffixes[i]))
			return part.length > strlen(unit_suffixes[i]);
	return false;
}

/* systemd puts a '_' before names that would collide with the kernel's files. */
static struct part without_collision_mark(struct part part)
{
	if (begins(part, "_"))
		part = (struct part){ part.at + 1, part.length - 1 };
	return part;
}

static bool fits(const struct container_form *form, struct part parent, bool parent_is_first,
		 struct part part, struct part *ret_id)
{
	const char *prefix = form->prefix ? form->prefix : "",
		   *suffix = form->suffix ? form->suffix : "";

	if (form->parent && !is_text(parent, form->parent))
		return false;
	if (form->parent_is_first && !parent_is_first)
		return false;
	if (!begins(part, prefix) || !ends(part, suffix) ||
	    part.length <= strlen(prefix) + strlen(suffix))
		return false;
	part.at += strlen(prefix);
	part.length -= strlen(prefix) + strlen(suffix);
	*ret_id = part;
	return form->id != ID_HEX || (part.length == HEX_ID_LENGTH && is_hex(part, '0'));
}

static void take_container(struct part parent, bool parent_is_first, struct part part,
			   struct cgroup_names *names)
{
	for (size_t i = 0; i < sizeof(container_forms) / sizeof(*container_forms); i++) {
		const struct container_form *form = &container_forms[i];
		struct part id;

		if (!fits(form, parent, parent_is_first, part, &id))
			continue;
		if (form->id == ID_NONE)
			return;
		names->runtime = form->runtime;
		if (form->id == ID_ESCAPED)
			copy_unescaped(names->container, id);
		else
			copy(names->container, sizeof(names->container), id);
		return;
	}
}

/*
 * "pod<uid>" (cgroupfs driver) or "...kubepods-burstable-pod<uid>.slice" (systemd's, '_' for '-').
 * The uid is a UUID, or for static pods 32 digits.
 */
static void take_pod(struct part part, struct cgroup_names *names)
{
	const char *mark;

	if (ends(part, ".slice")) {
		part.length -= strlen(".slice");
		mark = memmem(part.at, part.length, "kubepods-", strlen("kubepods-"));
		if (!mark)
			return;
		mark = memmem(mark, part.length - (size_t)(mark - part.at), "-pod", strlen("-pod"));
		if (!mark)
			return;
		part.length -= (size_t)(mark + 1 - part.at);
		part.at = mark + 1;
	}
	if (!begins(part, "pod"))
		return;
	part = (struct part){ part.at + 3, part.length - 3 };
	if (part.length != 32 && part.length != CGROUP_POD_SIZE - 1)
		return;
	copy(names->pod, sizeof(names->pod), part);
	for (char *c = names->pod; *c; c++)
		if (*c == '_')
			*c = '-';
	if (!is_hex((struct part){ names->pod, part.length }, '-'))
		names->pod[0] = '\0';
}

void cgroup_parse(const char *path, size_t length, struct cgroup_names *ret)
{
	struct part parent = { "", 0 };
	bool is_first = true, parent_is_first = false, unit_is_final = false;

	*ret = (struct cgroup_names){ 0 };
	while (length) {
		const char *end = memchr(path, '/', length);
		struct part part = { path, end ? (size_t)(end - path) : length };
		struct part unit = without_collision_mark(part);
		bool is_user_manager = begins(unit, "user@") && ends(unit, ".service");

		path += part.length + (end != NULL);
		length -= part.length + (end != NULL);
		/* ".." stands where the path leads out of the reader's cgroup namespace. */
		if (!part.length || is_text(part, "..") || is_text(part, ".") ||
		    memchr(part.at, '\0', part.length))
			continue;
		take_container(parent, parent_is_first, part, ret);
		take_pod(part, ret);
		if (!unit_is_final && is_unit(unit)) {
			/* The user's manager is in an init.scope of its own: no name for it. */
			if (!ret->unit[0] || !is_text(unit, "init.scope"))
				copy(ret->unit, sizeof(ret->unit), unit);
			unit_is_final = !is_user_manager;
		}
		parent = part;
		parent_is_first = is_first;
		is_first = false;
	}
}

uint32_t cgroup_user(const char *path)
{
	static const char slice[] = "/user.slice/user-";
	uint64_t uid;

	if (strncmp(path, slice, strlen(slice)))
		return UINT32_MAX;
	path += strlen(slice);
	return text_take_u64(&path, 10, UINT32_MAX - 1, &uid) && !strncmp(path, ".slice/", 7) ?
		       (uint32_t)uid :
		       UINT32_MAX;
}

/* How much the line of one hierarchy is worth; 0: nothing. */
static int worth(const char *controllers, size_t n_controllers, const char *path, size_t length)
{
	bool is_root = length <= 1;
	struct cgroup_names names;

	if (!n_controllers)
		return is_root ? 2 : 5;
	if (n_controllers == strlen("name=systemd") &&
	    !memcmp(controllers, "name=systemd", n_controllers))
		return is_root ? 1 : 4;
	if (is_root)
		return 0;
	cgroup_parse(path, length, &names);
	return names.container[0] || names.pod[0] ? 3 : 0;
}

bool cgroup_choose(const char *text, const char **ret_path, size_t *ret_length)
{
	static const char deleted[] = " (deleted)";
	int best = 0;

	/* Each line: hierarchy number ':' controllers ':' path. The path may hold colons. */
	for (const char *line = text, *end; *line; line = *end ? end + 1 : end) {
		const char *controllers, *path;
		size_t length;
		int value;

		end = strchrnul(line, '\n');
		controllers = memchr(line, ':', (size_t)(end - line));
		path = controllers ? memchr(controllers + 1, ':', (size_t)(end - controllers - 1)) :
				     NULL;
		if (!path || path[1] != '/')
			continue;
		controllers++;
		length = (size_t)(end - path - 1);
		value = worth(controllers, (size_t)(path - controllers), path + 1, length);
		if (value <= best)
			continue;
		best = value;
		if (ends((struct part){ path + 1, length }, deleted))
			length -= strlen(deleted);
		*ret_path = path + 1;
		*ret_length = length;
	}
	return best > 0;
}
