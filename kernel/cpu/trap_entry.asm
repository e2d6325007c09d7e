; SPDX-License-Identifier: GPL-2.0-or-later
; Stubs of all 256 vectors. Each brings the stack to one shape, struct
; trap_frame, and calls trap_dispatch(frame). GS is never swapped: the host has
; no user mode, so the same path is good inside any context, NMI included.
bits 64

section .text

extern trap_dispatch
global trap_stubs

; Vectors for which the CPU pushes an error code.
%define HAS_ERROR(v) (v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)

%assign v 0
%rep 256
trap_stub_%+v:
%if !HAS_ERROR(v)
	push	qword 0
%endif
	push	qword v
	jmp	trap_common
%assign v v+1
%endrep

trap_common:
	push	rax
	push	rbx
	push	rcx
	push	rdx
	push	rsi
	push	rdi
	push	rbp
	push	r8
	push	r9
	push	r10
	push	r11
	push	r12
	push	r13
	push	r14
	push	r15
	cld
	mov	rdi, rsp
	; The CPU aligned the stack to 16 before its five quadwords; with our
	; seventeen that makes 22, so it is aligned at the call.
	call	trap_dispatch
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rbp
	pop	rdi
	pop	rsi
	pop	rdx
	pop	rcx
	pop	rbx
	pop	rax
	add	rsp, 16			; vector and error code
	iretq

; bool rdmsr_safe(uint32_t msr, uint64_t *value)
;   out: al = 1, or 0 if the instruction raised #GP
global rdmsr_safe
rdmsr_safe:
	mov	ecx, edi
rdmsr_insn:
	rdmsr
	shl	rdx, 32
	mov	eax, eax
	or	rax, rdx
	mov	[rsi], rax
	mov	eax, 1
	ret

; bool wrmsr_safe(uint32_t msr, uint64_t value)
global wrmsr_safe
wrmsr_safe:
	mov	ecx, edi
	mov	rax, rsi
	mov	rdx, rsi
	shr	rdx, 32
wrmsr_insn:
	wrmsr
	mov	eax, 1
	ret

msr_failed:
	xor	eax, eax
	ret

section .rodata

	align	8
trap_stubs:
%assign v 0
%rep 256
	dq	trap_stub_%+v
%assign v v+1
%endrep

; Instructions that may fault, and where to go on; others add theirs.
section .rodata.fixups alloc noexec nowrite align=8
	dq	rdmsr_insn, msr_failed
	dq	wrmsr_insn, msr_failed
