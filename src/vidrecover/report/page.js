"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const chart = byId("chart");
  if (!chart) return;
  const words = data.words;
  const panel = byId("panel");
  const axis = byId("axis");
  const showing = byId("showing");
  const tools = document.querySelector(".tools");
  const lanes = Array.from(chart.querySelectorAll("svg.lane"));
  const SECOND = 1000, MINUTE = 60 * SECOND, DAY = 1440 * MINUTE;
  const WHOLE = [0, data.length];
  const SHORTEST = Math.min(2 * SECOND, data.length);
  let view = WHOLE;
  let current = null;

  /* The evidence is untrusted: text only ever becomes text nodes, never markup. */
  const make = (name, attributes, text) => {
    const made = document.createElementNS(axis.namespaceURI, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, key) => values[key]);
  const spoken = (ms) => {
    const date = new Date(data.start + ms);
    return isNaN(date) ? (data.start + ms) + " ms" : date.toISOString().replace("T", " ").replace("Z", "");
  };
  const lasting = (ms) => {
    const s = Math.round(ms / 1000);
    if (ms < MINUTE) return fill(data.units.seconds, { s: String(ms / 1000) });
    if (s < 3600) return fill(data.units.minutes, { m: Math.floor(s / 60), s: s % 60 });
    if (s < 86400) return fill(data.units.hours, { h: Math.floor(s / 3600), m: Math.floor(s / 60) % 60 });
    return fill(data.units.days, { d: Math.floor(s / 86400), h: Math.floor(s / 3600) % 24 });
  };

  /* Drawing: every place is a share of the stretch of time in view. */
  const share = (ms) => (100 * (ms - view[0])) / (view[1] - view[0]);
  const place = (rect, from, to, least) => {
    const a = Math.max(share(from), -2), b = Math.min(share(to), 102);
    rect.setAttribute("x", a.toFixed(4) + "%");
    rect.setAttribute("width", Math.max(b - a, b < -1 || a > 101 ? 0 : least).toFixed(4) + "%");
  };
  const draw = () => {
    for (const lane of lanes) {
      for (const cell of lane.querySelectorAll(".cell")) place(cell, +cell.dataset.a, +cell.dataset.b, 0.15);
    }
    drawAxis();
    drawMark();
    showing.textContent = fill(words.showing, { start: spoken(view[0]), end: spoken(view[1]) });
    const whole = view[0] <= 0 && view[1] >= data.length;
    const shut = { whole: whole, wider: whole, closer: view[1] - view[0] <= SHORTEST, earlier: view[0] <= 0, later: view[1] >= data.length };
    for (const button of tools.children) button.disabled = shut[button.dataset.do];
  };
  const drawAxis = () => {
    const span = view[1] - view[0];
    const step = data.steps.find((one) => span <= one * data.ticks) || data.steps[data.steps.length - 1];
    axis.replaceChildren();
    const first = Math.ceil((data.start + view[0]) / step) * step - data.start;
    for (let at = first, n = 0; at <= view[1] && n < 60; at += step, n += 1) {
      const x = share(at), text = spoken(at);
      const label = step >= 365 * DAY ? text.slice(0, 7)
        : step >= 91 * DAY ? text.slice(0, 10)
        : step >= DAY || (data.start + at) % DAY === 0 ? text.slice(5, 10)
        : text.slice(11, step < MINUTE ? 19 : 16);
      axis.append(make("line", { x1: x + "%", x2: x + "%", y1: 18, y2: "100%" }));
      axis.append(make("text", { x: x + "%", y: 12, class: x < 4 ? "first" : x > 96 ? "last" : "" }, label));
    }
  };
  const marks = [make("rect", { class: "mark" }), make("rect", { class: "mark inner" })];
  const drawMark = () => {
    if (!current) return;
    const span = spanOf(current);
    for (const mark of marks) {
      lanes[current.lane].append(mark);
      mark.setAttribute("y", 1.5);
      mark.setAttribute("height", 23);
      place(mark, span[0], span[1], 0.25);
    }
  };
  const look = (from, to) => {
    const length = Math.min(Math.max(to - from, SHORTEST), data.length);
    const start = Math.min(Math.max(from, 0), data.length - length);
    view = [start, start + length];
    draw();
  };

  /* Spans: the lanes may draw neighbours together, the panel tells each apart. */
  const spanOf = (at) => data.lanes[at.lane].spans[at.span];
  const spanAt = (lane, ms) => {
    const spans = data.lanes[lane].spans;
    let low = 0, high = spans.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (spans[middle][0] <= ms) low = middle; else high = middle - 1;
    }
    return low;
  };
  const cellOf = (at) => {
    const span = spanOf(at);
    for (const cell of lanes[at.lane].querySelectorAll(".cell")) {
      if (+cell.dataset.a <= span[0] && span[1] <= +cell.dataset.b) return cell;
    }
    return null;
  };
  const line = (label, text, original) => {
    const p = document.createElement("p");
    if (label) {
      const b = document.createElement("b");
      b.textContent = label + ": ";
      p.append(b);
    }
    const span = document.createElement("span");
    span.textContent = text;
    if (original) span.lang = "en";
    p.append(span);
    return p;
  };
  const string = (index) => (index < 0 ? words.not_carried : data.strings[index]);
  const tell = (at) => {
    current = at;
    const [from, to, state, listed, picture, reason, basis] = spanOf(at);
    const cell = cellOf(at);
    const title = line("", data.lanes[at.lane].name + " · " + data.states[state][1] + " · " + fill(words.range, { start: spoken(from), end: spoken(to) }) + " (" + lasting(to - from) + ")");
    title.className = "title";
    const parts = [title];
    parts.push(line(words.reason, string(reason)));
    parts.push(line(words.basis, string(basis), true));
    parts.push(line(words.picture, data.pictures[picture] + " · " + words.listed + ": " + (listed ? words.yes : words.no)));
    const together = cell ? +cell.dataset.n : 1;
    if (together > 1) parts.push(line("", fill(words.together, { count: together })));
    panel.replaceChildren(...parts);
    panel.hidden = false;
    panel.dataset.lane = at.lane;
    panel.dataset.span = at.span;
    drawMark();
    return cell;
  };
  const within = (at, cell) => {
    const span = spanOf(at);
    return span[0] < +cell.dataset.b && span[1] > +cell.dataset.a;
  };
  const pass = (cell) => {
    const title = line("", cell.textContent);
    title.className = "title";
    panel.replaceChildren(title, line("", words.not_carried));
    panel.hidden = false;
    current = null;
    for (const mark of marks) mark.remove();
  };
  const go = (at) => {
    const span = spanOf(at);
    const length = view[1] - view[0];
    if (span[1] <= view[0] || span[0] >= view[1]) look(span[0] - length / 4, span[0] + (3 * length) / 4);
    const cell = tell(at);
    if (!cell) return;
    for (const other of lanes[at.lane].querySelectorAll('.cell[tabindex="0"]')) other.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus({ preventScroll: false });
  };
  const zoom = (factor) => {
    const span = current ? spanOf(current) : null;
    let middle = (view[0] + view[1]) / 2;
    if (span && span[1] > view[0] && span[0] < view[1]) middle = (Math.max(span[0], view[0]) + Math.min(span[1], view[1])) / 2;
    const half = ((view[1] - view[0]) * factor) / 2;
    look(middle - half, middle + half);
  };
  const act = {
    whole: () => look(0, data.length),
    closer: () => zoom(1 / 3),
    wider: () => zoom(3),
    earlier: () => look(view[0] - (view[1] - view[0]) / 2, view[1] - (view[1] - view[0]) / 2),
    later: () => look(view[0] + (view[1] - view[0]) / 2, view[1] + (view[1] - view[0]) / 2),
  };

  /* Pointer and keyboard. */
  const laneOf = (cell) => +cell.parentNode.dataset.lane;
  const pointed = (event) => {
    const cell = event.target.closest(".cell");
    if (!cell) return null;
    const lane = laneOf(cell);
    if (!data.lanes[lane].spans.length) { pass(cell); return null; }
    const box = lanes[lane].getBoundingClientRect();
    const ms = view[0] + ((event.clientX - box.left) / box.width) * (view[1] - view[0]);
    const inside = Math.min(Math.max(ms, +cell.dataset.a), +cell.dataset.b - 1);
    const at = { lane: lane, span: spanAt(lane, inside) };
    if (within(at, cell)) return at;
    pass(cell);
    return null;
  };
  chart.addEventListener("pointermove", (event) => {
    const at = pointed(event);
    if (at && (!current || at.lane !== current.lane || at.span !== current.span)) tell(at);
  });
  chart.addEventListener("click", (event) => {
    const at = pointed(event);
    if (at) go(at);
  });
  chart.addEventListener("focusin", (event) => {
    const cell = event.target.closest(".cell");
    if (!cell || (current && cellOf(current) === cell)) return;
    const lane = laneOf(cell);
    if (!data.lanes[lane].spans.length) { pass(cell); return; }
    const at = { lane: lane, span: spanAt(lane, +cell.dataset.a) };
    if (!within(at, cell) && at.span + 1 < data.lanes[lane].spans.length) at.span += 1;
    if (within(at, cell)) tell(at); else pass(cell);
  });
  const neighbour = (step) => {
    for (let lane = current.lane + step; lane >= 0 && lane < lanes.length; lane += step) {
      if (data.lanes[lane].spans.length) return { lane: lane, span: spanAt(lane, spanOf(current)[0]) };
    }
    return current;
  };
  const along = (span) => {
    const last = data.lanes[current.lane].spans.length - 1;
    return { lane: current.lane, span: Math.min(Math.max(span, 0), last) };
  };
  const keys = {
    ArrowRight: () => go(along(current.span + 1)),
    ArrowLeft: () => go(along(current.span - 1)),
    ArrowDown: () => go(neighbour(1)),
    ArrowUp: () => go(neighbour(-1)),
    Home: () => go(along(0)),
    End: () => go(along(Infinity)),
    Enter: () => { const [from, to] = spanOf(current); const more = (to - from) / 4; look(from - more, to + more); },
    Escape: act.whole,
    "+": act.closer,
    "-": act.wider,
  };
  chart.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !current || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  tools.addEventListener("click", (event) => {
    const name = event.target.dataset.do;
    if (name) act[name]();
  });

  /* Paper shows everything: the whole period, and every table open. */
  let before = null;
  window.addEventListener("beforeprint", () => {
    before = { view: view, closed: Array.from(document.querySelectorAll("details:not([open])")) };
    for (const one of before.closed) one.open = true;
    act.whole();
    for (const mark of marks) mark.remove();
  });
  window.addEventListener("afterprint", () => {
    if (!before) return;
    for (const one of before.closed) one.open = false;
    look(before.view[0], before.view[1]);
    before = null;
  });

  tools.hidden = false;
  byId("hint").hidden = false;
  draw();
})();
