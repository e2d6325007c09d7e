# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark's results as text: on the terminal and in docs/bench.md."""

BEGIN = "<!-- figures: written by `make bench`, not by hand -->"
END = "<!-- end of figures -->"


def shown(value):
    """A figure as people read it."""
    if value is None:
        return "-"
    if value >= 1e8:
        return f"{value / 1e9:.3f} G"
    return f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def verdict(entry):
    if entry["missing"]:
        return "MISSING"
    if entry["bar"] is None:
        return "report"
    return "pass" if entry["pass"] else "FAIL"


def _kvm(entry):
    if entry["no_peer"]:
        return "none"
    return shown(entry["kvm"]) + ("*" if entry["kvm_cached"] else "")


def print_table(entries):
    """On the terminal, in columns."""
    head = ("name", "ours", "bar", "", "KVM", "unit", "exits", "zeroing",
            "what")
    rows = [head]
    for name, e in entries.items():
        rows.append((name, shown(e["ours"]), shown(e["bar"]), verdict(e),
                     _kvm(e), e["unit"], shown(e["exits"]),
                     shown(e["zeroing"]), e["what"]))
    widths = [max(len(r[i]) for r in rows) for i in range(len(head))]
    for row in rows:
        print("  ".join(
            cell.rjust(w) if 0 < i < 8 and i not in (3, 5) else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths))).rstrip())
    print("\nzeroing: the part of `ours` that fills pages with zeros. "
          "exits: VM exits of ours for the whole operation (16 MiB touched or "
          "taken back, one batch, 64 MiB ballooned).")
    if any(e["kvm_cached"] for e in entries.values()):
        print("*: from build/bench-kvm.json, measured earlier with the same "
              "packages and programs.")


def _beside(entry):
    notes = []
    if entry["zeroing"]:
        notes.append(f"{shown(entry['zeroing'])} of it zeroing")
    notes += [f"{key.replace('_', ' ')} {shown(value)}"
              for key, value in entry["beside"].items()]
    return ", ".join(notes)


def _bar(entry):
    text = shown(entry["bar"]) if entry["bar"] is not None else "report"
    if entry["exits_bar"] is not None:
        text += f", {entry['exits_bar']:,} exits"
    return text


def markdown(entries, machine):
    """The lines between the markers of docs/bench.md."""
    lines = [BEGIN, "", machine, "",
             "| name | Aerostat | bar | | KVM | unit | exits | beside it |",
             "|---|---|---|---|---|---|---|---|"]
    for name, e in entries.items():
        kvm = "" if e["no_peer"] else shown(e["kvm"])
        if name == "boot_linux" and e.get("kvm_exits"):
            kvm += f", {e['kvm_exits']:,.0f} exits"
        lines.append(
            f"| {name} | {shown(e['ours'])} | {_bar(e)} | {verdict(e)} "
            f"| {kvm} | {e['unit']} | {shown(e['exits'])} | {_beside(e)} |")
    return "\n".join(lines + ["", END])


def write_markdown(path, entries, machine):
    """Puts the figures between the markers; the rest stays as it is."""
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RuntimeError(f"{path}: no line `{BEGIN}` ... `{END}`")
    path.write_text(before + markdown(entries, machine) + after)
