// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host console. Output goes through a ring; the UART's interrupt drains it
 * sixteen characters at a time, so that nobody waits for the line. If no
 * interrupt gets through (found out at boot by provoking one), a timer polls.
 *
 * The framebuffer is a second reader of the same ring: a service thread that
 * draws what is new a few times a second and, when it falls behind, skips.
 *
 * Invariant: tail <= head <= tail + RING, head - fb_tail may be larger.
 */
#include "kernel/console/hostcon.h"

#include "drivers/fbcon.h"
#include "drivers/ioapic.h"
#include "drivers/pic8259.h"
#include "drivers/uart16550.h"
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"
#include "kernel/lib/addr.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/thread.h"
#include "kernel/sync/log.h"
#include "kernel/sync/percpu.h"
#include "kernel/sync/spinlock.h"
#include "mm/heap.h"
#include "mm/hostpt.h"

#define RING		  16384u /* power of two */
#define RX_RING		  1024u	 /* power of two */
#define PROBE_US	  20000u
#define POLL_BUSY_US	  1000u /* a FIFO lasts 1.4 ms at 115200 baud */
#define POLL_IDLE_US	  20000u
#define FB_INTERVAL_NS	  50000000ull
#define PANIC_PATIENCE_MS 5000u

enum hostcon_mode { CON_DIRECT, CON_IRQ, CON_POLL, CON_PANIC };

static struct spinlock lock = SPINLOCK_INIT(LOCK_HOSTCON, "hostcon");
static enum hostcon_mode mode;	  /* [lock; looked at without it] */
static char ring[RING];		  /* [lock] */
static uint64_t head, tail;	  /* [lock; looked at without it] */
static uint64_t nr_dropped;	  /* [lock] */
static char last_char;		  /* [lock] */
static bool tx_irq_on;		  /* [lock] */
static char rx_ring[RX_RING];	  /* [lock] */
static uint32_t rx_head, rx_tail; /* [lock] */
static uint64_t rx_tsc;		  /* of the newest input [atomic] */
static struct thread *reader;	  /* [atomic] */
static struct waitq writers;	  /* hostcon_write_wait() */
static uint32_t nr_writers;	  /* [atomic] */
static uint16_t uart_port;	  /* [const after init] */
static bool has_uart;		  /* [const after init] */
static uint32_t panic_cpu;	  /* who speaks in CON_PANIC */
static bool panic_serial_only;	  /* [panic_cpu] */
static uint32_t probe_irqs;	  /* [atomic] */
static struct timer poll_timer;
static struct thread *fb_thread; /* [atomic] */
static uint64_t fb_tail;	 /* [fb thread; others look at it] */

/* ---- output ---- */

/* Hands the UART what it takes now. Locked. */
static void pump(void)
{
	char chunk[UART16550_FIFO];
	uint32_t n = 0;

	while (n < sizeof(chunk) && tail + n != head) {
		chunk[n] = ring[(tail + n) % RING];
		n++;
	}
	if (has_uart)
		n = (uint32_t)uart16550_write_some(chunk, n);
	WRITE_ONCE(tail, tail + n);
	if (mode == CON_IRQ && tx_irq_on != (tail != head)) {
		tx_irq_on = tail != head;
		uart16550_set_irqs(true, tx_irq_on);
	}
}

static void put_char(char c)
{
	if (head - tail == RING) {
		nr_dropped++;
		return;
	}
	ring[head % RING] = c;
	WRITE_ONCE(head, head + 1);
}

static void put_text(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* Guests and the line editor bring their own CR. */
		if (s[i] == '\n' && last_char != '\r')
			put_char('\r');
		put_char(s[i]);
		last_char = s[i];
	}
}

/* Nobody else drains the ring: write all of it out now. */
static void drain_polled(void)
{
	while (tail != head) {
		uart16550_write_polled(&ring[tail % RING], 1);
		tail++;
	}
}

/*
 * The line may stand still for a while: whoever reads it is busy, or a service
 * processor restarts. After that it is no longer waited for, or each character
 * would wait, until it moves again.
 */
static void panic_put(char c)
{
	static bool stuck; /* [panic_cpu] */
	uint64_t end = rdtsc() + tsc_khz * PANIC_PATIENCE_MS;

	if (!has_uart)
		return;
	if (stuck) {
		stuck = !uart16550_write_some(&c, 1);
		return;
	}
	while (!stuck && !uart16550_write_polled(&c, 1))
		stuck = rdtsc() >= end;
}

static void write_panic(const char *s, size_t n)
{
	if (cpu_id() != panic_cpu)
		return;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n')
			panic_put('\r');
		panic_put(s[i]);
	}
	if (panic_serial_only)
		return;
	fbcon_write(s, n);
	fbcon_flush();
}

void hostcon_write(const char *s, size_t n)
{
	uint64_t flags;

	if (READ_ONCE(mode) == CON_PANIC) {
		write_panic(s, n);
		return;
	}
	flags = spin_lock_irqsave(&lock);
	put_text(s, n);
	if (mode == CON_DIRECT)
		drain_polled();
	else
		pump();
	spin_unlock_irqrestore(&lock, flags);
}

/*
 * Writes all of it if it fits (each character may become two), else nothing.
 * One step: of several writers that saw room, one would lose its text.
 */
static bool try_write(const char *s, size_t n)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	bool fits = RING - (head - tail) >= 2 * n;

	if (fits) {
		put_text(s, n);
		pump();
	}
	spin_unlock_irqrestore(&lock, flags);
	return fits;
}

/* As try_write(), in the modes that have no room to wait for, too. */
static bool write_if_room(const char *s, size_t n)
{
	enum hostcon_mode now = READ_ONCE(mode);

	if (now == CON_IRQ || now == CON_POLL)
		return try_write(s, n);
	hostcon_write(s, n);
	return true;
}

void hostcon_write_wait(const char *s, size_t n)
{
	while (n) {
		size_t part = min(n, (size_t)256);

		if (!write_if_room(s, part)) {
			__atomic_fetch_add(&nr_writers, 1, __ATOMIC_SEQ_CST);
			wait_event(&writers, write_if_room(s, part));
			__atomic_fetch_sub(&nr_writers, 1, __ATOMIC_SEQ_CST);
		}
		s += part;
		n -= part;
	}
}

void hostcon_panic_mode(void)
{
	uint64_t from = READ_ONCE(tail), to = READ_ONCE(head);

	if (mode == CON_PANIC)
		return;
	panic_cpu = cpu_id();
	WRITE_ONCE(mode, CON_PANIC);
	/* Copies: a CPU that can't be stopped may still move the originals. */
	if (to - from > RING)
		from = to - RING;
	for (; from != to; from++)
		panic_put(ring[from % RING]);
}

/* What was queued is written out: nobody will come for it. */
const struct stop_step hostcon_stop_steps[] = {
	{ "drain the console", STOP_MACHINE, hostcon_panic_mode },
};
const size_t nr_hostcon_stop_steps = ARRAY_SIZE(hostcon_stop_steps);

void hostcon_panic_serial_only(void)
{
	panic_serial_only = true;
}

/* ---- input ---- */

size_t hostcon_read(char *dst, size_t n)
{
	uint64_t flags = spin_lock_irqsave(&lock);
	size_t i = 0;

	while (i < n && rx_tail != rx_head)
		dst[i++] = rx_ring[rx_tail++ % RX_RING];
	spin_unlock_irqrestore(&lock, flags);
	return i;
}

uint64_t hostcon_input_tsc(void)
{
	return READ_ONCE(rx_tsc);
}

void hostcon_set_reader(struct thread *t)
{
	__atomic_store_n(&reader, t, __ATOMIC_RELEASE);
	if (t)
		thread_unpark(t);
}

/* Locked. True if something came. */
static bool receive(void)
{
	bool any = false;
	int c;

	while ((c = uart16550_read()) >= 0) {
		/* Full: what nobody reads is lost, as on any UART. */
		if (rx_head - rx_tail < RX_RING)
			rx_ring[rx_head++ % RX_RING] = (char)c;
		any = true;
	}
	if (any)
		WRITE_ONCE(rx_tsc, rdtsc());
	return any;
}

/* ---- interrupt and polling ---- */

/* Says how much was lost, once there is room again. Locked. */
static void report_dropped(void)
{
	char text[64];
	int n;

	if (!nr_dropped || tail != head)
		return;
	n = snprintf(text, sizeof(text), "\n[console: %llu characters lost]\n",
		     (unsigned long long)nr_dropped);
	nr_dropped = 0;
	put_text(text, (size_t)n);
	pump();
}

/* Moves characters both ways and wakes who waits for that. */
static void service(void)
{
	struct thread *t;
	bool input, room;

	spin_lock(&lock);
	input = receive();
	pump();
	report_dropped();
	room = head - tail < RING / 2;
	spin_unlock(&lock);
	t = __atomic_load_n(&reader, __ATOMIC_ACQUIRE);
	if (input && t)
		thread_unpark(t);
	if (room && __atomic_load_n(&nr_writers, __ATOMIC_SEQ_CST))
		waitq_wake_all(&writers);
	t = __atomic_load_n(&fb_thread, __ATOMIC_ACQUIRE);
	if (t && READ_ONCE(fb_tail) != READ_ONCE(head))
		thread_unpark(t);
}

static void uart_interrupt(void)
{
	WRITE_ONCE(probe_irqs, probe_irqs + 1);
	/* An edge only comes after every cause was served. */
	while (uart16550_irq_ack())
		service();
}

static void poll(struct timer *t)
{
	service();
	timer_arm(t, rdtsc() + tsc_khz *
				       (READ_ONCE(head) != READ_ONCE(tail)
						? POLL_BUSY_US
						: POLL_IDLE_US) /
				       1000);
}

/* Provokes "transmitter empty" and looks whether its interrupt arrives. */
static bool interrupt_arrives(void)
{
	uint64_t end = rdtsc() + tsc_khz * PROBE_US / 1000;

	WRITE_ONCE(probe_irqs, 0);
	uart16550_set_irqs(true, false);
	uart16550_set_irqs(true, true);
	while (!READ_ONCE(probe_irqs) && rdtsc() < end)
		cpu_pause();
	uart16550_set_irqs(false, false);
	return READ_ONCE(probe_irqs) != 0;
}

/* COM1 and COM3 share IRQ 4, COM2 and COM4 IRQ 3. */
static unsigned uart_irq_line(void)
{
	return uart_port == 0x2f8 || uart_port == 0x2e8 ? 3 : 4;
}

static bool try_ioapic(unsigned line)
{
	const struct acpi_isa_irq *isa = &acpi_host.isa[line];
	const struct ioapic_route r = {
		.gsi = isa->gsi,
		.vector = IRQ_VEC_UART,
		.apic_id = this_cpu()->apic_id,
		.level = isa->level,
		.active_low = isa->active_low,
	};

	irq_register(IRQ_VEC_UART, uart_interrupt);
	if (ioapic_route(&r))
		return false;
	if (interrupt_arrives())
		return true;
	ioapic_mask(isa->gsi);
	return false;
}

static bool try_pic(unsigned line)
{
	irq_register((uint8_t)(IRQ_VEC_PIC + line), uart_interrupt);
	apic_set_extint(true);
	pic8259_unmask(line);
	if (interrupt_arrives())
		return true;
	pic8259_mask(line);
	apic_set_extint(false);
	return false;
}

void hostcon_init(uint16_t port, uint32_t baud)
{
	uart_port = port;
	has_uart = uart16550_init(port, baud);
	waitq_init(&writers);
}

void hostcon_start(void)
{
	unsigned line = uart_irq_line();
	const char *how = "polling";
	enum hostcon_mode m = CON_POLL;
	uint64_t flags;

	if (has_uart && try_ioapic(line)) {
		how = "ioapic";
		m = CON_IRQ;
	} else if (has_uart && try_pic(line)) {
		how = "pic";
		m = CON_IRQ;
	}
	flags = spin_lock_irqsave(&lock);
	WRITE_ONCE(mode, m);
	if (m == CON_IRQ)
		uart16550_set_irqs(true, false);
	tx_irq_on = false;
	spin_unlock_irqrestore(&lock, flags);
	if (m == CON_POLL) {
		timer_init(&poll_timer, poll);
		timer_arm(&poll_timer, rdtsc());
	}
	log_info("console", "uart=%#x present=%s interrupts=%s", uart_port,
		 has_uart ? "yes" : "no", how);
}

/* ---- the framebuffer ---- */

/* Feeds the screen what the ring got since; what is lost is left out. */
static void draw_new(void)
{
	char chunk[256];
	uint64_t flags, at;
	uint32_t n;

	do {
		flags = spin_lock_irqsave(&lock);
		at = head - fb_tail > RING ? head - RING : fb_tail;
		for (n = 0; n < sizeof(chunk) && at != head; n++)
			chunk[n] = ring[at++ % RING];
		WRITE_ONCE(fb_tail, at);
		spin_unlock_irqrestore(&lock, flags);
		fbcon_write(chunk, n);
	} while (n);
	fbcon_flush();
}

static void fb_main(void *arg)
{
	(void)arg;
	for (;;) {
		draw_new();
		thread_sleep_ns(FB_INTERVAL_NS);
		if (READ_ONCE(fb_tail) == READ_ONCE(head))
			thread_park();
	}
}

static int map_framebuffer(const struct boot_fb *fb)
{
	size_t nbytes = fbcon_nbytes(fb);
	char *cells;
	void *va;
	int err;

	if (!nbytes)
		return -ENODEV;
	cells = kzalloc(nbytes);
	if (!cells)
		return -ENOMEM;
	err = hostpt_map_wc(hpa(fb->base), 4ull * fb->stride * fb->height, &va);
	if (err)
		kfree(cells);
	else
		fbcon_init(fb, va, cells);
	return err;
}

int hostcon_add_framebuffer(const struct boot_fb *fb)
{
	static const struct thread_params params = {
		.name = "fbcon",
		.fn = fb_main,
		.class = THREAD_SERVICE,
	};
	struct thread *t;
	int err = map_framebuffer(fb);

	if (err)
		return err;
	err = thread_create(&params, &t);
	if (!err)
		__atomic_store_n(&fb_thread, t, __ATOMIC_RELEASE);
	return err;
}
