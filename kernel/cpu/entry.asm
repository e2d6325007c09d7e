; SPDX-License-Identifier: GPL-2.0-or-later
; The first instructions of the hypervisor.
bits 64

section .text.entry

extern kmain
extern __boot_stack_top
global _start

; void _start(struct boot_info *info)
;   in:       rdi = direct-map address of the boot information
;   context:  64-bit mode on the loader's page tables, interrupts off
; Moves to the hypervisor's own stack: the loader's one will be freed.
_start:
	cli
	cld
	mov	rsp, __boot_stack_top
	xor	ebp, ebp		; backtraces end here
	push	rbp
	push	rbp
	call	kmain
	ud2				; kmain does not return
