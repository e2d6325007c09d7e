; SPDX-License-Identifier: GPL-2.0-or-later
;
; VM entry and exit. Offsets of struct vcpu come from build/offsets.inc.
;
; int vmx_enter(struct vcpu *v)
;   in:       rdi = v; VMCS of v current
;   out:      eax = 0 after an exit for the slow path, -1 if entry failed
;   clobbers: caller-saved registers; guest x87/SSE state stays loaded
;   context:  interrupts off throughout
;
; Stack while in the guest (HOST_RSP): [rsp] = v, above it the callee-saved
; registers. The exit fast path runs on the same stack, 16-byte aligned.

%include "offsets.inc"

%define HOST_RSP_FIELD 0x6c14
%define SAVED_RBP (7 * 8)		; from HOST_RSP

bits 64
default rel
section .text

extern vmx_exit_fast
global vmx_enter
global vmx_exit_entry

%macro LOAD_GUEST 0
	mov	rax, [rdi + VCPU_RAX]
	mov	rcx, [rdi + VCPU_RCX]
	mov	rdx, [rdi + VCPU_RDX]
	mov	rbx, [rdi + VCPU_RBX]
	mov	rbp, [rdi + VCPU_RBP]
	mov	rsi, [rdi + VCPU_RSI]
	mov	r8,  [rdi + VCPU_R8]
	mov	r9,  [rdi + VCPU_R9]
	mov	r10, [rdi + VCPU_R10]
	mov	r11, [rdi + VCPU_R11]
	mov	r12, [rdi + VCPU_R12]
	mov	r13, [rdi + VCPU_R13]
	mov	r14, [rdi + VCPU_R14]
	mov	r15, [rdi + VCPU_R15]
	mov	rdi, [rdi + VCPU_RDI]
%endmacro

vmx_enter:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	sub	rsp, 8			; keeps [rsp] 16-byte aligned
	push	rdi
	mov	eax, HOST_RSP_FIELD
	vmwrite	rax, rsp
	cmp	qword [rdi + VCPU_LAUNCHED], 0
	LOAD_GUEST			; MOV leaves the flags alone
	jne	.resume
	vmlaunch
	jmp	.failed
.resume:
	vmresume
.failed:				; guest registers are still loaded
	mov	eax, -1
.out:
	add	rsp, 16
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

; Every VM exit arrives here with rsp = HOST_RSP and interrupts off. The
; callee-saved registers are emptied: C code would carry the guest's values
; along, where a gadget could use them, and a backtrace would begin at the
; guest's RBP. That one becomes the caller's of vmx_enter.
align 16
vmx_exit_entry:
	push	rdi
	mov	rdi, [rsp + 8]
	mov	[rdi + VCPU_RAX], rax
	mov	[rdi + VCPU_RCX], rcx
	mov	[rdi + VCPU_RDX], rdx
	mov	[rdi + VCPU_RBX], rbx
	mov	[rdi + VCPU_RBP], rbp
	mov	[rdi + VCPU_RSI], rsi
	mov	[rdi + VCPU_R8],  r8
	mov	[rdi + VCPU_R9],  r9
	mov	[rdi + VCPU_R10], r10
	mov	[rdi + VCPU_R11], r11
	mov	[rdi + VCPU_R12], r12
	mov	[rdi + VCPU_R13], r13
	mov	[rdi + VCPU_R14], r14
	mov	[rdi + VCPU_R15], r15
	pop	qword [rdi + VCPU_RDI]
	xor	ebx, ebx
	mov	rbp, [rsp + SAVED_RBP]
	xor	r12d, r12d
	xor	r13d, r13d
	xor	r14d, r14d
	xor	r15d, r15d
	call	vmx_exit_fast
	mov	rdi, [rsp]
	test	al, al
	jz	.slow
	LOAD_GUEST
	vmresume
	jmp	vmx_enter.failed
.slow:
	xor	eax, eax
	jmp	vmx_enter.out

section .note.GNU-stack noalloc noexec nowrite progbits
