# SPDX-License-Identifier: GPL-2.0-or-later
# The UEFI loader with the hypervisor inside: build/BOOTX64.EFI.
# It links some of kernel/lib, compiled once more in firmware's code model.

EFI_PURE := kernel/lib/acpi_walk.c kernel/lib/calendar.c kernel/lib/conf.c \
	kernel/lib/lib.c kernel/lib/memmap.c kernel/lib/printf.c kernel/lib/string.c
EFI_OBJ  := $(patsubst %,$(B)/efi/%.o,$(wildcard boot/*.c) $(EFI_PURE)) \
	$(B)/efi/boot/image.asm.o
EFI_CFLAGS := -std=gnu11 -ffreestanding -mno-red-zone -mgeneral-regs-only -O2 \
	-g $(WARN) -fpic -fshort-wchar -fno-stack-protector -fno-common \
	-fno-asynchronous-unwind-tables -fcf-protection=none \
	-fvisibility=hidden -DGNU_EFI_USE_MS_ABI -I. -I$(B)/gen \
	-isystem /usr/include/efi -isystem /usr/include/efi/x86_64

$(B)/efi/%.c.o: %.c | $(B)/gen/version.h
	@mkdir -p $(@D)
	$(call step,CC) $(CC) $(EFI_CFLAGS) -MMD -MF $(@:.o=.d) -c -o $@ $<

$(B)/efi/aerostat.elf: $(B)/aerostat.elf
	@mkdir -p $(@D)
	$(call step,STRIP) objcopy --strip-all $< $@

$(B)/efi/boot/image.asm.o: boot/image.asm $(B)/efi/aerostat.elf
	@mkdir -p $(@D)
	$(call step,ASM) nasm -f elf64 -DKERNEL_ELF='"$(B)/efi/aerostat.elf"' -o $@ $<

$(B)/efi/loader.so: $(EFI_OBJ)
	$(call step,LD) $(LD) -nostdlib -shared -Bsymbolic -znocombreloc -znoexecstack \
		--no-undefined --no-warn-rwx-segments \
		-T /usr/lib/elf_x86_64_efi.lds -o $@ \
		/usr/lib/crt0-efi-x86_64.o $^ /usr/lib/libgnuefi.a

$(B)/BOOTX64.EFI: $(B)/efi/loader.so
	$(call step,EFI) objcopy -j .text -j .sdata -j .data -j .dynamic -j .dynsym -j .rel \
		-j .rela -j .rel.* -j .rela.* -j .reloc \
		--target efi-app-x86_64 --subsystem=10 $< $@

ALL += $(if $(ELF),$(B)/BOOTX64.EFI)
-include $(wildcard $(B)/efi/*/*.d $(B)/efi/*/*/*.d)

# ---- the disk image ----------------------------------------------------
#
# With room for kernels and initrds of the user's own.

IMAGE_DIR := $(B)/image
ALL += $(if $(ELF),$(B)/aerostat.img)

$(B)/aerostat.img: boot/mkimage.py boot/aerostat.conf $(B)/BOOTX64.EFI \
		$(B)/guest/initramfs.img $(B)/guest/vmlinuz
	@rm -rf $(IMAGE_DIR) && mkdir -p $(IMAGE_DIR)/aerostat
	@cp boot/aerostat.conf $(B)/guest/initramfs.img $(B)/guest/vmlinuz \
		$(IMAGE_DIR)/aerostat/
	$(call step,IMAGE) boot/mkimage.py $@ $(IMAGE_DIR) --free 64
