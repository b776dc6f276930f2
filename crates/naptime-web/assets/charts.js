// Tells the values of a chart where somebody points at it, or goes with the arrow keys.
"use strict";

function list(text) {
  return text ? text.split(";") : [];
}

// Shows the values at one of the moments of a chart.
function reveal(plot, index) {
  const [at, x] = [list(plot.dataset.at)[index], list(plot.dataset.x)[index]];
  const values = [...plot.querySelectorAll("g[data-shown]")].reverse().flatMap(({ dataset }) => {
    const value = list(dataset.shown)[index];
    return value ? [`${dataset.name} ${value}`.trim()] : [];
  });
  const figure = plot.closest("figure");
  let tip = figure.querySelector(".tip");
  if (!tip) {
    tip = document.createElement("p");
    tip.className = "tip";
    tip.setAttribute("role", "status");
    figure.append(tip);
  }
  tip.textContent = `${clock(new Date(at * 1000), zone())}: ${values.join(", ") || "nothing measured"}`;
  let guide = plot.querySelector(".guide");
  if (!guide) {
    guide = document.createElementNS(plot.namespaceURI, "line");
    guide.setAttribute("class", "guide");
    guide.setAttribute("y1", 0);
    guide.setAttribute("y2", plot.viewBox.baseVal.height);
    plot.append(guide);
  }
  guide.setAttribute("x1", x);
  guide.setAttribute("x2", x);
  plot.dataset.told = index;
}

function hush(plot) {
  plot.closest("figure").querySelector(".tip")?.remove();
  plot.querySelector(".guide")?.remove();
  delete plot.dataset.told;
}

function nearest(plot, clientX) {
  const { left, width } = plot.getBoundingClientRect();
  const x = ((clientX - left) / width) * plot.viewBox.baseVal.width;
  const distances = list(plot.dataset.x).map((place) => Math.abs(place - x));
  return distances.indexOf(Math.min(...distances));
}

function plotOf({ target }) {
  const plot = target instanceof Element ? target.closest(".plot[data-at]") : null;
  return plot?.dataset.at ? plot : null;
}

document.addEventListener("pointermove", (event) => {
  const plot = plotOf(event);
  if (plot) reveal(plot, nearest(plot, event.clientX));
});
document.addEventListener("pointerout", (event) => {
  const plot = plotOf(event);
  if (plot && !plot.contains(event.relatedTarget)) hush(plot);
});
document.addEventListener("focusin", (event) => {
  const plot = plotOf(event);
  if (plot) reveal(plot, list(plot.dataset.at).length - 1);
});
document.addEventListener("focusout", (event) => {
  const plot = plotOf(event);
  if (plot) hush(plot);
});
document.addEventListener("keydown", (event) => {
  const [plot, step] = [plotOf(event), { ArrowLeft: -1, ArrowRight: 1 }[event.key]];
  if (!plot || !step) return;
  event.preventDefault();
  const last = list(plot.dataset.at).length - 1;
  reveal(plot, Math.min(last, Math.max(0, Number(plot.dataset.told ?? last) + step)));
});
