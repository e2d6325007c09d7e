; SPDX-License-Identifier: GPL-2.0-or-later
; What an AP executes first: copied to a page below 1 MiB, started there in
; real mode by the startup IPI, position independent.
;
; The last bytes of the page are a struct ap_start. The AP goes straight from
; real mode to 64-bit mode on the low root, which maps this page at its own
; address, then calls ap_start.entry(ap_start.cpu) on ap_start.stack_top. It
; does so only if it is the one that is asked: a late one must not share the
; stack of the next.
%include "offsets.inc"

%define AP_START (4096 - 40)
%define CR0_PG	 0x80000000
%define MSR_EFER 0xc0000080

section .rodata

global trampoline_start
global trampoline_end

	align	16
bits 16
trampoline_start:
	cli
	cld
	mov	ax, cs
	mov	ds, ax
	movzx	ebx, ax
	shl	ebx, 4			; ebx = physical address of the page

	; The GDT pointer and the far jump need physical addresses.
	lea	eax, [ebx + gdt - trampoline_start]
	mov	[gdt_ptr + 2 - trampoline_start], eax
	lea	eax, [ebx + long_mode - trampoline_start]
	mov	[far_ptr - trampoline_start], eax

	mov	eax, AP_CR4_BITS
	mov	cr4, eax
	mov	eax, [AP_START + AP_START_CR3]
	mov	cr3, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, EFER_BITS
	wrmsr
	o32 lgdt [gdt_ptr - trampoline_start]
	mov	eax, AP_CR0_BITS | CR0_PG
	mov	cr0, eax		; paging on: long mode is active
	jmp	dword far [far_ptr - trampoline_start]

bits 64
long_mode:
	mov	eax, KERNEL_DS
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	mov	ebx, ebx
	mov	eax, AP_ASKED
	mov	ecx, AP_CAME
	lock cmpxchg [rbx + AP_START + AP_START_STATE], rcx
	jne	.late
	mov	rsp, [rbx + AP_START + AP_START_STACK]
	mov	rdi, [rbx + AP_START + AP_START_CPU]
	xor	ebp, ebp
	push	rbp
	push	rbp
	call	[rbx + AP_START + AP_START_ENTRY]
	ud2
.late:
	cli
	hlt
	jmp	.late

	align	8
gdt:
	dq	0
	dq	0x00209b0000000000	; 64-bit code
	dq	0x0000930000000000	; data
gdt_ptr:
	dw	gdt_ptr - gdt - 1
	dd	0
far_ptr:
	dd	0
	dw	KERNEL_CS
trampoline_end:
