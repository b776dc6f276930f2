// Keeps the parts of a page marked as live up to date, by fetching the page and swapping them, and shows what a form
// comes to while it is filled in. Without this script the pages work just the same.
"use strict";

const EVERY = 5000;

// Swapping under somebody's hands would lose what they type, point at or have selected.
function busy(part) {
  const selection = getSelection();
  const selected = selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  return part.contains(document.activeElement) || selected || part.querySelector("details[open]") !== null;
}

async function refresh() {
  const parts = [...document.querySelectorAll("[data-live]")];
  if (parts.length === 0 || document.hidden) return;
  let text;
  try {
    const response = await fetch(location.pathname + location.search, { credentials: "same-origin" });
    if (response.redirected) {
      // The login is over, or the page has moved.
      location.reload();
      return;
    }
    if (!response.ok) throw new Error(String(response.status));
    text = await response.text();
    document.body.classList.remove("stale");
  } catch {
    document.body.classList.add("stale");
    return;
  }
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of parts) {
    const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (next && !busy(part) && next.innerHTML !== part.innerHTML) part.replaceWith(document.adoptNode(next));
  }
}

// One after the other, so that a slow answer does not pile up requests.
async function run() {
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY));
    await refresh();
  }
}

if (document.querySelector("[data-live]")) {
  run();
  document.addEventListener("visibilitychange", refresh);
}

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
