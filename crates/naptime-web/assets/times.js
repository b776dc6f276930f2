// Shows times in the zone of whoever looks, of the endpoint, or in UTC. Without this script they are in UTC.
"use strict";

const MINE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const KEPT = "naptime.zone";

// The zones to choose from, by the word that is kept.
function zones() {
  const endpoints = document.querySelector("main").dataset.zone;
  return { mine: MINE, ...(endpoints && { endpoint: endpoints }), utc: "UTC" };
}

function kept() {
  try {
    return localStorage.getItem(KEPT) ?? "mine";
  } catch {
    // Nothing may be kept here.
    return "mine";
  }
}

function zone() {
  return zones()[kept()] ?? MINE;
}

// `2026-01-02 03:04:05`, as Swedes write it.
function written(at, timeZone) {
  return new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(at);
}

// `GMT+1`, `EST`.
function abbreviation(at, timeZone) {
  const parts = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "short" }).formatToParts(at);
  return parts.find(({ type }) => type === "timeZoneName").value;
}

function exact(at, timeZone) {
  const millis = String(at.getUTCMilliseconds()).padStart(3, "0");
  return `${written(at, timeZone)}.${millis} ${abbreviation(at, timeZone)}`;
}

// To the second, with the date unless that is today's.
function clock(at, timeZone) {
  const [date, time] = written(at, timeZone).split(" ");
  return written(new Date(), timeZone).startsWith(date) ? time : `${date} ${time}`;
}

// The mark of an axis whose marks are so many seconds apart.
function mark(at, step, timeZone) {
  const [date, time] = written(at, timeZone).split(" ");
  if (step >= 86400) return date.slice(5);
  return step >= 60 ? time.slice(0, 5) : time;
}

// Writes all times below `root` in the zone that is chosen.
function inZone(root) {
  const timeZone = zone();
  for (const time of root.querySelectorAll("time[title]")) {
    const at = new Date(time.dateTime);
    time.title = exact(at, timeZone);
    if (time.classList.contains("clock")) time.textContent = clock(at, timeZone);
    if (time.classList.contains("exact")) time.textContent = time.title;
  }
  for (const text of root.querySelectorAll("text[data-at]")) {
    text.textContent = mark(new Date(text.dataset.at * 1000), Number(text.dataset.step), timeZone);
  }
}

function choose() {
  // `America/New_York` is New York.
  const city = (name) => name?.split("/").pop().replaceAll("_", " ");
  const names = { mine: `${city(MINE)} (you)`, endpoint: `${city(zones().endpoint)} (the endpoint)`, utc: "UTC" };
  const select = document.createElement("select");
  for (const word of Object.keys(zones())) select.add(new Option(names[word], word));
  select.value = zones()[kept()] ? kept() : "mine";
  select.addEventListener("change", () => {
    try {
      localStorage.setItem(KEPT, select.value);
    } catch {
      // It holds for as long as the page is open.
    }
    inZone(document);
  });
  select.setAttribute("aria-label", "Time zone");
  document.getElementById("zone").replaceChildren(select);
}

choose();
inZone(document);
