/* SPDX-License-Identifier: MIT */
/* What hark bind says. */
#include <errno.h>
#include <string.h>

#include "json.h"
#include "prose.h"
#include "render.h"

#define INDENT 2u

/* "EADDRINUSE"; NULL for no error. */
static const char *error_name(int error)
{
	return error ? strerrorname_np(-error) : NULL;
}

static void write_place(struct out *out, const struct hark_bind_wish *wish)
{
	bool is_inet6 = wish->family == HARK_FAMILY_INET6;
	char text[HARK_ADDR_TEXT_SIZE];

	hark_addr_format(&wish->addr, text);
	out_text(out, is_inet6 ? "[" : "");
	out_text(out, is_inet6 && hark_addr_is_ipv4(&wish->addr) ? "::ffff:" : "");
	out_text(out, text);
	if (wish->device && hark_addr_is_link_local(&wish->addr) && is_inet6) {
		out_char(out, '%');
		out_text(out, wish->device);
	}
	out_text(out, is_inet6 ? "]:" : ":");
	out_u64(out, wish->port);
}

static void write_options(struct out *out, const struct render_bind *bind)
{
	const struct hark_bind_wish *wish = bind->wish;

	if (wish->device) {
		out_text(out, " on ");
		out_text(out, wish->device);
	}
	out_text(out, wish->reuseaddr ? " with SO_REUSEADDR" : "");
	out_text(out, wish->reuseport ? " with SO_REUSEPORT" : "");
	out_text(out, wish->v6only == HARK_YES ? " with IPV6_V6ONLY" : "");
	out_text(out, " by ");
	out_text(out, bind->user);
}

static bool was_tried(const struct render_bind *bind)
{
	return bind->trial && bind->trial->step > HARK_BIND_USER;
}

static const char *step_text(const struct hark_bind_trial *trial)
{
	switch ((enum hark_bind_step)trial->step) {
	case HARK_BIND_SOCKET:
		return "socket(2) failed";
	case HARK_BIND_OPTIONS:
		return "setsockopt(2) failed";
	case HARK_BIND_BIND:
		return "bind(2) failed";
	case HARK_BIND_LISTEN:
		return "bind(2) went, but listen(2) failed";
	case HARK_BIND_DONE:
	case HARK_BIND_NOT_TRIED:
	case HARK_BIND_USER:
	case HARK_BIND_STEP_N_:
		break;
	}
	return "it went";
}

/* How it is known. */
static void write_grounds(struct out *out, const struct render_bind *bind)
{
	int error;
	bool is_reasoned = hark_bind_reasoned(bind->verdict, &error) != HARK_UNKNOWN;

	if (!was_tried(bind)) {
		out_text(out, " (by reasoning: it could not be tried).");
		return;
	}
	out_text(out, is_reasoned && !hark_bind_disagrees(bind->verdict) ?
			      " (reasoned, and tried: " :
			      " (tried: ");
	out_text(out, step_text(bind->trial));
	out_text(out, is_reasoned ? ")." : "; the sockets that there are leave it open).");
}

static void write_headline(struct out *out, const struct render_bind *bind)
{
	int error;
	enum hark_tristate can = hark_bind_can(bind->verdict, &error);

	out_text(out, bind->wish->protocol == HARK_PROTOCOL_TCP ? "TCP " : "UDP ");
	write_place(out, bind->wish);
	out_text(out, can == HARK_YES ? " can be bound" :
		      can == HARK_NO  ? " cannot be bound" :
					" may or may not be bound");
	write_options(out, bind);
	if (error) {
		out_text(out, ": ");
		out_text(out, error_name(error) ? error_name(error) : "an error");
		out_text(out, ", ");
		out_text(out, strerror(-error));
	}
	write_grounds(out, bind);
}

static void write_disagreement(struct out *out, const struct render_bind *bind)
{
	int error;
	enum hark_tristate reasoned = hark_bind_reasoned(bind->verdict, &error);

	out_text(out, "The two disagree: by what was read it should ");
	out_text(out, reasoned == HARK_YES ? "go" : "fail");
	if (error_name(error)) {
		out_text(out, " with ");
		out_text(out, error_name(error));
	}
	out_text(out, ". The try counts; what follows is what was read.");
}

/* What was put into `text`, as a paragraph. */
static void write_out(struct out *out, struct out *words, struct out *text, size_t indent,
		      enum style style, const struct render_options *options)
{
	out_char(text, '\0');
	if (!text->error)
		prose_write(out, words, text->bytes, indent, style, options);
	out_clear(text);
}

int render_bind_text(struct out *out, const struct render_bind *bind,
		     const struct render_options *options)
{
	const struct hark_obstacle *obstacle;
	struct out words, text;

	out_init(&words, -1);
	out_init(&text, -1);
	write_headline(&text, bind);
	write_out(out, &words, &text, 0, STYLE_STRONG, options);
	if (hark_bind_disagrees(bind->verdict)) {
		write_disagreement(&text, bind);
		write_out(out, &words, &text, INDENT, STYLE_STRONG, options);
	}
	for (uint32_t i = 0; (obstacle = hark_bind_obstacle(bind->verdict, i)); i++) {
		out_text(&text, obstacle->certainty == HARK_YES ? "" : "Perhaps: ");
		out_text(&text, obstacle->text);
		write_out(out, &words, &text, INDENT, STYLE_PLAIN, options);
		if (obstacle->evidence)
			prose_write(out, &words, obstacle->evidence, 3 * INDENT, STYLE_WEAK,
				    options);
	}
	if (hark_bind_help(bind->verdict)) {
		out_text(&text, "What would help: ");
		out_text(&text, hark_bind_help(bind->verdict));
		out_char(&text, '.');
		write_out(out, &words, &text, 0, STYLE_PLAIN, options);
	}
	if (!out->error)
		out->error = words.error ? words.error : text.error;
	out_fini(&text);
	out_fini(&words);
	return out_flush(out);
}

static void write_wish(struct out *out, const struct render_bind *bind)
{
	const struct hark_bind_wish *wish = bind->wish;
	char text[HARK_ADDR_TEXT_SIZE];

	LITERAL(out, ",\n\"bind\":{\"protocol\":");
	write_string(out, hark_protocol_name((enum hark_protocol)wish->protocol));
	LITERAL(out, ",\"family\":");
	write_string(out, hark_family_name((enum hark_family)wish->family));
	LITERAL(out, ",\"address\":");
	write_string(out, hark_addr_format(&wish->addr, text));
	LITERAL(out, ",\"port\":");
	out_u64(out, wish->port);
	LITERAL(out, ",\"interface\":");
	write_string(out, wish->device);
	LITERAL(out, ",\"reuseaddr\":");
	write_bool(out, wish->reuseaddr);
	LITERAL(out, ",\"reuseport\":");
	write_bool(out, wish->reuseport);
	LITERAL(out, ",\"v6only\":");
	write_tristate(out, (enum hark_tristate)wish->v6only);
	LITERAL(out, ",\"uid\":");
	out_u64(out, wish->uid);
	LITERAL(out, ",\"user\":");
	write_string(out, bind->user);
	out_char(out, '}');
}

static void write_verdict(struct out *out, enum hark_tristate can, int error)
{
	LITERAL(out, "\"can\":");
	write_tristate(out, can);
	LITERAL(out, ",\"error\":");
	write_string(out, error_name(error));
}

static void write_verdicts(struct out *out, const struct render_bind *bind)
{
	enum hark_tristate can;
	int error;

	LITERAL(out, ",\n");
	can = hark_bind_can(bind->verdict, &error);
	write_verdict(out, can, error);
	LITERAL(out, ",\n\"reasoned\":{");
	can = hark_bind_reasoned(bind->verdict, &error);
	write_verdict(out, can, error);
	LITERAL(out, "},\n\"tried\":");
	if (!was_tried(bind)) {
		LITERAL(out, "null,\n\"agree\":null");
		return;
	}
	out_char(out, '{');
	write_verdict(out, bind->trial->step == HARK_BIND_DONE ? HARK_YES : HARK_NO,
		      bind->trial->error);
	LITERAL(out, ",\"step\":");
	write_string(out, hark_bind_step_name((enum hark_bind_step)bind->trial->step));
	LITERAL(out, ",\"with_reuseaddr\":");
	write_bool(out, bind->trial->helps & HARK_BIND_REUSEADDR);
	LITERAL(out, ",\"with_reuseport\":");
	write_bool(out, bind->trial->helps & HARK_BIND_REUSEPORT);
	LITERAL(out, ",\"with_v6only\":");
	write_bool(out, bind->trial->helps & HARK_BIND_V6ONLY);
	LITERAL(out, "},\n\"agree\":");
	write_tristate(out, hark_bind_disagrees(bind->verdict) ? HARK_NO :
			    can == HARK_UNKNOWN                ? HARK_UNKNOWN :
								 HARK_YES);
}

static void write_obstacle(struct view *view, struct out *out, const struct hark_obstacle *obstacle)
{
	const struct hark_socket *socket = hark_snapshot_socket(view->snapshot, obstacle->socket);

	LITERAL(out, "{\"code\":");
	write_string(out, obstacle->code);
	LITERAL(out, ",\"certain\":");
	write_bool(out, obstacle->certainty == HARK_YES);
	LITERAL(out, ",\"error\":");
	write_string(out, error_name(obstacle->error));
	LITERAL(out, ",\"text\":");
	write_string(out, obstacle->text);
	LITERAL(out, ",\"evidence\":");
	write_string(out, obstacle->evidence);
	LITERAL(out, ",\"help\":");
	write_string(out, obstacle->help);
	LITERAL(out, ",\"expires_ms\":");
	write_number(out, socket && socket->timer, socket ? socket->expires_ms : 0);
	LITERAL(out, ",\"socket\":");
	if (socket)
		json_write_socket(view, out, obstacle->socket);
	else
		LITERAL(out, "null");
	out_char(out, '}');
}

/* Obstacles, or what is none yet. */
static void write_obstacles(struct view *view, struct out *out, const struct render_bind *bind,
			    bool warnings)
{
	const struct hark_obstacle *obstacle;
	bool is_first = true;

	out_char(out, '[');
	for (uint32_t i = 0; (obstacle = hark_bind_obstacle(bind->verdict, i)); i++) {
		if (obstacle->is_warning != warnings)
			continue;
		out_text(out, is_first ? "\n" : ",\n");
		is_first = false;
		write_obstacle(view, out, obstacle);
	}
	out_char(out, ']');
}

int render_bind_json(struct out *out, const struct render_bind *bind)
{
	struct view view;

	view_init(&view, bind->snapshot, ESCAPE_JSON);
	LITERAL(out, "{\"schema\":1");
	write_wish(out, bind);
	write_verdicts(out, bind);
	LITERAL(out, ",\n\"obstacles\":");
	write_obstacles(&view, out, bind, false);
	LITERAL(out, ",\n\"warnings\":");
	write_obstacles(&view, out, bind, true);
	LITERAL(out, ",\n\"help\":");
	write_string(out, hark_bind_help(bind->verdict));
	LITERAL(out, "}\n");
	if (!out->error)
		out->error = view_error(&view);
	view_fini(&view);
	return out_flush(out);
}
