/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VPIDs: one for every vCPU that can be configured, each once.
 *
 * Sources: vmx/vpid.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "fakes.h"
#include "kernel/lib/errno.h"
#include "vmx/vpid.h"

static void every_vcpu_has_its_own(void **state)
{
	static bool seen[VPID_MAX + 1];
	uint32_t id;

	(void)state;
	for (uint32_t i = 0; i < VPID_MAX; i++) {
		assert_int_equal(vpid_take(&id), 0);
		assert_in_range(id, 1, VPID_MAX);
		assert_false(seen[id]);
		seen[id] = true;
	}
	assert_int_equal(vpid_take(&id), -ENOSPC);
	vpid_give(VPID_MAX / 3);
	assert_int_equal(vpid_take(&id), 0);
	assert_int_equal(id, VPID_MAX / 3);
	assert_int_equal(vpid_take(&id), -ENOSPC);
	assert_int_equal(fake_locks_held(), 0);
}

static void giving_back_what_was_not_taken_is_a_bug(void **state)
{
	(void)state;
	expect_assert_failure(vpid_give(0));
	expect_assert_failure(vpid_give(VPID_MAX + 1));
	vpid_give(77);
	expect_assert_failure(vpid_give(77));
	fake_locks_drop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vcpu_has_its_own),
		cmocka_unit_test(giving_back_what_was_not_taken_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
