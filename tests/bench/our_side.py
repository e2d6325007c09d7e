# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operations cost on Aerostat in the same emulated machine."""

# Each scenario boots the machine once: (names that it answers, function of
# the build folder that returns {name: {"ours", "exits", "zeroing"}}).
SCENARIOS = []


def measure(names, build, echo=None):
    """{name: {"ours": value, "exits": n, "zeroing": ticks}}."""
    found = {}
    for answers, scenario in SCENARIOS:
        if set(answers) & set(names):
            found.update(scenario(build, echo))
    return {name: found[name] for name in names if name in found}
