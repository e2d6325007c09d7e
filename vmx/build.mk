# SPDX-License-Identifier: GPL-2.0-or-later
# The guests' DSDT: ASL, compiled into a C array.

$(B)/gen/dsdt_aml.h: vmx/dsdt.asl
	@mkdir -p $(@D)
	$(call step,IASL) iasl -vs -we -tc -p $(B)/gen/dsdt $< >$(B)/gen/dsdt.log || \
		{ cat $(B)/gen/dsdt.log; exit 1; }
	@sed 's/^unsigned char/static const unsigned char/' \
		$(B)/gen/dsdt.hex >$@

$(B)/obj/vmx/acpi_tables.c.o $(B)/unit/obj/vmx/acpi_tables.c.o: \
	$(B)/gen/dsdt_aml.h
