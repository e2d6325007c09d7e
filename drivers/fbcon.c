// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Framebuffer text: a grid of characters in RAM, and which of them the screen
 * shows already. Device memory is only written, never read. Cells are 8x16
 * pixels: 5x7 dots, each two lines high.
 */
#include "drivers/fbcon.h"

#include "drivers/font5x7.h"
#include "kernel/lib/lib.h"

#define CELL_WIDTH  8u
#define CELL_HEIGHT 16u
#define COLS_MAX    240u
#define ROWS_MAX    120u
#define INK	    0x00c8c8c8u /* grey: the same in RGB and BGR */
#define PAPER	    0x00000000u

static volatile uint32_t *pixels;   /* NULL: no screen [const after init] */
static uint32_t stride, cols, rows; /* [const after init] */
static char *want, *shown;	    /* rows * cols each [one user] */
static uint32_t x, y;		    /* where the next character goes */
static uint32_t escape_number;
static bool in_escape; /* inside a terminal control sequence */

static uint32_t columns_of(const struct boot_fb *fb)
{
	return min(fb->width / CELL_WIDTH, COLS_MAX);
}

static uint32_t rows_of(const struct boot_fb *fb)
{
	return min(fb->height / CELL_HEIGHT, ROWS_MAX);
}

size_t fbcon_nbytes(const struct boot_fb *fb)
{
	uint64_t need = (uint64_t)fb->stride * fb->height * 4;

	if (fb->format == BOOT_PIXEL_NONE || fb->stride < fb->width ||
	    need > fb->nbytes)
		return 0;
	return 2ul * columns_of(fb) * rows_of(fb);
}

void fbcon_init(const struct boot_fb *fb, volatile uint32_t *va, char *cells)
{
	cols = columns_of(fb);
	rows = rows_of(fb);
	want = cells;
	memset(want, ' ', cols * rows);
	shown = want + cols * rows; /* zeros: nothing is shown yet */
	stride = fb->stride;
	pixels = va;
}

static void draw_cell(uint32_t col, uint32_t row, char c)
{
	const uint8_t *dots = NULL;
	volatile uint32_t *line = pixels +
				  (uint64_t)row * CELL_HEIGHT * stride +
				  (uint64_t)col * CELL_WIDTH;

	if (c >= FONT_FIRST && c <= FONT_LAST)
		dots = font5x7[c - FONT_FIRST];
	for (uint32_t i = 0; i < CELL_HEIGHT; i++, line += stride) {
		uint32_t bits = dots && i >= 1 && i < 1 + 2 * FONT_ROWS
					? (uint32_t)dots[(i - 1) / 2] << 2
					: 0;

		for (uint32_t b = 0; b < CELL_WIDTH; b++)
			line[b] = bits & 0x80u >> b ? INK : PAPER;
	}
}

void fbcon_flush(void)
{
	if (!pixels)
		return;
	for (uint32_t i = 0; i < cols * rows; i++) {
		if (want[i] == shown[i])
			continue;
		shown[i] = want[i];
		draw_cell(i % cols, i / cols, want[i]);
	}
}

static void new_line(void)
{
	x = 0;
	if (y + 1 < rows) {
		y++;
		return;
	}
	memmove(want, want + cols, cols * (rows - 1));
	memset(want + cols * (rows - 1), ' ', cols);
}

/* The end of ESC [ number letter: the few that the line editor uses. */
static void obey_escape(char letter, uint32_t n)
{
	if (letter == 'K')
		memset(want + y * cols + x, ' ', cols - x);
	else if (letter == 'J')
		memset(want, ' ', cols * rows);
	else if (letter == 'H')
		x = y = 0;
	else if (letter == 'C')
		x = min(x + n, cols - 1);
	else if (letter == 'D')
		x -= min(x, n);
}

/* One character inside a control sequence; false: it was the last one. */
static bool escape_goes_on(char c)
{
	if (c == '[' || c == ';')
		return true;
	if (c >= '0' && c <= '9') {
		escape_number =
			min(escape_number * 10 + (uint32_t)(c - '0'), COLS_MAX);
		return true;
	}
	obey_escape(c, escape_number);
	escape_number = 0;
	return false;
}

static void put(char c)
{
	if (in_escape)
		in_escape = escape_goes_on(c);
	else if (c == '\033')
		in_escape = true;
	else if (c == '\n')
		new_line();
	else if (c == '\r')
		x = 0;
	else if (c == '\b')
		x -= x > 0;
	else if (c >= FONT_FIRST && c <= FONT_LAST) {
		if (x == cols)
			new_line();
		want[y * cols + x++] = c;
	}
}

void fbcon_write(const char *s, size_t n)
{
	for (size_t i = 0; pixels && i < n; i++)
		put(s[i]);
}
