; SPDX-License-Identifier: GPL-2.0-or-later
; The hypervisor, whole, inside the loader.

section .data
global embedded_elf, embedded_elf_nbytes
align 16
embedded_elf:
	incbin KERNEL_ELF
.end:

align 8
embedded_elf_nbytes:
	dq embedded_elf.end - embedded_elf

section .note.GNU-stack noalloc noexec nowrite progbits
