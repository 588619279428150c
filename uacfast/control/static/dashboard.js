"use strict";
// Reads /dashboard/state every two seconds; rates are differences between two readings.

const INTERVAL = 2000;
const STATE_BITS = [[1, "disabled"], [4, "registered"], [2, "in progress"]];    // Kamailio's flags, the first that is set
const ERRORS = {
    uacfast_send_errors_total: "datagrams refused by the system",
    uacfast_transport_errors_total: "attempts refused by the network",
    uacfast_resolution_failures_total: "names not resolved",
    uacfast_branch_timeouts_total: "attempts without an answer",
    uacfast_missing_acks_total: "ACKs that never came",
    uacfast_restore_failed_total: "From or To not restored",
    uacfast_overload_replies_total: "503 because of overload",
    uacfast_loops_total: "loops",
    uacfast_no_route_total: "requests without a route",
};
const BEFORE_FIRST_ANSWER = ["unregistered", "in progress", "authenticating"];      // states of a registration
const element = id => document.getElementById(id);
let before = null;
let actionsAllowed = false;

function total(samples, name, labels = {}) {
    let sum = 0, found = false;
    for (const [sampleName, sampleLabels, value] of samples) {
        if (sampleName === name && Object.entries(labels).every(([key, wanted]) => sampleLabels[key] === wanted)) {
            sum += value;
            found = true;
        }
    }
    return found ? sum : null;
}

function byLabel(samples, name, label) {
    const found = new Map();
    for (const [sampleName, labels, value] of samples) {
        if (sampleName === name) {
            found.set(labels[label], (found.get(labels[label]) || 0) + value);
        }
    }
    return found;
}

function number(value, digits = 0) {
    return value === null || Number.isNaN(value) ? "–" : value.toLocaleString("en", { maximumFractionDigits: digits });
}

function row(...cells) {
    const made = document.createElement("tr");
    for (const cell of cells) {
        const column = document.createElement("td");
        if (cell instanceof Node) {
            column.append(cell);
        } else {
            column.textContent = cell;          // never as HTML: names in here come from strangers
            column.className = typeof cell === "string" && /^[\d.,–]+( \w+)?$/.test(cell) ? "number" : "";
        }
        made.append(column);
    }
    return made;
}

function fill(id, rows, empty) {
    element(id).replaceChildren(...(rows.length ? rows : [row(empty)]));
}

function rate(now, name, labels) {
    if (before === null) {
        return null;
    }
    const seconds = (now.at - before.at) / 1000;
    return Math.max((total(now.samples, name, labels) - total(before.samples, name, labels)) / seconds, 0);
}

function show(now) {
    const samples = now.samples;
    const messages = rate(now, "uacfast_requests_total");
    element("calls").textContent = number(rate(now, "uacfast_requests_total", { method: "INVITE" }), 1);
    element("messages").textContent = number(messages === null ? null : messages + rate(now, "uacfast_responses_total"), 1);
    element("active").textContent = number(total(samples, "uacfast_transactions_active"));
    element("transactions").textContent = number(total(samples, "uacfast_transactions"));
    element("dialogs").textContent = number(total(samples, "uacfast_dialogs_active"));
    const cpu = rate(now, "uacfast_worker_cpu_seconds_total");
    element("cpu").textContent = cpu === null ? "–" : `${number(cpu * 100)} %`;
    const lags = [...byLabel(samples, "uacfast_worker_loop_lag_worst_seconds", "worker").values()];
    element("lag").textContent = `${number(Math.max(0, ...lags) * 1000, 1)} ms`;
    showStates(now);
    showRegistrars(samples);
    showErrors(now);
}

function unanswered(samples) {
    const states = byLabel(samples, "uacfast_registrations", "state");
    return BEFORE_FIRST_ANSWER.reduce((sum, state) => sum + (states.get(state) || 0), 0);
}

function duration(seconds) {
    const whole = Math.round(seconds);
    return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function showStates(now) {
    const rows = [...byLabel(now.samples, "uacfast_registrations", "state")]
        .map(([state, count]) => row(state, number(count)));
    const seconds = before === null ? 0 : (now.at - before.at) / 1000;
    const left = unanswered(now.samples);
    const gone = before === null ? 0 : unanswered(before.samples) - left;
    if (left > 0 && gone > 0) {
        rows.push(row("all answered in about", duration(left / gone * seconds)));
    }
    const all = total(now.samples, "uacfast_registration_rows");
    if (all !== null) {
        const loaded = total(now.samples, "uacfast_registration_rows_loaded");
        rows.push(row("rows loaded", `${number(loaded)} of ${number(all)}`));
        const former = before === null ? null : total(before.samples, "uacfast_registration_rows_loaded");
        if (former !== null && loaded > former) {
            rows.push(row("all loaded in about", duration((all - loaded) / (loaded - former) * seconds)));
        }
    }
    fill("states", rows, "no registrations");
}

function showRegistrars(samples) {
    const replies = byLabel(samples, "uacfast_registrar_replies_total", "registrar");
    const means = [...byLabel(samples, "uacfast_registrar_latency_seconds", "registrar")];
    means.sort((one, other) => other[1] - one[1]);
    fill("registrars", means.slice(0, 10).map(([registrar, mean]) =>
        row(registrar, `${number(mean * 1000, 1)} ms`, number(replies.get(registrar) || 0))), "none has answered yet");
}

function showErrors(now) {
    const found = Object.entries(ERRORS).map(([name, text]) => [text, total(now.samples, name), rate(now, name)]);
    for (const [reason, count] of byLabel(now.samples, "uacfast_dropped_total", "reason")) {
        found.push([`dropped: ${reason.replaceAll("_", " ")}`, count, rate(now, "uacfast_dropped_total", { reason })]);
    }
    found.sort((one, other) => (other[2] || 0) - (one[2] || 0) || other[1] - one[1]);
    fill("errors", found.filter(([, count]) => count > 0).slice(0, 12)
        .map(([text, count, now]) => row(text, number(count), number(now, 1))), "none");
}

async function ask(path, options) {
    const response = await fetch(path, options);
    const answer = await response.json();
    if (!response.ok) {
        throw new Error(answer.error || response.statusText);
    }
    return answer;
}

function button(text, action) {
    const made = document.createElement("button");
    made.textContent = text;
    made.type = "button";
    made.addEventListener("click", () => action().catch(tell));
    return made;
}

function tell(error) {
    element("explanation").hidden = false;
    element("explanation").className = "bad";
    element("explanation").textContent = error.message;
}

async function act(action, id) {
    await ask("/dashboard/action", {
        method: "POST", headers: { "Content-Type": "application/json", "X-Uacfast-Dashboard": "1" },
        body: JSON.stringify({ action, l_uuid: id }),
    });
    await search();
}

function lines(value, depth = 0) {
    const indent = "  ".repeat(depth);
    if (Array.isArray(value)) {
        return value.map(one => lines(one, depth)).join("\n");
    }
    if (value !== null && typeof value === "object") {
        return Object.entries(value).map(([name, inner]) => inner !== null && typeof inner === "object"
            ? `${indent}${name}:\n${lines(inner, depth + 1)}` : `${indent}${name}: ${inner}`).join("\n");
    }
    return indent + value;
}

async function explain(id) {
    const answer = await ask(`/dashboard/explain?l_uuid=${encodeURIComponent(id)}`);
    element("explanation").hidden = false;
    element("explanation").className = "";
    element("explanation").textContent = `${id}\n${lines(answer.explanation)}`;
}

async function search() {
    const answer = await ask(`/dashboard/registrations?search=${encodeURIComponent(element("search").value)}`);
    fill("rows", answer.rows.map(record => {
        const buttons = document.createElement("span");
        buttons.append(button("explain", () => explain(record.l_uuid)));
        if (actionsAllowed) {
            for (const action of ["enable", "disable", "refresh"]) {
                buttons.append(button(action, () => act(action, record.l_uuid)));
            }
        }
        const state = STATE_BITS.find(([bit]) => record.flags & bit);
        return row(record.l_uuid, `${record.r_username}@${record.r_domain}`, record.auth_proxy, state ? state[1] : "not registered",
                   record.diff_expires > 0 ? `${record.diff_expires} s` : "–", buttons);
    }), "nothing found");
    element("more").textContent = answer.more ? "There are more: search for something narrower." : "";
}

async function refresh() {
    try {
        const now = await ask("/dashboard/state");
        now.at = performance.now();
        element("version").textContent = now.version;
        const first = before === null;
        actionsAllowed = now.actions;
        element("registrations").hidden = !now.registrations;
        show(now);
        before = now;
        element("status").textContent = "live";
        element("status").className = "";
        if (first && now.registrations) {
            await search();
        }
    } catch (error) {
        element("status").textContent = `no answer: ${error.message}`;
        element("status").className = "bad";
    }
    setTimeout(refresh, INTERVAL);
}

element("find").addEventListener("submit", event => {
    event.preventDefault();
    search().catch(tell);
});
refresh();
