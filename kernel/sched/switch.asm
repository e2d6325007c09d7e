; SPDX-License-Identifier: GPL-2.0-or-later
; Switching between the stacks of two threads.
bits 64

section .text

extern sched_thread_begin

; void context_switch(uint64_t *save_rsp, uint64_t load_rsp)
;   in:       rdi = where to store the old stack pointer, rsi = the new one
;   clobbers: caller-saved registers; the rest is the new thread's
;   context:  interrupts off, run queue locked
global context_switch
context_switch:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rdi], rsp
	mov	rsp, rsi
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret

; Where the first switch to a new thread returns to. Its stack is empty.
global thread_start
thread_start:
	xor	ebp, ebp		; backtraces end here
	push	rbp
	call	sched_thread_begin
	ud2				; does not return
