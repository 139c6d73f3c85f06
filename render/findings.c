/* SPDX-License-Identifier: MIT */
/* An explanation as JSON: the findings, and the sockets that they are about as in any document. */
#include "render.h"

#include "json.h"

static void write_tools(struct out *out, const struct hark_explanation *explanation,
			const struct hark_finding *finding)
{
	LITERAL(out, ",\"tools\":[");
	for (uint32_t i = 0; i < finding->n_tools; i++) {
		const struct hark_tool *tool =
			hark_explanation_tool(explanation, finding->first_tool + i);

		out_text(out, i ? ",{\"command\":" : "{\"command\":");
		write_string(out, tool->command);
		LITERAL(out, ",\"shows\":");
		write_tristate(out, (enum hark_tristate)tool->shows);
		LITERAL(out, ",\"as\":");
		write_string(out, tool->as);
		out_char(out, '}');
	}
	out_char(out, ']');
}

/* Places among the document's sockets of those that it is about, which follow one another. */
static void write_subjects(struct out *out, const struct hark_explanation *explanation,
			   const struct hark_finding *finding)
{
	uint32_t socket, n = 0;

	LITERAL(out, ",\"sockets\":[");
	for (uint32_t i = 0; (socket = hark_explanation_socket(explanation, i)) != HARK_NONE; i++) {
		if (finding->socket == HARK_NONE || socket < finding->socket ||
		    socket - finding->socket >= finding->n_sockets)
			continue;
		if (n++)
			out_char(out, ',');
		out_u64(out, i);
	}
	out_char(out, ']');
}

static void write_finding(struct out *out, const struct hark_snapshot *snapshot,
			  const struct hark_explanation *explanation,
			  const struct hark_finding *finding)
{
	static const char *const depths[] = {
		[HARK_FINDING_HEADLINE] = "headline",
		[HARK_FINDING_PART] = "part",
		[HARK_FINDING_DETAIL] = "detail",
	};
	const struct hark_namespace *namespace = hark_snapshot_namespace(snapshot, finding->netns);

	LITERAL(out, "{\"code\":");
	write_string(out, finding->code);
	LITERAL(out, ",\"depth\":");
	write_string(out, depths[finding->depth]);
	LITERAL(out, ",\"text\":");
	write_string(out, finding->text);
	LITERAL(out, ",\"evidence\":");
	write_string(out, finding->evidence);
	LITERAL(out, ",\"netns\":");
	write_number(out, namespace && namespace->inode, namespace ? namespace->inode : 0);
	write_subjects(out, explanation, finding);
	write_tools(out, explanation, finding);
	out_char(out, '}');
}

int render_findings(struct out *out, const struct hark_snapshot *snapshot,
		    const struct hark_explanation *explanation,
		    const struct render_options *options)
{
	const struct hark_finding *finding;

	json_write_head(out, snapshot, options);
	json_write_sockets(out, snapshot, explanation, ",\n");
	LITERAL(out, "],\n\"findings\":[\n");
	for (uint32_t i = 0; (finding = hark_explanation_finding(explanation, i)); i++) {
		out_text(out, i ? ",\n" : "");
		write_finding(out, snapshot, explanation, finding);
	}
	LITERAL(out, "],\n\"elsewhere\":");
	json_write_elsewhere(out, hark_snapshot_elsewhere(snapshot));
	LITERAL(out, "}\n");
	return out_flush(out);
}
