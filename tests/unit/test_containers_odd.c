/* SPDX-License-Identifier: MIT */
/* What containers are called where their state files are none, or are kept from us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "containers_bed.h"

#define NOBODY 65534

/* A docker container whose file holds that text: its name, or NULL. */
static const char *name_by(struct bed *bed, const char *text, size_t length)
{
	uint32_t web = add(bed, "/docker/" WEB);

	fixture_write_bytes(bed->root, "var/lib/docker/containers/" WEB "/config.v2.json", text,
			    length);
	collect(bed);
	return row(bed, web)->container_name;
}

static void test_odd_texts(void **state)
{
	static const struct {
		const char *text, *name;
		bool is_noted;
	} texts[] = {
		{ "", NULL, true },
		{ "{", NULL, true },
		{ "[]", NULL, true },
		{ "null", NULL, true },
		{ "{\"Name\":\"/web\"", NULL, true },
		{ "{\"Name\":\"/web\"} x", NULL, true },
		{ "{\"Name\":\"/w\xff\"}", NULL, true },
		{ "{}", NULL, false },
		{ "{\"Name\":7,\"Config\":[],\"NetworkSettings\":\"x\"}", NULL, false },
		{ "{\"Name\":\"\"}", NULL, false },
		{ "{\"Name\":\"/\"}", NULL, false },
		{ "{\"Name\":{\"Name\":\"/web\"}}", NULL, false },
		{ "{\"Name\":\"web\",\"Config\":{\"Image\":null,\"Labels\":[\"x\"]}}", "web",
		  false },
		{ "{\"Name\":\"/a\",\"Name\":\"/b\"}", "b", false },
		{ "{\"Name\":\"/\\u001b[31mred\\n\\u202e\"}", "\033[31mred\n\342\200\256", false },
		{ "{\"Name\":\"/web\\u0000more\"}", "web", false },
		{ "{\"Name\":\"/web\",\"x\":\"\\u0000\",\"y\":99999999999999999999}", "web",
		  false },
		{ "{\"Name\":\"/web\",\"y\":1e999}", NULL, true },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct bed *bed;
		void *own = NULL;

		bed_set_up(&own);
		bed = own;
		assert_text(name_by(bed, texts[i].text, strlen(texts[i].text)), texts[i].name);
		assert_int_equal(bed->snapshot->notes.n, !texts[i].name);
		if (!texts[i].name)
			assert_note(bed,
				    texts[i].is_noted ? HARK_NOTE_FAILED : HARK_NOTE_UNSUPPORTED,
				    !texts[i].is_noted, 1, "docker's");
		bed_tear_down(&own);
	}
	(void)state;
}

/* `head`, n times `fill`, and `tail`. */
static char *repeat(const char *head, const char *fill, size_t n, const char *tail)
{
	size_t length = strlen(fill);
	char *text = malloc(strlen(head) + n * length + strlen(tail) + 1), *at = text;

	assert_non_null(text);
	at = stpcpy(at, head);
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, fill);
	strcpy(at, tail);
	return text;
}

static void test_long_texts(void **state)
{
	static const struct {
		const char *head, *fill;
		size_t n;
		const char *tail, *name;
	} texts[] = {
		{ "{\"Name\":\"/web\",\"x\":\"", "xxxxxxxx", 100000, "\"}", "web" },
		{ "{\"Name\":\"/web\",\"x\":\"", "xxxxxxxx", 200000, "\"}", NULL },
		{ "{\"Name\":\"/web\",\"x\":", "[", 1000000, "", NULL },
		{ "{\"Name\":\"/web\",\"x\":", "{\"x\":", 100000, "", NULL },
		{ "{\"Name\":\"/", "x", 511, "\"}", NULL },
		{ "{\"Name\":\"/", "x", 1, "\"}", "x" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *text = repeat(texts[i].head, texts[i].fill, texts[i].n, texts[i].tail);
		void *own = NULL;

		bed_set_up(&own);
		assert_text(name_by(own, text, strlen(text)), texts[i].name);
		bed_tear_down(&own);
		free(text);
	}
	(void)state;
}

/* The elements of a list up to where it is no JSON any more are told of. */
static void test_odd_lists(void **state)
{
	static const struct {
		const char *text, *name;
	} texts[] = {
		{ "", NULL },
		{ "{}", NULL },
		{ "[]", NULL },
		{ "[", NULL },
		{ "[,{\"id\":\"" WEB "\",\"names\":[\"web\"]}]", NULL },
		{ "[7,null,[],\"x\",{\"id\":7,\"names\":{}},{\"id\":\"" WEB
		  "\",\"names\":[\"web\"]}]",
		  "web" },
		{ "[{\"id\":\"" WEB "\",\"names\":[\"web\"]},{", "web" },
		{ "[{\"id\":\"" WEB "\",\"names\":[\"web\"]}{}]", "web" },
		{ "[{\"id\":\"" WEB "\",\"names\":\"web\"}]", NULL },
		{ "[{\"id\":\"" WEB "\",\"names\":[]}]", NULL },
		{ " \n[ {\"id\":\"" WEB "\",\"names\":[\"web\"]} , ] x", "web" },
		{ "[{\"id\":\"" WEB "\",\"metadata\":\"{\\\"image-name\\\":7}\"}]", NULL },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct bed *bed;
		void *own = NULL;
		uint32_t web;

		bed_set_up(&own);
		bed = own;
		web = add(bed, "/machine.slice/libpod-" WEB ".scope");
		fixture_write(bed->root,
			      "var/lib/containers/storage/overlay-containers/containers.json",
			      texts[i].text);
		collect(bed);
		assert_text(row(bed, web)->container_name, texts[i].name);
		bed_tear_down(&own);
	}
	(void)state;
}

#define DOCKERS "var/lib/docker/containers/"

/* What stands in place of a file is not followed, not read, and not waited for. */
static void test_no_files(void **state)
{
	struct bed *bed = *state;
	uint32_t fifo = add(bed, "/docker/" WEB), folder = add(bed, "/docker/" DB),
		 link = add(bed, "/docker/" CACHE), linked_dir, outside;
	const char *more[] = {
		"1111111111110000000000000000000000000000000000000000000000000000",
		"2222222222220000000000000000000000000000000000000000000000000000",
	};
	char path[256];

	snprintf(path, sizeof(path), "/docker/%s", more[0]);
	linked_dir = add(bed, path);
	snprintf(path, sizeof(path), "/docker/%s", more[1]);
	outside = add(bed, path);
	fixture_write(bed->root, DOCKERS WEB "/x", "");
	assert_int_equal(mkfifoat(bed->root, DOCKERS WEB "/config.v2.json", 0600), 0);
	fixture_write(bed->root, DOCKERS DB "/config.v2.json/x", "");
	fixture_write(bed->root, "real/config.v2.json", "{\"Name\":\"/linked\"}");
	fixture_link(bed->root, DOCKERS CACHE "/config.v2.json", "/real/config.v2.json");
	snprintf(path, sizeof(path), DOCKERS "%s", more[0]);
	fixture_link(bed->root, path, "/real");
	snprintf(path, sizeof(path), DOCKERS "%s/config.v2.json", more[1]);
	fixture_link(bed->root, path, "../../../../../../../../../proc/self/environ");
	collect(bed);
	assert_text(row(bed, fifo)->container_name, NULL);
	assert_text(row(bed, folder)->container_name, NULL);
	assert_text(row(bed, link)->container_name, NULL);
	assert_text(row(bed, linked_dir)->container_name, NULL);
	assert_text(row(bed, outside)->container_name, NULL);
	assert_note(bed, HARK_NOTE_FAILED, false, 5, "docker's");
}

/* Links lead nowhere but to what is below the root. */
static void test_inner_root(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, "/docker/" WEB);

	fixture_write(bed->root, "etc/docker/daemon.json",
		      "{\"data-root\": \"/../../../srv/../srv/docker\"}");
	fixture_link(bed->root, "srv", "../../../../mnt");
	fixture_write(bed->root, "mnt/docker/containers/" WEB "/config.v2.json",
		      "{\"Name\":\"/inner\"}");
	collect(bed);
	assert_text(row(bed, web)->container_name, "inner");
}

static void test_denied(void **state)
{
	struct bed *bed = *state;
	uint32_t web = add(bed, "/docker/" WEB), db = add(bed, "/docker/" DB),
		 both = add(bed, "/x");
	uint32_t pod = add(bed, "/kubepods/pod" POD "/" CACHE);
	uint32_t named = add(bed, "/machine.slice/libpod-" CACHE ".scope");
	uid_t uid = geteuid();

	fixture_write(bed->root, DOCKERS WEB "/config.v2.json", "{\"Name\":\"/web\"}");
	fixture_write(bed->root, DOCKERS DB "/config.v2.json", "{\"Name\":\"/db\"}");
	fixture_write(bed->root, "var/log/pods/shop_web-0_" POD "/nginx/0.log", "");
	fixture_write(bed->root, "var/lib/containers/storage/overlay-containers/containers.json",
		      "[{\"id\":\"" CACHE "\",\"names\":[\"cache\"]}]");
	assert_int_equal(fchmod(bed->root, 0755), 0);
	assert_int_equal(fchmodat(bed->root, "var/lib/docker/containers", 0, 0), 0);
	assert_int_equal(fchmodat(bed->root, "var/lib/containers/storage", 0, 0), 0);
	if (uid == 0)
		assert_int_equal(seteuid(NOBODY), 0);
	collect(bed);
	assert_int_equal(seteuid(uid), 0);
	assert_int_equal(fchmodat(bed->root, "var/lib/docker/containers", 0700, 0), 0);
	assert_int_equal(fchmodat(bed->root, "var/lib/containers/storage", 0700, 0), 0);
	assert_text(row(bed, web)->container_name, NULL);
	assert_text(row(bed, db)->container_name, NULL);
	assert_text(row(bed, both)->container_name, NULL);
	/* The kubelet's logs are for all to list. */
	assert_text(row(bed, pod)->pod_name, "web-0");
	assert_text(row(bed, named)->container_name, NULL);
	assert_int_equal(bed->snapshot->notes.n, 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct hark_note *note = &bed->snapshot->notes.items[i];
		bool is_docker = strstr(note->detail, "docker's");

		assert_int_equal(note->what, HARK_NOTE_CONTAINERS);
		assert_int_equal(note->why, HARK_NOTE_PERMISSION);
		assert_false(note->is_debug);
		assert_int_equal(note->count, is_docker ? 2 : 1);
		assert_non_null(strstr(note->detail, is_docker ? "docker's" : "podman's"));
	}
}

/* No container and no proxy: the root is not even opened. */
static int must_not_open(struct hark_source *source)
{
	(void)source;
	fail_msg("the root was opened");
	return -1;
}

static void test_nothing_to_name(void **state)
{
	static const struct source_ops ops = { .open_root = must_not_open };
	struct bed *bed = *state;

	add(bed, "/system.slice/ssh.service");
	bed->snapshot->processes.items[0].command = "sshd";
	bed->source.ops = &ops;
	collect(bed);
	assert_int_equal(bed->snapshot->notes.n, 0);
}

static void test_no_root(void **state)
{
	static const struct source_ops ops;
	struct bed *bed = *state;
	uint32_t web = add(bed, "/docker/" WEB);

	bed->source.ops = &ops;
	collect(bed);
	assert_text(row(bed, web)->container_name, NULL);
	assert_note(bed, HARK_NOTE_UNSUPPORTED, true, 1, "docker's");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_odd_texts),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_odd_lists),
		cmocka_unit_test_setup_teardown(test_no_files, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_inner_root, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_denied, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_to_name, bed_set_up, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_no_root, bed_set_up, bed_tear_down),
	};

	return cmocka_run_group_tests_name("containers_odd", tests, NULL, NULL);
}
