; SPDX-License-Identifier: GPL-2.0-or-later
;
; The guest of kvm/ops.c: flat 32-bit protected mode, no paging, one question
; after the other. Loaded and entered at LOAD. Each answer is the number of
; ticks that a whole loop took, a u64 at RESULTS, in the order of
; enum answer in ops.c. A byte written to PORT_HOST asks the host for what
; can't be measured from in here.

	bits 32

LOAD		equ 0x1000
RESULTS		equ 0x8000
TOUCH_BASE	equ 0x1000000	; 16 MiB, a 2 MiB boundary
TOUCH_PAGES	equ 4096	; 16 MiB
ROUNDS		equ 1000
PORT_IGNORED	equ 0x80
PORT_HOST	equ 0x81
PORT_END	equ 0x82
PORT_PIC_MASK	equ 0x21
XAPIC_EOI	equ 0xfee000b0

	org LOAD

; Both clobber eax and edx; edi points to the answer being made.
%macro START 0
	lfence
	rdtsc
	mov [edi], eax
	mov [edi + 4], edx
%endmacro

%macro STOP 0
	lfence
	rdtsc
	sub eax, [edi]
	sbb edx, [edi + 4]
	mov [edi], eax
	mov [edi + 4], edx
	add edi, 8
%endmacro

%macro TOUCH 0
	mov ecx, TOUCH_PAGES
	mov ebp, TOUCH_BASE
	START
%%next:	mov dword [ebp], 1
	add ebp, 4096
	dec ecx
	jnz %%next
	STOP
%endmacro

	mov edi, RESULTS

	mov esi, ROUNDS		; empty loop, to subtract
	START
.empty:	dec esi
	jnz .empty
	STOP

	mov esi, ROUNDS		; hypercall that KVM doesn't know: -ENOSYS
	START
.call:	mov eax, 0x1000
	vmcall
	dec esi
	jnz .call
	STOP

	mov esi, ROUNDS
	START
.cpuid:	xor eax, eax
	xor ecx, ecx
	cpuid
	dec esi
	jnz .cpuid
	STOP

	mov esi, ROUNDS		; exit that the user-space VMM handles
	START
.port:	out PORT_IGNORED, al
	dec esi
	jnz .port
	STOP

	mov esi, ROUNDS		; exit that the kernel's 8259 answers
	START
.pic:	in al, PORT_PIC_MASK
	dec esi
	jnz .pic
	STOP

	mov esi, ROUNDS		; end of interrupt, by memory
	START
.eoi:	mov dword [XAPIC_EOI], 0
	dec esi
	jnz .eoi
	STOP

	TOUCH			; first touch
	TOUCH			; already there: what the loop itself costs
	out PORT_HOST, al	; the host takes the pages back
	TOUCH			; touch again
	out PORT_END, al
	hlt
