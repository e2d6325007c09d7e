/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KERNEL_VERSION_STRING_H
#define KERNEL_VERSION_STRING_H

extern const char version_string[]; /* "Aerostat 0.1.0 (git ...)" */

#endif
