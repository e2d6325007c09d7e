; SPDX-License-Identifier: GPL-2.0-or-later
; The first instructions of the hypervisor.
%include "offsets.inc"
bits 64

section .text.entry

extern kmain
global _start

; void _start(struct boot_info *info)
;   in:       rdi = direct-map address of the boot information
;   context:  64-bit mode on the loader's page tables, interrupts off
; Moves to the hypervisor's own stack: the loader's one will be freed.
_start:
	cli
	cld
	mov	rsp, boot_stack_top
	xor	ebp, ebp		; backtraces end here
	push	rbp
	push	rbp
	call	kmain
	ud2				; kmain does not return

section .bss

; The page below the boot stack is unmapped by hostpt_init.
global boot_stack_guard
global boot_stack_top
	alignb	4096
boot_stack_guard:
	resb	4096
boot_stack:
	resb	BOOT_STACK_NBYTES
boot_stack_top:
