"""Records as lines on the terminal and as the Markdown tables of docs/performance.md."""
import os
import platform
import statistics
from pathlib import Path


def median(records, key):
    return statistics.median(record[key] for record in records)


def by_system(records):
    groups = {}
    for record in records:
        name = record["system"] + (f", {record['workers']} workers" if record.get("workers", 1) > 1 else "")
        groups.setdefault(name, []).append(record)
    return groups


def delay_of(record):
    return record["delay_ms"]["setup" if record["scenario"] == "options" else "post_dial"] or {}


def retransmissions(record):
    return record["retransmissions"] + record["callee_retransmissions"]


def run_line(record):
    """One run on one line."""
    delay = delay_of(record)
    text = (f"{record['system']:20s} x{record['workers']} {record['rate']:>7g}/s "
            f"{record['cpu_us_per_call']:8.1f} us/call {record['cpu_percent']:5.1f} %  "
            f"ok {record['ok']}/{record['calls']} retransmitted {retransmissions(record)} "
            f"delay p50 {delay.get('p50', 0):.2f} p99 {delay.get('p99', 0):.2f} ms  PSS {record['pss_loaded_kb']} KB")
    notes = list(record["problems"])
    if not record["kept_pace"]:
        notes.append("the rate was not kept")
    if not record["quiet"]:
        notes.append(f"not quiet: others {record['other_percent']} %, stolen {record['stolen_percent']} %")
    if "steady" in record:
        notes.append("steady" if record["steady"] else "NOT steady")
    return text + (f"  [{'; '.join(notes)}]" if notes else "")


def ratios(records, baseline):
    """CPU per call of each system over the baseline's run of the same round: {system: (median, least, greatest)}."""
    groups = by_system(records)
    if baseline not in groups:
        return {}
    found = {}
    for name, group in groups.items():
        pairs = [one["cpu_us_per_call"] / other["cpu_us_per_call"]
                 for one, other in zip(group, groups[baseline], strict=False) if other["cpu_us_per_call"] > 0]
        if pairs:
            found[name] = (statistics.median(pairs), min(pairs), max(pairs))
    return found


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def number(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


def machine():
    """What the figures were taken on, in one line."""
    models = {line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
              if line.startswith("model name")}
    return (f"{len(os.sched_getaffinity(0))} CPUs ({', '.join(sorted(models)) or platform.machine()}), "
            f"Linux {platform.release()}, Python {platform.python_version()}")


def rate_table(records, baseline):
    found, rows = ratios(records, baseline), []
    for name, group in by_system(records).items():
        least = min(record["cpu_us_per_call"] for record in group)
        greatest = max(record["cpu_us_per_call"] for record in group)
        delays = [delay_of(record) for record in group if delay_of(record)]
        ratio = found.get(name)
        rows.append((name, f"{median(group, 'cpu_us_per_call'):.1f} ({least:.1f}–{greatest:.1f})",
                     "–" if ratio is None else f"{ratio[0]:.2f} ({ratio[1]:.2f}–{ratio[2]:.2f})",
                     f"{sum(record['ok'] for record in group):,}", sum(record["failed"] for record in group),
                     sum(retransmissions(record) for record in group),
                     "–" if not delays else f"{statistics.median(d['p50'] for d in delays):.2f} / "
                                            f"{statistics.median(d['p99'] for d in delays):.2f}",
                     number(median(group, "pss_loaded_kb") / 1024)))
    return table(("system", "CPU-µs per call", f"÷ {baseline}", "calls ok", "failed", "retransmitted",
                  "post-dial delay p50 / p99, ms", "PSS, MB"), rows)


def find_max_table(records, baseline):
    groups, rows = by_system(records), []
    base = median(groups[baseline], "max_rate") if baseline in groups else 0
    for name, group in groups.items():
        best = max(group, key=lambda record: record["max_rate"])
        at_max, highest = best["at_max"] or {}, median(group, "max_rate")
        delay = delay_of(at_max) if at_max else {}
        rows.append((name, number(highest, 0), number(highest / base, 2) if base else "–",
                     number(at_max.get("cpu_us_per_call")),
                     f"{number(delay.get('p50'), 2)} / {number(delay.get('p99'), 2)}",
                     number(at_max["pss_loaded_kb"] / 1024 if at_max else None)))
    return table(("system", "highest steady rate, calls/s", f"÷ {baseline}", "CPU-µs per call there",
                  "post-dial delay p50 / p99, ms", "PSS, MB"), rows)


def memory_table(records):
    rows = []
    for name, group in by_system(records).items():
        rows.append((name, f"{group[0]['calls']:,}", *(number(median(group, key), digits) for key, digits in (
            ("kb_per_ringing_call", 2), ("kb_per_answered_call", 2), ("kb_per_established_call", 2))),
            number(median(group, "pss_idle_kb") / 1024), number(median(group, "pss_after_kb") / 1024)))
    return table(("system", "calls held", "KB per ringing call", "KB per call just answered",
                  "KB per established call", "PSS before, MB", "PSS after, MB"), rows)


def soak_table(records):
    return table(("system", "calls ok", "failed", "PSS first quarter, MB", "last quarter, MB", "growth",
                  "octets per call", "peak, MB", "after, MB"),
                 [(record["system"], f"{record['ok']:,}", record["failed"], number(record["first_quarter_kb"] / 1024),
                   number(record["last_quarter_kb"] / 1024), f"{record['growth_percent']:+.2f} %",
                   record["octets_per_call"], number(record["pss_peak_kb"] / 1024),
                   number(record["pss_after_kb"] / 1024)) for record in records])


def registrations_table(records, baseline):
    groups = by_system(records)
    base = groups.get(baseline)
    rows = []
    for name, group in groups.items():
        def ratio(key, group=group):
            return number(median(group, key) / median(base, key), 2) if base and median(base, key) else "–"
        rows.append((name, f"{group[0]['accounts']:,}", number(median(group, "span_s"), 3), ratio("span_s"),
                     number(median(group, "cpu_us_per_registration")), ratio("cpu_us_per_registration"),
                     f"{round(median(group, 'registers')):,}", f"{round(median(group, 'repeated')):,}",
                     f"{round(median(group, 'octets_per_record_in_flight')):,}",
                     f"{round(median(group, 'octets_per_idle_record')):,}",
                     number(median(group, "idle_cpu_us_per_second"), 0)))
    return table(("system", "accounts", "online after, s", f"÷ {baseline}", "CPU-µs each", f"÷ {baseline}", "REGISTERs",
                  "repeated", "octets per record in flight", "octets per idle record", "idle CPU-µs/s"), rows)


def verify_table(records):
    return table(("system", "messages compared", "differences"),
                 [(record["system"], record["compared"], len(record["problems"]) or "none") for record in records])
