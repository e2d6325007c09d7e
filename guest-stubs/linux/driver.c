// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Aerostat's memory device, as a Linux PCI driver: its interrupt, its shared
 * page and its events. Nothing runs while nothing changes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/processor.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/reboot.h>

#include "aerostat.h"

#define BAR	     0
#define NEEDED	     (AEROSTAT_F_HYPERCALL | AEROSTAT_F_BALLOON)
#define CPUID_LEAVES (AEROSTAT_CPUID_FEATURES - AEROSTAT_CPUID_BASE)

/* Bits of aerostat.events. */
enum { NEW_TARGET, POWER_OFF };

static irqreturn_t on_interrupt(int irq, void *arg)
{
	struct aerostat *a = arg;
	u32 events = xchg(&a->page->events, 0);

	if (!events)
		return IRQ_NONE; /* a line shared with another device */
	/* INTA stays up until the hypervisor has been asked. */
	if (!a->has_msi)
		aerostat_call(AEROSTAT_HC_MEM_TARGET, 0, 0);
	if (events & AEROSTAT_EV_TARGET)
		set_bit(NEW_TARGET, &a->events);
	if (events & AEROSTAT_EV_SHUTDOWN)
		set_bit(POWER_OFF, &a->events);
	queue_work(system_freezable_wq, &a->event_work);
	return IRQ_HANDLED;
}

static void on_event(struct work_struct *work)
{
	struct aerostat *a = container_of(work, struct aerostat, event_work);

	if (test_and_clear_bit(POWER_OFF, &a->events)) {
		dev_info(&a->pdev->dev, "the hypervisor asks to power off\n");
		orderly_poweroff(true);
	}
	/*
	 * A new target is worth a try at once, whatever came before; its end
	 * publishes. Otherwise somebody asked for statistics.
	 */
	if (test_and_clear_bit(NEW_TARGET, &a->events))
		mod_delayed_work(system_freezable_wq, &a->resize_work, 0);
	else
		stats_publish(a);
}

static void on_resize(struct work_struct *work)
{
	struct aerostat *a = container_of(to_delayed_work(work),
					  struct aerostat, resize_work);
	unsigned int wait = balloon_follow_target(a);

	stats_publish(a);
	if (wait)
		queue_delayed_work(system_freezable_wq, &a->resize_work,
				   wait * HZ);
}

static int interrupt_create(struct aerostat *a)
{
	int err = pci_alloc_irq_vectors(a->pdev, 1, 1,
					PCI_IRQ_MSI | PCI_IRQ_LEGACY);

	if (err < 0)
		return err;
	a->has_msi = a->pdev->msi_enabled;
	err = request_irq(pci_irq_vector(a->pdev, 0), on_interrupt,
			  a->has_msi ? 0 : IRQF_SHARED, KBUILD_MODNAME, a);
	if (err)
		pci_free_irq_vectors(a->pdev);
	return err;
}

static void interrupt_destroy(struct aerostat *a)
{
	free_irq(pci_irq_vector(a->pdev, 0), a);
	pci_free_irq_vectors(a->pdev);
}

/* The BAR is memory of the hypervisor, not registers: cache it. */
static int page_map(struct aerostat *a)
{
	int err = pcim_enable_device(a->pdev);

	if (err)
		return err;
	err = pci_request_region(a->pdev, BAR, KBUILD_MODNAME);
	if (err)
		return err;
	a->page = devm_memremap(&a->pdev->dev, pci_resource_start(a->pdev, BAR),
				sizeof(*a->page), MEMREMAP_WB);
	if (IS_ERR(a->page))
		return PTR_ERR(a->page);
	pci_set_master(a->pdev);
	return 0;
}

static int aerostat_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct aerostat *a = devm_kzalloc(&pdev->dev, sizeof(*a), GFP_KERNEL);
	int err;

	if (!a)
		return -ENOMEM;
	a->pdev = pdev;
	pci_set_drvdata(pdev, a);
	INIT_WORK(&a->event_work, on_event);
	INIT_DELAYED_WORK(&a->resize_work, on_resize);
	err = page_map(a);
	if (err)
		return dev_err_probe(&pdev->dev, err, "shared page\n");
	a->page->guest_abi = AEROSTAT_ABI_VERSION;
	err = balloon_create(a);
	if (err)
		return dev_err_probe(&pdev->dev, err, "balloon\n");
	err = interrupt_create(a);
	if (err)
		goto destroy_balloon;
	err = aerostat_call(AEROSTAT_HC_MEM_SETUP, AEROSTAT_ABI_VERSION, 0);
	if (err)
		goto destroy_interrupt;
	/* The target may have changed before anybody could be told. */
	queue_delayed_work(system_freezable_wq, &a->resize_work, 0);
	dev_info(&pdev->dev, "ABI %u, %llu MiB\n", a->page->version,
		 a->page->size_pages >> (20 - PAGE_SHIFT));
	return 0;

destroy_interrupt:
	interrupt_destroy(a);
destroy_balloon:
	balloon_destroy(a);
	return err;
}

static void aerostat_remove(struct pci_dev *pdev)
{
	struct aerostat *a = pci_get_drvdata(pdev);

	interrupt_destroy(a);
	cancel_work_sync(&a->event_work);
	cancel_delayed_work_sync(&a->resize_work);
	balloon_destroy(a);
	/* The notifier could have queued it until a moment ago. */
	cancel_delayed_work_sync(&a->resize_work);
	aerostat_call(AEROSTAT_HC_MEM_SETUP, 0, 0);
}

static const struct pci_device_id aerostat_ids[] = {
	{ PCI_DEVICE(AEROSTAT_PCI_VENDOR, AEROSTAT_PCI_DEVICE) }, {}
};
MODULE_DEVICE_TABLE(pci, aerostat_ids);

static struct pci_driver aerostat_driver = {
	.name = KBUILD_MODNAME,
	.id_table = aerostat_ids,
	.probe = aerostat_probe,
	.remove = aerostat_remove,
	.dev_groups = aerostat_groups,
};

static int __init aerostat_init(void)
{
	u32 base = hypervisor_cpuid_base("AerostatVMM\0", CPUID_LEAVES);
	u32 version, features, ecx, edx;

	if (!base) {
		pr_err("this machine does not run on Aerostat\n");
		return -ENODEV;
	}
	cpuid(base + CPUID_LEAVES, &version, &features, &ecx, &edx);
	if ((features & NEEDED) != NEEDED) {
		pr_err("hypervisor (ABI %u, features %#x) has no balloon\n",
		       version, features);
		return -ENODEV;
	}
	return pci_register_driver(&aerostat_driver);
}
module_init(aerostat_init);

static void __exit aerostat_exit(void)
{
	pci_unregister_driver(&aerostat_driver);
}
module_exit(aerostat_exit);

MODULE_DESCRIPTION("Aerostat guest memory: balloon and statistics");
MODULE_LICENSE("GPL");
