/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual 16550A (National Semiconductor PC16550D data sheet) with a
 * transmitter that is always empty: a character is in the console's ring when
 * the OUT returns, and the oldest one is overwritten when nobody looks, so
 * that a guest neither waits for the console nor can hold it up.
 *
 * Consoles are per VM and never freed: what a VM printed stays readable after
 * it has stopped.
 */
#include "vmx/devices/uart.h"

#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/uart_format.h"
#include "mm/heap.h"
#include "vmx/devices/devices_priv.h"

#define FIFO_DEPTH 16u

struct vuart_console {
	struct spinlock lock;	 /* LOCK_DEVICE */
	struct uart *uart;	 /* [lock] NULL while the VM is off */
	char *ring;		 /* [const after uart_init] */
	uint64_t end;		 /* [lock] characters ever written */
	struct thread *listener; /* [lock] */
	bool told;		 /* [lock] listener woken, has not read since */
};

/* Indexed by VM number - 1. */
static struct vuart_console consoles[CONFIG_MAX_VMS] = {
	[0 ... CONFIG_MAX_VMS -
	 1] = { .lock = SPINLOCK_INIT(LOCK_DEVICE, "uart") },
};

static struct vuart_console *console_of(const struct vm *vm)
{
	BUG_ON(vm->id < 1 || vm->id > CONFIG_MAX_VMS);
	return &consoles[vm->id - 1];
}

/* ---- output ---- */

static void put_char(struct vuart_console *con, char c)
{
	con->ring[con->end++ % VUART_RING] = c;
	if (con->told || !con->listener)
		return;
	con->told = true;
	thread_unpark(con->listener);
}

void vuart_output_write(struct vm *vm, const char *s, size_t n)
{
	struct vuart_console *con = console_of(vm);

	spin_lock(&con->lock);
	for (size_t i = 0; con->ring && i < n; i++)
		put_char(con, s[i]);
	spin_unlock(&con->lock);
}

size_t vuart_output_read(struct vm *vm, uint64_t *pos, char *dst, size_t n,
			 uint64_t *lost)
{
	struct vuart_console *con = console_of(vm);
	uint64_t oldest;
	size_t done = 0;

	spin_lock(&con->lock);
	oldest = con->end > VUART_RING ? con->end - VUART_RING : 0;
	*lost = *pos < oldest ? oldest - *pos : 0;
	*pos = max(*pos, oldest);
	while (done < n && *pos < con->end)
		dst[done++] = con->ring[(*pos)++ % VUART_RING];
	if (*pos >= con->end)
		con->told = false;
	spin_unlock(&con->lock);
	return done;
}

void vuart_set_listener(struct vm *vm, struct thread *t)
{
	struct vuart_console *con = console_of(vm);

	spin_lock(&con->lock);
	con->listener = t;
	con->told = false;
	spin_unlock(&con->lock);
}

/* ---- interrupts ---- */

static uint32_t rx_count(const struct uart *u)
{
	return u->rx_head - u->rx_tail;
}

/* The identification with the highest priority (data sheet, table III). */
static uint8_t interrupt_id(const struct uart *u)
{
	if ((u->ier & UART_IER_LINE) && u->overrun)
		return UART_IIR_LINE;
	if ((u->ier & UART_IER_RX) && rx_count(u)) {
		/* Below the trigger level: characters wait, and no more come
		 * within four character times. */
		if (u->fifo_on && rx_count(u) < u->rx_trigger)
			return UART_IIR_TIMEOUT;
		return UART_IIR_RX;
	}
	if ((u->ier & UART_IER_THRE) && u->thre_pending)
		return UART_IIR_THRE;
	if ((u->ier & UART_IER_MODEM) && u->msr_delta)
		return 0;
	return UART_IIR_NONE;
}

static void update_irq(struct uart *u)
{
	/* On a PC, OUT2 connects the interrupt to the bus. */
	bool high =
		interrupt_id(u) != UART_IIR_NONE && (u->mcr & UART_MCR_OUT2);

	if (high == u->irq_high)
		return;
	u->irq_high = high;
	irq_set_level(u->vm, IRQ_COM1, high);
}

/* ---- input ---- */

static bool rx_put(struct uart *u, char c)
{
	if (rx_count(u) == UART_INPUT_RING)
		return false;
	u->rx[u->rx_head++ % UART_INPUT_RING] = c;
	return true;
}

size_t vuart_input(struct vm *vm, const char *s, size_t n)
{
	struct vuart_console *con = console_of(vm);
	struct uart *u;
	size_t done = 0;

	spin_lock(&con->lock);
	u = con->uart;
	if (u && !(u->mcr & UART_MCR_LOOP)) {
		while (done < n && rx_put(u, s[done]))
			done++;
		update_irq(u);
	}
	spin_unlock(&con->lock);
	return done;
}

/* ---- registers ---- */

static uint8_t modem_lines(const struct uart *u)
{
	uint8_t v = 0;

	if (!(u->mcr & UART_MCR_LOOP))
		/* A connected terminal. */
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	if (u->mcr & UART_MCR_RTS)
		v |= UART_MSR_CTS;
	if (u->mcr & UART_MCR_DTR)
		v |= UART_MSR_DSR;
	if (u->mcr & UART_MCR_OUT1)
		v |= UART_MSR_RI;
	if (u->mcr & UART_MCR_OUT2)
		v |= UART_MSR_DCD;
	return v;
}

static void write_mcr(struct uart *u, uint8_t val)
{
	uint8_t before = modem_lines(u);
	uint8_t changed, fell;

	u->mcr = val & 0x1f;
	changed = before ^ modem_lines(u);
	fell = changed & before;
	/* The ring indicator reports only its trailing edge. */
	changed &= (uint8_t)~UART_MSR_RI;
	u->msr_delta |= (uint8_t)((changed | (fell & UART_MSR_RI)) >> 4);
}

static void write_data(struct uart *u, uint8_t val)
{
	if (u->mcr & UART_MCR_LOOP) {
		if (!rx_put(u, (char)val))
			u->overrun = true;
	} else {
		put_char(u->con, (char)val);
	}
	u->thre_pending = true;
}

static void write_fcr(struct uart *u, uint8_t val)
{
	static const uint8_t triggers[4] = { 1, 4, 8, 14 };
	bool on = val & UART_FCR_ENABLE;

	/* Switching the FIFO on or off empties it. */
	if (on != u->fifo_on || (val & UART_FCR_CLR_RX))
		u->rx_tail = u->rx_head;
	u->fifo_on = on;
	u->rx_trigger = on ? triggers[val >> 6] : 1;
}

static void write_ier(struct uart *u, uint8_t val)
{
	/* Switched on while the transmitter is empty: reports it. */
	if ((val & UART_IER_THRE) && !(u->ier & UART_IER_THRE))
		u->thre_pending = true;
	u->ier = val & 0x0f;
}

static uint8_t read_data(struct uart *u)
{
	if (!rx_count(u))
		return 0;
	return (uint8_t)u->rx[u->rx_tail++ % UART_INPUT_RING];
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t id = interrupt_id(u);

	if (id == UART_IIR_THRE)
		u->thre_pending = false;
	return id | (uint8_t)(u->fifo_on ? UART_IIR_FIFO : 0);
}

static uint8_t read_lsr(struct uart *u)
{
	unsigned v = UART_LSR_THRE | UART_LSR_EMPTY;

	if (rx_count(u))
		v |= UART_LSR_DATA;
	if (u->overrun)
		v |= UART_LSR_OVERRUN;
	u->overrun = false;
	return (uint8_t)v;
}

static uint8_t read_msr(struct uart *u)
{
	uint8_t v = modem_lines(u) | u->msr_delta;

	u->msr_delta = 0;
	return v;
}

static uint8_t read_reg(struct uart *u, enum uart_reg reg)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_DATA: return dlab ? u->dll : read_data(u);
	case UART_IER: return dlab ? u->dlm : u->ier;
	case UART_IIR: return read_iir(u);
	case UART_LCR: return u->lcr;
	case UART_MCR: return u->mcr;
	case UART_LSR: return read_lsr(u);
	case UART_MSR: return read_msr(u);
	default: return u->scratch;
	}
}

static void write_reg(struct uart *u, enum uart_reg reg, uint8_t val)
{
	bool dlab = u->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_DATA:
		if (dlab)
			u->dll = val;
		else
			write_data(u, val);
		break;
	case UART_IER:
		if (dlab)
			u->dlm = val;
		else
			write_ier(u, val);
		break;
	case UART_FCR: write_fcr(u, val); break;
	case UART_LCR: u->lcr = val; break;
	case UART_MCR: write_mcr(u, val); break;
	case UART_LSR:
	case UART_MSR: break;
	default: u->scratch = val; break;
	}
}

uint8_t uart_pio_read(struct vm_devices *d, uint16_t port)
{
	struct uart *u = &d->uart;
	uint8_t val;

	spin_lock(&u->con->lock);
	val = read_reg(u, (enum uart_reg)(port & 7));
	update_irq(u);
	spin_unlock(&u->con->lock);
	return val;
}

void uart_pio_write(struct vm_devices *d, uint16_t port, uint8_t val)
{
	struct uart *u = &d->uart;

	spin_lock(&u->con->lock);
	write_reg(u, (enum uart_reg)(port & 7), val);
	update_irq(u);
	spin_unlock(&u->con->lock);
}

/* ---- life cycle ---- */

static void reset_locked(struct uart *u)
{
	struct vm *vm = u->vm;
	struct vuart_console *con = u->con;

	memset(u, 0, sizeof(*u));
	u->vm = vm;
	u->con = con;
	u->dll = 12; /* 9600 baud */
	u->rx_trigger = 1;
	u->thre_pending = true;
}

int uart_init(struct uart *u, struct vm *vm)
{
	struct vuart_console *con = console_of(vm);

	if (!con->ring) {
		con->ring = kmalloc(VUART_RING);
		if (!con->ring)
			return -ENOMEM;
	}
	u->vm = vm;
	u->con = con;
	spin_lock(&con->lock);
	reset_locked(u);
	con->uart = u;
	spin_unlock(&con->lock);
	return 0;
}

void uart_reset(struct uart *u)
{
	spin_lock(&u->con->lock);
	reset_locked(u);
	spin_unlock(&u->con->lock);
}

void uart_detach(struct uart *u)
{
	if (!u->con)
		return;
	spin_lock(&u->con->lock);
	u->con->uart = NULL;
	spin_unlock(&u->con->lock);
}
