// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands about VMs that change something or wait, over fake VMs.
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
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "shell_fakes.h"

#define CTRL_C "\x03"

/* What a command prints, without what came and went on the last row. */
static void assert_answers(const char *line, const char *says)
{
	const char *out = output_of(line);
	const char *row = strstr(out, "\r\x1b[K");

	while (row) {
		out = row + 4;
		row = strstr(out, "\r\x1b[K");
	}
	assert_string_equal(out, says);
}

/* ---- mem NAME ---- */

static void test_mem_of_one_vm(void **state)
{
	const char *s = output_of("mem web");

	(void)state;
	assert_ptr_equal(strstr(s, "web is running and waits for host memory"),
			 s);
	assert_non_null(strstr(s, "size           256.0 MiB"));
	assert_non_null(strstr(s, " resident       48.5 MiB"));
	assert_non_null(strstr(s, "target         256.0 MiB  what the guest"));
	assert_non_null(strstr(s, "mem.min         64.0 MiB"));
	assert_non_null(strstr(s, "guest says 0.0 MiB free"));
	has_driver = false;
	assert_non_null(strstr(output_of("mem web"), "no driver in the guest"));
	/* Without a run there is only what the configuration says. */
	s = output_of("mem db");
	assert_ptr_equal(strstr(s, "db is off\nmem.min"), s);
	assert_non_null(strstr(output_of("mem web -j"), "\"driver\":false"));
}

static void test_mem_target(void **state)
{
	(void)state;
	assert_answers("mem web 128M", "web: target 128 MiB\n");
	assert_int_equal(last_target, 128 << 20);
	/* Relative to 256 MiB, the fake space's target. */
	assert_answers("mem web -64M", "web: target 192 MiB\n");
	assert_answers("mem web +64M", "web: target 320 MiB\n");
	assert_answers("mem web -1G",
		       "error: mem web -1G: below mem.min = 64 MiB\n");
	/* No wrapping into something allowed. */
	output_of("mem web +18446744073709551615");
	assert_true(last_target == ~0ull);
	assert_answers("mem db +1M", "error: mem db +1M: it is off\n");
	assert_answers("mem web x",
		       "error: 'x' is not a size; expected a number with K, M "
		       "or G, such as 512M, or a change, such as +64M\n");
	assert_answers("mem web -", "error: '-' is not a size; expected a "
				    "number with K, M or G, such as 512M, or a "
				    "change, such as +64M\n");
	assert_answers("mem web 128M now",
		       "error: wrong arguments; see `help mem`\n");
	assert_answers("mem web 128M --timeout=soon",
		       "error: wrong arguments; see `help mem`\n");
}

static void test_mem_warns_at_once_without_driver(void **state)
{
	(void)state;
	has_driver = false;
	assert_answers("mem web 128M --wait",
		       "web: target 128 MiB\nwarning: no memory driver "
		       "(aerostat.ko) listens in the guest: it keeps what it "
		       "has\n");
	assert_non_null(strstr(output_of("mem web 128M -j"),
			       "\"ok\":true,\"message\":\"web: target "
			       "128 MiB\","
			       "\"warning\":\"no memory driver"));
}

static unsigned looks;

/* Each wait of the console: the guest is there at the third. */
static void reach_at_third(void)
{
	fake_tsc += 100000000;
	if (++looks == 3)
		resize_ticks = 1;
}

static void interrupt_at_third(void)
{
	fake_tsc += 100000000;
	if (++looks == 3)
		input = CTRL_C;
}

static void end_at_third(void)
{
	fake_tsc += 100000000;
	if (++looks == 3)
		web.state = VM_OFF;
}

static void time_passes(void)
{
	fake_tsc += 100000000;
	looks++;
}

static void begin_wait(void (*hook)(void))
{
	resize_ticks = 0;
	looks = 0;
	fake_park_hook = hook;
}

static void test_mem_wait(void **state)
{
	(void)state;
	begin_wait(reach_at_third);
	output_of("mem web 128M --wait");
	assert_non_null(strstr(screen, "web: 256.0 MiB, target 128.0 MiB "
				       "(Ctrl-C: leave)"));
	assert_non_null(strstr(screen, "web: has reached 128.0 MiB\n"));
	/* Why nothing moves is said. */
	begin_wait(reach_at_third);
	web.state = VM_PAUSED;
	output_of("mem web 128M --wait");
	assert_non_null(strstr(screen, "target 128.0 MiB, paused (Ctrl-C: "));
	web.state = VM_RUNNING;
	begin_wait(interrupt_at_third);
	assert_answers("mem web 128M --wait",
		       "error: mem web: interrupted; it has 256.0 MiB and goes "
		       "on\n");
	begin_wait(end_at_third);
	assert_answers("mem web 128M --wait",
		       "error: mem web: its run ended before\n");
	web.state = VM_RUNNING;
	begin_wait(time_passes);
	assert_answers("mem web 128M --timeout=2",
		       "error: mem web: not reached in time; it has 256.0 MiB "
		       "and goes on\n");
	assert_int_equal(looks, 20);
	/* As JSON: the answer only, no progress. */
	begin_wait(reach_at_third);
	assert_string_equal(output_of("mem web 128M --wait -j"),
			    "{\"ok\":true,\"message\":"
			    "\"web: has reached 128.0 MiB\"}\n");
}

/* ---- poweroff, vm stop --wait ---- */

static const char *keys;

/* Time passes, and keys are typed one by one. */
static void type_a_key(void)
{
	static char key[2];

	fake_tsc += 100000000;
	key[0] = *keys ? *keys++ : '\0';
	input = key;
}

/* Types the keys while the command asks; what it says is on the screen. */
static const char *end_of(const char *line, const char *typed)
{
	keys = typed;
	fake_park_hook = type_a_key;
	ended_by = "";
	web.state = VM_RUNNING;
	if (!setjmp(machine_end))
		output_of(line);
	return ended_by;
}

static void test_poweroff_asks(void **state)
{
	(void)state;
	assert_string_equal(end_of("poweroff", "no\r"), "");
	assert_int_equal(web.state, VM_RUNNING);
	assert_non_null(strstr(screen, "guests run: web\n"));
	assert_non_null(strstr(screen, "Shut them down and switch the machine "
				       "off? [y/N] no\n"));
	assert_string_equal(end_of("reboot", CTRL_C), "");
	/* The whole line is the answer: nothing of it becomes a command. */
	assert_string_equal(end_of("poweroff", "yesterday\r"), "");
	assert_string_equal(end_of("poweroff", "y" CTRL_C), "");
	assert_string_equal(end_of("poweroff", "\r"), "");
	assert_string_equal(end_of("poweroff", "no\x7f\x7fYes\r"), "poweroff");
	assert_string_equal(end_of("poweroff", "y\r"), "poweroff");
	assert_non_null(strstr(screen, "web: asked to power off\n"));
	assert_int_equal(web.state, VM_OFF);
	assert_string_equal(end_of("reboot -y", ""), "reboot");
	assert_int_equal(web.state, VM_OFF);
	/* Nobody to ask for: the machine ends at once. */
	has_vms = false;
	assert_string_equal(end_of("poweroff", ""), "poweroff");
}

static void test_poweroff_and_guests_that_stay(void **state)
{
	(void)state;
	guests_are_slow = true;
	assert_string_equal(end_of("poweroff --timeout=2", "yes\rn\r"), "");
	assert_non_null(strstr(screen, "waiting for web (Ctrl-C: leave)"));
	assert_non_null(strstr(screen, "still on: web\n"));
	assert_non_null(strstr(screen, "Kill them? [y/N] no\n"));
	assert_int_equal(web.state, VM_RUNNING);
	assert_string_equal(end_of("poweroff --timeout=2 -f -j", ""),
			    "poweroff");
	assert_int_equal(web.state, VM_OFF);
	assert_string_equal(end_of("poweroff -y", CTRL_C), "");
	assert_non_null(strstr(screen, "error: poweroff: interrupted; "));
	assert_string_equal(end_of("poweroff -y --timeout=2", ""), "poweroff");
	assert_non_null(strstr(screen, "web: killing\n"));
	guests_are_deaf = true;
	assert_string_equal(end_of("poweroff", "yes\ry\r"), "poweroff");
	assert_null(strstr(screen, "waiting for"));
	assert_string_equal(end_of("poweroff -f", ""), "poweroff");
	/* A program is not asked. */
	assert_string_equal(end_of("poweroff -j", ""), "");
	assert_non_null(strstr(screen, "{\"error\":\"guests run: web; -y "));
	assert_string_equal(end_of("poweroff now", ""), "");
	assert_non_null(strstr(screen, "error: wrong arguments; usage: "));
}

static void test_stop_and_wait(void **state)
{
	(void)state;
	assert_answers("vm stop web --wait", "web: off\n");
	web.state = VM_RUNNING;
	guests_are_slow = true;
	orders_take_for_ever = true;
	keys = "";
	fake_park_hook = type_a_key;
	assert_answers("vm stop web --timeout=3",
		       "error: vm stop web: not within 3 s, goes on: vCPU 1 "
		       "has not stopped\n");
	assert_answers("vm stop all --wait",
		       "web: error: not within 60 s, goes on: vCPU 1 has not "
		       "stopped\ndb: error: it is off\n");
	/* One Ctrl-C ends the waiting for all of them. */
	db.state = VM_RUNNING;
	keys = CTRL_C;
	output_of("vm stop all --wait");
	assert_non_null(strstr(screen, "web: error: interrupted, goes on: "));
	assert_non_null(strstr(screen, "db: error: interrupted, goes on: "));
	db.state = VM_OFF;
	orders_take_for_ever = false;
	assert_answers("vm kill web --wait",
		       "error: wrong arguments; see `help vm`\n");
	assert_answers("vm stop web soon",
		       "error: wrong arguments; see `help vm`\n");
}

/* ---- vm dump ---- */

static void test_dump_registers(void **state)
{
	(void)state;
	assert_answers("vm dump web",
		       "error: vm dump web: it is running; `vm pause web` "
		       "first\n");
	web.state = VM_PAUSED;
	output_of("vm dump web");
	assert_ptr_equal(strstr(screen,
				"vcpu 0  rip 0010:ffffffff81000000  cpl 0  "
				"last exit vmcall, halted\n  rax    "),
			 screen);
	assert_non_null(strstr(screen, "rsp    ffff888000001000"));
	assert_non_null(strstr(screen, "r15    000000000000000f"));
	assert_non_null(strstr(screen,
			       "  code   fb f4 c3 00 00 00 00 00 00 00 00 "
			       "00 00 00 00 00\n         90\n"));
	assert_non_null(strstr(screen, "  stack  0000000000001234 "
				       "0000000000005678\n"));
	assert_non_null(strstr(screen, "\nvcpu 1  rip"));
	assert_non_null(strstr(screen, "not started"));
	assert_non_null(strstr(screen, "  code   not mapped\n"));
	output_of("vm dump web --vcpu=1");
	assert_null(strstr(screen, "vcpu 0"));
	assert_answers("vm dump web --vcpu=2",
		       "error: vm dump web: vCPU 2 was never started\n");
	snapshot_taken = false;
	assert_answers("vm dump web",
		       "error: vm dump web: vCPU 0 was never started\n");
}

static void test_dump_memory(void **state)
{
	(void)state;
	web.state = VM_PAUSED;
	assert_answers("vm dump web --phys 0xff0 32",
		       "0000000000000ff0  41 41 41 41 41 41 41 41 41 41 41 41 "
		       "41 41 41 41  AAAAAAAAAAAAAAAA\n"
		       "0000000000001000  not RAM\n");
	assert_answers("vm dump web 0x7ffe 4",
		       "0000000000007ffe  41 41                               "
		       "             AA\n"
		       "0000000000008000  not mapped, or not RAM\n");
	assert_answers("vm dump web 0xffffffffffffffff",
		       "ffffffffffffffff  not mapped, or not RAM\n");
	assert_answers("vm dump web 0x7000 2 -j",
		       "{\"address\":\"0x7000\",\"nbytes\":2,"
		       "\"bytes\":\"4141\"}\n");
	assert_answers("vm dump web 0x7000 4097",
		       "error: wrong arguments; see `help vm`\n");
	assert_answers("vm dump web --phys",
		       "error: wrong arguments; see `help vm`\n");
	assert_answers("vm dump web 1 2 3",
		       "error: wrong arguments; see `help vm`\n");
	assert_answers("vm dump db 0",
		       "error: vm dump db: it is off and its memory is gone; "
		       "`set db on_crash pause` keeps it\n");
}

/* ---- set ---- */

static void test_set_at_run_time(void **state)
{
	struct config_vm *cfg = &host_config.vms[0];

	(void)state;
	assert_answers("set web weight 300", "web: weight = 300\n");
	assert_int_equal(cfg->weight, 300);
	assert_answers("set web on_crash pause", "web: on_crash = pause\n");
	assert_int_equal(cfg->on_crash, ACTION_PAUSE);
	assert_answers("set web mem.min 32M", "web: mem.min = 32M\n");
	assert_int_equal(cfg->mem_min, 32 << 20);
	assert_answers("set host log_level debug", "host: log_level = debug\n");
	assert_int_equal(console_level, LOG_DEBUG);
	assert_answers("set host clean_pool yes", "host: clean_pool = yes\n");
	assert_true(clean_pool_is_on);
	assert_answers("set host on_panic reboot", "host: on_panic = reboot\n");
	assert_true(panic_reboots);
	output_of("set host on_panic halt");
	assert_false(panic_reboots);
	/* Another key of the host leaves the console's level alone. */
	output_of("log console err");
	output_of("set host clean_pool no");
	assert_int_equal(console_level, LOG_ERR);
	output_of("set host log_level debug");
	assert_int_equal(console_level, LOG_DEBUG);
	web.state = VM_OFF;
	assert_answers("set web cmdline console=ttyS0  debug",
		       "web: cmdline = console=ttyS0 debug, from its next "
		       "start on\n");
	assert_string_equal(cfg->cmdline, "console=ttyS0 debug");
	web.created = false;
	assert_answers("set web vcpus 4",
		       "web: vcpus = 4, from its next start on\n");
}

static const struct {
	const char *line, *says;
} refusals[] = {
	{ "set web weight 0", "error: set web weight: '0'; expected a number "
			      "from 1 to 10000\n" },
	{ "set web weigth 5", "error: set web: no key 'weigth'; did you mean "
			      "'weight'?\n" },
	{ "set web colour red", "error: set web: no key 'colour'; `set web` "
				"lists them\n" },
	{ "set web log_level err", "error: set web: no key 'log_level'; `set "
				   "web` lists them\n" },
	{ "set web on_reboot pause", "error: set web on_reboot: 'pause'; "
				     "expected stop or restart\n" },
	{ "set web mem.min 512M",
	  "error: set web mem.min: 512M is above mem.boot = 256M; expected "
	  "mem.min <= mem.boot <= mem.max\n" },
	{ "set web vcpus 2", "error: set web vcpus: it was fixed by the VM's "
			     "first start; change aerostat.conf and reboot the "
			     "machine\n" },
	{ "set web cmdline x", "error: set web cmdline: the VM is running; it "
			       "can be set while it is off\n" },
	{ "set web autostart no", "error: set web autostart: it is looked at "
				  "once, at boot; change aerostat.conf and "
				  "reboot the machine\n" },
	{ "set host reserve 64M", "error: set host reserve: memory was divided "
				  "up at boot; change aerostat.conf and reboot "
				  "the machine\n" },
	{ "set host on_panic cry", "error: set host on_panic: 'cry'; expected "
				   "halt or reboot\n" },
	{ "set db weight 5", "error: set db: its section has errors; mend "
			     "aerostat.conf (`vm info db` shows them)\n" },
	{ "set webb weight 5", "error: no VM 'webb'; did you mean 'web'?\n" },
	{ "set web weight", "error: wrong arguments; see `help set`\n" },
	{ "set", "error: wrong arguments; see `help set`\n" },
};

static void test_set_refuses_and_changes_nothing(void **state)
{
	struct config_vm before = host_config.vms[0];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		assert_answers(refusals[i].line, refusals[i].says);
	apply_fails = "200 MiB is above its target; change that first";
	assert_answers("set web mem.min 200M",
		       "error: set web mem.min: 200 MiB is above its target; "
		       "change that first\n");
	assert_memory_equal(&before, &host_config.vms[0], sizeof(before));
}

/* Whatever aerostat.conf may say, `set` knows what to do with. */
static void test_set_knows_every_key(void **state)
{
	struct config_key_doc k;
	char name[64];

	(void)state;
	for (size_t i = 0; config_key_get(i, &k); i++) {
		bool host = strcmp(k.section, "host") == 0;

		snprintf(name, sizeof(name), "{\"key\":\"%s\",", k.key);
		output_of(host ? "set host -j" : "set web -j");
		assert_non_null(strstr(screen, name));
	}
	assert_non_null(strstr(output_of("set web"),
			       "vcpus          until the VM's first start\n"));
}

/* ---- metrics ---- */

static void test_metrics(void **state)
{
	(void)state;
	assert_answers("metrics", "room.seven                              7 "
				  "dwarfs     how many there are\n");
	assert_answers("metrics -j", "[{\"name\":\"room.seven\",\"value\":7,"
				     "\"unit\":\"dwarfs\","
				     "\"help\":\"how many there are\"}]\n");
}

/* ---- log, top, paging ---- */

static void log_and_interrupt(void)
{
	looks++;
	nr_log_lines = 4;
	if (looks == 2)
		input = CTRL_C;
}

static void test_log_by_key_and_level(void **state)
{
	(void)state;
	assert_answers("log vm=web", "[    1.0] a: first vm=web\n");
	assert_answers("log vm=web err", "");
	assert_answers("log inof", "error: log: no level 'inof'; did you mean "
				   "'info'?\n");
	assert_answers("log tomorrow",
		       "error: log: 'tomorrow' is neither a number nor a level "
		       "(err, warn, info, debug) nor KEY=VALUE, such as "
		       "vm=web\n");
	looks = 0;
	fake_park_hook = log_and_interrupt;
	assert_answers("log -f vm=web", "[    1.0] a: first vm=web\n"
					"[    4.0] warn d: vm=web came "
					"later\n");
	nr_log_lines = 3;
	looks = 0;
	fake_park_hook = log_and_interrupt;
	assert_answers("log -f 1 warn -j",
		       "{\"level\":\"err\",\"line\":\"[    2.0] error b: "
		       "\\\"quoted\\\"\"}\n"
		       "{\"level\":\"warn\",\"line\":\"[    4.0] warn d: "
		       "vm=web came later\"}\n");
}

static void vcpu_runs(void)
{
	fake_tsc += 100000000;
	vcpu_ticks += 50000000;
}

static void test_top(void **state)
{
	(void)state;
	fake_park_hook = vcpu_runs;
	assert_answers("top 2 1", "host                    0.0 %  of 1 CPUs\n"
				  "web                    50.0 %  running\n");
	assert_string_equal(output_of("top -j"),
			    "{\"cpus\":1,\"host_permille\":0,\"vms\":[{"
			    "\"name\":\"web\",\"permille\":500,\"vcpus\":["
			    "500]},{\"name\":\"db\",\"permille\":0,"
			    "\"vcpus\":[]}]}\n");
	assert_answers("top 0", "error: wrong arguments; usage: top [SECONDS "
				"[COUNT]]\n");
}

static unsigned nr_rows(void)
{
	unsigned n = 0;

	for (const char *s = screen; (s = strchr(s, '\n')) != NULL; s++)
		n++;
	return n;
}

static void test_paging(void **state)
{
	(void)state;
	fake_park_hook = type_a_key;
	keys = "q";
	output_of("help config -p");
	assert_int_equal(nr_rows(), 24);
	assert_non_null(strstr(screen, "-- more: "));
	assert_non_null(strstr(screen, "[stopped]\n"));
	keys = "\r\rq";
	output_of("-p help config");
	assert_int_equal(nr_rows(), 26);
	keys = "                                            ";
	output_of("help config -p");
	assert_null(strstr(screen, "[stopped]"));
	fake_park_hook = NULL;
	/* JSON is one line: nothing to page. */
	output_of("help config -j -p");
	assert_null(strstr(screen, "-- more: "));
}

static void interrupt(void)
{
	input = CTRL_C;
	on_write = NULL;
}

static void test_ctrl_c_ends_a_listing(void **state)
{
	(void)state;
	on_write = interrupt;
	output_of("help config");
	assert_int_equal(nr_rows(), 2);
	assert_non_null(strstr(screen, "[stopped]\n"));
	/* Only that one. */
	assert_answers("echo on", "on\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mem_of_one_vm, set_up),
		cmocka_unit_test_setup(test_mem_target, set_up),
		cmocka_unit_test_setup(test_mem_warns_at_once_without_driver,
				       set_up),
		cmocka_unit_test_setup(test_mem_wait, set_up),
		cmocka_unit_test_setup(test_poweroff_asks, set_up),
		cmocka_unit_test_setup(test_poweroff_and_guests_that_stay,
				       set_up),
		cmocka_unit_test_setup(test_stop_and_wait, set_up),
		cmocka_unit_test_setup(test_dump_registers, set_up),
		cmocka_unit_test_setup(test_dump_memory, set_up),
		cmocka_unit_test_setup(test_set_at_run_time, set_up),
		cmocka_unit_test_setup(test_set_refuses_and_changes_nothing,
				       set_up),
		cmocka_unit_test_setup(test_set_knows_every_key, set_up),
		cmocka_unit_test_setup(test_metrics, set_up),
		cmocka_unit_test_setup(test_log_by_key_and_level, set_up),
		cmocka_unit_test_setup(test_top, set_up),
		cmocka_unit_test_setup(test_paging, set_up),
		cmocka_unit_test_setup(test_ctrl_c_ends_a_listing, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
