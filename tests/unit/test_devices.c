/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's PCI bus and memory device through its ports, the ends of a run that
 * ports can ask for, and who answers where.
 *
 * Sources: vmx/devices/lapic.c vmx/devices/lapic_regs.c vmx/devices/lapic_ipi.c
 * Sources: vmx/devices/guest_timer.c
 * Sources: vmx/devices/lapic_timer.c vmx/devices/irq.c vmx/devices/ioapic.c
 * Sources: kernel/lib/calendar.c
 * Sources: vmx/devices/pic.c vmx/devices/pit.c vmx/devices/rtc.c
 * Sources: vmx/devices/pm.c vmx/devices/uart.c vmx/devices/pci.c
 * Sources: vmx/devices/memdev.c vmx/devices/platform.c vmx/devices/fwcfg.c
 * Sources: vmx/devices/devices.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <pthread.h>

#include "fake_vm.h"
#include "guest-stubs/abi.h"
#include "kernel/lib/errno.h"
#include "mm/frame.h"

/* ---- fakes of mm/ ---- */

static struct {
	bool is_mapped, flush_due;
	gfn_t at;
	hfn_t frame;
	unsigned nr_maps, nr_unmaps;
	int map_err;
	uint64_t target;
	unsigned change_after; /* this many looks the target becomes another */
	uint64_t gfns[GSPACE_BATCH_MAX];
	unsigned npages, take; /* last batch; how many are good */
	int batch_err;
	bool lock_is_taken, is_held; /* the space's, by guest_quick_begin() */
	bool at_target;
} mm;

/* What the fast path of MEM_TARGET has when a line is about to change. */
static const uint64_t *target_at_line;

uint64_t spin_lock_irqsave(struct spinlock *l)
{
	target_at_line = READ_ONCE(fake_vm.target_now);
	spin_lock(l);
	return 0;
}

static uint8_t ram_page[4096];
#define RAM_PAGE_GPA 0x10000ull

int frame_alloc(unsigned order, enum frame_type type, unsigned flags,
		hfn_t *out)
{
	assert_int_equal(order, 0);
	assert_int_equal(type, FRAME_SHARED);
	assert_true(flags & FA_ZERO);
	*out = hfn(7);
	memset(hfn_to_ptr(*out), 0, PAGE_SIZE);
	return 0;
}

void frame_free(hfn_t first, unsigned order)
{
	assert_int_equal(first.raw, 7);
	assert_int_equal(order, 0);
	assert_false(mm.is_mapped || mm.flush_due);
}

int gspace_map_shared(struct gspace *gs, gfn_t g, hfn_t h, unsigned perms)
{
	(void)gs;
	assert_int_equal(perms, S2_READ | S2_WRITE);
	assert_false(mm.is_mapped);
	if (mm.map_err)
		return mm.map_err;
	mm.is_mapped = true;
	mm.at = g;
	mm.frame = h;
	mm.nr_maps++;
	return 0;
}

void gspace_unmap_shared(struct gspace *gs, gfn_t g)
{
	(void)gs;
	assert_true(mm.is_mapped);
	assert_int_equal(g.raw, mm.at.raw);
	mm.is_mapped = false;
	mm.flush_due = true;
	mm.nr_unmaps++;
}

void gspace_flush(struct gspace *gs)
{
	(void)gs;
	/* It waits for other vCPUs, which may want a lock of ours. */
	assert_int_equal(fake_locks_held(), 0);
	mm.flush_due = false;
}

void gspace_get_stats(struct gspace *gs, struct gspace_stats *out)
{
	(void)gs;
	*out = (struct gspace_stats){ .size = 65536, .target = mm.target };
	if (mm.change_after && --mm.change_after == 0)
		mm.target = 30000;
}

const uint64_t *gspace_target(const struct gspace *gs)
{
	(void)gs;
	return &mm.target;
}

int guest_read(struct gspace *gs, gpa_t a, void *dst, uint64_t nbytes)
{
	(void)gs;
	if (a.raw < RAM_PAGE_GPA || nbytes > 4096 ||
	    a.raw - RAM_PAGE_GPA > 4096 - nbytes)
		return -EFAULT;
	memcpy(dst, ram_page + (a.raw - RAM_PAGE_GPA), nbytes);
	return 0;
}

static int batch(const uint64_t *gfns, unsigned npages, unsigned *done)
{
	assert_int_equal(fake_locks_held(), 0);
	memcpy(mm.gfns, gfns, npages * sizeof(*gfns));
	mm.npages = npages;
	*done = min(npages, mm.take);
	return *done < npages ? mm.batch_err : 0;
}

int gspace_inflate(struct gspace *gs, const uint64_t *gfns, unsigned npages,
		   unsigned *done)
{
	(void)gs;
	return batch(gfns, npages, done);
}

bool guest_quick_begin(struct gspace *gs)
{
	(void)gs;
	mm.is_held = !mm.lock_is_taken;
	return mm.is_held;
}

void guest_quick_end(struct gspace *gs)
{
	(void)gs;
	assert_true(mm.is_held);
	mm.is_held = false;
}

bool guest_quick_read64(struct gspace *gs, gpa_t a, uint64_t *out)
{
	assert_true(mm.is_held);
	assert_int_equal(a.raw % 8, 0);
	return guest_read(gs, a, out, 8) == 0;
}

bool gspace_quick_inflate(struct gspace *gs, gfn_t g)
{
	(void)gs;
	assert_true(mm.is_held);
	mm.gfns[0] = g.raw;
	return mm.take != 0;
}

bool gspace_is_at_target(const struct gspace *gs)
{
	(void)gs;
	/* It may be asked on the exit fast path. */
	assert_int_equal(fake_locks_held(), 0);
	assert_false(mm.is_held);
	return mm.at_target;
}

int gspace_deflate(struct gspace *gs, const uint64_t *gfns, unsigned npages,
		   unsigned *done)
{
	(void)gs;
	return batch(gfns, npages, done);
}

int gspace_discard(struct gspace *gs, gfn_t g, uint64_t npages, uint64_t *taken)
{
	(void)gs;
	mm.gfns[0] = g.raw;
	*taken = npages;
	return 0;
}

/* ---- the machine ---- */

#define COM1_IER 0x3f9u

static struct vcpu *const cpu = &fake_vcpus[0];

static int setup(void **state)
{
	(void)state;
	memset(&mm, 0, sizeof(mm));
	mm.target = 50000;
	mm.take = GSPACE_BATCH_MAX;
	fake_cfg.debug_exit = 0xf4;
	fake_vm.debug_exited = false;
	fake_vm_create(1);
	fake_ram_create(1 << 20);
	assert_int_equal(devices_create(&fake_vm), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	devices_destroy(&fake_vm);
	assert_null(fake_vm.dev);
	fake_vm_destroy();
	fake_ram_destroy();
	return 0;
}

static uint32_t in(uint16_t port, unsigned nbytes)
{
	uint32_t val;

	assert_true(devices_pio_read(cpu, port, nbytes, &val));
	return val;
}

static void out(uint16_t port, unsigned nbytes, uint32_t val)
{
	assert_true(devices_pio_write(cpu, port, nbytes, val));
}

static uint8_t in8(uint16_t port)
{
	return (uint8_t)in(port, 1);
}

static void out8(uint16_t port, uint8_t val)
{
	out(port, 1, val);
}

static bool irq_is_high(unsigned irq)
{
	return fake_vm.dev->irqchip.ioapic.lines >> irq & 1;
}

/* ---- PCI ---- */

static void pci_select(unsigned device, unsigned off)
{
	out(0xcf8, 4, 0x80000000u | device << 11 | (off & 0xfc));
}

static uint32_t cfg_rd(unsigned device, unsigned off, unsigned nbytes)
{
	pci_select(device, off);
	return in((uint16_t)(0xcfc + (off & 3)), nbytes);
}

static void cfg_wr(unsigned device, unsigned off, unsigned nbytes, uint32_t val)
{
	pci_select(device, off);
	out((uint16_t)(0xcfc + (off & 3)), nbytes, val);
}

static void pci_enumeration(void **state)
{
	(void)state;
	out(0xcf8, 4, 0x80000000u);
	assert_int_equal(in(0xcf8, 4), 0x80000000u);
	assert_int_equal(cfg_rd(0, 0, 2), AEROSTAT_PCI_VENDOR);
	assert_int_equal(cfg_rd(0, 8, 4) >> 8, 0x060000);
	assert_int_equal(cfg_rd(1, 0, 4),
			 AEROSTAT_PCI_VENDOR | AEROSTAT_PCI_DEVICE << 16);
	assert_int_equal(cfg_rd(1, 2, 2), AEROSTAT_PCI_DEVICE);
	assert_int_equal(cfg_rd(1, 0x3d, 1), 1);
	assert_int_equal(cfg_rd(2, 0, 4), 0xffffffff);
	/* IDs can't be written. */
	cfg_wr(1, 0, 4, 0);
	assert_int_equal(cfg_rd(1, 0, 2), AEROSTAT_PCI_VENDOR);
	/* Without the enable bit there is nothing. */
	out(0xcf8, 4, 1u << 11);
	assert_int_equal(in(0xcfc, 4), 0xffffffff);
}

static void pci_bar_moves_the_page(void **state)
{
	(void)state;
	assert_false(mm.is_mapped);
	assert_int_equal(cfg_rd(1, 0x10, 4), 0xfe000000);
	cfg_wr(1, 0x10, 4, 0xffffffff);
	assert_int_equal(cfg_rd(1, 0x10, 4), 0xfffff000);
	cfg_wr(1, 0x10, 4, 0xfe000000);
	assert_int_equal(mm.nr_maps, 0);
	cfg_wr(1, 4, 2, 0x0006);
	assert_true(mm.is_mapped);
	assert_int_equal(mm.at.raw, 0xfe000);
	assert_int_equal(mm.frame.raw, 7);
	/* Other writes leave it alone. */
	cfg_wr(1, 0x3c, 1, 11);
	assert_int_equal(mm.nr_maps, 1);
	cfg_wr(1, 0x10, 4, 0xd0000000);
	assert_int_equal(mm.at.raw, 0xd0000);
	assert_false(mm.flush_due);
	/* Not over RAM, nor over the APICs. */
	cfg_wr(1, 0x10, 4, 0x00100000);
	assert_false(mm.is_mapped);
	cfg_wr(1, 0x10, 4, 0xfee00000);
	assert_false(mm.is_mapped);
	cfg_wr(1, 0x10, 4, 0xd0000000);
	assert_true(mm.is_mapped);
	cfg_wr(1, 4, 2, 0);
	assert_false(mm.is_mapped);
	/* No memory for it: an error of this VM alone. */
	mm.map_err = -ENOMEM;
	cfg_wr(1, 4, 2, 2);
	assert_false(mm.is_mapped);
}

/* MSI capability at 0x40: vector 0x41, to the first processor. */
static void msi_on(void)
{
	assert_int_equal(cfg_rd(1, 0x34, 1), 0x40);
	assert_int_equal(cfg_rd(1, 0x40, 1), 5);
	cfg_wr(1, 0x44, 4, 0xfee00000);
	cfg_wr(1, 0x48, 4, 0);
	cfg_wr(1, 0x4c, 2, 0x41);
	cfg_wr(1, 0x42, 2, 1);
	assert_int_equal(cfg_rd(1, 0x42, 2), 0x181);
	assert_int_equal(lapic_msr_write(cpu->lapic, 0x1b, 0xfee00d00), 0);
	assert_int_equal(lapic_msr_write(cpu->lapic, 0x80f, 0x1ff), 0);
}

static bool take_msi(void)
{
	if (lapic_pending_vector(cpu->lapic) != 0x41)
		return false;
	lapic_accept(cpu->lapic, 0x41);
	assert_int_equal(lapic_msr_write(cpu->lapic, 0x80b, 0), 0);
	return true;
}

static int64_t call(uint64_t nr, uint64_t a0, uint64_t a1)
{
	if (nr == AEROSTAT_HC_MEM_SETUP)
		return memdev_setup(&fake_vm, a0);
	return memdev_hypercall(cpu, nr, a0, a1, 0, 0);
}

static struct aerostat_mem_page *shared(void)
{
	return hfn_to_ptr(hfn(7));
}

static void memdev_events_by_msi(void **state)
{
	(void)state;
	msi_on();
	mm.target = 40000;
	memdev_notify_target(&fake_vm);
	assert_int_equal(shared()->target_pages, 40000);
	/* Nobody has set it up yet. */
	assert_false(take_msi());
	assert_false(memdev_request_shutdown(&fake_vm));
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 1, 0), 0);
	memdev_notify_target(&fake_vm);
	assert_true(take_msi());
	assert_int_equal(shared()->events, AEROSTAT_EV_TARGET);
	assert_false(irq_is_high(10));
	/* Masked: pending, sent when unmasked. */
	cfg_wr(1, 0x50, 4, 1);
	assert_true(memdev_request_shutdown(&fake_vm));
	assert_false(take_msi());
	assert_int_equal(cfg_rd(1, 0x54, 4), 1);
	cfg_wr(1, 0x50, 4, 0);
	assert_true(take_msi());
	assert_int_equal(cfg_rd(1, 0x54, 4), 0);
	assert_int_equal(shared()->events,
			 AEROSTAT_EV_TARGET | AEROSTAT_EV_SHUTDOWN);
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 0, 0), 0);
	memdev_notify_target(&fake_vm);
	assert_false(take_msi());
}

/* Also when the administrator sets it in the middle of a reset. */
static void memdev_shows_the_target_after_a_reset(void **state)
{
	(void)state;
	for (unsigned looks = 0; looks <= 2; looks++) {
		mm.target = 40000;
		mm.change_after = looks;
		devices_reset(&fake_vm);
		assert_int_equal(mm.target, looks ? 30000 : 40000);
		assert_int_equal(shared()->target_pages, mm.target);
		assert_int_equal(shared()->size_pages, 65536);
	}
}

static void memdev_events_by_inta(void **state)
{
	(void)state;
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 1, 0), 0);
	memdev_notify_target(&fake_vm);
	assert_true(irq_is_high(10));
	assert_int_equal(cfg_rd(1, 6, 2) & 8, 8);
	cfg_wr(1, 4, 2, 0x400);
	assert_false(irq_is_high(10));
	cfg_wr(1, 4, 2, 0);
	assert_true(irq_is_high(10));
	/* Not on the fast path, which can't lower the line... */
	assert_null(fake_vm.target_now);
	assert_int_equal(call(AEROSTAT_HC_MEM_TARGET, 0, 0), 50000);
	assert_ptr_equal(fake_vm.target_now, &mm.target);
	/* ... and open before it falls: an event after that closes it. */
	assert_ptr_equal(target_at_line, &mm.target);
	assert_false(irq_is_high(10));
	assert_int_equal(cfg_rd(1, 6, 2) & 8, 0);
}

/* However it meets the guest: whoever finds the line high can lower it. */
static void memdev_line_is_never_stuck(void **state)
{
	(void)state;
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 1, 0), 0);
	memdev_notify_target(&fake_vm);
	/* A driver that left comes back, with the line as it was. */
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 0, 0), 0);
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 1, 0), 0);
	assert_true(irq_is_high(10));
	assert_null(fake_vm.target_now);
	assert_int_equal(call(AEROSTAT_HC_MEM_TARGET, 0, 0), 50000);
	assert_false(irq_is_high(10));
}

static bool pressing;

static void *press_power(void *arg)
{
	(void)arg;
	while (READ_ONCE(pressing))
		(void)memdev_request_shutdown(&fake_vm);
	return NULL;
}

static void memdev_reset_leaves_no_event_of_the_run_before(void **state)
{
	pthread_t other;

	(void)state;
	pressing = true;
	pthread_create(&other, NULL, press_power, NULL);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t events = 0;

		(void)call(AEROSTAT_HC_MEM_SETUP, 1, 0);
		memdev_reset(fake_vm.dev);
		for (unsigned n = 0; n < 100 && !events; n++)
			events = READ_ONCE(shared()->events);
		if (events) {
			WRITE_ONCE(pressing, false);
			pthread_join(other, NULL);
			fail_msg("reset %u: events %#x", i, events);
		}
	}
	WRITE_ONCE(pressing, false);
	pthread_join(other, NULL);
}

static void memdev_batches(void **state)
{
	const uint64_t nr = AEROSTAT_HC_MEM_INFLATE;

	(void)state;
	for (uint64_t i = 0; i < 512; i++)
		memcpy(ram_page + i * 8, &(uint64_t){ i + 1000 }, 8);
	assert_int_equal(call(nr, RAM_PAGE_GPA, 1), -ENODEV);
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 1, 0), 0);
	assert_int_equal(call(nr, RAM_PAGE_GPA, 512), 512);
	assert_int_equal(mm.npages, 512);
	assert_int_equal(mm.gfns[511], 1511);
	assert_int_equal(call(nr, RAM_PAGE_GPA, 0), 0);
	assert_int_equal(call(nr, RAM_PAGE_GPA, 513), -E2BIG);
	assert_int_equal(call(nr, RAM_PAGE_GPA, ~0ull), -E2BIG);
	assert_int_equal(call(nr, RAM_PAGE_GPA + 4, 1), -EINVAL);
	assert_int_equal(call(nr, RAM_PAGE_GPA + 8, 512), -EFAULT);
	assert_int_equal(call(nr, ~0ull - 7, 2), -EFAULT);
	/* Partial success; then the reason. */
	mm.take = 3;
	mm.batch_err = -ENOSPC;
	assert_int_equal(call(nr, RAM_PAGE_GPA, 10), 3);
	mm.take = 0;
	assert_int_equal(call(AEROSTAT_HC_MEM_DEFLATE, RAM_PAGE_GPA, 10),
			 -ENOSPC);
	assert_int_equal(call(AEROSTAT_HC_MEM_DISCARD, 5, 100), 100);
	assert_int_equal(call(AEROSTAT_HC_MEM_DISCARD, 5, 262145), -E2BIG);
	assert_int_equal(call(AEROSTAT_HC_MEM_DISCARD, ~0ull, 2), -EINVAL);
	assert_int_equal(call(AEROSTAT_HC_MEM_DISCARD + 1, 0, 0), -ENOSYS);
}

/* What isn't simple is refused: then nothing has happened, no lock is held. */
static void memdev_quick_inflate_of_one_page(void **state)
{
	const uint64_t at = RAM_PAGE_GPA + 8;

	(void)state;
	memcpy(ram_page + 8, &(uint64_t){ 4711 }, 8);
	assert_false(memdev_quick_inflate(&fake_vm, at)); /* no driver */
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 1, 0), 0);
	assert_true(memdev_quick_inflate(&fake_vm, at));
	assert_int_equal(mm.gfns[0], 4711);
	assert_false(memdev_quick_inflate(&fake_vm, at + 4));
	assert_false(memdev_quick_inflate(&fake_vm, ~7ull));
	assert_false(memdev_quick_inflate(&fake_vm, 0));
	mm.lock_is_taken = true;
	assert_false(memdev_quick_inflate(&fake_vm, at));
	mm.lock_is_taken = false;
	mm.take = 0;
	fake_tsc += 5; /* 0 means never */
	memdev_notify_target(&fake_vm);
	mm.at_target = true;
	assert_false(memdev_quick_inflate(&fake_vm, at));
	assert_int_equal(memdev_resize_ticks(&fake_vm), 0);
	/* The page that the target was about. */
	mm.take = 1;
	fake_tsc += 77;
	assert_true(memdev_quick_inflate(&fake_vm, at));
	assert_int_equal(memdev_resize_ticks(&fake_vm), 77);
	assert_false(mm.is_held);
}

static void memdev_statistics(void **state)
{
	struct aerostat_guest_stats st;

	(void)state;
	assert_false(memdev_get_guest_stats(&fake_vm, &st));
	shared()->stats.mem_free = 123;
	shared()->stats.seq = 3;
	assert_false(memdev_get_guest_stats(&fake_vm, &st));
	shared()->stats.seq = 4;
	assert_true(memdev_get_guest_stats(&fake_vm, &st));
	assert_int_equal(st.mem_free, 123);
	/* Looking asks a driver for news. */
	assert_int_equal(shared()->events, 0);
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 1, 0), 0);
	assert_true(memdev_get_guest_stats(&fake_vm, &st));
	assert_int_equal(shared()->events, AEROSTAT_EV_STATS);
}

static void reset_is_power_on(void **state)
{
	(void)state;
	cfg_wr(1, 0x10, 4, 0xd0000000);
	cfg_wr(1, 4, 2, 6);
	msi_on();
	assert_int_equal(call(AEROSTAT_HC_MEM_SETUP, 1, 0), 0);
	out8(COM1_IER, 3);
	shared()->stats.seq = 2;
	devices_reset(&fake_vm);
	assert_false(mm.is_mapped);
	assert_int_equal(cfg_rd(1, 0x10, 4), 0xfe000000);
	assert_int_equal(cfg_rd(1, 4, 2), 0);
	assert_int_equal(cfg_rd(1, 0x42, 2), 0x180);
	assert_int_equal(in8(COM1_IER), 0);
	assert_int_equal(shared()->stats.seq, 0);
	assert_int_equal(shared()->size_pages, 65536);
	assert_int_equal(call(AEROSTAT_HC_MEM_TARGET, 0, 0), -ENODEV);
	assert_null(fake_vm.target_now);
	assert_false(lapic_is_x2apic(cpu->lapic));
}

/* ---- ports that end a run; nobody's ports ---- */

static void resets(void **state)
{
	(void)state;
	out8(0xcf9, 0x02);
	assert_int_equal(fake_end, -1);
	out8(0xcf9, 0x06);
	assert_int_equal(fake_end, VM_END_REBOOT);
	fake_end = -1;
	assert_int_equal(in8(0x64) & 3, 0);
	out8(0x64, 0xfe);
	assert_int_equal(fake_end, VM_END_REBOOT);
	fake_end = -1;
	out8(0x64, 0xd1);
	out8(0x60, 0xdf);
	assert_int_equal(fake_end, -1);
	out8(0x64, 0xd1);
	out8(0x60, 0xfe);
	assert_int_equal(fake_end, VM_END_REBOOT);
	fake_end = -1;
	out8(0x92, 0x02);
	assert_int_equal(fake_end, -1);
	out8(0x92, 0x03);
	assert_int_equal(fake_end, VM_END_REBOOT);
}

static void debug_exit_of_each_width(void **state)
{
	(void)state;
	out(0xf4, 4, 0xdeadbeef);
	assert_int_equal(fake_end, VM_END_DEBUG_EXIT);
	assert_true(fake_vm.debug_exited);
	assert_int_equal(fake_vm.debug_exit_value, 0xdeadbeef);
	out(0xf4, 2, 0x12345);
	assert_int_equal(fake_vm.debug_exit_value, 0x2345);
	out(0xf4, 1, 0x12345);
	assert_int_equal(fake_vm.debug_exit_value, 0x45);
}

static uint64_t fwcfg_item(uint16_t item, unsigned nbytes)
{
	uint64_t v = 0;
	uint32_t byte;

	assert_true(devices_pio_write(cpu, 0x510, 2, item));
	for (unsigned i = 0; i < nbytes; i++) {
		assert_true(devices_pio_read(cpu, 0x511, 1, &byte));
		v |= (uint64_t)byte << i * 8;
	}
	return v;
}

static void firmware_configuration_where_debug_exit_is(void **state)
{
	uint32_t val;

	(void)state;
	fake_cfg.vcpus = 3;
	fake_cfg.mem_boot = 0x123400000ull;
	assert_int_equal(fwcfg_item(0, 4), 0x554d4551); /* "QEMU" */
	assert_int_equal(fwcfg_item(1, 4), 1);
	assert_int_equal(fwcfg_item(3, 8), 0x123400000ull);
	assert_int_equal(fwcfg_item(5, 2), 3);
	assert_int_equal(fwcfg_item(15, 2), 3);
	assert_int_equal(fwcfg_item(0x7fff, 4), 0);
	/* Past the end of an item there are zeros. */
	assert_int_equal(fwcfg_item(3, 8), 0x123400000ull);
	assert_true(devices_pio_read(cpu, 0x511, 4, &val));
	assert_int_equal(val, 0);
	fake_cfg.debug_exit = 0;
	assert_false(devices_pio_write(cpu, 0x510, 2, 5));
	assert_false(devices_pio_read(cpu, 0x511, 1, &val));
	fake_cfg.vcpus = 1;
}

static void test_lines_where_debug_exit_is(void **state)
{
	uint64_t unknown = fake_vm.unknown_ports;

	(void)state;
	out8(0x200e, 1);
	assert_true(irq_is_high(14));
	out8(0x200e, 0);
	assert_false(irq_is_high(14));
	out8(0x2002, 1);
	assert_false(devices_pio_write(cpu, 0x2018, 1, 1));
	fake_cfg.debug_exit = 0;
	assert_false(devices_pio_write(cpu, 0x200e, 1, 1));
	assert_false(irq_is_high(14));
	assert_int_equal(fake_vm.unknown_ports, unknown + 2);
}

static void nobodys_ports(void **state)
{
	uint64_t before = fake_vm.unknown_ports;
	uint32_t val;

	(void)state;
	assert_false(devices_pio_read(cpu, 0x2e8, 1, &val));
	assert_int_equal(val, 0xff);
	assert_false(devices_pio_read(cpu, 0xffff, 4, &val));
	assert_int_equal(val, 0xffffffff);
	assert_false(devices_pio_write(cpu, 0x2e8, 4, 0));
	assert_int_equal(fake_vm.unknown_ports, before + 3);
	/* A wide access is split; what is past the device is all ones. */
	out8(0x21, 0x5a);
	assert_int_equal(in(0x20, 4) >> 8, 0xffff5a);
}

static void every_port_survives_every_width(void **state)
{
	uint32_t val;

	(void)state;
	fake_vm.debug_exited = false;
	srand(4);
	for (unsigned port = 0; port < 0x10000; port++)
		for (unsigned n = 1; n <= 4; n *= 2) {
			(void)devices_pio_write(cpu, (uint16_t)port, n,
						(uint32_t)rand());
			(void)devices_pio_read(cpu, (uint16_t)port, n, &val);
			assert_true(n == 4 || val < 1u << n * 8);
			assert_int_equal(fake_locks_held(), 0);
		}
}

static void nobodys_memory(void **state)
{
	uint64_t val;

	(void)state;
	assert_false(devices_mmio_read(cpu, gpa(0xd0000000), 8, &val));
	assert_int_equal(val, ~0ull);
	assert_false(devices_mmio_read(cpu, gpa(0xd0000000), 2, &val));
	assert_int_equal(val, 0xffff);
	assert_false(devices_mmio_write(cpu, gpa(0xd0000000), 4, 0));
	assert_true(devices_mmio_read(cpu, gpa(0xfee00030), 4, &val));
	assert_int_equal(val & 0xff, 0x14);
	assert_true(devices_mmio_read(cpu, gpa(0xfec00000), 4, &val));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pci_enumeration),
		T(pci_bar_moves_the_page),
		T(memdev_events_by_msi),
		T(memdev_shows_the_target_after_a_reset),
		T(memdev_events_by_inta),
		T(memdev_line_is_never_stuck),
		T(memdev_reset_leaves_no_event_of_the_run_before),
		T(memdev_batches),
		T(memdev_quick_inflate_of_one_page),
		T(memdev_statistics),
		T(reset_is_power_on),
		T(resets),
		T(debug_exit_of_each_width),
		T(firmware_configuration_where_debug_exit_is),
		T(test_lines_where_debug_exit_is),
		T(nobodys_ports),
		T(every_port_survives_every_width),
		T(nobodys_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
