// SPDX-License-Identifier: GPL-2.0-or-later
/* The only object that changes with each commit. */
#include "kernel/lib/version_string.h"

#include "version.h"

const char version_string[] = "Aerostat " AEROSTAT_VERSION;
