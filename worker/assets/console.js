// The operators' page. Whatever comes from a service is set as text, never as markup.

const SESSION = "easyorder.session";
const REFRESH_MS = 4000;
const PAGE = 10;

const byId = (id) => document.getElementById(id);

function element(tag, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  if (text !== undefined && text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function when(iso) {
  if (!iso) return "";
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  const text = today ? date.toLocaleTimeString() : date.toLocaleString();
  return element("time", { datetime: iso, title: date.toLocaleString(), text });
}

function show(node, visible) {
  node.hidden = !visible;
}

function complain(node, error) {
  node.textContent = error ? error.message : "";
  show(node, Boolean(error));
}

// --- The session -----------------------------------------------------------------------------------------------------

class SignedOut extends Error {}

let session = JSON.parse(sessionStorage.getItem(SESSION) ?? "null");

function keep(tokens) {
  session = tokens && { access_token: tokens.access_token, refresh_token: tokens.refresh_token };
  if (session) sessionStorage.setItem(SESSION, JSON.stringify(session));
  else sessionStorage.removeItem(SESSION);
}

async function answer(response) {
  if (response.status === 204) return null;
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  const error = new Error(body?.detail ?? `The server answered ${response.status}.`);
  error.status = response.status;
  throw error;
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return answer(response);
}

let renewing = null;

// One renewal at a time: a refresh token works once.
function renew() {
  renewing ??= post("/v1/auth/refresh", { refresh_token: session.refresh_token })
    .then(keep)
    .catch((error) => {
      if (error.status >= 400 && error.status < 500) {
        keep(null);
        throw new SignedOut("Your session has ended. Sign in again.");
      }
      throw error;
    })
    .finally(() => { renewing = null; });
  return renewing;
}

async function call(method, path, { again = true } = {}) {
  if (!session) throw new SignedOut("");
  const token = session.access_token;
  const response = await fetch(path, { method, headers: { authorization: `Bearer ${token}` } });
  if (response.status === 401) {
    if (again && session?.refresh_token) {
      // Another call may have renewed it meanwhile.
      if (session.access_token === token) await renew();
      return call(method, path, { again: false });
    }
    keep(null);
    throw new SignedOut("Your session has ended. Sign in again.");
  }
  const body = await answer(response);
  // Signed out meanwhile: the answer comes too late to be shown.
  if (!session) throw new SignedOut("");
  return body;
}

// --- Lists -----------------------------------------------------------------------------------------------------------

// A list that is drawn anew only when it has changed, so that nobody loses the place they are at.
class Listing {
  constructor(name, path, row) {
    this.rows = byId(name);
    this.empty = byId(`${name}-empty`);
    this.newest = byId(`${name}-newest`);
    this.older = byId(`${name}-older`);
    this.path = path;
    this.row = row;
    this.filter = {};
    this.reset();
    this.newest.addEventListener("click", () => { this.reset(); refresh(); });
    this.older.addEventListener("click", () => { this.after = this.next; refresh(); });
  }

  reset() {
    this.after = null;
    this.next = null;
    this.drawn = null;
  }

  set(filter) {
    Object.assign(this.filter, filter);
    this.reset();
  }

  async load() {
    const query = new URLSearchParams({ limit: PAGE });
    for (const [name, value] of Object.entries({ ...this.filter, after: this.after })) {
      if (value) query.set(name, value);
    }
    const asked = query.toString();
    const list = await call("GET", `${this.path}?${asked}`);
    this.next = list.next;
    show(this.newest, this.after !== null);
    show(this.older, list.next !== null);
    show(this.empty, list.items.length === 0);
    const drawn = asked + JSON.stringify(list.items);
    if (drawn !== this.drawn) {
      redraw(this.rows, list.items.map(this.row));
      this.drawn = drawn;
    }
  }
}

function redraw(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
  const open = new Set([...parent.querySelectorAll("details[open]")].map((details) => details.dataset.id));
  parent.replaceChildren(...children);
  for (const details of parent.querySelectorAll("details")) details.open = open.has(details.dataset.id);
  if (focused) parent.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function cell(label, content, attributes = {}) {
  const made = element("td", { "data-label": label, ...attributes });
  if (content !== undefined && content !== null) made.append(content);
  return made;
}

const state = (name) => element("span", { class: `state ${name}`, text: name });

function jobRow(job) {
  const open = element("button", { type: "button", class: "link mono", "data-id": job.id, text: job.key ?? job.id });
  open.addEventListener("click", () => openDetail(job.id));
  return element("tr", {},
    cell("State", state(job.state)),
    cell("Kind", job.kind, { class: "whole" }),
    cell("About", open),
    cell("Tries", `${job.attempts} of ${job.max_attempts}`, { class: "number" }),
    cell("Due", when(job.run_at)),
    cell("Last error", job.state === "succeeded" ? null : job.last_error));
}

function recurringRow(job) {
  const last = job.last ? element("span", {}, when(job.last.run_at), " ", state(job.last.state)) : "never";
  return element("tr", {},
    cell("Kind", job.kind),
    cell("Schedule", element("code", { text: job.schedule })),
    cell("Next", when(job.next_run_at)),
    cell("Last", last));
}

function facts(pairs) {
  return pairs
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => [element("dt", { text: name }), element("dd", {}, value)]);
}

function errorItem(error) {
  const { error: cause, ...rest } = error.fields;
  const more = facts([
    ["trace", error.trace_id],
    ["target", error.target],
    ["version", error.version],
    ...Object.entries(rest),
  ]);
  const summary = element("summary", { "data-id": `${error.id}-summary`, text: "Details" });
  return element("li", {},
    element("p", { class: "meta" }, when(error.occurred_at), element("span", { text: error.service }), element("span", { text: error.fields["job.kind"] })),
    element("p", { class: "message", text: error.message }),
    cause ? element("p", { class: "cause", text: cause }) : "",
    element("details", { "data-id": error.id }, summary, element("dl", {}, ...more)));
}

const jobs = new Listing("jobs", "/v1/jobs", jobRow);
const errors = new Listing("errors", "/v1/errors", errorItem);

async function loadSummary() {
  const summary = await call("GET", "/v1/jobs/summary");
  for (const tile of document.querySelectorAll("[data-state]")) {
    tile.querySelector("[data-count]").textContent = summary.states[tile.dataset.state].toLocaleString();
  }
  redraw(byId("recurring"), summary.recurring.map(recurringRow));
}

// --- One job ---------------------------------------------------------------------------------------------------------

const detail = byId("detail");

async function openDetail(id) {
  detail.dataset.job = id;
  complain(byId("detail-error"), null);
  try {
    drawDetail(await call("GET", `/v1/jobs/${encodeURIComponent(id)}`));
    if (!detail.open) detail.showModal();
  } catch (error) {
    report(error);
  }
}

function drawDetail(job) {
  byId("detail-title").textContent = job.kind;
  byId("detail-facts").replaceChildren(...facts([
    ["State", state(job.state)],
    ["Id", job.id],
    ["About", job.key],
    ["Tries", `${job.attempts} of ${job.max_attempts}`],
    ["Created", when(job.created_at)],
    ["Due", when(job.run_at)],
    ["Finished", when(job.finished_at)],
  ]));
  byId("detail-tries").replaceChildren(...job.tries.map((one) => element("li", {},
    element("p", { class: "meta" },
      element("span", { text: `Try ${one.attempt}` }), when(one.started_at),
      element("span", { text: one.finished_at ? (one.error ? "failed" : "succeeded") : "runs" })),
    element("p", { class: "message", text: one.error }))));
  byId("detail-payload").textContent = JSON.stringify(job.payload, null, 2);
  show(byId("detail-retry"), ["failed", "retrying"].includes(job.state));
  show(byId("detail-delete"), job.state !== "running");
}

async function act(method, suffix, after) {
  const id = detail.dataset.job;
  try {
    await call(method, `/v1/jobs/${encodeURIComponent(id)}${suffix}`);
    after(id);
    refresh();
  } catch (error) {
    complain(byId("detail-error"), error);
    report(error);
  }
}

byId("detail-close").addEventListener("click", () => detail.close());
byId("detail-retry").addEventListener("click", () => act("POST", "/retry", openDetail));
byId("detail-delete").addEventListener("click", () => {
  if (confirm("Delete this job? It will not be tried any more.")) act("DELETE", "", () => detail.close());
});

// --- The page --------------------------------------------------------------------------------------------------------

const status = byId("status");

function report(error) {
  status.classList.toggle("bad", Boolean(error));
  if (error instanceof SignedOut) {
    signInForm(error);
  } else if (error) {
    const text = error.status === 403 ? error.message : `Not up to date: ${error.message}`;
    if (status.textContent !== text) status.textContent = text;
  } else {
    status.textContent = "";
  }
}

let timer = null;
let turn = 0;

async function refresh() {
  clearTimeout(timer);
  const mine = ++turn;
  try {
    if (!document.hidden) {
      await Promise.all([loadSummary(), jobs.load(), errors.load()]);
      report(null);
    }
  } catch (error) {
    report(error);
  }
  // A newer turn has its own timer.
  if (session && mine === turn) timer = setTimeout(refresh, REFRESH_MS);
}

function signInForm(error) {
  clearTimeout(timer);
  status.textContent = "";
  status.classList.remove("bad");
  // Nothing of what was shown stays for whoever sits down here next.
  for (const id of ["jobs", "recurring", "errors", "detail-facts", "detail-tries", "detail-payload"]) {
    byId(id).replaceChildren();
  }
  jobs.reset();
  errors.reset();
  detail.close();
  show(byId("board"), false);
  show(byId("who"), false);
  show(byId("sign-in"), true);
  complain(byId("sign-in-error"), error?.message ? error : null);
  byId("email").focus();
}

async function board() {
  show(byId("sign-in"), false);
  show(byId("board"), true);
  refresh();
  const me = await call("GET", "/v1/me").catch(() => null);
  byId("who-name").textContent = me?.name ?? "";
  show(byId("who"), session !== null);
}

byId("sign-in-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    keep(await post("/v1/auth/login", { email: form.email.value, password: form.password.value }));
    form.reset();
    complain(byId("sign-in-error"), null);
    board();
    byId("main").focus();
  } catch (error) {
    complain(byId("sign-in-error"), error);
  } finally {
    button.disabled = false;
  }
});

byId("sign-out").addEventListener("click", () => {
  const token = session?.refresh_token;
  keep(null);
  // Best effort: here the session has ended in any case.
  if (token) post("/v1/auth/logout", { refresh_token: token }).catch(() => {});
  signInForm();
});

byId("kind").addEventListener("change", (event) => { jobs.set({ kind: event.target.value }); refresh(); });
byId("service").addEventListener("change", (event) => { errors.set({ service: event.target.value }); refresh(); });
for (const tile of document.querySelectorAll("[data-state]")) {
  tile.addEventListener("click", () => {
    const chosen = tile.getAttribute("aria-pressed") !== "true";
    for (const other of document.querySelectorAll("[data-state]")) {
      other.setAttribute("aria-pressed", String(chosen && other === tile));
    }
    jobs.set({ state: chosen ? tile.dataset.state : "" });
    refresh();
  });
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && session) refresh(); });

if (session) board();
else signInForm();
