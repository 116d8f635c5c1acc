// The curves of a training, one small picture a figure.
"use strict";

const multiples = document.getElementById("training");

function drawOne(name, steps, values) {
  const style = getComputedStyle(document.documentElement);
  const colour = (variable) => style.getPropertyValue(variable).trim();
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--rule"), width: 1 }, ticks: { stroke: colour("--rule") } };
  const box = document.createElement("div");
  multiples.append(box);
  new uPlot({
    title: name,
    width: box.clientWidth || 320,
    height: 180,
    scales: { x: { time: false } },
    axes: [axis, { ...axis, size: 64 }],
    series: [{ label: multiples.dataset.step }, { label: name, stroke: colour("--line"), width: 1.5, points: { show: false } }],
  }, [steps, values], box);
}

async function begin() {
  const answer = await fetch(`/api/v1/models/${multiples.dataset.model}/metrics`);
  const logged = await answer.json();
  for (const name of multiples.dataset.figures.split(" ")) {
    const having = logged.filter((entry) => typeof entry[name] === "number");
    drawOne(name, having.map((entry) => entry.step), having.map((entry) => entry[name]));
  }
  multiples.dataset.drawn = "yes";
}

if (multiples) begin();
