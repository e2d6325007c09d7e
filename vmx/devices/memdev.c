/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Aerostat memory device and the balloon hypercalls (docs/abi.md).
 *
 * Everything in the shared page may be changed by the guest at any time: what
 * is read from it is copied once and only ever shown to people. The target
 * that counts is the one in the guest-physical space.
 */
#include "vmx/devices/memdev.h"

#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/sched/clock.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "vmx/devices/devices_priv.h"

#define CLASS_OTHER   0xff0000u /* a device in no defined class */
#define MSI_CAP	      0x40u
#define STATS_RETRIES 8u

_Static_assert(sizeof(struct aerostat_mem_page) <= PAGE_SIZE, "one page");
_Static_assert(AEROSTAT_BATCH_MAX <= GSPACE_BATCH_MAX, "one call of mm/");

static struct pci_func *func_of(struct vm_devices *d)
{
	return &d->pci.func[PCI_DEV_MEM];
}

/* ---- the shared page ---- */

/* True if a flush is due. */
static bool unmap_page(struct vm_devices *d)
{
	if (!d->mem.is_mapped)
		return false;
	d->mem.is_mapped = false;
	gspace_unmap_shared(d->vm->gs, d->mem.mapped_at);
	return true;
}

static void map_page(struct vm_devices *d, gfn_t at)
{
	int err = gspace_map_shared(d->vm->gs, at, d->mem.frame,
				    S2_READ | S2_WRITE);

	if (!err) {
		d->mem.is_mapped = true;
		d->mem.mapped_at = at;
		return;
	}
	log_guest(&d->vm->log, LOG_WARN, "memdev",
		  "vm=%s gfn=%#llx shared page: error %d", d->vm->cfg->name,
		  (unsigned long long)at.raw, err);
}

bool memdev_config_changed(struct vm_devices *d)
{
	bool flush;
	const struct pci_func *f = func_of(d);
	uint64_t bar = pci_cfg_get32(f, PCI_BAR0) & ~PAGE_MASK;
	bool on = pci_cfg_get16(f, PCI_COMMAND) & PCI_COMMAND_MEMORY;

	/* Sizing writes all ones; nothing of ours is outside the hole. */
	on = on && bar >= PCI_HOLE_BASE && bar < PCI_HOLE_END;
	if (on && d->mem.is_mapped && d->mem.mapped_at.raw == bar >> PAGE_SHIFT)
		return false;
	flush = unmap_page(d);
	if (on)
		map_page(d, gfn_of(gpa(bar)));
	return flush;
}

/*
 * The page follows the space's target. A reset and the administrator may both
 * be here: whoever writes last has read the target after the other's
 * change, or writes again.
 */
static void publish_target(struct vm_devices *d)
{
	struct gspace_stats st, now;

	gspace_get_stats(d->vm->gs, &now);
	do {
		st = now;
		__atomic_store_n(&d->mem.page->target_pages, st.target,
				 __ATOMIC_SEQ_CST);
		gspace_get_stats(d->vm->gs, &now);
	} while (now.target != st.target);
}

static void page_fill(struct vm_devices *d)
{
	struct aerostat_mem_page *p = d->mem.page;
	struct gspace_stats st;

	gspace_get_stats(d->vm->gs, &st);
	memset(p, 0, PAGE_SIZE);
	p->version = AEROSTAT_ABI_VERSION;
	p->size_pages = st.size;
	publish_target(d);
}

static void pci_fill(struct vm_devices *d)
{
	struct pci_func *f = func_of(d);

	pci_func_init(f, AEROSTAT_PCI_VENDOR, AEROSTAT_PCI_DEVICE, CLASS_OTHER);
	pci_func_add_bar(f, 0, PAGE_SIZE, PCI_MEM_BAR_BASE);
	pci_func_add_msi(f, MSI_CAP);
	pci_func_add_intx(f, IRQ_MEMDEV);
}

int memdev_init(struct vm_devices *d)
{
	int err = frame_alloc(0, FRAME_SHARED, FA_ZERO, &d->mem.frame);

	if (err)
		return err;
	spin_init(&d->mem.lock, LOCK_MEMDEV, "memdev");
	d->mem.page = hfn_to_ptr(d->mem.frame);
	memdev_reset(d);
	return 0;
}

void memdev_reset(struct vm_devices *d)
{
	if (unmap_page(d))
		gspace_flush(d->vm->gs);
	/* No event for the run that ends gets into the next one's page. */
	spin_lock(&d->mem.lock);
	__atomic_store_n(&d->mem.ready, false, __ATOMIC_RELEASE);
	WRITE_ONCE(d->vm->target_now, NULL);
	WRITE_ONCE(d->mem.target_tsc, 0);
	WRITE_ONCE(d->mem.resize_ticks, 0);
	page_fill(d);
	pci_fill(d);
	spin_unlock(&d->mem.lock);
}

void memdev_destroy(struct vm_devices *d)
{
	if (!d->mem.page)
		return;
	if (unmap_page(d))
		gspace_flush(d->vm->gs);
	frame_free(d->mem.frame, 0);
	for (unsigned i = 0; i < CONFIG_MAX_VCPUS; i++)
		kfree(d->mem.batch[i]);
}

/* ---- events ---- */

static bool is_ready(const struct vm_devices *d)
{
	return __atomic_load_n(&d->mem.ready, __ATOMIC_ACQUIRE);
}

/* False: there is no driver to hear of it. */
static bool post_event(struct vm_devices *d, uint32_t event)
{
	bool ready;

	spin_lock(&d->mem.lock);
	ready = is_ready(d);
	if (ready) {
		__atomic_or_fetch(&d->mem.page->events, event,
				  __ATOMIC_SEQ_CST);
		pci_signal(&d->pci, func_of(d));
		/* After it: an interrupt that is held finds its way to us. */
		WRITE_ONCE(d->vm->target_now, NULL);
	}
	spin_unlock(&d->mem.lock);
	return ready;
}

/* Notes when the guest has given back or taken what the target asks for. */
static void note_progress(struct vm_devices *d)
{
	uint64_t since = READ_ONCE(d->mem.target_tsc);

	if (!since || READ_ONCE(d->mem.resize_ticks))
		return;
	if (gspace_is_at_target(d->vm->gs))
		WRITE_ONCE(d->mem.resize_ticks, rdtsc() - since);
}

uint64_t memdev_resize_ticks(struct vm *vm)
{
	return vm->dev ? READ_ONCE(vm->dev->mem.resize_ticks) : 0;
}

void memdev_notify_target(struct vm *vm)
{
	struct vm_devices *d = vm->dev;

	if (!d)
		return;
	WRITE_ONCE(d->mem.target_tsc, rdtsc());
	WRITE_ONCE(d->mem.resize_ticks, 0);
	note_progress(d);
	publish_target(d);
	(void)post_event(d, AEROSTAT_EV_TARGET);
}

bool memdev_has_driver(struct vm *vm)
{
	return vm->dev && is_ready(vm->dev);
}

bool memdev_request_shutdown(struct vm *vm)
{
	struct vm_devices *d = vm->dev;

	return d && post_event(d, AEROSTAT_EV_SHUTDOWN);
}

/* Asks for fresh statistics; they come a little later. */
static void request_stats(struct vm_devices *d)
{
	/* One request at a time. */
	if (is_ready(d) &&
	    !(READ_ONCE(d->mem.page->events) & AEROSTAT_EV_STATS))
		(void)post_event(d, AEROSTAT_EV_STATS);
}

/* Copies 64-bit words, each read once. */
static void copy_stats(struct aerostat_guest_stats *dst,
		       const struct aerostat_guest_stats *src)
{
	uint64_t *to = (uint64_t *)dst;
	const volatile uint64_t *from = (const volatile uint64_t *)src;

	for (unsigned i = 0; i < sizeof(*dst) / sizeof(*to); i++)
		to[i] = from[i];
}

/* A sequence lock whose writer is not to be trusted: a bounded try. */
bool memdev_get_guest_stats(struct vm *vm, struct aerostat_guest_stats *out)
{
	const struct aerostat_guest_stats *src;

	if (!vm->dev)
		return false;
	/* Somebody looks: the next look finds news. */
	request_stats(vm->dev);
	src = &vm->dev->mem.page->stats;
	for (unsigned i = 0; i < STATS_RETRIES; i++) {
		uint64_t seq = __atomic_load_n(&src->seq, __ATOMIC_ACQUIRE);

		if (!seq)
			return false;
		copy_stats(out, src);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && out->seq == seq && READ_ONCE(src->seq) == seq)
			return true;
	}
	return false;
}

/* ---- hypercalls ---- */

static uint64_t *batch_of(struct vm_devices *d, uint32_t vcpu)
{
	uint64_t **b = &d->mem.batch[vcpu];

	if (!*b)
		*b = kmalloc(AEROSTAT_BATCH_MAX * sizeof(uint64_t));
	return *b;
}

typedef int (*batch_fn)(struct gspace *gs, const uint64_t *gfns,
			unsigned npages, unsigned *done);

/* The array is copied before any of it is looked at. */
static int64_t do_batch(struct vcpu *v, uint64_t at, uint64_t npages,
			batch_fn fn)
{
	struct vm *vm = vcpu_vm(v);
	uint64_t *gfns;
	unsigned done = 0;
	int err;

	if (npages > AEROSTAT_BATCH_MAX)
		return -E2BIG;
	if (at % sizeof(uint64_t))
		return -EINVAL;
	if (!npages)
		return 0;
	gfns = batch_of(vm->dev, vcpu_index(v));
	if (!gfns)
		return -ENOMEM;
	err = guest_read(vm->gs, gpa(at), gfns, npages * sizeof(uint64_t));
	if (err)
		return err;
	err = fn(vm->gs, gfns, (unsigned)npages, &done);
	note_progress(vm->dev);
	return done ? (int64_t)done : err;
}

bool memdev_quick_inflate(struct vm *vm, uint64_t at)
{
	uint64_t g;
	bool done;

	if (!is_ready(vm->dev) || at % sizeof(g) || !guest_quick_begin(vm->gs))
		return false;
	done = guest_quick_read64(vm->gs, gpa(at), &g) &&
	       gspace_quick_inflate(vm->gs, gfn(g));
	guest_quick_end(vm->gs);
	if (done)
		note_progress(vm->dev);
	return done;
}

int64_t memdev_setup(struct vm *vm, uint64_t version)
{
	__atomic_store_n(&vm->dev->mem.ready, version != 0, __ATOMIC_RELEASE);
	/* The first MEM_TARGET lowers what the driver before left high. */
	WRITE_ONCE(vm->target_now, NULL);
	return 0;
}

/*
 * INTA is held until the guest asks what to do. First the shortcut, in the
 * order of all CPUs: an event that raises the line later closes it later.
 */
static int64_t do_target(struct vm *vm)
{
	const uint64_t *target = gspace_target(vm->gs);

	__atomic_store_n(&vm->target_now, target, __ATOMIC_SEQ_CST);
	pci_clear_intx(&vm->dev->pci, func_of(vm->dev));
	return (int64_t)READ_ONCE(*target);
}

static int64_t do_discard(struct vm *vm, uint64_t first, uint64_t npages)
{
	uint64_t taken = 0;
	int err;

	if (npages > AEROSTAT_DISCARD_MAX)
		return -E2BIG;
	if (first >> (64 - PAGE_SHIFT) || first + npages < first)
		return -EINVAL;
	err = gspace_discard(vm->gs, gfn(first), npages, &taken);
	return taken ? (int64_t)taken : err;
}

int64_t memdev_hypercall(struct vcpu *v, uint64_t nr, uint64_t a0, uint64_t a1,
			 uint64_t a2, uint64_t a3)
{
	struct vm *vm = vcpu_vm(v);

	(void)a2;
	(void)a3;
	if (nr < AEROSTAT_HC_MEM_INFLATE || nr > AEROSTAT_HC_MEM_DISCARD)
		return -ENOSYS;
	if (!is_ready(vm->dev))
		return -ENODEV;
	switch (nr) {
	case AEROSTAT_HC_MEM_INFLATE:
		return do_batch(v, a0, a1, gspace_inflate);
	case AEROSTAT_HC_MEM_DEFLATE:
		return do_batch(v, a0, a1, gspace_deflate);
	case AEROSTAT_HC_MEM_TARGET: return do_target(vm);
	default: return do_discard(vm, a0, a1);
	}
}
