// Keeps the parts of a page marked as live up to date, by fetching the page and swapping them. Without this script the
// pages work just the same.
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
