/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hands C constants to nasm. A room that needs some has an asm_offsets.c with
 * one function full of ASM_DEFINE() and ASM_OFFSET(). It is compiled to
 * assembly only, never linked; the Makefile turns its markers into `NAME equ
 * value` lines in build/offsets.inc, which .asm files %include.
 */
#ifndef KERNEL_ASM_DEFINE_H
#define KERNEL_ASM_DEFINE_H

#include <stddef.h>

#define ASM_DEFINE(name, value)                                                \
	__asm__ volatile("\n.ascii \"@define " #name " %c0\"" : : "i"(value))
#define ASM_OFFSET(name, type, member) ASM_DEFINE(name, offsetof(type, member))

#endif
