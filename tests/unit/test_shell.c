// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The console over fake VMs: words, completion, every command in text and as
 * JSON, guests' consoles, and log lines that arrive at any time.
 *
 * Sources: kernel/console/termfilter.c kernel/console/cmd_metrics.c
 * Sources: tests/unit/shell_fakes.c kernel/console/shell.c
 * Sources: kernel/console/shell_parse.c kernel/console/shell_out.c
 * Sources: kernel/console/complete.c kernel/console/conrow.c
 * Sources: vmx/admin/cmd_console.c vmx/admin/vm_view.c vmx/admin/cmd_vm.c
 * Sources: vmx/admin/commands.c vmx/admin/cmd_power.c kernel/console/mux.c
 * Sources: vmx/admin/cmd_mem.c vmx/admin/cmd_stats.c kernel/console/cmd_host.c
 * Sources: kernel/console/cmd_log.c kernel/console/cmd_help.c
 * Sources: kernel/console/commands.c kernel/lib/json.c
 * Sources: kernel/console/lineedit.c kernel/lib/lib.c vmx/admin/admin.c
 * Sources: vmx/admin/cmd_mem_vm.c vmx/admin/cmd_dump.c vmx/admin/cpu_use.c
 * Sources: kernel/config/config_keys.c kernel/config/config.c
 * Sources: kernel/lib/conf.c
 * Sources: vmx/admin/cmd_set.c kernel/config/config_set.c
 * Sources: kernel/config/config_value.c kernel/console/cmd_selftest.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/console/conrow.h"
#include "kernel/console/mux.h"
#include "kernel/console/shell_priv.h"
#include "kernel/lib/errno.h"
#include "shell_fakes.h"

#define PROMPT "aerostat> "
#define CTRL_T "\x14"

/* ---- words ---- */

static const struct {
	const char *line;
	int err, argc;
	bool json;
	const char *words; /* with | between them */
} lines[] = {
	{ "", 0, 0, false, "" },
	{ "  \t ", 0, 0, false, "" },
	{ "vm list", 0, 2, false, "vm|list" },
	{ " vm\t list  ", 0, 2, false, "vm|list" },
	{ "vm list -j", 0, 2, true, "vm|list" },
	{ "-j vm list", 0, 2, true, "vm|list" },
	{ "echo -jx \"-j\" '-j'", 0, 4, false, "echo|-jx|-j|-j" },
	{ "echo \"a  b\" 'c \"d' e\\ f", 0, 4, false, "echo|a  b|c \"d|e f" },
	{ "echo a\"b c\"d \"\"", 0, 3, false, "echo|ab cd|" },
	{ "echo \"a\\\"b\" 'a\\b'", 0, 3, false, "echo|a\"b|a\\b" },
	{ "echo a\\", 0, 2, false, "echo|a\\" },
	{ "echo \"open", -EINVAL, 0, false, "" },
	{ "echo 'open", -EINVAL, 0, false, "" },
	{ "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", 0, 16, false, NULL },
	{ "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", -E2BIG, 0, false, NULL },
};

static void test_tokenize(void **state)
{
	struct shell_args a;
	char line[128], words[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		strcpy(line, lines[i].line);
		assert_int_equal(shell_tokenize(line, &a), lines[i].err);
		if (lines[i].err)
			continue;
		assert_int_equal(a.argc, lines[i].argc);
		assert_int_equal(a.json, lines[i].json);
		words[0] = '\0';
		for (int w = 0; w < a.argc; w++) {
			strcat(words, w ? "|" : "");
			strcat(words, a.argv[w]);
		}
		if (lines[i].words)
			assert_string_equal(words, lines[i].words);
	}
}

/* ---- a JSON checker (RFC 8259), enough to refuse what is not JSON ---- */

static const char *skip_value(const char *s);

static const char *skip_string(const char *s)
{
	assert_int_equal(*s++, '"');
	while (*s != '"') {
		assert_in_range(*s, 0x20, 0x7e);
		if (*s++ == '\\')
			s++;
	}
	return s + 1;
}

static const char *skip_members(const char *s, char close)
{
	if (*++s == close)
		return s + 1;
	for (;;) {
		if (close == '}') {
			s = skip_string(s);
			assert_int_equal(*s++, ':');
		}
		s = skip_value(s);
		if (*s == close)
			return s + 1;
		assert_int_equal(*s++, ',');
	}
}

static const char *skip_value(const char *s)
{
	if (*s == '{')
		return skip_members(s, '}');
	if (*s == '[')
		return skip_members(s, ']');
	if (*s == '"')
		return skip_string(s);
	if (strncmp(s, "true", 4) == 0)
		return s + 4;
	if (strncmp(s, "false", 5) == 0)
		return s + 5;
	assert_in_range(*s, '0', '9');
	return s + strspn(s, "0123456789");
}

/* Exactly one value on exactly one line. */
static void check_json(const char *s)
{
	assert_string_equal(skip_value(s), "\n");
}

static const char *const json_commands[] = {
	"vm list -j",	   "vm info web -j",  "vm info db -j",
	"vm info nope -j", "vm pause web -j", "vm resume web -j",
	"vm start db -j",  "vm stop all -j",  "mem -j",
	"mem host -j",	   "mem web 128M -j", "mem web 1K -j",
	"mem web lots -j", "stats web -j",    "stats db -j",
	"cpu -j",	   "log -j",	      "log 1 err -j",
	"log zzz -j",	   "audit -j",	      "version -j",
	"uptime -j",	   "help -j",	      "help vm -j",
	"help config -j",  "help nope -j",    "nope -j",
	"console web -j",  "sleep 0 -j",      "log console err -j",
	"vm -j",
};

static void test_json_is_valid(void **state)
{
	(void)state;
	for (int vms = 1; vms >= 0; vms--) {
		has_vms = vms;
		nr_audit_errors = (unsigned)vms * 3;
		for (size_t i = 0; i < ARRAY_SIZE(json_commands); i++)
			check_json(output_of(json_commands[i]));
	}
}

/* ---- commands ---- */

static const struct {
	const char *line, *says;
} answers[] = {
	{ "", "" },
	{ "echo a \"b  c\"", "a b  c\n" },
	{ "echo a \"b  c\" -j", "{\"ok\":true,\"message\":\"a b  c\"}\n" },
	{ "echo", "\n" },
	{ "selftest trivial -j", "[{\"name\":\"trivial\",\"ok\":true,"
				 "\"text\":\"nothing to do\"}]\n" },
	{ "selftest trivail -j", "{\"error\":\"no test is called 'trivail'; "
				 "`help selftest` names them\"}\n" },
	{ "log 0", "" },
	{ "memm", "error: unknown command 'memm'; did you mean 'mem'?\n" },
	{ "frobnicate",
	  "error: unknown command 'frobnicate'; `help` lists them\n" },
	{ "echo \"a", "error: a quote is not closed\n" },
	{ "cpu 1", "error: wrong arguments; usage: cpu\n" },
	{ "vm", "error: wrong arguments; see `help vm`\n" },
	{ "vm start", "error: wrong arguments; see `help vm`\n" },
	{ "vm strat web", "error: vm: no 'strat'; did you mean 'start'?\n" },
	{ "vm frobnicate web", "error: wrong arguments; see `help vm`\n" },
	{ "vm start wob", "error: no VM 'wob'; did you mean 'web'?\n" },
	{ "vm start zebra", "error: no VM 'zebra'; `vm list` shows all\n" },
	{ "vm start web", "error: vm start web: it is running\n" },
	{ "vm start db", "error: vm start db: its configuration has errors\n" },
	{ "vm pause web", "web: paused\n" },
	{ "vm resume web", "web: resumed\n" },
	{ "vm reset all", "web: reset\ndb: error: it is off\n" },
	{ "vm kill web", "web: killed\n" },
	{ "vm start web", "web: started\n" },
	{ "mem web 128M", "web: target 128 MiB\n" },
	{ "mem web 1M", "error: mem web 1M: below mem.min = 64 MiB\n" },
	{ "mem x", "error: no VM 'x'; `vm list` shows all\n" },
	{ "log 1", "[    3.0] debug c: third vm=web2\n" },
	{ "log 1 info", "[    2.0] error b: \"quoted\"\n" },
	{ "log err", "[    2.0] error b: \"quoted\"\n" },
	{ "log console debug",
	  "the console shows log level debug and above\n" },
	{ "audit", "audit: clean (7 frames, 0 objects, 0 object pages, 0 "
		   "leaves)\n" },
	{ "version", "Aerostat 0.0.0 (test); 1 CPUs, TSC 1000.000 MHz\n" },
	{ "uptime", "up 1d 01:01:01\n" },
	{ "sleep 0", "" },
	{ "sleep x", "error: wrong arguments; usage: sleep SECONDS\n" },
	{ "cpu", "CPU APIC    BUSY            TICKS       IRQS   SWITCHES "
		 "READY RUNNING\n"
		 "  0    0  25.0 %           250000          0          0     "
		 "0 idle\n"
		 "CPU 0 was kept 120 us (120000 ticks) at most, by console;\n"
		 "      interrupts were late by 3 us (3000 ticks) at most\n" },
	{ "vm list -j",
	  "[{\"name\":\"web\",\"id\":1,\"state\":\"running\",\"vcpus\":1,"
	  "\"cpu_permille\":0,\"size\":268435456,\"resident\":50855936,\"uptime_ms\":90061000,"
	  "\"wait\":\"memory\",\"reason\":\"\",\"starts\":0,"
	  "\"debug_exited\":false,\"debug_exit_value\":0},"
	  "{\"name\":\"db\",\"id\":2,\"state\":\"off\",\"vcpus\":0,\"cpu_permille\":0,"
	  "\"size\":0,\"resident\":0,\"uptime_ms\":0,\"wait\":\"\","
	  "\"reason\":\"configuration has errors\",\"starts\":0,"
	  "\"debug_exited\":false,\"debug_exit_value\":0}]\n" },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
		assert_string_equal(output_of(answers[i].line),
				    answers[i].says);
	assert_int_equal(last_target, 128 << 20);
	assert_int_equal(console_level, LOG_DEBUG);
}

static void test_listings_name_everything(void **state)
{
	(void)state;
	output_of("vm list");
	assert_non_null(strstr(screen,
			       "web          running      1   0.0    256.0"
			       "     48.5  1d 01:01:01 memory -\n"));
	assert_non_null(strstr(screen, "db           off "));
	output_of("mem");
	assert_non_null(strstr(screen, "waits for host memory"));
	output_of("stats web");
	assert_true(strstr(screen, "vmcall") < strstr(screen, "cpuid"));
	nr_audit_errors = 2;
	output_of("audit");
	assert_non_null(strstr(screen, "audit: error: frame=0x10: owner"));
	assert_non_null(strstr(screen, "audit: 2 errors ("));
	output_of("help config");
	assert_non_null(strstr(screen, "[vm] mem.commit = huge | around"));
	/* What somebody types who wants to know about `vm start`. */
	output_of("help vm start");
	assert_ptr_equal(strstr(screen, "vm list\n"), screen);
}

static void test_every_command_has_help(void **state)
{
	const struct shell_cmd *cmd;
	char line[32];

	(void)state;
	for (size_t i = 0; (cmd = shell_cmd_at(i)) != NULL; i++) {
		snprintf(line, sizeof(line), "help %s", cmd->name);
		output_of(line);
		assert_ptr_equal(strstr(screen, cmd->name), screen);
		output_of("help");
		assert_non_null(strstr(screen, cmd->summary));
		if (i > 0)
			assert_true(strcmp(shell_cmd_at(i - 1)->name,
					   cmd->name) < 0);
	}
}

static void test_docs_name_every_command(void **state)
{
	static char doc[65536];
	const struct shell_cmd *cmd;
	FILE *f = fopen("docs/console.md", "r");
	char name[32];

	(void)state;
	assert_non_null(f);
	assert_in_range(fread(doc, 1, sizeof(doc) - 1, f), 1000,
			sizeof(doc) - 2);
	fclose(f);
	for (size_t i = 0; (cmd = shell_cmd_at(i)) != NULL; i++) {
		snprintf(name, sizeof(name), "`%s", cmd->name);
		if (!strstr(doc, name))
			fail_msg("docs/console.md lacks %s", cmd->name);
	}
}

/* ---- completion ---- */

static const struct {
	const char *typed, *becomes;
} completions[] = {
	{ "ver\t", "version " },
	{ "v\t", "v" },
	{ "ve\t \t", "version  " },
	{ "vm st\t", "vm st" },
	{ "vm sta\tw\t", "vm start web " },
	{ "vm kill a\t", "vm kill all " },
	{ "console d\t", "console db " },
	{ "mem h\t", "mem host " },
	{ "mem w\t1G", "mem web 1G" },
	{ "log w\t", "log warn " },
	{ "log cons\tin\t", "log console info " },
	{ "help con\t", "help con" },
	{ "help conso\t", "help console " },
	{ "vm dump d\t", "vm dump db " },
	{ "vm info web \t", "vm info web " },
	{ "zzz\t", "zzz" },
	{ "zzz z\t", "zzz z" },
	{ "  stats  w\t", "  stats  web " },
};

static void nothing(void *arg, const char *s, size_t n)
{
	(void)arg;
	(void)s;
	(void)n;
}

static void test_completion(void **state)
{
	static const struct lineedit_ops ops = { .emit = nothing,
						 .complete = shell_complete };
	static struct lineedit le;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(completions); i++) {
		lineedit_init(&le, &ops, PROMPT);
		lineedit_begin(&le);
		for (const char *s = completions[i].typed; *s; s++)
			(void)lineedit_key(&le, (unsigned char)*s);
		assert_string_equal(le.line, completions[i].becomes);
	}
}

/* ---- the console thread ---- */

static void test_prompt_and_commands(void **state)
{
	static const struct step script[] = { { .type = "echo hello\r" },
					      { .type = "v\t\t" },
					      { 0 } };

	(void)state;
	run_console(script);
	assert_string_equal(screen, "Aerostat 0.0.0 (test). `help` lists the "
				    "commands.\n" PROMPT "echo hello\r\n"
				    "hello\n" PROMPT "v\r\n"
				    "version  vm\r\n" PROMPT "v\r\n"
				    "version  vm\r\n" PROMPT "v");
}

static void log_a_line(void)
{
	static const char line[] = "[    9.0] vm: web started\n";

	conrow_log(line, sizeof(line) - 1);
}

static void test_log_line_above_the_edited_line(void **state)
{
	static const struct step script[] = { { .type = "vm li" },
					      { .then = log_a_line },
					      { 0 } };

	(void)state;
	run_console(script);
	assert_string_equal(strstr(screen, PROMPT), PROMPT
			    "vm li\r\x1b[K[    9.0] vm: web started\n" PROMPT
			    "vm li");
}

static void log_twice(void)
{
	static unsigned nr;

	if (nr++ < 2)
		log_a_line();
}

/* Lines logged while the console writes must come between whole lines. */
static void test_log_lines_never_cut_output(void **state)
{
	char *json;

	(void)state;
	on_write = log_twice;
	output_of("help -j");
	json = strchr(screen, '[');
	assert_string_equal(skip_value(json), "\n[    9.0] vm: web started\n"
					      "[    9.0] vm: web started\n");
}

/* However much is logged, what a command prints gets through. */
static void test_log_flood_does_not_hold_the_console(void **state)
{
	const char *s;
	unsigned shown = 0;

	(void)state;
	on_write = log_a_line;
	for (int i = 0; i < 1000; i++)
		log_a_line();
	output_of("echo still here");
	on_write = NULL;
	assert_non_null(strstr(screen, "still here\n"));
	clear_screen();
	fake_tsc += 1000000000;
	for (int i = 0; i < 1000; i++)
		log_a_line();
	assert_non_null(strstr(screen, " log lines not shown: see `log`]\n"));
	for (s = screen; (s = strstr(s, "web started")) != NULL; s++)
		shown++;
	assert_in_range(shown, 10, 60);
}

static void test_too_long_line(void **state)
{
	static char line[700];
	static const struct step script[] = { { .type = line }, { 0 } };

	(void)state;
	memset(line, 'x', 600);
	line[600] = '\r';
	run_console(script);
	assert_non_null(strstr(screen, "error: the line has more than 511 "
				       "characters\n" PROMPT));
}

static void test_sleep_is_interrupted(void **state)
{
	static const struct step script[] = { { .type = "sleep 1000\r" },
					      { .type = "abc" },
					      { .type = "\x03"
							"echo hi\r" },
					      { 0 } };

	(void)state;
	run_console(script);
	assert_non_null(strstr(screen, "error: interrupted\n" PROMPT "echo hi"
				       "\r\nhi\n" PROMPT));
}

static void stop_web(void)
{
	web.state = VM_OFF;
}

/* ---- waiting for something ---- */

static unsigned nr_asked, done_after;

static bool asked_often_enough(void *arg)
{
	assert_ptr_equal(arg, &nr_asked);
	return ++nr_asked > done_after;
}

static void type_interrupt(void)
{
	fake_tsc += 1000;
	input = nr_asked == 2 ? "later\x03" : "";
}

static void pass_time(void)
{
	fake_tsc += 1000000000;
}

/* Each wait ends by what is waited for, by Ctrl-C, or by its limit. */
static void test_waits_end(void **state)
{
	struct waitq wq;

	(void)state;
	waitq_init(&wq);
	done_after = nr_asked = 0;
	assert_int_equal(shell_wait(&wq, asked_often_enough, &nr_asked, 0), 0);
	assert_int_equal(nr_asked, 1);

	fake_park_hook = pass_time;
	nr_asked = 0;
	done_after = 3;
	assert_int_equal(
		shell_wait(&wq, asked_often_enough, &nr_asked, SHELL_NO_LIMIT),
		0);
	nr_asked = 0;
	assert_int_equal(
		shell_wait(NULL, asked_often_enough, &nr_asked, SHELL_NO_LIMIT),
		0);
	nr_asked = 0;
	done_after = 1000;
	assert_int_equal(
		shell_wait(NULL, asked_often_enough, &nr_asked, 5000000000ull),
		-ETIMEDOUT);
	assert_int_equal(nr_asked, 6);

	fake_park_hook = type_interrupt;
	nr_asked = 0;
	assert_int_equal(
		shell_wait(&wq, asked_often_enough, &nr_asked, SHELL_NO_LIMIT),
		-EINTR);
	fake_park_hook = NULL;
	assert_true(list_empty(&wq.waiters));
}

static void interrupt_the_wait(void)
{
	fake_tsc += 1000000;
	input = "\x03";
}

/* An order that is not carried out gives the console back, and says why. */
static void test_orders_do_not_hold_the_console(void **state)
{
	(void)state;
	orders_take_for_ever = true;
	fake_park_hook = pass_time;
	output_of("vm pause web");
	assert_non_null(strstr(screen, "\r\x1b[Kweb: vCPU 1 has not stopped "
				       "(Ctrl-C: leave)"));
	assert_non_null(strstr(screen, "error: vm pause web: not within 10 s, "
				       "goes on: vCPU 1 has not stopped\n"));
	fake_park_hook = interrupt_the_wait;
	assert_non_null(strstr(output_of("vm resume web"),
			       "error: vm resume web: interrupted, goes on: "
			       "vCPU 1 has not stopped\n"));
	fake_park_hook = NULL;
}

static void test_guest_console(void **state)
{
	static const struct step script[] = { { .prints = "early\r\n",
						.type = "console web\r" },
					      { .prints = "login: " },
					      { .type = "root\r" },
					      { .type = CTRL_T CTRL_T "x" },
					      { .then = log_a_line },
					      /* Left within a sequence. */
					      { .prints = "\x1b[" },
					      { .then = stop_web },
					      { .type = CTRL_T },
					      { .prints = "6nlate\r\n" },
					      { .type = "ver" CTRL_T },
					      { .type = CTRL_T "\x03" },
					      { 0 } };

	(void)state;
	run_console(script);
	assert_string_equal(guest_in, "root\r" CTRL_T "x");
	assert_string_equal(
		strstr(screen, "[console"),
		"[console of web, which is running; Ctrl-T returns to the "
		"shell]\r\nearly\r\nlogin: "
		"\r\n[web is off]\r\n"
		"\r\n[shell; Ctrl-T returns to web]\r\n"
		"[1 log lines meanwhile: `log 1` shows them]\r\n" PROMPT
		"ver\r\x1b[K"
		"[console of web, which is off; Ctrl-T returns to the "
		"shell]\r\nlate\r\n"
		"\r\n[shell; Ctrl-T returns to web]\r\n" PROMPT
		"ver^C\r\n" PROMPT);
}

static void guest_floods(void)
{
	guest_end += 100000;
	guest_oldest = guest_end - 600;
	memset(guest_out, 'y', sizeof(guest_out));
}

/* The guest prints whenever the console writes: the key must still work. */
static void test_flooding_guest_does_not_hold_the_console(void **state)
{
	static const struct step script[] = { { .type = "console web\r",
						.then = guest_floods },
					      { .type = CTRL_T "echo back\r" },
					      { 0 } };

	(void)state;
	run_console((const struct step[]){ { .type = "\r" }, { 0 } });
	guest_oldest = 0;
	run_console(script);
	assert_non_null(strstr(screen, " bytes lost]\r\nyyyy"));
	clear_screen();
	on_write = guest_floods;
	input = CTRL_T "echo back\r";
	mux_run(mux_last());
	on_write = NULL;
	assert_non_null(strstr(screen, "[shell; Ctrl-T returns to web]"));
}

static void test_switch_without_a_console(void **state)
{
	static const struct step script[] = { { .type = CTRL_T }, { 0 } };

	(void)state;
	run_console(script); /* the first test that opens the shell */
	assert_non_null(strstr(screen, "no guest's console was open yet"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_switch_without_a_console, set_up),
		cmocka_unit_test_setup(test_tokenize, set_up),
		cmocka_unit_test_setup(test_json_is_valid, set_up),
		cmocka_unit_test_setup(test_answers, set_up),
		cmocka_unit_test_setup(test_listings_name_everything, set_up),
		cmocka_unit_test_setup(test_every_command_has_help, set_up),
		cmocka_unit_test_setup(test_docs_name_every_command, set_up),
		cmocka_unit_test_setup(test_completion, set_up),
		cmocka_unit_test_setup(test_prompt_and_commands, set_up),
		cmocka_unit_test_setup(test_log_line_above_the_edited_line,
				       set_up),
		cmocka_unit_test_setup(test_log_lines_never_cut_output, set_up),
		cmocka_unit_test_setup(test_log_flood_does_not_hold_the_console,
				       set_up),
		cmocka_unit_test_setup(test_too_long_line, set_up),
		cmocka_unit_test_setup(test_sleep_is_interrupted, set_up),
		cmocka_unit_test_setup(test_waits_end, set_up),
		cmocka_unit_test_setup(test_orders_do_not_hold_the_console,
				       set_up),
		cmocka_unit_test_setup(test_guest_console, set_up),
		cmocka_unit_test_setup(
			test_flooding_guest_does_not_hold_the_console, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
