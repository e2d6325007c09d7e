// SPDX-License-Identifier: GPL-2.0-or-later
/* The arena that plays physical memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fakes.h"

uint8_t *fake_ram_base;

static void *arena;
static uint64_t arena_nbytes;

void fake_ram_create(uint64_t nbytes)
{
	const uint64_t gib = PAGES_1G << PAGE_SHIFT;

	fake_ram_destroy();
	arena_nbytes = round_up(nbytes, gib) + gib;
	arena = mmap(NULL, arena_nbytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED)
		abort();
	fake_ram_base = (uint8_t *)round_up((uint64_t)arena, gib);
}

void fake_ram_destroy(void)
{
	if (arena)
		munmap(arena, arena_nbytes);
	arena = NULL;
	fake_ram_base = NULL;
}
