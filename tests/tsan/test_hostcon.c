// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ring of the host console, with real threads: writers that wait and
 * writers that don't, the interrupt that drains it, a screen that reads it as
 * well, and input the other way. What a UART does under its lock is ordinary
 * memory here, so a driver call without the lock is a race.
 * Sources: kernel/console/hostcon.c
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* cmocka.h needs four of the above */
#include <cmocka.h>

#include "drivers/fbcon.h"
#include "drivers/ioapic.h"
#include "drivers/pic8259.h"
#include "drivers/uart16550.h"
#include "fakes.h"
#include "kernel/console/hostcon.h"
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"
#include "kernel/lib/errno.h"
#include "mm/hostpt.h"
#include "tsan.h"

#define NR_WRITERS 3u
#define NR_LINES   2000u
#define LINE	   32u /* with its CR and LF */
#define NR_INPUT   20000u
#define NR_NOISE   500u

/* ---- the UART ---- */

static char sent[(NR_WRITERS * NR_LINES + NR_NOISE) * LINE * 2];
static size_t nr_sent;	   /* [hostcon's lock] */
static uint32_t fifo;	   /* [atomic] characters in the transmitter */
static uint32_t rx_on;	   /* [atomic] */
static uint32_t tx_on;	   /* [atomic] */
static uint32_t rx_typed;  /* [atomic] characters that were typed */
static uint32_t rx_taken;  /* [hostcon's lock] of these */
static uint32_t rx_read;   /* [atomic] by the reader, of these */
static uint32_t nr_causes; /* [interrupt] what to acknowledge */
static uint32_t switched_off;
static void (*handlers[256])(void);

bool uart16550_init(uint16_t port, uint32_t baud)
{
	(void)port;
	(void)baud;
	return true;
}

size_t uart16550_write_some(const char *s, size_t n)
{
	uint32_t empty = 0;

	if (!n ||
	    !__atomic_compare_exchange_n(&fifo, &empty, (uint32_t)n, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return 0;
	assert_true(n <= UART16550_FIFO);
	assert_true(nr_sent + n <= sizeof(sent));
	memcpy(sent + nr_sent, s, n);
	nr_sent += n;
	return n;
}

bool uart16550_write_polled(const char *s, size_t n)
{
	memcpy(sent + nr_sent, s, n);
	nr_sent += n;
	return true;
}

/* The alphabet, over and over. */
int uart16550_read(void)
{
	if (rx_taken == __atomic_load_n(&rx_typed, __ATOMIC_SEQ_CST))
		return -1;
	return 'a' + (int)(rx_taken++ % 26);
}

void uart16550_set_irqs(bool rx, bool tx)
{
	__atomic_store_n(&rx_on, rx, __ATOMIC_SEQ_CST);
	__atomic_store_n(&tx_on, tx, __ATOMIC_SEQ_CST);
}

bool uart16550_irq_ack(void)
{
	return nr_causes && nr_causes--;
}

/* ---- the wires ---- */

static uint32_t typed_last;

static bool causes_interrupt(void)
{
	bool tx = __atomic_load_n(&tx_on, __ATOMIC_SEQ_CST) &&
		  !__atomic_load_n(&fifo, __ATOMIC_SEQ_CST);
	uint32_t typed = __atomic_load_n(&rx_typed, __ATOMIC_SEQ_CST);
	bool rx = __atomic_load_n(&rx_on, __ATOMIC_SEQ_CST) &&
		  typed != typed_last;

	if (rx)
		typed_last = typed;
	return tx || rx;
}

/* The line, the keyboard, and the CPU that takes the interrupt. */
static void *wires(void *arg)
{
	(void)arg;
	fake_cpu_id = 40;
	while (!__atomic_load_n(&switched_off, __ATOMIC_SEQ_CST)) {
		uint32_t ahead = __atomic_load_n(&rx_typed, __ATOMIC_SEQ_CST) -
				 __atomic_load_n(&rx_read, __ATOMIC_SEQ_CST);
		void (*fn)(void) = __atomic_load_n(&handlers[IRQ_VEC_PIC + 4],
						   __ATOMIC_SEQ_CST);

		__atomic_store_n(&fifo, 0, __ATOMIC_SEQ_CST);
		if (ahead < 100 && rx_typed < NR_INPUT)
			__atomic_fetch_add(&rx_typed, 7, __ATOMIC_SEQ_CST);
		if (fn && causes_interrupt()) {
			nr_causes = 1;
			fn();
		}
		sched_yield();
	}
	return NULL;
}

void irq_register(uint8_t vector, void (*fn)(void))
{
	__atomic_store_n(&handlers[vector], fn, __ATOMIC_SEQ_CST);
}

struct acpi_host acpi_host;

int ioapic_route(const struct ioapic_route *r)
{
	(void)r;
	return -ENOENT;
}

void ioapic_mask(uint32_t gsi)
{
	(void)gsi;
}

void apic_set_extint(bool on)
{
	(void)on;
}

void pic8259_unmask(unsigned line)
{
	(void)line;
}

void pic8259_mask(unsigned line)
{
	(void)line;
}

/* ---- the screen ---- */

static size_t nr_drawn; /* [its thread] */

size_t fbcon_nbytes(const struct boot_fb *fb)
{
	(void)fb;
	return 1;
}

void fbcon_init(const struct boot_fb *fb, volatile uint32_t *va, char *cells)
{
	(void)fb;
	(void)va;
	(void)cells;
}

int hostpt_map_wc(hpa_t at, uint64_t nbytes, void **out)
{
	static char screen[1];

	(void)at;
	(void)nbytes;
	*out = screen;
	return 0;
}

void fbcon_write(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_true(s[i] == '\r' || s[i] == '\n' || s[i] >= ' ');
	nr_drawn += n;
}

void fbcon_flush(void)
{
}

void thread_sleep_ns(uint64_t ns)
{
	(void)ns;
	usleep(1000);
}

/* ---- the test ---- */

/* Lines that name their writer and number, all of one length. */
static void *patient_writer(void *arg)
{
	char line[LINE];

	for (unsigned i = 0; i < NR_LINES; i++) {
		snprintf(line, sizeof(line), "w%u %024u!\n",
			 (unsigned)(uintptr_t)arg, i);
		hostcon_write_wait(line, strlen(line));
	}
	return NULL;
}

/* As an interrupt handler that logs: what does not fit is lost. */
static void *hasty_writer(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < NR_NOISE; i++) {
		hostcon_write("noise\n", 6);
		sched_yield();
	}
	return NULL;
}

static void *input_reader(void *arg)
{
	uint32_t at = 0;
	char chunk[64];

	(void)arg;
	hostcon_set_reader(thread_self());
	while (at < NR_INPUT) {
		size_t n = hostcon_read(chunk, sizeof(chunk));

		for (size_t i = 0; i < n; i++, at++)
			if (chunk[i] != 'a' + (char)(at % 26))
				return "input out of order";
		__atomic_store_n(&rx_read, at, __ATOMIC_SEQ_CST);
		if (!n)
			thread_park();
	}
	return NULL;
}

/* Every line of every patient writer is there, whole and in order. */
static void check_sent(void)
{
	unsigned next[NR_WRITERS] = { 0 }, nr_noise = 0;
	char *line, *save = NULL;

	sent[nr_sent] = 0;
	for (line = strtok_r(sent, "\r\n", &save); line;
	     line = strtok_r(NULL, "\r\n", &save)) {
		unsigned w, i, n = (unsigned)strspn(line, "noise");

		/* Of noise any part may be lost, its end of line too. */
		nr_noise += n != 0;
		line += n;
		if (!*line || strstr(line, "characters lost"))
			continue;
		if (sscanf(line, "w%u %u!", &w, &i) != 2 ||
		    strlen(line) != 28 || w >= NR_WRITERS || i != next[w])
			fail_msg("in the output: '%s'", line);
		next[w]++;
	}
	for (unsigned w = 0; w < NR_WRITERS; w++)
		assert_int_equal(next[w], NR_LINES);
	assert_true(nr_noise > 0);
}

/* The line goes on until the ring is empty. */
static void wait_sent(void)
{
	for (unsigned quiet = 0; quiet < 50; quiet++) {
		if (__atomic_load_n(&tx_on, __ATOMIC_SEQ_CST))
			quiet = 0;
		usleep(1000);
	}
}

static void nothing_is_lost_or_torn(void **state)
{
	static const struct boot_fb fb;
	pthread_t t[NR_WRITERS + 2], w;
	void *result;

	(void)state;
	alarm(200);
	hostcon_init(0x3f8, 115200);
	pthread_create(&w, NULL, wires, NULL);
	hostcon_start();
	assert_int_equal(hostcon_add_framebuffer(&fb), 0);
	for (uintptr_t i = 0; i < NR_WRITERS; i++)
		pthread_create(&t[i], NULL, patient_writer, (void *)i);
	pthread_create(&t[NR_WRITERS], NULL, hasty_writer, NULL);
	pthread_create(&t[NR_WRITERS + 1], NULL, input_reader, NULL);
	for (unsigned i = 0; i < NR_WRITERS + 2; i++) {
		pthread_join(t[i], &result);
		if (result)
			fail_msg("%s", (char *)result);
	}
	wait_sent();
	__atomic_store_n(&switched_off, 1, __ATOMIC_SEQ_CST);
	pthread_join(w, NULL);
	check_sent();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_or_torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
