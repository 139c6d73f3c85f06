/* SPDX-License-Identifier: MIT */
/*
 * story: the names of the situations. story NAME: its explanation, with what it rests on; story
 * NAME json: as data.
 */
#include "stories.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "render.h"

static int tell(const struct story *story, bool as_json)
{
	const struct render_options options = { .evidence = true };
	struct hark_snapshot *snapshot = story_snapshot(story);
	struct hark_selection *selection = story_selection(story);
	struct hark_explanation *explanation;
	int r = hark_explain(snapshot, selection, &explanation);
	struct out out;

	if (r == 0) {
		out_init(&out, STDOUT_FILENO);
		r = as_json ? render_findings(&out, snapshot, explanation, &options) :
			      render_explanation(&out, explanation, &options);
		out_fini(&out);
		hark_explanation_free(explanation);
	}
	hark_selection_free(selection);
	hark_snapshot_free(snapshot);
	return r;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < n_stories; i++) {
		if (argc < 2)
			puts(stories[i].name);
		else if (!strcmp(stories[i].name, argv[1]))
			return tell(&stories[i], argc > 2) ? 1 : 0;
	}
	return argc < 2 ? 0 : 2;
}
