// Keeps the parts of a page marked as live up to date, by fetching the page and swapping them, and shows what a form
// comes to while it is filled in. Without this script the pages work just the same.
"use strict";

const EVERY = 5000;
// What is in the background shows its title and its icon only.
const EVERY_HIDDEN = 15000;

// Swapping under somebody's hands would lose what they type, point at or have selected.
function busy(part) {
  const selection = getSelection();
  const selected = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  return part.contains(document.activeElement) || selected || part.querySelector("details[open], .tip") !== null;
}

// A server that hangs is treated like one that is gone.
const PATIENCE = 4000;

function page() {
  const signal = AbortSignal.timeout(PATIENCE);
  return fetch(location.pathname + location.search, { credentials: "same-origin", signal });
}

// What is shown is only what was last known.
function away(is) {
  document.body.classList.toggle("stale", is);
  document.getElementById("away").hidden = !is;
}

async function refresh() {
  if (!document.querySelector("[data-live]")) return;
  const begun = flips;
  let text;
  try {
    const response = await page();
    if (response.redirected) {
      // The login is over, or the page has moved.
      location.reload();
      return;
    }
    if (!response.ok) throw new Error(String(response.status));
    text = await response.text();
    away(false);
  } catch {
    away(true);
    return;
  }
  // What was asked for before a switch was flipped shows it as it was.
  if (begun === flips) show(text, busy);
}

// Puts a page in the place of this one, part by part, but for those that are to be left.
function show(text, left) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  inZone(fresh);
  document.title = fresh.title;
  const [icon, now] = [document, fresh].map((it) => it.querySelector("link[rel=icon]"));
  if (now && icon.getAttribute("href") !== now.getAttribute("href")) icon.replaceWith(document.adoptNode(now));
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    const waits = next !== null && next.innerHTML !== part.innerHTML && left(part);
    // Who works in it is told; it goes on once it is left.
    part.classList.toggle("waits", waits && part.contains(document.activeElement));
    if (!next || waits || next.innerHTML === part.innerHTML) continue;
    // What is picked stays picked.
    for (const { value } of part.querySelectorAll("input:checked")) {
      for (const input of next.querySelectorAll(`input[value="${value}"]`)) input.checked = true;
    }
    part.replaceWith(document.adoptNode(next));
  }
}

// How many switches were flipped.
let flips = 0;

// A switch leads back to the page that it is on, so that nothing needs to be loaded again or to scroll.
async function flip(form) {
  flips += 1;
  const body = new URLSearchParams(new FormData(form));
  const signal = AbortSignal.timeout(PATIENCE);
  const response = await fetch(form.action, { method: "POST", body, credentials: "same-origin", signal });
  if (!response.ok || new URL(response.url).pathname !== location.pathname) throw new Error(response.url);
  show(await response.text(), (part) => !part.contains(form));
  // The keys go on where they were.
  document.querySelector(`form[action="${form.getAttribute("action")}"] .switch`)?.focus();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.querySelector("button.switch") || !form.closest("[data-live]")) return;
  event.preventDefault();
  // Whatever went wrong, the page that comes says it.
  flip(form).catch(() => form.submit());
});

// One after the other, so that a slow answer does not pile up requests.
async function run() {
  for (;;) {
    await new Promise((done) => setTimeout(done, document.hidden ? EVERY_HIDDEN : EVERY));
    await refresh();
  }
}

if (document.querySelector("[data-live]")) {
  run();
  document.addEventListener("visibilitychange", refresh);
}

// A page that there is not for now is asked for until there is.
async function retry() {
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY));
    try {
      if ((await page()).ok) return location.replace(location.pathname + location.search);
    } catch {
      // Not yet.
    }
  }
}

if (document.querySelector("[data-retry]")) retry();

const TELL = new Intl.DateTimeFormat("en-US", {
  weekday: "short", year: "numeric", month: "2-digit", day: "2-digit",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short",
});

function tell(time) {
  const part = Object.fromEntries(TELL.formatToParts(new Date(time)).map(({ type, value }) => [type, value]));
  const { weekday, year, month, day, hour, minute, second, timeZoneName } = part;
  return `${weekday} ${year}-${month}-${day} ${hour}:${minute}:${second} ${timeZoneName}`;
}

// Adds the times as whoever looks at them has them, unless these are the times that are there.
function tellInYours() {
  const head = document.querySelector("#preview [data-zone]");
  const zone = TELL.resolvedOptions().timeZone;
  if (!head || head.dataset.zone === zone) return;
  const words = head.querySelector(".in-yours");
  words.textContent = `, and for you in ${zone}`;
  words.hidden = false;
  for (const time of document.querySelectorAll("#preview time")) {
    const yours = time.nextElementSibling;
    yours.textContent = tell(time.dateTime);
    yours.hidden = false;
  }
}

function preview(form) {
  let waiting;
  let asked = 0;
  const show = async () => {
    const mine = ++asked;
    const fields = new FormData(form);
    // They may be large, and have no part in it.
    for (const name of ["body", "headers"]) fields.delete(name);
    try {
      const response = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(fields), credentials: "same-origin" });
      const text = await response.text();
      // What was typed since then counts, and a login is no preview.
      if (!response.ok || response.redirected || mine !== asked) return;
      document.getElementById("preview").outerHTML = text;
      shown();
    } catch {
      // The next key asks again.
    }
  };
  const soon = (pause) => {
    clearTimeout(waiting);
    waiting = setTimeout(show, pause);
  };
  const shown = () => {
    tellInYours();
    // Part of it was still being worked out.
    if (document.querySelector("#preview [data-again]")) soon(2000);
  };
  form.addEventListener("input", () => soon(200));
  form.querySelector("[name=preview]").hidden = true;
  shown();
}

const form = document.querySelector("form[data-preview]");
if (form) preview(form);
