# SPDX-License-Identifier: GPL-2.0-or-later
# Linux guests: Debian's kernel (fetched and unpacked, never installed), the
# module, and two initramfs archives: the usual one, and one with memtester for
# the tests.

GUEST := $(B)/guest
DEBIAN := $(B)/debian
VMLINUZ := $(B)/guest/vmlinuz
MODULE_SRC := $(wildcard guest-stubs/linux/*.[ch] guest-stubs/linux/Kbuild)
MODULE := $(if $(MODULE_SRC),$(GUEST)/aerostat.ko)
INITRAMFS_SRC := guest-stubs/linux/mkinitramfs.py guest-stubs/linux/cpio.py \
	$(shell find guest-stubs/linux/rootfs -type f)

ALL += $(VMLINUZ) $(MODULE) $(GUEST)/initramfs.img $(GUEST)/initramfs-test.img

$(DEBIAN)/release: guest-stubs/linux/packages.sh
	@guest-stubs/linux/packages.sh $(DEBIAN)

$(VMLINUZ): $(DEBIAN)/release
	@mkdir -p $(@D)
	@cp $(DEBIAN)/boot/vmlinuz-$$(cat $<) $@

# Kbuild wants its sources where its products go.
$(GUEST)/aerostat.ko: $(MODULE_SRC) guest-stubs/abi.h $(DEBIAN)/release
	@mkdir -p $(GUEST)/module
	@cp $(MODULE_SRC) guest-stubs/abi.h $(GUEST)/module/
	$(call step,KBUILD) env -u MAKEFLAGS -u MFLAGS $(MAKE) -s -C \
		$(abspath $(DEBIAN))/usr/src/linux-headers-$$(cat $(DEBIAN)/release) \
		M=$(abspath $(GUEST)/module) CONFIG_DEBUG_INFO_BTF_MODULES= modules
	@cp $(GUEST)/module/aerostat.ko $@

$(GUEST)/initramfs.img: $(INITRAMFS_SRC) $(MODULE)
	$(call step,INITRD) guest-stubs/linux/mkinitramfs.py $@ $(MODULE:%=--module %)

$(GUEST)/initramfs-test.img: $(INITRAMFS_SRC) $(MODULE) \
		guest-stubs/linux/verify.sh
	$(call step,INITRD) guest-stubs/linux/mkinitramfs.py $@ $(MODULE:%=--module %) \
		--program /usr/sbin/memtester \
		--file guest-stubs/linux/verify.sh=/bin/verify
