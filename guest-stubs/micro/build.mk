# SPDX-License-Identifier: GPL-2.0-or-later
# Micro guests: each guest_X.c becomes build/micro/X.elf, Multiboot 1. The code
# is 64-bit; the file is a 32-bit ELF, as the format wants.

MICRO := $(B)/micro
MICRO_NAMES := $(patsubst guest-stubs/micro/guest_%.c,%,\
	$(wildcard guest-stubs/micro/guest_*.c))
MICRO_CFLAGS := -std=gnu11 -ffreestanding -mno-red-zone -mgeneral-regs-only \
	-O2 -g $(WARN) -fno-pic -fno-pie -fno-stack-protector -fno-common \
	-fno-asynchronous-unwind-tables -fcf-protection=none -I.

ALL += $(MICRO_NAMES:%=$(MICRO)/%.elf)

$(MICRO)/obj/%.o: guest-stubs/micro/%.c
	@mkdir -p $(@D)
	$(call step,CC) $(CC) $(MICRO_CFLAGS) -MMD -c -o $@ $<

$(MICRO)/obj/entry.o: guest-stubs/micro/entry.asm
	@mkdir -p $(@D)
	$(call step,ASM) nasm -f elf64 -Werror -o $@ $<

$(MICRO)/%.elf: $(MICRO)/obj/guest_%.o $(MICRO)/obj/runtime.o \
		$(MICRO)/obj/vectors.o $(MICRO)/obj/entry.o \
		guest-stubs/micro/micro.ld
	$(call step,LD) $(LD) -nostdlib -static -no-pie -z noexecstack -z max-page-size=4096 \
		--no-warn-rwx-segments --build-id=none \
		-T guest-stubs/micro/micro.ld -o $(@:.elf=.elf64) \
		$(filter %.o,$^)
	@objcopy -g -O elf32-i386 $(@:.elf=.elf64) $@

.PRECIOUS: $(MICRO)/obj/%.o
-include $(wildcard $(MICRO)/obj/*.d)
