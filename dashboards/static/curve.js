// The curve of a camera: scores, threshold, alerts and time that nobody watched; a click, or arrows
// and Enter, show the frame of a moment.
"use strict";

const place = document.getElementById("curve");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const zone = place.dataset.zone;

function inZone(seconds, options) {
  return new Intl.DateTimeFormat(document.documentElement.lang, { timeZone: zone, hourCycle: "h23", ...options }).format(new Date(seconds * 1000));
}

function stripes(pen) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const brush = tile.getContext("2d");
  brush.fillStyle = colour("--blind-ground");
  brush.fillRect(0, 0, 8, 8);
  brush.strokeStyle = colour("--blind");
  brush.lineWidth = 2;
  brush.beginPath();
  for (const shift of [-8, 0, 8]) { brush.moveTo(shift, 8); brush.lineTo(shift + 8, 0); }
  brush.stroke();
  return pen.createPattern(tile, "repeat");
}

function band(plot, pen, from, to, fill, least) {
  const { left, top, width, height } = plot.bbox;
  const start = Math.max(left, plot.valToPos(from, "x", true));
  const end = Math.min(left + width, plot.valToPos(to, "x", true));
  if (end < left || start > left + width) return;
  pen.fillStyle = fill;
  pen.fillRect(start, top, Math.max(end - start, least), height);
}

function drawBehind(series) {
  return (plot) => {
    const pen = plot.ctx;
    pen.save();
    const hatch = stripes(pen);
    for (const hole of series.blind) band(plot, pen, hole.from, hole.to, hatch, 1);
    pen.globalAlpha = 0.45;
    for (const alert of series.alerts) band(plot, pen, alert.from, alert.to, colour(`--${alert.severity}`), 3 * devicePixelRatio);
    pen.restore();
  };
}

function drawThreshold(series) {
  return (plot) => {
    if (series.threshold === null) return;
    const pen = plot.ctx;
    const y = plot.valToPos(series.threshold, "y", true);
    pen.save();
    pen.strokeStyle = colour("--critical");
    pen.lineWidth = 1.5 * devicePixelRatio;
    pen.setLineDash([6, 4]);
    pen.beginPath();
    pen.moveTo(plot.bbox.left, y);
    pen.lineTo(plot.bbox.left + plot.bbox.width, y);
    pen.stroke();
    pen.restore();
  };
}

function showFrame(seconds) {
  const figure = document.getElementById("frame");
  const at = new Date(seconds * 1000).toISOString();
  const picture = figure.querySelector("img");
  const caption = figure.querySelector("figcaption");
  figure.hidden = false;
  caption.textContent = inZone(seconds, { dateStyle: "medium", timeStyle: "medium" });
  picture.onerror = () => { caption.textContent += " –"; };
  picture.src = `/cameras/${encodeURIComponent(place.dataset.camera)}/still?at=${encodeURIComponent(at)}`;
}

// The share of what is shown that a key goes on or back.
const STEPS = { ArrowRight: 0.01, ArrowUp: 0.01, ArrowLeft: -0.01, ArrowDown: -0.01, PageUp: 0.1, PageDown: -0.1, Home: -Infinity, End: Infinity };

function byKeyboard(plot) {
  const width = () => plot.over.clientWidth;
  let left = width() / 2;
  const go = (to) => {
    left = Math.min(Math.max(to, 0), width());
    plot.setCursor({ left, top: plot.over.clientHeight / 2 });
    const score = plot.data[1][plot.posToIdx(left)];
    const said = inZone(plot.posToVal(left, "x"), { dateStyle: "medium", timeStyle: "medium" });
    place.setAttribute("aria-valuenow", String(Math.round((100 * left) / width())));
    place.setAttribute("aria-valuetext", score == null ? said : `${said}, ${score.toFixed(1)}`);
  };
  place.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return; // the browser's own, such as back
    if (event.key in STEPS) go(left + STEPS[event.key] * width());
    else if (event.key === "Enter") showFrame(plot.posToVal(left, "x"));
    else return;
    event.preventDefault();
  });
  place.addEventListener("focus", () => { if (place.matches(":focus-visible")) go(left); });
}

function draw(series) {
  const since = Date.parse(place.dataset.since) / 1000;
  const until = Date.parse(place.dataset.until) / 1000;
  const highest = Math.max(2, series.threshold || 0, ...series.scores.filter((score) => score !== null));
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--rule"), width: 1 }, ticks: { stroke: colour("--rule") } };
  const size = () => ({ width: place.clientWidth, height: 280 });
  const times = [since, ...series.times, until];
  const scores = [null, ...series.scores, null];
  const plot = new uPlot({
    ...size(),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), zone),
    scales: { x: { time: true }, y: { range: [0, highest * 1.12] } },
    cursor: { drag: { x: true, y: false } },
    legend: { live: true },
    axes: [{ ...axis, values: (_, splits) => splits.map((at) => inZone(at, until - since > 172800 ? { month: "numeric", day: "numeric" } : { hour: "2-digit", minute: "2-digit" })) }, axis],
    series: [
      { label: place.dataset.time, value: (_, at) => (at === null ? "" : inZone(at, { dateStyle: "short", timeStyle: "medium" })) },
      { label: place.dataset.score, stroke: colour("--line"), width: 1.5, spanGaps: false, points: { show: series.times.length < 100 }, value: (_, score) => (score === null ? "" : score.toFixed(1)) },
    ],
    hooks: { drawClear: [drawBehind(series)], draw: [drawThreshold(series)] },
  }, [times, scores], place);
  plot.over.addEventListener("click", () => {
    if (plot.cursor.left >= 0 && plot.select.width === 0) showFrame(plot.posToVal(plot.cursor.left, "x"));
  });
  byKeyboard(plot);
  addEventListener("resize", () => plot.setSize(size()));
  place.dataset.drawn = String(series.times.length);
}

async function begin() {
  const range = new URLSearchParams({ since: place.dataset.since, until: place.dataset.until });
  const answer = await fetch(`/api/v1/cameras/${encodeURIComponent(place.dataset.camera)}/scores?${range}`);
  const series = await answer.json();
  if (!answer.ok) {
    place.textContent = series.error;
    return;
  }
  draw(series);
}

begin();
