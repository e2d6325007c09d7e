// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The boot of the hypervisor, from the loader's jump to the idle loop: each
 * step says what it needs by where it stands.
 */
#include "drivers/ioapic.h"
#include "drivers/pic8259.h"
#include "kernel/console/hostcon.h"
#include "kernel/console/shell.h"
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/irq.h"
#include "kernel/cpu/machine.h"
#include "kernel/cpu/mce.h"
#include "kernel/cpu/panic.h"
#include "kernel/cpu/power.h"
#include "kernel/cpu/smp.h"
#include "kernel/cpu/start.h"
#include "kernel/cpu/stop.h"
#include "kernel/lib/boot_info.h"
#include "kernel/lib/bug.h"
#include "kernel/lib/directmap.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/lib.h"
#include "kernel/lib/memmap.h"
#include "kernel/lib/uart_format.h"
#include "kernel/lib/version_string.h"
#include "kernel/lib/x86.h"
#include "kernel/sched/clock.h"
#include "kernel/sched/cpu_stats.h"
#include "kernel/sched/sched.h"
#include "kernel/sync/log.h"
#include "mm/frame.h"
#include "mm/heap.h"
#include "mm/hostpt.h"
#include "mm/init.h"
#include "vmx/admin/admin.h"
#include "vmx/loader.h"
#include "vmx/vm.h"
#include "vmx/vmx.h"

static struct boot_info info; /* the loader's, copied */
static struct thread idle_threads[MAX_CPUS];

static const struct boot_mem *mem_map(void)
{
	return hpa_to_ptr(hpa(info.mem_map));
}

/* What each room does when the machine ends; that may be at any time. */
static void register_stop_steps(void)
{
	stop_register(vmx_stop_steps, nr_vmx_stop_steps);
	stop_register(hostcon_stop_steps, nr_hostcon_stop_steps);
}

static void take_boot_info(const struct boot_info *bi)
{
	tsc_at_boot = bi->tsc_at_entry;
	if (bi->magic != BOOT_INFO_MAGIC)
		panic("boot_info: bad magic %#llx",
		      (unsigned long long)bi->magic);
	if (bi->version != BOOT_INFO_VERSION || bi->nbytes < sizeof(info))
		panic("boot_info: version %u with %u bytes, expected %u with "
		      "%zu",
		      bi->version, bi->nbytes, BOOT_INFO_VERSION, sizeof(info));
	info = *bi;
	if (!memmap_is_sound(mem_map(), info.nr_mem))
		panic("boot_info: the memory map is not in order");
}

/* The loader has no console left when it finds that out. */
static void say_map_flaws(void)
{
	const struct boot_mem_flaws *f = &info.mem_flaws;

	if (f->empty | f->unaligned | f->overlapping | f->beyond | f->far)
		log_warn("boot",
			 "firmware's memory map: entries empty=%u unaligned=%u "
			 "overlapping=%u beyond=%u far=%u",
			 f->empty, f->unaligned, f->overlapping, f->beyond,
			 f->far);
}

static void log_config_error(const struct config_error *e)
{
	char text[320];

	config_error_format(e, text, sizeof(text));
	log_err("config", "%s", text);
}

/* The text of the configuration; empty if it can't be had. */
static const char *config_text(uint64_t *nbytes)
{
	const struct boot_file *f = hpa_to_ptr(hpa(info.files));

	*nbytes = 0;
	if (!info.nr_files || f->status)
		return "";
	*nbytes = f->nbytes;
	return hpa_to_ptr(hpa(f->base));
}

/* How the host is to come up; its mistakes are told by read_config(). */
static void read_host_config(void)
{
	uint64_t nbytes;
	const char *text = config_text(&nbytes);

	(void)config_parse(text, nbytes, NULL, 0, &host_config);
}

static void log_config_errors(void)
{
	uint32_t all = host_config.nr_errors;
	uint32_t kept = min(all, (uint32_t)CONFIG_MAX_ERRORS);

	for (uint32_t i = 0; i < kept; i++)
		log_config_error(&host_config.errors[i]);
	if (all > kept)
		log_err("config", "%u more are not shown", all - kept);
}

/* All of it. Errors are kept in host_config; the shell tells of them. */
static void read_config(void)
{
	const struct boot_file *f = hpa_to_ptr(hpa(info.files));
	uint64_t nbytes;
	const char *text = config_text(&nbytes);
	uint32_t n = config_count_vms(text, nbytes);
	struct config_vm *vms = n ? kmalloc(n * sizeof(*vms)) : NULL;

	if (n && !vms)
		panic("not enough memory for the configuration");
	if (!nbytes)
		log_err("config", "no configuration: err=%d",
			info.nr_files ? f->status : -ENOENT);
	if (config_parse(text, nbytes, vms, n, &host_config))
		log_err("config", "%u mistakes", host_config.nr_errors);
	log_config_errors();
}

static void init_console(void)
{
	const struct config_host *h = &host_config.host;

	hostcon_init((uint16_t)h->console_port, h->console_baud);
	log_set_console_level(h->log_level);
	panic_set_reboot(h->on_panic == PANIC_REBOOT);
	log_info("boot", "%s", version_string);
	say_map_flaws();
}

static void init_memory(void)
{
	if (mm_init(mem_map(), info.nr_mem, host_config.host.reserve) ||
	    hostpt_init(&info, mem_map()) || percpu_guard_boot_traps())
		panic("not enough memory for the hypervisor itself");
}

static void init_interrupts(void)
{
	uint32_t added = 0;
	void *regs;

	pic8259_init(IRQ_VEC_PIC);
	if (apic_init())
		panic("this processor has no local APIC");
	apic_init_cpu();
	mce_init_cpu();
	for (uint32_t i = 0; i < acpi_host.nr_ioapics; i++)
		if (!hostpt_map_mmio(hpa(acpi_host.ioapics[i].hpa),
				     IOAPIC_NBYTES, &regs) &&
		    !ioapic_add(regs, acpi_host.ioapics[i].gsi_base))
			added++;
	log_info("irq", "apic=%s ioapics=%u", apic_is_x2() ? "x2apic" : "xapic",
		 added);
}

static void init_time(void)
{
	clock_init(info.epoch);
	apic_timer_calibrate();
	timer_init_cpu();
}

static void init_framebuffer(void)
{
	int err;

	if (info.fb.format == BOOT_PIXEL_NONE)
		return;
	err = hostcon_add_framebuffer(&info.fb);
	if (err)
		log_warn("console", "framebuffer err=%d", err);
}

/* What each room brings to the console. */
static void register_rooms(void)
{
	shell_register(host_cmds, nr_host_cmds);
	shell_register(vm_cmds, nr_vm_cmds);
	shell_register(debug_cmds, nr_debug_cmds);
	shell_register_selftests(sched_selftests, nr_sched_selftests);
	shell_register_metrics(mm_metrics, nr_mm_metrics);
	shell_register_metrics(sched_metrics, nr_sched_metrics);
	shell_register_metrics(vmx_metrics, nr_vmx_metrics);
}

/* What needs the scheduler; the boot code is a thread by now. */
static void init_services(void)
{
	hostcon_start();
	init_framebuffer();
	if (bootfiles_init(hpa_to_ptr(hpa(info.files)), info.nr_files))
		panic("not enough memory for the list of files");
	smp_init(hpa_to_ptr(hpa(info.cpus)), info.nr_cpus,
		 host_config.host.max_cpus);
	mm_release_loader_memory();
	/* Without VT-x console, memory and drivers still work. */
	if (vmx_init(&host_config.host))
		log_warn("vmx", "no guest will start on this machine");
	if (vm_init_all(&host_config))
		panic("not enough memory for the list of VMs");
	if (machine_check_init())
		panic("not enough memory for a service thread");
	register_rooms();
	if (shell_start())
		panic("not enough memory for the console");
}

/* They start side by side; what becomes of them is in the log. */
static void autostart(void)
{
	struct vm_order order;
	char why[VM_WHY_MAX];

	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm)) {
		if (!vm->cfg->autostart || vm->cfg->bad)
			continue;
		if (vm_order(vm, VM_DO_START, &order, why))
			log_err("vm", "vm=%s does not start: %s", vm->cfg->name,
				why);
	}
}

/* Boot goes on in a thread, because much of it may block. */
static void init_thread(void *arg)
{
	(void)arg;
	init_services();
	autostart();
	log_info("boot", "up");
}

static void start_init_thread(void)
{
	static const struct thread_params params = {
		.name = "init",
		.fn = init_thread,
		.class = THREAD_SERVICE,
	};
	struct thread *t;

	sched_set_clean_pool(host_config.host.clean_pool);
	if (thread_create(&params, &t))
		panic("not enough memory for the first thread");
}

void cpu_start_work(void)
{
	timer_init_cpu();
	smp_join();
	sched_init_cpu(&idle_threads[cpu_id()]);
	sched_idle();
}

void kmain(const struct boot_info *bi)
{
	percpu_init_boot();
	percpu_init_boot_traps();
	register_stop_steps();
	hostcon_init(UART_COM1, 115200); /* until the configuration is read */
	log_set_sink(hostcon_write);
	take_boot_info(bi);
	read_host_config();
	init_console();
	cpu_init_features();
	init_memory();
	read_config();
	acpi_init(info.rsdp, mem_map(), info.nr_mem);
	power_init(&info);
	init_interrupts();
	init_time();
	sched_init();
	sched_init_cpu(&idle_threads[0]);
	start_init_thread();
	sched_idle();
}
