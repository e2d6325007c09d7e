// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs the fuzz targets on mutations of good inputs. FUZZ_RUNS (default
 * 20000 for each target) and FUZZ_SEED (default 1) in the environment change
 * how long and where from. A failed check names its run; FUZZ_VERBOSE names
 * every run before it, for those that a sanitizer ends.
 *
 * Sources: tests/fuzz/fuzz_config.c tests/fuzz/fuzz_lineedit.c
 * Sources: kernel/config/config.c kernel/config/config_value.c
 * Sources: kernel/config/config_keys.c
 * Sources: kernel/lib/conf.c kernel/lib/lib.c
 * Sources: kernel/console/lineedit.c kernel/console/shell_parse.c
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

#include "kernel/console/shell_priv.h"
#include "kernel/lib/compiler.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 8192u

/* shell_parse.c runs commands; the fuzzer only looks at words. */
const struct shell_cmd *shell_find_cmd(const char *name)
{
	(void)name;
	return NULL;
}

void shell_offer_cmds(struct shell_asker *asker)
{
	(void)asker;
}

void out_fail(const struct shell_args *a, const char *fmt, ...)
{
	(void)a;
	(void)fmt;
}

void out_begin(bool page)
{
	(void)page;
}

void out_end(void)
{
}

static const char config_seed[] =
	"# comment\n[host]\nlog_level = debug\nreserve = 64M\nmax_cpus = 2\n"
	"console_port = 0x2f8\nconsole_baud = 9600\n[vm web]\n"
	"kernel = vmlinuz\ninitrd = \"initrd 1.img\"\nmodule = a.bin x y\n"
	"cmdline = console=ttyS0 quiet # end\nvcpus = 4\nweight = 250\n"
	"mem.min = 64M\nmem.boot = 512M\nmem.max = 1G\nmem.commit = around\n"
	"autostart = no\non_crash = restart\ncpu.hide = erms, fsrm\r\n"
	"[vm b]\nkernel = k\nmem.max = 8M\nmem.max = 8M\ndebug_exit = 0xf4\n";

static const char keys_seed[] =
	"vm list\rmem host\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F\x1b[3~\x17\x15"
	"\x0b\x0c\t\x7f\x03\x14\xc3\xa9\r\nstats web -j\x01\x05\x1b[1;5C\r";

static const char words_seed[] = "vm start \"a b\" 'c' d\\ e -j \"\" f";

/* Small, fast and the same everywhere, unlike rand(). */
static uint64_t random_state;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * 6364136223846793005ull + 1;
	return (uint32_t)(random_state >> 33) % below;
}

/* One change: a byte, a removed, repeated or moved piece. */
static size_t mutate(uint8_t *buf, size_t n)
{
	size_t at = next_random((uint32_t)n + 1);
	size_t len = next_random(32);

	switch (next_random(5)) {
	case 0:
		if (at < n)
			buf[at] = (uint8_t)next_random(256);
		return n;
	case 1:
		if (at < n)
			buf[at] ^= (uint8_t)(1u << next_random(8));
		return n;
	case 2: /* remove */
		len = min(len, n - at);
		memmove(buf + at, buf + at + len, n - at - len);
		return n - len;
	case 3: /* repeat a piece, sometimes often */
		len = min(len, n - at);
		for (uint32_t i = next_random(64) ? 1 : 300; i; i--) {
			if (n + len > INPUT_MAX)
				break;
			memmove(buf + at + len, buf + at, n - at);
			n += len;
		}
		return n;
	default: /* copy a piece over another place */
		len = min(len, n - at);
		if (n > len)
			memmove(buf + next_random((uint32_t)(n - len)),
				buf + at, len);
		return n;
	}
}

static uint64_t from_env(const char *name, uint64_t dflt)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 0) : dflt;
}

static uint64_t unfinished_run; /* 0: none */

static int name_failed_run(void **state)
{
	(void)state;
	if (unfinished_run)
		print_error("repeat with FUZZ_SEED=%llu FUZZ_RUNS=1\n",
			    (unsigned long long)unfinished_run);
	return 0;
}

static void run_target(void (*target)(const uint8_t *data, size_t n),
		       const char *seed, size_t seed_len)
{
	uint64_t runs = from_env("FUZZ_RUNS", 20000);
	uint64_t first = from_env("FUZZ_SEED", 1);
	static uint8_t buf[INPUT_MAX];

	for (uint64_t run = first; run < first + runs; run++) {
		size_t n = seed_len;

		random_state = run;
		memcpy(buf, seed, n);
		for (uint32_t i = next_random(12) + 1; i; i--)
			n = mutate(buf, n);
		if (getenv("FUZZ_VERBOSE"))
			fprintf(stderr, "FUZZ_SEED=%llu FUZZ_RUNS=1\n",
				(unsigned long long)run);
		unfinished_run = run;
		target(buf, n);
		unfinished_run = 0;
	}
}

static void test_config(void **state)
{
	(void)state;
	run_target(fuzz_config, config_seed, sizeof(config_seed) - 1);
}

static void test_lineedit(void **state)
{
	(void)state;
	run_target(fuzz_lineedit, keys_seed, sizeof(keys_seed) - 1);
}

static void test_tokenize(void **state)
{
	(void)state;
	run_target(fuzz_tokenize, words_seed, sizeof(words_seed) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_config, name_failed_run),
		cmocka_unit_test_teardown(test_lineedit, name_failed_run),
		cmocka_unit_test_teardown(test_tokenize, name_failed_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
