"use strict";
// The page of a shadow: the overview every few seconds, findings as they are
// told. Texts come from messages: they are only ever set as text.

const byId = (id) => document.getElementById(id);
let span = "1h";

function el(tag, attrs, ...children) {
  const e = document.createElement(tag);
  return fill(e, attrs, children);
}

function svg(tag, attrs, ...children) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return fill(e, attrs, children);
}

function fill(e, attrs, children) {
  for (const [name, value] of Object.entries(attrs || {})) e.setAttribute(name, value);
  for (const child of children) e.append(child);
  return e;
}

function seconds(s) {
  if (s < 0.001) return Math.round(s * 1e6) + "µs";
  if (s < 1) return (s * 1000).toPrecision(s < 0.1 ? 2 : 3) + "ms";
  if (s < 120) return s.toPrecision(3) + "s";
  return s < 7200 ? Math.round(s / 60) + "min" : Math.round(s / 3600) + "h";
}

const hour = (at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

// chart draws the chains that closed, stacked: those that failed below.
function chart(flow) {
  const bars = flow.bars;
  const most = Math.max(1, ...bars.map((b) => b.pass + b.fail + b.unknown));
  const picture = svg("svg", { class: "chart", viewBox: `0 0 ${bars.length} 100`, preserveAspectRatio: "none", role: "img", "aria-label": "chains that closed, over time" });
  bars.forEach((bar, i) => {
    let y = 100;
    const group = svg("g");
    const outcomes = Object.entries(bar.outcomes || {}).map(([name, n]) => `${name || "no outcome"}: ${n}`);
    group.append(fill(svg("title"), {}, [`${hour(bar.at)}  ${bar.pass} passed, ${bar.fail} failed, ${bar.unknown} unknown\n${outcomes.join("\n")}`]));
    for (const state of ["fail", "unknown", "pass"]) {
      if (!bar[state]) continue;
      const height = Math.max(2, (bar[state] / most) * 100);
      y -= height;
      group.append(svg("rect", { class: state, x: i + 0.08, y, width: 0.84, height }));
    }
    picture.append(group);
  });
  picture.append(svg("line", { x1: 0, y1: 100, x2: bars.length, y2: 100 }));
  return [picture, el("div", { class: "scale faint" }, el("span", {}, hour(bars[0].at)), el("span", {}, `most ${most}`), el("span", {}, hour(bars[bars.length - 1].at)))];
}

function outcomes(flow) {
  const sum = new Map(flow.outcomes.map((name) => [name, 0]));
  for (const bar of flow.bars) for (const [name, n] of Object.entries(bar.outcomes || {})) sum.set(name, (sum.get(name) || 0) + n);
  const all = el("div", { class: "counts faint" });
  for (const [name, n] of sum) all.append(el("span", {}, `${name || "no outcome"} `, el("b", {}, String(n))));
  return all;
}

function latencies(flow) {
  if (!flow.latency.length) return el("p", { class: "faint" }, "no chain has closed in the last hour");
  const table = el("table", {}, el("tr", {}, el("th", {}, "latency, last hour"), ...["p50", "p95", "p99"].map((p) => el("th", { class: "n" }, p))));
  for (const l of flow.latency) {
    table.append(el("tr", {}, el("td", {}, l.step || "end to end"), ...[l.p50, l.p95, l.p99].map((s) => el("td", { class: "n" }, seconds(s)))));
  }
  return table;
}

function showFlow(flow) {
  const count = (n, what, state) => el("span", {}, el("b", { class: n && state ? state : "" }, n.toLocaleString()), " " + what);
  return el("section", { class: "flow" },
    el("h3", {}, flow.name + " ", el("span", { class: "badge " + flow.state }, flow.state)),
    el("p", { class: "faint" }, flow.about || ""),
    el("div", { class: "counts" }, count(flow.pass, "passed"), count(flow.fail, "failed", "fail"), count(flow.unknown, "unknown", "unknown"), count(flow.open, "in flight"), count(flow.gaps, "gaps", "unknown"), count(flow.messages, "events read")),
    ...chart(flow), outcomes(flow), latencies(flow));
}

async function refresh() {
  const answer = await fetch("/api/overview?span=" + span);
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(answer.statusText);
  const o = await answer.json();
  const ready = byId("ready");
  ready.textContent = o.ready ? "watching" : "not ready";
  ready.className = "badge " + (o.ready ? "pass" : "unknown");
  byId("taps").textContent = o.why || o.taps.map((t) => `${t.broker}: ${t.behind < 0 ? "not read yet" : "read to " + seconds(t.behind) + " ago"}`).join(" · ");
  byId("flows").replaceChildren(...o.flows.map(showFlow));
}

const maxShown = 200;

function showFinding(f) {
  const list = byId("findings");
  const old = f.id && list.querySelector(`[data-id="${CSS.escape(f.id)}"]`);
  if (f.event === "withdrawn") {
    if (old) old.classList.add("gone");
    return;
  }
  if (old) return;
  const unknown = f.event === "unknown";
  const where = [f.flow, f.chain && "chain " + f.chain, f.step && "step " + f.step, f.rule && "rule " + f.rule].filter(Boolean).join(" · ");
  list.prepend(el("li", { "data-id": f.id },
    el("a", { href: "/finding/" + encodeURIComponent(f.id) },
      el("span", { class: "what " + (unknown ? "unknown" : "fail") }, unknown ? "unknown" : f.kind), " ", f.text,
      el("div", { class: "faint" }, new Date(f.time).toLocaleString() + " · " + where))));
  while (list.children.length > maxShown) list.lastChild.remove();
  byId("none").hidden = true;
}

async function follow() {
  const stream = new EventSource("/api/stream");
  stream.onopen = async () => {
    byId("live").textContent = "live";
    for (const f of (await (await fetch("/api/findings")).json()).reverse()) showFinding(f);
  };
  stream.onmessage = (m) => showFinding(JSON.parse(m.data));
  stream.onerror = () => { byId("live").textContent = "the connection is lost, trying again"; };
}

async function loop() {
  try {
    await refresh();
  } catch (e) {
    byId("ready").textContent = "not reached";
    byId("ready").className = "badge fail";
  }
  setTimeout(loop, 5000);
}

byId("span").addEventListener("click", (e) => {
  if (!e.target.dataset.span) return;
  span = e.target.dataset.span;
  for (const b of byId("span").children) b.setAttribute("aria-pressed", String(b.dataset.span === span));
  refresh().catch(() => {});
});
loop();
follow();
