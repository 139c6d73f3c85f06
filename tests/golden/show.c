/* SPDX-License-Identifier: MIT */
/*
 * show SNAPSHOT FORMAT [OPTION...]: a hand-made snapshot through a renderer, to standard output.
 * Options: width=N, columns=LIST, color, ascii, no-header, all, summary, debug, repeat=N,
 * from=SENDERS.
 */
#include "snapshots.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "render.h"

static const char *from = "0.0.0.0/0";

/* The users of every machine, in place of those of this one. */
int getpwuid_r(uid_t uid, struct passwd *entry, char *buffer, size_t size, struct passwd **ret)
{
	static const struct {
		uid_t uid;
		char name[12];
	} users[] = {
		{ 0, "root" }, { 33, "www-data" }, { 114, "rabbitmq" }, { 1000, "zo\xc3\xab" }
	};

	*ret = NULL;
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		if (users[i].uid == uid && size >= sizeof(users[i].name)) {
			memcpy(buffer, users[i].name, sizeof(users[i].name));
			*entry = (struct passwd){ .pw_name = buffer, .pw_uid = uid };
			*ret = entry;
		}
	}
	return 0;
}

static int render_explained(struct out *out, const struct hark_snapshot *snapshot,
			    const struct render_options *options)
{
	struct hark_explanation *explanation;
	int r = hark_explain(snapshot, NULL, &explanation);

	if (r < 0)
		return r;
	r = render_explanation(out, explanation, options);
	hark_explanation_free(explanation);
	return r;
}

static int render_found(struct out *out, const struct hark_snapshot *snapshot,
			const struct render_options *options)
{
	struct hark_explanation *explanation;
	int r = hark_explain(snapshot, NULL, &explanation);

	if (r < 0)
		return r;
	r = render_findings(out, snapshot, explanation, options);
	hark_explanation_free(explanation);
	return r;
}

static int show_exposed(struct out *out, const struct hark_snapshot *snapshot,
			enum render_exposed_format format, const struct render_options *options)
{
	struct render_exposed found;

	return render_exposed(out, snapshot, format, options, &found);
}

static int render_open(struct out *out, const struct hark_snapshot *snapshot,
		       const struct render_options *options)
{
	return show_exposed(out, snapshot, RENDER_EXPOSED_TABLE, options);
}

static int render_open_json(struct out *out, const struct hark_snapshot *snapshot,
			    const struct render_options *options)
{
	return show_exposed(out, snapshot, RENDER_EXPOSED_JSON, options);
}

static int render_open_ndjson(struct out *out, const struct hark_snapshot *snapshot,
			      const struct render_options *options)
{
	return show_exposed(out, snapshot, RENDER_EXPOSED_NDJSON, options);
}

/* What the senders of from=... reach; `all` as in hark reach --all. */
static int show_reached(struct out *out, const struct hark_snapshot *snapshot, bool is_json,
			const struct render_options *options)
{
	struct render_passages passages = { .from = from, .all = options->all_states };
	struct hark_passages *found;
	struct render_exposed counts;
	struct hark_senders senders;
	struct hark_error error;
	int r = hark_senders_parse(snapshot, from, &senders, &error);

	if (r < 0)
		fprintf(stderr, "%s\n", error.text);
	if (r == 0)
		r = hark_passages_new(snapshot, NULL, &senders, &found);
	if (r < 0)
		return r;
	passages.passages = found;
	r = render_passages(out, snapshot, &passages, is_json, options, &counts);
	hark_passages_free(found);
	return r;
}

static int render_reached(struct out *out, const struct hark_snapshot *snapshot,
			  const struct render_options *options)
{
	return show_reached(out, snapshot, false, options);
}

static int render_reached_json(struct out *out, const struct hark_snapshot *snapshot,
			       const struct render_options *options)
{
	return show_reached(out, snapshot, true, options);
}

static const struct {
	const char *name;
	int (*render)(struct out *, const struct hark_snapshot *, const struct render_options *);
} formats[] = {
	{ "table", render_table },
	{ "json", render_json },
	{ "ndjson", render_ndjson },
	{ "csv", render_csv },
	{ "notes", render_notes },
	{ "explain", render_explained },
	{ "findings", render_found },
	{ "exposed", render_open },
	{ "exposed-json", render_open_json },
	{ "exposed-ndjson", render_open_ndjson },
	{ "reached", render_reached },
	{ "reached-json", render_reached_json },
};

static int read_option(const char *word, struct render_options *options, const char **list,
		       unsigned int *repeat)
{
	if (!strncmp(word, "width=", 6))
		options->width = (unsigned int)atoi(word + 6);
	else if (!strncmp(word, "repeat=", 7))
		*repeat = (unsigned int)atoi(word + 7);
	else if (!strncmp(word, "columns=", 8))
		*list = word + 8;
	else if (!strncmp(word, "from=", 5))
		from = word + 5;
	else if (!strcmp(word, "color"))
		options->color = true;
	else if (!strcmp(word, "ascii"))
		options->utf8 = false;
	else if (!strcmp(word, "no-header"))
		options->no_header = true;
	else if (!strcmp(word, "all"))
		options->all_states = true;
	else if (!strcmp(word, "summary"))
		options->summary = true;
	else if (!strcmp(word, "evidence"))
		options->evidence = true;
	else if (!strcmp(word, "debug"))
		options->debug_notes = true;
	else
		return -1;
	return 0;
}

static int show(const char *name, const char *format, const struct render_options *options,
		unsigned int repeat)
{
	struct hark_snapshot *snapshot = snapshot_by_name(name);
	int r = -1;

	for (size_t i = 0; snapshot && i < sizeof(formats) / sizeof(formats[0]); i++) {
		for (unsigned int n = 0; !strcmp(formats[i].name, format) && n < repeat; n++) {
			struct out out;

			out_init(&out, STDOUT_FILENO);
			r = formats[i].render(&out, snapshot, options);
			out_fini(&out);
		}
	}
	hark_snapshot_free(snapshot);
	return r;
}

int main(int argc, char **argv)
{
	struct render_options options = { .utf8 = true, .elsewhere = true, .published = true };
	struct columns columns;
	struct hark_error error;
	const char *list = NULL;
	unsigned int repeat = 1;
	struct out out;
	int r;

	for (int i = 3; i < argc; i++)
		if (read_option(argv[i], &options, &list, &repeat) < 0)
			return 2;
	if (list) {
		const struct contents contents = { .all_states = options.all_states };

		if (columns_parse(list, contents, &columns, &error) < 0) {
			fprintf(stderr, "%s\n", error.text);
			return 2;
		}
		options.columns = &columns;
	}
	if (argc == 2 && !strcmp(argv[1], "columns")) {
		out_init(&out, STDOUT_FILENO);
		r = render_columns_help(&out, &options);
		out_fini(&out);
		return r ? 1 : 0;
	}
	if (argc < 3)
		return 2;
	r = show(argv[1], argv[2], &options, repeat);
	if (r < 0)
		fprintf(stderr, "%s\n", strerror(-r));
	return r ? 1 : 0;
}
