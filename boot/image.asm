; SPDX-License-Identifier: GPL-2.0-or-later
; The hypervisor, whole, inside the loader.

section .data
global embedded_elf, embedded_elf_end
align 16
embedded_elf:
	incbin KERNEL_ELF
embedded_elf_end:

section .note.GNU-stack noalloc noexec nowrite progbits
