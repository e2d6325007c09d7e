# SPDX-License-Identifier: GPL-2.0-or-later
# Builds everything into build/. `make help` lists the targets.
#
# Rooms may add their own products: a build.mk in one of the folders below is
# included here and appends to ALL.

B := build
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

# A line for each step; V=1 shows the commands instead, -s neither.
silent = $(findstring s,$(firstword -$(MAKEFLAGS)))
step = $(if $(V),,@$(if $(silent),,printf '  %-6s %s\n' $(1) $@ &&))

ROOMS := kernel kernel/lib kernel/sync kernel/cpu kernel/sched kernel/console \
	kernel/config mm vmx vmx/devices vmx/admin drivers
SRC_C := $(filter-out %/asm_offsets.c,$(foreach r,$(ROOMS),$(wildcard $(r)/*.c)))
SRC_A := $(foreach r,$(ROOMS),$(wildcard $(r)/*.asm))
OBJ   := $(SRC_C:%=$(B)/obj/%.o) $(SRC_A:%=$(B)/obj/%.o)
OFFS  := $(wildcard kernel/cpu/asm_offsets.c vmx/asm_offsets.c)

WARN := -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes -Wundef -Wvla
CFLAGS := -std=gnu11 -ffreestanding -mno-red-zone -mgeneral-regs-only -O2 -g \
	$(WARN) -mcmodel=kernel -fno-pic -fno-pie -fno-stack-protector \
	-fno-omit-frame-pointer -momit-leaf-frame-pointer \
	-fno-asynchronous-unwind-tables -fcf-protection=none -fno-common \
	-I. -I$(B)/gen
LDFLAGS := -nostdlib -static -no-pie -z max-page-size=4096 -z noexecstack \
	--build-id=none --no-warn-rwx-segments -T linker.ld

# A thread's stack is 16 KiB, and nothing checks its depth at run time.
$(B)/obj/%.o: CFLAGS += -Wframe-larger-than=2048
$(B)/obj/mm/%.o $(B)/obj/vmx/%.o: CFLAGS += -Wconversion

ALL :=
ELF := $(if $(wildcard kernel/main.c),$(B)/aerostat.elf)
ALL += $(OBJ) $(ELF)
-include $(wildcard boot/build.mk vmx/build.mk guest-stubs/linux/build.mk \
	guest-stubs/micro/build.mk tests/bench/build.mk)

.PHONY: all unit docs lint image run test test-long bench deps help clean FORCE
.DEFAULT_GOAL := all
all: $(ALL)

# ---- generated headers -------------------------------------------------

$(B)/gen/version.h: FORCE
	@kernel/version.sh $@

# Constants of C for nasm; see kernel/lib/asm_define.h.
$(B)/obj/%/asm_offsets.s: %/asm_offsets.c | $(B)/gen/version.h
	@mkdir -p $(@D)
	$(call step,CC) $(CC) $(CFLAGS) -MMD -MF $(@:.s=.d) -MT $@ -S -o $@ $<

$(B)/offsets.inc: $(OFFS:%.c=$(B)/obj/%.s)
	@mkdir -p $(@D)
	@echo '; Generated from asm_offsets.c' >$@
	@cat /dev/null $^ | sed -n \
		's/.*@define \([A-Za-z0-9_]*\) \$$*\(-*[0-9]*\).*/\1 equ \2/p' >>$@

# ---- the hypervisor ----------------------------------------------------

$(B)/obj/%.c.o: %.c | $(B)/gen/version.h
	@mkdir -p $(@D)
	$(call step,CC) $(CC) $(CFLAGS) -MMD -MF $(@:.o=.d) -c -o $@ $<

$(B)/obj/%.asm.o: %.asm $(B)/offsets.inc
	@mkdir -p $(@D)
	$(call step,ASM) nasm -f elf64 -g -F dwarf -Werror -I$(B)/ -I./ -MD $(@:.o=.d) -o $@ $<

# Two passes: the first link tells the addresses of functions, the second
# adds the table of their names. It must not have moved them.
$(B)/syms0.c: kernel/mksyms.py
	@mkdir -p $(@D)
	$(call step,GEN) kernel/mksyms.py $@

$(B)/symbols.c: $(B)/pass1.elf kernel/mksyms.py
	@nm -n $< >$(B)/pass1.nm
	$(call step,GEN) kernel/mksyms.py $@ $(B)/pass1.nm

$(B)/syms0.o $(B)/symbols.o: %.o: %.c kernel/cpu/symbols.h
	$(call step,CC) $(CC) $(CFLAGS) -c -o $@ $<

$(B)/pass1.elf: $(OBJ) $(B)/syms0.o linker.ld
	$(call step,LD) $(LD) $(LDFLAGS) -o $@ $(OBJ) $(B)/syms0.o

$(B)/aerostat.elf: $(OBJ) $(B)/symbols.o linker.ld
	$(call step,LD) $(LD) $(LDFLAGS) -Map $(B)/aerostat.map -o $@ $(OBJ) $(B)/symbols.o
	@nm -n $@ | grep -i ' t ' >$(B)/pass2.txt
	@grep -i ' t ' $(B)/pass1.nm | cmp - $(B)/pass2.txt

# A header that is gone: what named it is compiled again.
%.h: ;

-include $(shell find $(B)/obj $(B)/unit $(B)/tsan -name '*.d' 2>/dev/null)

# ---- host tests --------------------------------------------------------
#
# tests/unit/test_X.c names the product files that it tests in a line
# ` * Sources: mm/frame.c mm/heap.c` of its opening comment. Fakes are an
# archive: one is linked only where nothing real answers.

UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_CFLAGS := -std=gnu11 -O1 -g -DDEBUG=1 $(WARN) -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer \
	-Itests/unit/fakes -Itests/unit -I. -I$(B)/gen
UNIT_FAKES := $(patsubst %,$(B)/unit/obj/%.o,$(wildcard tests/unit/fakes/*.c))
unit_sources = $(shell sed -n 's/^ \* Sources: *//p' tests/unit/$(1).c)

$(B)/unit/obj/%.c.o: %.c | $(B)/gen/version.h
	@mkdir -p $(@D)
	$(call step,CC) $(CC) $(UNIT_CFLAGS) -MMD -MF $(@:.o=.d) -c -o $@ $<

$(B)/unit/fakes.a: $(UNIT_FAKES)
	@mkdir -p $(@D)
	@rm -f $@
	$(call step,AR) $(AR) rcs $@ $^

define unit_rule
$(B)/unit/$(1): $(B)/unit/obj/tests/unit/$(1).c.o \
		$(patsubst %,$(B)/unit/obj/%.o,$(call unit_sources,$(1))) \
		$(B)/unit/fakes.a
	$$(call step,LD) $$(CC) $$(UNIT_CFLAGS) -o $$@ $$^ -lcmocka
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

# The same with real threads under ThreadSanitizer: tests/tsan/test_X.c.
# tests/tsan/once.h makes READ_ONCE() and WRITE_ONCE() what they mean.

TSAN := $(patsubst tests/tsan/%.c,%,$(wildcard tests/tsan/test_*.c))
TSAN_CFLAGS := -std=gnu11 -O1 -g -DDEBUG=1 $(WARN) -fsanitize=thread \
	-Wno-tsan -fno-omit-frame-pointer -pthread -include tests/tsan/once.h \
	-Itests/tsan -Itests/unit/fakes -Itests/unit -I. -I$(B)/gen
TSAN_FAKES := $(patsubst %,$(B)/tsan/obj/%.o,$(wildcard tests/unit/fakes/*.c) \
	$(filter-out tests/tsan/test_%,$(wildcard tests/tsan/*.c)))
tsan_sources = $(shell sed -n 's/^ \* Sources: *//p' tests/tsan/$(1).c)

$(B)/tsan/obj/%.c.o: %.c tests/tsan/once.h | $(B)/gen/version.h
	@mkdir -p $(@D)
	$(call step,CC) $(CC) $(TSAN_CFLAGS) -MMD -MF $(@:.o=.d) -c -o $@ $<

$(B)/tsan/fakes.a: $(TSAN_FAKES)
	@mkdir -p $(@D)
	@rm -f $@
	$(call step,AR) $(AR) rcs $@ $^

define tsan_rule
$(B)/tsan/$(1): $(B)/tsan/obj/tests/tsan/$(1).c.o \
		$(patsubst %,$(B)/tsan/obj/%.o,$(call tsan_sources,$(1))) \
		$(B)/tsan/fakes.a
	$$(call step,LD) $$(CC) $$(TSAN_CFLAGS) -o $$@ $$^ -lcmocka
endef
$(foreach t,$(TSAN),$(eval $(call tsan_rule,$(t))))

HOST_TESTS := $(UNIT:%=$(B)/unit/%) $(TSAN:%=$(B)/tsan/%)
.PHONY: host-tests
host-tests: $(HOST_TESTS)

unit: host-tests
	@tests/run.py unit

# What docs/ say of configuration keys comes from the parser's own table.
docs: $(B)/unit/test_config
	@$< --write-reference

# ---- checks, runs ------------------------------------------------------

lint: $(OBJ)
	@tests/lint.py

test: deps
	@tests/run.py all $(if $(T),--only '$(T)')

test-long: deps
	@tests/run.py long

# For a make that a target starts, unless you said how many jobs there are.
all_cpus = $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc))

image: deps
	@$(MAKE) --no-print-directory $(all_cpus) $(B)/aerostat.img

run: image
	@boot/run.py $(B)/aerostat.img

bench: deps
	@$(MAKE) --no-print-directory $(all_cpus) all
	@tests/bench/run.py

# The Debian packages that building, running and testing need.
PACKAGES := build-essential nasm gnu-efi gdisk mtools dosfstools cpio \
	bochs bochs-term bochsbios vgabios ovmf qemu-system-x86 \
	libcmocka-dev python3 python3-pytest \
	busybox-static kmod bc libelf1 \
	memtester acpica-tools clang-format clang-tidy cppcheck git

deps:
	@boot/deps.sh $(PACKAGES)

help:
	@sed -n 's/^#: //p' Makefile

#: make            build everything into build/
#: make run        boot Aerostat with two Linux guests in this terminal;
#:                 Ctrl-] leaves
#: make image      build/aerostat.img: a disk image that boots from a USB stick
#: make test       everything: build, lint, host tests, emulator scenarios
#: make test T=X   one host test, one scenario (as pytest -k), or lint
#: make test-long  scenarios that take many minutes each
#: make unit       host tests
#: make lint       formatting, static checks, each header alone
#: make docs       write the reference of configuration keys into docs/
#: make bench      measure against KVM; writes build/bench.json
#: make deps       install the Debian packages needed
#: make clean      remove build/

clean:
	rm -rf $(B)
