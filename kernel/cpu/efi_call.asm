; SPDX-License-Identifier: GPL-2.0-or-later
; Calling the firmware's runtime services, which use Microsoft's calling
; convention and their physical addresses.
bits 64

section .text

; void efi_reset_call(uint64_t fn, uint64_t type, uint64_t low_root)
;   in:       rdi = ResetSystem, rsi = EFI_RESET_TYPE, rdx = CR3 that maps the
;             firmware at its physical addresses, and this code
;   context:  interrupts off; does not return unless the firmware fails
global efi_reset_call
efi_reset_call:
	push	rbp
	mov	rbp, rsp
	push	rbx
	push	r12
	mov	r12, cr3
	mov	cr3, rdx
	and	rsp, -16
	sub	rsp, 32			; the callee's home space
	mov	rax, rdi
	mov	ecx, esi		; type
	xor	edx, edx		; status: success
	xor	r8d, r8d		; no data
	xor	r9d, r9d
	call	rax
	mov	cr3, r12
	lea	rsp, [rbp - 16]
	pop	r12
	pop	rbx
	pop	rbp
	ret
