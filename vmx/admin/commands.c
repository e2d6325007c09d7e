// SPDX-License-Identifier: GPL-2.0-or-later
/* The commands that concern VMs, with their help. */
#include "kernel/lib/lib.h"
#include "vmx/admin/admin.h"
#include "vmx/admin/admin_priv.h"

static const char *const vm_words[] = { "list", "info",	 "start",  "stop",
					"kill", "pause", "resume", "reset",
					"dump", NULL };
static const char *const all_words[] = { "all", NULL };
static const char *const host_words[] = { "host", NULL };
static const char *const mem_words[] = { "host", NULL };

void vm_offer_names(struct shell_asker *asker)
{
	for (struct vm *vm = vm_first(); vm; vm = vm_next(vm))
		shell_offer(asker, vm->cfg->name);
}

void vm_offer_verbs(struct shell_asker *asker)
{
	for (size_t i = 0; vm_words[i]; i++)
		shell_offer(asker, vm_words[i]);
}

struct vm *cmd_find_vm(const struct shell_args *a, const char *name)
{
	struct vm *vm = vm_find(name);
	const char *best;

	if (vm)
		return vm;
	best = shell_guess(name, vm_offer_names);
	if (best)
		out_fail(a, "no VM '%.40s'; did you mean '%s'?", name, best);
	else if (!vm_first())
		out_fail(a, "no VM '%.40s'; aerostat.conf defines none", name);
	else
		out_fail(a, "no VM '%.40s'; `vm list` shows all", name);
	return NULL;
}

const struct shell_cmd vm_cmds[] = {
	{ "audit", "audit", "check all memory accounts against each other",
	  "Walks every frame, memory object and guest mapping and checks that\n"
	  "both sums and every owner link hold. The machine keeps running.\n",
	  .run = cmd_audit },
	{ "console", "console [-r] NAME", "use a guest's serial console",
	  "Shows what the guest printed since you last looked (up to 64 KiB;\n"
	  "more is marked as lost), then connects you to it.\n"
	  "Ctrl-T returns to the shell; Ctrl-T in the shell returns to the\n"
	  "console used last. Log lines stay in the log meanwhile.\n"
	  "Control sequences that leave the row, change modes or make the\n"
	  "terminal answer are left out; -r passes everything, for full-screen\n"
	  "programs of guests that you trust.\n",
	  .run = cmd_console, .args = { { .names = vm_offer_names } } },
	{ "mem",
	  "mem\nmem host\nmem NAME\nmem NAME SIZE [--wait] [--timeout=S]\n"
	  "mem NAME +SIZE|-SIZE [--wait] [--timeout=S]",
	  "who has which memory; change a VM's target",
	  "`mem` lists the host by type and every VM, in MiB: RESID has\n"
	  "host memory, HOLLOW was never touched, BALLOON was given back,\n"
	  "ZERO is read but never written. `mem host` and `mem NAME` have the\n"
	  "details. `mem NAME SIZE` sets the VM's target, for example\n"
	  "`mem web 512M`, and +64M or -64M changes it; it must lie between\n"
	  "mem.min and mem.boot. --wait waits until the guest has reached it,\n"
	  "at most 60 s or those of --timeout (0: no end); Ctrl-C leaves.\n",
	  .run = cmd_mem, .args = { { mem_words, vm_offer_names } } },
	{ "poweroff", "poweroff [-y|-f] [--timeout=S]",
	  "shut guests down and switch the machine off",
	  "Asks first if guests run. Each is asked to power off; after 60 s, or\n"
	  "those of --timeout, you are told who has not, and asked whether to\n"
	  "kill them. -y answers yes to both; -f kills all at once and asks\n"
	  "nothing. Ctrl-C leaves while it waits.\n",
	  .run = cmd_poweroff },
	{ "reboot", "reboot [-y|-f] [--timeout=S]",
	  "shut guests down and reboot the machine", "As `poweroff`.\n",
	  .run = cmd_reboot },
	{ "set", "set NAME KEY VALUE\nset host KEY VALUE\nset NAME\nset host",
	  "change the configuration while the machine runs",
	  "Keys and values are those of aerostat.conf (`help config`), which\n"
	  "is not written: what is set lasts until the machine goes down.\n"
	  "`set NAME` and `set host` say which key may change when.\n",
	  .run = cmd_set,
	  .args = { { host_words, vm_offer_names },
		    { .names = set_offer_keys } } },
	{ "stats", "stats NAME", "a VM's exits, ticks, faults",
	  "Exits by reason and processor ticks since boot, memory events of\n"
	  "the VM, and what the guest's memory driver publishes.\n",
	  .run = cmd_stats, .args = { { .names = vm_offer_names } } },
	{ "top", "top [SECONDS [COUNT]]", "who uses the CPUs",
	  "Every second, or SECONDS, the share that the host, each VM and each\n"
	  "vCPU of an SMP guest had since the last time; 100 % is one CPU.\n"
	  "COUNT times, or (0) until Ctrl-C.\n",
	  .run = cmd_top },
	{ "vm",
	  "vm list\nvm info NAME\nvm start|stop|kill|pause|resume|reset NAME\n"
	  "vm start|stop|kill|pause|resume|reset all\n"
	  "vm stop NAME|all --wait [--timeout=S]\n"
	  "vm dump NAME [--vcpu=N] [[--phys] ADDRESS [LENGTH]]",
	  "list VMs, start and stop them",
	  "stop asks the guest to power off (--wait: and waits until it is, 60 s\n"
	  "or those of --timeout), kill ends it at once, reset is\n"
	  "the reset button. pause stops its CPUs until resume. WAIT shows\n"
	  "what a VM waits for; REASON why it is not running; CPU% is of one\n"
	  "CPU since the last look. dump shows the registers, code and stack\n"
	  "of a paused or crashed VM, or LENGTH bytes (128; at most 4096) of\n"
	  "memory at a guest-linear ADDRESS, as vCPU 0 or N sees it, or at a\n"
	  "guest-physical one.\n",
	  .run = cmd_vm,
	  .args = { { .words = vm_words }, { all_words, vm_offer_names } } },
};
const size_t nr_vm_cmds = ARRAY_SIZE(vm_cmds);
