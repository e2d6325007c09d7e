; SPDX-License-Identifier: GPL-2.0-or-later
;
; Start of a micro guest: Multiboot 1 header, from 32-bit protected mode to
; 64-bit mode with 4 GiB identity-mapped (user access allowed, for the ring 3
; questions), interrupt stubs, and the two ways to run code that may not
; return normally.

	bits 32

MAGIC		equ 0x1badb002
FLAGS		equ 3			; page-aligned modules, memory info
KERNEL_CS	equ 0x08
KERNEL_DS	equ 0x10
USER_DS		equ 0x1b
USER_CS		equ 0x23
TSS_SELECTOR	equ 0x28
MAX_APS		equ 63			; RT_MAX_CPUS - 1
PRESENT_ALL	equ 7			; present, writable, user
LARGE		equ 0x80

; From real or protected mode; a far jump to a 64-bit segment has to follow.
%macro enter_long_mode 0
	mov eax, cr4
	or eax, 1 << 5			; PAE
	mov cr4, eax
	mov eax, pml4
	mov cr3, eax
	mov ecx, 0xc0000080		; IA32_EFER
	rdmsr
	or eax, 1 << 8			; LME
	wrmsr
	mov eax, cr0
	or eax, 0x80000001		; PG, PE
	mov cr0, eax
%endmacro

	section .multiboot align=4
	dd MAGIC, FLAGS, -(MAGIC + FLAGS)

	section .text
	global _start
; in: eax = 0x2badb002, ebx = Multiboot information; flat segments, no paging
_start:
	cli
	cld
	mov [rt_boot_magic], eax
	mov [rt_boot_info], ebx
	lgdt [gdt_pointer]
	mov edi, page_directories
	mov eax, LARGE | PRESENT_ALL
	mov ecx, 4 * 512
.fill:	mov [edi], eax
	add eax, 1 << 21
	add edi, 8
	dec ecx
	jnz .fill
	mov dword [pml4], pdpt + PRESENT_ALL
%assign i 0
%rep 4
	mov dword [pdpt + i * 8], page_directories + i * 4096 + PRESENT_ALL
%assign i i + 1
%endrep
	enter_long_mode
	jmp KERNEL_CS:start64

	bits 64
start64:
	mov eax, KERNEL_DS
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	mov rsp, stack_top
	call rt_main			; does not return
	ud2

; What an AP runs first, copied to a page below 1 MiB: from real mode straight
; to 64-bit mode, with the tables that the first CPU has made.
	global rt_ap_code, rt_ap_code_end
	bits 16
rt_ap_code:
	cli
	o32 lgdt [cs:.gdt - rt_ap_code]
	enter_long_mode
	jmp dword KERNEL_CS:ap64
.gdt:	dw gdt_pointer - rt_gdt - 1
	dd rt_gdt
rt_ap_code_end:

	bits 64
ap64:
	mov eax, KERNEL_DS
	mov ds, eax
	mov es, eax
	mov ss, eax
	mov edi, 1
	lock xadd [rt_ap_count], edi	; edi = the AP's number, from 0
	mov esp, edi
	shl esp, 12
	add esp, ap_stacks + 4096
	call rt_ap_main			; does not return
	ud2

	global rt_load_tss
; void rt_load_tss(void): the TSS descriptor in rt_gdt is filled in
rt_load_tss:
	mov eax, TSS_SELECTOR
	ltr ax
	ret

%macro save_callee 0
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
%endmacro

%macro restore_callee 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
%endmacro

	global rt_try, rt_try_resume
; int rt_try(void (*fn)(void *), void *arg)
;   out: eax = -1 if fn returned, else the vector of the exception it took
rt_try:
	save_callee
	mov [rt_try_rsp], rsp
	mov rax, rdi
	mov rdi, rsi
	call rax
	mov eax, -1
	jmp try_out
rt_try_resume:				; from rt_trap(), rsp = rt_try_rsp
	mov eax, [rt_fault]
try_out:
	mov qword [rt_try_rsp], 0
	restore_callee
	ret

	global rt_ring3, rt_ring3_resume
; long rt_ring3(long (*fn)(void *), void *arg): runs fn in ring 3
rt_ring3:
	save_callee
	mov [rt_ring3_rsp], rsp
	mov rax, rdi
	mov rdi, rsi
	push USER_DS
	push user_stack_top
	push 2				; RFLAGS: interrupts off
	push USER_CS
	push .user
	iretq
.user:	call rax
	int 0x80
rt_ring3_resume:			; from rt_trap(), rax = result
	restore_callee
	ret

; ---- interrupts: struct rt_frame in runtime.h is what `trap_common` pushes ----

%macro stub 1
stub_%1:
%if !(%1 == 8 || (%1 >= 10 && %1 <= 14) || %1 == 17 || %1 == 21)
	push 0				; no error code from the CPU
%endif
	push %1
	jmp trap_common
%endmacro

%assign v 0
%rep 256
	stub v
%assign v v + 1
%endrep

trap_common:
	push rax
	push rcx
	push rdx
	push rbx
	push rbp
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	mov rdi, rsp
	cld
	call rt_trap
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rbp
	pop rbx
	pop rdx
	pop rcx
	pop rax
	add rsp, 16
	iretq

	section .rodata
	global rt_stubs
rt_stubs:
%assign v 0
%rep 256
	dq stub_%+v
%assign v v + 1
%endrep

	section .data
	align 8
	global rt_gdt
rt_gdt:
	dq 0
	dq 0x00af9b000000ffff		; kernel code, 64 bits
	dq 0x00cf93000000ffff		; kernel data
	dq 0x00cff3000000ffff		; user data
	dq 0x00affb000000ffff		; user code, 64 bits
	dq 0, 0				; TSS
gdt_pointer:
	dw $ - rt_gdt - 1
	dq rt_gdt

	section .bss
	alignb 4096
pml4:			resb 4096
pdpt:			resb 4096
page_directories:	resb 4 * 4096
			resb 16384
stack_top:
			resb 4096
user_stack_top:
ap_stacks:		resb MAX_APS * 4096
	global rt_trap_stack_top
			resb 8192
rt_trap_stack_top:
	global rt_boot_magic, rt_boot_info, rt_try_rsp, rt_ring3_rsp
	global rt_ap_count
rt_ap_count:		resd 1
rt_boot_magic:		resd 1
rt_boot_info:		resd 1
rt_try_rsp:		resq 1
rt_ring3_rsp:		resq 1

	extern rt_main, rt_trap, rt_fault, rt_ap_main

	section .note.GNU-stack noalloc noexec nowrite progbits
