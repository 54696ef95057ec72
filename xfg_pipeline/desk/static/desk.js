// Pivots judged while they are typed and saved without a reload, tickets copied, and values swapped when they are new.
// Without this script the same form posts, and the server says the same.
"use strict";

const PIVOTS = ["pivot_ba_high", "pivot_high", "pivot", "pivot_low", "pivot_ba_low"];
const PRICE = /^(?:\d{1,3}(?:[, ]\d{3})+|\d{1,12})(?:\.\d{0,8})?$|^\.\d{1,8}$/;
const MARKS = { ok: "check", bad: "cross", warn: "yellow" };
const $ = (id) => document.getElementById(id);
const forms = () => [...document.querySelectorAll("form.pivots")];
const fields = (form) => [...form.querySelectorAll("input[data-level]")].filter((input) => !input.readOnly);

// ---- Prices ----

const read = (text) => (text.trim() === "" ? null : PRICE.test(text.trim()) ? Number(text.replace(/[, ]/g, "")) : NaN);
const decimals = (tick) => (String(tick).split(".")[1] || "").length;
function show(price, tick) {
  const own = (String(price).split(".")[1] || "").length;
  const digits = Math.max(decimals(tick), Math.min(own, 4));
  return price.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
// On the tick? In whole numbers: 0.1 + 0.2 is nobody's price.
function offTick(price, tick) {
  const steps = price / tick;
  return Math.abs(steps - Math.round(steps)) > 1e-6;
}

// ---- Judging: hard rules refuse, soft ones warn. Each message says what must be true ----

function judge(form) {
  const tick = Number(form.dataset.tick);
  const inputs = Object.fromEntries(fields(form).map((input) => [input.dataset.level, input]));
  const value = (name) => (inputs[name] ? read(inputs[name].value) : null);
  const pivot = value("pivot");
  const found = {};
  for (const [name, input] of Object.entries(inputs)) {
    const price = value(name), saved = read(input.dataset.saved);
    let state = "ok", says = "On tick";
    if (price === null) [state, says] = saved === null ? ["none", "Missing"] : ["warn", `Empty: ${show(saved, tick)} will be removed`];
    else if (Number.isNaN(price)) [state, says] = ["bad", "Not a price: digits, and a point before decimals"];
    else if (price <= 0) [state, says] = ["bad", "Must be above zero"];
    else if (offTick(price, tick)) [state, says] = ["bad", `Not on the ${tick} tick: ${show(Math.round(price / tick) * tick, tick)}?`];
    else if (name === "weekly_pivot") says = "Holds for this week";
    else if (name === "pivot") says = value("pivot_ba_high") > pivot && pivot > (value("pivot_ba_low") ?? Infinity) ? "Between BA high and BA low" : "On tick";
    else if (pivot > 0) {
      const up = name.endsWith("high"), gap = price - pivot, right = up ? gap > 0 : gap < 0;
      says = gap === 0 ? "At the pivot" : `${show(Math.abs(gap), tick)} ${gap > 0 ? "above" : "below"} pivot`;
      if (!right && name.startsWith("pivot_ba")) [state, says] = ["bad", `Must be ${up ? "above" : "below"} pivot ${show(pivot, tick)}`];
      else if (!right) [state, says] = ["warn", `${up ? "Not above" : "Not below"} pivot: unusual`];
      else if (name === "pivot_high" && value("pivot_ba_high") && price > value("pivot_ba_high")) [state, says] = ["warn", "Above BA high: unusual"];
      else if (name === "pivot_low" && value("pivot_ba_low") && price < value("pivot_ba_low")) [state, says] = ["warn", "Below BA low: unusual"];
    }
    found[name] = { state, says };
  }
  return found;
}

function say(form, name, state, says) {
  const input = form.querySelector(`input[data-level="${name}"]`);
  if (!input) return;
  input.closest(".f").className = `f ${state}`;
  if (state === "bad") input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  const out = $(`${input.id}-m`), text = document.createElement("span");
  // What has not changed is not replaced: a screen reader would read it again at each key.
  if (out.dataset.state === state && out.textContent === says) return;
  out.dataset.state = state;
  text.textContent = says;
  out.replaceChildren(...(MARKS[state] ? [mark(MARKS[state])] : []), text);
}

function mark(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg"), use = document.createElementNS(space, "use");
  svg.setAttribute("class", "mark");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#m-${name}`);
  svg.append(use);
  return svg;
}

const isDirty = (form) => fields(form).some((input) => input.value !== input.dataset.saved);

function note(form, text, tone = "") {
  const line = form.querySelector("[data-say]");
  line.className = `note say ${tone}`;
  if (line.textContent !== text) line.textContent = text;
}

function review(form) {
  const found = judge(form), states = Object.values(found).map((one) => one.state);
  const daily = PIVOTS.map((name) => found[name]?.state);
  for (const [name, one] of Object.entries(found)) say(form, name, one.state, one.says);
  const bad = states.filter((s) => s === "bad").length, missing = daily.filter((s) => s === "none").length;
  const warned = states.filter((s) => s === "warn").length, dirty = isDirty(form);
  const parts = [];
  if (bad) parts.push(`${bad} to correct`);
  if (missing) parts.push(`${missing} missing`);
  if (bad) note(form, `${parts.join(", ")}. Nothing is saved yet.`, "bad");
  else if (dirty && missing) note(form, `${parts.join(", ")}. Can be saved; ${form.dataset.symbol} stays partial.`);
  else if (dirty && warned) note(form, `${warned} unusual, and can be saved. Not saved yet.`, "warn");
  else if (dirty) note(form, "All rules hold. Not saved yet.");
  button(form, bad > 0 || !dirty, dirty || !PIVOTS.some((name) => saved(form, name)) ? undefined : "Saved");
}

const saved = (form, name) => form.querySelector(`input[data-level="${name}"]`)?.dataset.saved;

function button(form, off, text) {
  const it = form.querySelector("button.primary");
  if (!it) return;
  it.setAttribute("aria-disabled", String(off));
  it.textContent = text || `Save ${form.dataset.symbol} pivots`;
}

// ---- What is typed survives a reload and an expired login ----

const draftKey = (form) => `draft ${form.dataset.symbol} ${form.dataset.date}`;

function keepDraft(form) {
  const typed = Object.fromEntries(fields(form).filter((i) => i.value !== i.dataset.saved).map((i) => [i.dataset.level, i.value]));
  try {
    if (Object.keys(typed).length) sessionStorage.setItem(draftKey(form), JSON.stringify(typed));
    else sessionStorage.removeItem(draftKey(form));
  } catch { /* A browser without storage keeps what is typed on the page only. */ }
}

function restoreDraft(form) {
  let typed = null;
  try { typed = JSON.parse(sessionStorage.getItem(draftKey(form))); } catch { /* see above */ }
  // What stands there already was typed before this script was there: newer than any draft.
  for (const input of fields(form)) if (typed && input.dataset.level in typed && input.value === input.dataset.saved) input.value = typed[input.dataset.level];
  return Boolean(typed);
}

// ---- Saving ----

async function save(form) {
  const shown = judge(form);
  const wrong = fields(form).find((input) => shown[input.dataset.level].state === "bad");
  if (wrong) { wrong.focus(); return; }
  if (!isDirty(form) || form.dataset.saving) return;
  const levels = {};
  for (const input of fields(form)) if (input.value !== input.dataset.saved) levels[input.dataset.level] = read(input.value);
  const body = JSON.stringify({ symbol: form.dataset.symbol, trading_date: form.dataset.date, levels });
  // The same intent keeps its key, so that saving again after a lost answer cannot save twice.
  if (form.dataset.intent !== body + form.dataset.etag) {
    form.dataset.intent = body + form.dataset.etag;
    form.dataset.key = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  }
  form.dataset.saving = "1";
  button(form, true, "Saving");
  let answer, told;
  try {
    answer = await fetch("/api/v2/manual-levels", {
      method: "POST",
      body,
      headers: { "Content-Type": "application/json", "Idempotency-Key": form.dataset.key, ...(form.dataset.etag ? { "If-Match": form.dataset.etag } : {}) },
      signal: AbortSignal.timeout(15000),
    });
    told = await answer.json();
  } catch {
    button(form, false);
    note(form, "The desk did not answer: it is not known whether this was saved. What you typed is kept. Save again; it cannot be saved twice.", "bad");
    return;
  } finally {
    delete form.dataset.saving;
  }
  if (answer.ok) { stored(form, answer, told); return; }
  button(form, false);
  if (answer.status === 409 && told.error.current) { conflict(form, told.error); return; }
  for (const [name, says] of Object.entries(told.error.fields || {})) say(form, name, "bad", says);
  if (answer.status === 401) {
    keepDraft(form);
    const link = document.createElement("a");
    link.href = `/login?next=${encodeURIComponent(`/levels?date=${form.dataset.date}`)}`;
    link.textContent = "Log in again";
    note(form, "The login has ended, and nothing was saved. What you typed is kept. ", "bad");
    form.querySelector("[data-say]").append(link);
    return;
  }
  note(form, told.error.message, "bad");
  const first = form.querySelector('input[aria-invalid="true"]');
  if (first) first.focus();
}

function stored(form, answer, told) {
  const tick = Number(form.dataset.tick);
  form.dataset.etag = answer.headers.get("ETag") || "";
  form.elements.etag.value = form.dataset.etag;
  for (const input of fields(form)) {
    const price = told.manual[input.dataset.level];
    input.dataset.saved = price === undefined ? "" : show(price, tick);
    input.value = input.dataset.saved;
  }
  form.querySelector("[data-conflict]").hidden = true;
  keepDraft(form);
  review(form);
  note(form, told.warnings.length ? `Saved, with ${told.warnings.length} unusual.` : "Saved.", told.warnings.length ? "warn" : "");
  refresh();
}

// Somebody else saved meanwhile. What they changed and nobody typed here simply comes; where both did, show both
// values and let the person choose.
function conflict(form, error) {
  const tick = Number(form.dataset.tick), box = form.querySelector("[data-conflict]");
  const theirs = (name) => (error.current[name] === undefined ? "" : show(error.current[name], tick));
  const both = fields(form).filter((input) => {
    const other = theirs(input.dataset.level);
    return input.value !== input.dataset.saved && other !== input.dataset.saved && read(input.value) !== read(other);
  });
  const settle = (taken, says) => {
    form.dataset.etag = form.elements.etag.value = error.etag;
    for (const input of fields(form)) {
      const other = theirs(input.dataset.level), untouched = input.value === input.dataset.saved;
      if (untouched || (taken && both.includes(input))) input.value = other;
      input.dataset.saved = other;
    }
    box.hidden = true;
    keepDraft(form);
    review(form);
    note(form, says, "warn");
    form.querySelector("button.primary").focus();
  };
  if (!both.length) {
    settle(false, "Somebody else saved other levels meanwhile; they stand in the fields now. Save again.");
    return;
  }
  const cell = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const table = document.createElement("table"), head = document.createElement("tr");
  head.append(cell("th", "Level"), cell("th", "Typed here"), cell("th", "Saved by somebody else"));
  table.append(head);
  for (const input of both) {
    const row = document.createElement("tr");
    row.append(cell("th", input.labels[0].textContent), cell("td", input.value || "empty"), cell("td", theirs(input.dataset.level) || "empty"));
    table.append(row);
  }
  const keep = cell("button", "Keep mine"), take = cell("button", "Take theirs"), actions = document.createElement("p");
  keep.type = take.type = "button";
  actions.className = "actions";
  actions.append(keep, take);
  keep.addEventListener("click", () => settle(false, "Yours stand in the fields. Save to replace the other values; they stay in the audit log."));
  take.addEventListener("click", () => settle(true, "The other values stand in the fields."));
  box.replaceChildren(table, actions);
  box.hidden = false;
  note(form, error.message, "bad");
  keep.focus();
}

// ---- Refreshing: swap what is new; keep scroll, focus and what is typed ----

const everySeconds = Number(document.querySelector("[data-refresh]")?.dataset.refresh || 60);
let newsAt = Date.now(), refreshing = null, wanted = 0;

// Asked again while an answer is on its way (after saving, say), that answer is old already: it is dropped, and the
// page is fetched once more.
function refresh() {
  wanted += 1;
  refreshing ??= (async () => {
    let asked;
    do {
      asked = wanted;
      await fetchPage(() => asked === wanted);
    } while (asked !== wanted);
  })().finally(() => { refreshing = null; });
  return refreshing;
}

async function fetchPage(isNew) {
  const date = document.querySelector("form.pivots")?.dataset.date;
  let text;
  try {
    const answer = await fetch(date ? `/levels?date=${date}` : location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
    if (answer.redirected && new URL(answer.url).pathname === "/login") { unheard("The login has ended. Log in again; what you typed is kept.", `/login?next=${encodeURIComponent(location.pathname + location.search)}`); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    text = await answer.text();
  } catch {
    unheard(`The desk does not answer since ${$("asof").querySelector("time").textContent}. What you typed is kept.`);
    return;
  }
  if (!isNew()) return;
  swap(new DOMParser().parseFromString(text, "text/html"));
  newsAt = Date.now();
  document.body.classList.remove("stale");
  $("toast").hidden = true;
  age();
}

function swap(news) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = news.getElementById(old.id);
    if (!fresh) continue;
    if (old.className !== fresh.className) old.className = fresh.className;
    for (const it of old.querySelectorAll("details[open][id]")) news.getElementById(it.id)?.setAttribute("open", "");
    // What can be acted on is always that of now; elsewhere nothing moves under a finger.
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    if (old.innerHTML === fresh.innerHTML || (focused && old.dataset.live !== "always")) continue;
    old.replaceChildren(...fresh.cloneNode(true).childNodes);
    offerCopies();
    if (focused) [...old.querySelectorAll("a, button, code")].find((it) => it.textContent === focused.textContent)?.focus();
  }
  const time = news.querySelector("#asof time");
  if (time) $("asof").querySelector("time").replaceWith(time.cloneNode(true));
  for (const form of forms()) {
    const fresh = news.querySelector(`form.pivots[data-symbol="${form.dataset.symbol}"]`);
    if (fresh) adopt(form, fresh);
  }
}

// New saved values enter a form only where nobody has typed.
function adopt(form, fresh) {
  if (form.dataset.saving || fresh.dataset.etag === form.dataset.etag) {
    if (!isDirty(form) && !form.hasAttribute("data-returned")) note(form, fresh.querySelector("[data-say]").textContent);
    return;
  }
  if (isDirty(form)) {
    note(form, "Somebody else saved these levels meanwhile. What you typed is kept; saving shows both.", "warn");
    return;
  }
  form.dataset.etag = form.elements.etag.value = fresh.dataset.etag;
  for (const input of form.querySelectorAll("input[data-level]")) {
    const other = fresh.querySelector(`input[data-level="${input.dataset.level}"]`);
    input.value = input.dataset.saved = other.dataset.saved;
    if (input.readOnly) $(`${input.id}-m`).replaceChildren(...fresh.querySelector(`[id="${input.id}-m"]`).cloneNode(true).childNodes);
  }
  review(form);
  note(form, fresh.querySelector("[data-say]").textContent);
}

function unheard(text, href) {
  const toast = $("toast");
  toast.replaceChildren(document.createTextNode(text));
  if (href) toast.append(Object.assign(document.createElement("a"), { href, textContent: "Log in" }));
  toast.hidden = false;
  age();
}

// How old is what is shown? Without news for two intervals nothing on the page is known any more.
function age() {
  const seconds = Math.round((Date.now() - newsAt) / 1000);
  const text = seconds < 120 ? `${seconds} s old` : `${Math.floor(seconds / 60)} min old`;
  $("age").textContent = ` · data ${text}`;
  for (const it of document.querySelectorAll("[data-left]")) if (seconds >= Number(it.dataset.left)) over(it);
  if (seconds < 2 * everySeconds || document.body.classList.contains("stale")) return;
  document.body.classList.add("stale");
  for (const use of document.querySelectorAll(".done > :first-child use, #jump use")) use.setAttribute("href", "#m-none");
  for (const word of document.querySelectorAll(".done .symh span")) word.textContent = `Unknown (was ${word.textContent.toLowerCase()})`;
  dark(text.replace(" old", ""));
  // A ticket that may have expired or been paused meanwhile is none.
  for (const pill of document.querySelectorAll(".pill.ready")) { pill.className = "pill paused"; pill.textContent = "Paused: no news"; }
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = true;
  if ($("toast").hidden) unheard(`No news for ${text.replace(" old", "")}. What is shown may be wrong.`);
}

// A light that nobody has heard of is red: in the header of every page, and on its own.
function dark(silence) {
  const bar = $("bar-light"), panel = $("light");
  for (const it of [bar, panel]) if (it) it.className = it.className.replace(/is-\w+/, "is-red");
  for (const use of document.querySelectorAll("#bar-light use, .lamp use")) use.setAttribute("href", "#m-red");
  if (bar) bar.replaceChildren(mark("red"), document.createTextNode("Red "), Object.assign(document.createElement("span"), { className: "times", textContent: "×0" }));
  if (!panel) return;
  const was = panel.querySelector(".lamp h2").textContent.toLowerCase(), says = (part, text) => { panel.querySelector(part).textContent = text; };
  says(".lamp h2", "Red");
  says(".lamp p", "×0, no new trades");
  says(".reason", `The light is unknown: nothing was heard for ${silence}.`);
  says(".do", "Open nothing. Open positions keep their stop and target at the exchange.");
  says(".why .quiet", `The last light was ${was}. It is no longer valid. This page keeps asking.`);
}

// ---- Copying a ticket ----

// A signal expires on the page in its second, not with the next refresh.
function over(it) {
  it.removeAttribute("data-left");
  if (it.matches(".pill")) { it.className = "pill expired"; it.textContent = "Expired"; return; }
  it.classList.add("over");
  for (const button of it.querySelectorAll("[data-copy]")) button.remove();
}

function offerCopies() {
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const says = button.closest(".pad").querySelector('[role="status"]');
  try {
    await navigator.clipboard.writeText($(button.dataset.copy).textContent);
    says.textContent = "Copied.";
  } catch {
    says.textContent = "The browser did not allow copying: select the lines and copy them.";
  }
});

// ---- Start ----

document.addEventListener("input", (event) => {
  const form = event.target.closest("form.pivots");
  if (!form) return;
  form.removeAttribute("data-returned");
  review(form);
  keepDraft(form);
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.pivots")) return;
  event.preventDefault();
  save(event.target);
});
for (const form of forms()) {
  const had = restoreDraft(form), told = form.querySelector("[data-say]").textContent;
  if (form.hasAttribute("data-returned")) { button(form, false); continue; }
  review(form);
  if (isDirty(form)) keepDraft(form);
  if (!isDirty(form)) note(form, told);
  else if (had) note(form, `${form.querySelector("[data-say]").textContent} Typed earlier, and kept.`, "warn");
}
offerCopies();
if (document.querySelector("[data-refresh]")) {
  setInterval(age, 1000);
  setInterval(refresh, everySeconds * 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && Date.now() - newsAt > everySeconds * 1000) refresh(); });
  age();
}
