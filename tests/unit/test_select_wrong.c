/* SPDX-License-Identifier: MIT */
/* Selectors that are wrong, and the one line that is said of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "select.h"
#include "suggest.h"

static struct hark_selection *selection_of_22(void)
{
	struct hark_selection *selection;

	assert_int_equal(hark_selection_new(&selection), 0);
	assert_int_equal(hark_selection_add(selection, "22", NULL), 0);
	return selection;
}

static const struct {
	const char *text, *expected;
} wrong[] = {
	{ "", "a selector is empty" },
	{ ",", "an item is empty in \",\"" },
	{ "80,,443", "an item is empty in \"80,,443\"" },
	{ "80,", "an item is empty in \"80,\"" },
	{ "70000", "port 70000 is above 65535" },
	{ "80-70000", "port 70000 is above 65535" },
	{ "99999999999999999999999", "port 99999999999999999999999 is above 65535" },
	{ "0", "there is no port 0: nothing can be bound to it" },
	{ ":0", "there is no port 0: nothing can be bound to it" },
	{ "8999-8000", "the range 8999-8000 runs backwards: did you mean \"8000-8999\"?" },
	{ "80-", "\"80-\" is no range of ports: a range is \"8000-8999\"" },
	{ "80-90-100", "\"80-90-100\" is no range of ports: a range is \"8000-8999\"" },
	{ ":", "a port is missing behind \":\"" },
	{ ":no-such-service", "\"no-such-service\" is neither a port nor the name of a service" },
	{ "port=x y", "\"x y\" is neither a port nor the name of a service" },
	{ "80/tpc", "unknown protocol \"tpc\": did you mean \"tcp\"?" },
	{ "proto=upd", "unknown protocol \"upd\": did you mean \"udp\"?" },
	{ "proto=quic", "unknown protocol \"quic\"" },
	{ "label=tcp64", "unknown protocol \"tcp64\"" },
	{ "state=estblished", "unknown state \"estblished\": did you mean \"established\"?" },
	{ "state=open", "unknown state \"open\"" },
	{ "prot=tcp", "unknown key \"prot\": did you mean \"proto=\"?" },
	{ "sate=listen", "unknown key \"sate\": did you mean \"state=\"?" },
	{ "zzzzz=1",
	  "unknown key \"zzzzz\": there are proto= port= state= address= command= pid= user= "
	  "unit= container= pod= netns= dev= inode= cookie=" },
	{ "=1",
	  "unknown key \"\": there are proto= port= state= address= command= pid= user= unit= "
	  "container= pod= netns= dev= inode= cookie=" },
	{ "pid=", "nothing stands behind \"pid=\"" },
	{ "pid=1,", "an item is empty in \"pid=1,\"" },
	{ "pid=init", "\"init\" is no process id" },
	{ "inode=-1", "\"-1\" is no inode number" },
	{ "cookie=xyz", "\"xyz\" is no cookie: a cookie is 16 hexadecimal digits" },
	{ "user=nobody-of-that-name", "there is no user \"nobody-of-that-name\"" },
	{ "10.0.0.300", "\"10.0.0.300\" is no address: 300 is above 255" },
	{ "10.0.0", "\"10.0.0\" is no address: IPv4 has four numbers" },
	{ "10.0.0.0/33", "\"10.0.0.0/33\" is no prefix: behind \"/\" comes a number up to 32" },
	{ "10.0.0.0/", "\"10.0.0.0/\" is no prefix: behind \"/\" comes a number up to 32" },
	{ "10.0.0/8", "\"10.0.0/8\" is no address: IPv4 has four numbers" },
	{ "2001:db8::/129",
	  "\"2001:db8::/129\" is no prefix: behind \"/\" comes a number up to 128" },
	{ "::/0:22", "\"::/0:22\" is no prefix: behind \"/\" comes a number up to 128" },
	{ "2001:db8::g", "\"2001:db8::g\" is no IPv6 address" },
	{ "[::1:80", "\"[::1:80\" has \"[\" without \"]\"" },
	{ "::1]:80", "\"::1]:80\" has \"]\" without \"[\"" },
	{ "[::1]80", "\"[::1]80\": behind \"]\" comes \":\" and the port" },
	{ "[::1]:", "a port is missing behind \":\"" },
	{ "10.0.0.7:70000", "port 70000 is above 65535" },
	{ "web1:80", "\"web1\" is no address; names are not looked up" },
	{ "address=web1", "\"web1\" is no address; names are not looked up" },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct hark_selection *selection = selection_of_22();
		struct hark_error error = { .error = 0 };

		if (hark_selection_add(selection, wrong[i].text, &error) != -EINVAL)
			fail_msg("%s: taken", wrong[i].text);
		assert_int_equal(error.error, -EINVAL);
		assert_string_equal(error.text, wrong[i].expected);
		/* what was wrong leaves nothing behind */
		assert_int_equal(selection->terms.n, 1);
		assert_int_equal(hark_selection_add(selection, wrong[i].text, NULL), -EINVAL);
		hark_selection_free(selection);
	}
}

static void test_long_text(void **state)
{
	static char text[100000];
	struct hark_selection *selection = selection_of_22();
	struct hark_error error;

	(void)state;
	memset(text, '1', sizeof(text) - 1);
	assert_int_equal(hark_selection_add(selection, text, &error), 0);
	memset(text, ':', sizeof(text) - 1);
	assert_int_equal(hark_selection_add(selection, text, &error), -EINVAL);
	memset(text, '[', sizeof(text) - 1);
	assert_int_equal(hark_selection_add(selection, text, &error), 0);
	hark_selection_free(selection);
}

static const char *closest(const char *word)
{
	static const char *const names[] = { "list",   "explain", "established",
					     "listen", "udp",     "tcp" };
	struct suggestion suggestion = { .word = word };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		suggest_offer(&suggestion, names[i]);
	return suggestion.best;
}

static void test_suggestions(void **state)
{
	(void)state;
	assert_string_equal(closest("lst"), "list");
	assert_string_equal(closest("lsit"), "list");
	assert_string_equal(closest("LISTE"), "list");
	assert_string_equal(closest("listem"), "listen");
	assert_string_equal(closest("xplian"), "explain");
	assert_string_equal(closest("estblshd"), "established");
	assert_string_equal(closest("upd"), "udp");
	assert_string_equal(closest("tcp"), "tcp");
	assert_null(closest(""));
	assert_null(closest("a"));
	assert_null(closest("80"));
	assert_null(closest("nginx"));
	assert_null(closest("an-endless-word-that-nobody-would-ever-have-meant-like-this"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_suggestions),
	};

	return cmocka_run_group_tests_name("select_wrong", tests, NULL, NULL);
}
