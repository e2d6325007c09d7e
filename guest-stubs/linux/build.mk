# SPDX-License-Identifier: GPL-2.0-or-later
# Linux guests: the module (where kernel headers are installed) and two
# initramfs archives: the usual one, and one with memtester for the tests.

GUEST := $(B)/guest
LINUX_HEADERS := $(lastword $(shell ls -dv \
	/usr/src/linux-headers-*-cloud-amd64 2>/dev/null))
MODULE_SRC := $(wildcard guest-stubs/linux/*.[ch] guest-stubs/linux/Kbuild)
MODULE := $(if $(and $(LINUX_HEADERS),$(MODULE_SRC)),$(GUEST)/aerostat.ko)
INITRAMFS_SRC := guest-stubs/linux/mkinitramfs.py \
	$(shell find guest-stubs/linux/rootfs -type f)

ALL += $(MODULE) $(GUEST)/initramfs.img $(GUEST)/initramfs-test.img

# Kbuild wants its sources where its products go.
$(GUEST)/aerostat.ko: $(MODULE_SRC) guest-stubs/abi.h
	@mkdir -p $(GUEST)/module
	@cp $^ $(GUEST)/module/
	@env -u MAKEFLAGS -u MFLAGS $(MAKE) -s -C $(LINUX_HEADERS) \
		M=$(abspath $(GUEST)/module) modules
	@cp $(GUEST)/module/aerostat.ko $@

$(GUEST)/initramfs.img: $(INITRAMFS_SRC) $(MODULE)
	guest-stubs/linux/mkinitramfs.py $@ $(MODULE:%=--module %)

$(GUEST)/initramfs-test.img: $(INITRAMFS_SRC) $(MODULE) \
		guest-stubs/linux/verify.sh
	guest-stubs/linux/mkinitramfs.py $@ $(MODULE:%=--module %) \
		--program /usr/sbin/memtester \
		--file guest-stubs/linux/verify.sh=/bin/verify
