// Drawing privacy masks and zones on a still: by mouse, by touch, by keys, or as numbers.
"use strict";

(() => {
  const root = document.getElementById("areas");
  const surface = root.querySelector("svg");
  const picture = root.querySelector(".drawing img");
  const told = document.getElementById("areas-told");
  const dialog = root.querySelector("dialog");
  const isAdmin = Boolean(root.dataset.admin);
  const HEIGHT = 1000; // of the drawing, in its own units
  const STEP = 0.01;
  const kinds = ["masks", "zones"];
  let width = 1778; // 16 : 9 until the picture says otherwise
  let drawn = JSON.parse(root.dataset.areas);
  let seen = root.dataset.seen;
  let chosen = null; // the area whose corners are shown
  let drawing = false; // each press adds a corner to it
  let cursor = null; // where the keys are, as shares
  let dragged = -1;

  const clamp = (value) => Math.min(1, Math.max(0, value));
  const round = (value) => Math.round(clamp(value) * 10000) / 10000;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  function tell(text, bad = false) {
    told.textContent = text;
    told.hidden = !text;
    told.classList.toggle("bad", bad);
  }

  // the drawing ----------------------------------------------------------------------------------

  function shape(name, attributes, text) {
    const made = document.createElementNS(surface.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    surface.append(made);
    return made;
  }

  function paint() {
    surface.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    surface.classList.toggle("active", drawing);
    surface.replaceChildren();
    // So many units are a pixel of the screen: corners are as large to a finger on every screen.
    const pixel = HEIGHT / (surface.getBoundingClientRect().height || HEIGHT);
    for (const list of kinds) {
      for (const area of drawn[list]) {
        const points = area.corners.map(([x, y]) => `${x * width},${y * HEIGHT}`).join(" ");
        const look = list === "masks" ? "mask" : `zone ${area.kind}`;
        shape("polygon", { points, class: `${look}${area === chosen ? " chosen" : ""}` });
        if (area.corners.length) {
          const [x, y] = area.corners.reduce((a, b) => (b[1] < a[1] ? b : a));
          shape("text", { x: Math.min(x * width + 6 * pixel, width * 0.8), y: y * HEIGHT + 18 * pixel, "font-size": 15 * pixel }, area.name);
        }
      }
    }
    if (chosen && isAdmin)
      chosen.corners.forEach(([x, y], at) => shape("circle", { cx: x * width, cy: y * HEIGHT, r: 9 * pixel, "data-at": at }));
    if (cursor && drawing) {
      const [x, y, arm] = [cursor[0] * width, cursor[1] * HEIGHT, 13 * pixel];
      shape("path", { d: `M${x - arm} ${y}H${x + arm}M${x} ${y - arm}V${y + arm}`, class: "cursor" });
    }
  }

  function place(event) {
    const box = surface.getBoundingClientRect();
    return [round((event.clientX - box.left) / box.width), round((event.clientY - box.top) / box.height)];
  }

  function addCorner(corner) {
    if (!chosen || !drawing) return;
    chosen.corners.push(corner);
    tell(fill(root.dataset.corner, { number: chosen.corners.length, x: percent(corner[0]), y: percent(corner[1]) }));
    show();
  }

  function undo(area = chosen) {
    if (!area) return;
    area.corners.pop();
    show();
  }

  if (isAdmin) {
    surface.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      const at = event.target.dataset.at;
      if (at !== undefined) {
        dragged = Number(at);
        surface.setPointerCapture(event.pointerId);
      } else if (drawing) addCorner(place(event));
      else return;
      event.preventDefault();
      surface.focus({ preventScroll: true });
    });
    surface.addEventListener("pointermove", (event) => {
      if (dragged < 0) return;
      chosen.corners[dragged] = place(event);
      paint();
    });
    for (const end of ["pointerup", "pointercancel"])
      surface.addEventListener(end, () => {
        if (dragged >= 0) show();
        dragged = -1;
      });
    surface.addEventListener("keydown", onKey);
  }

  function onKey(event) {
    if (!drawing) return;
    const step = event.shiftKey ? STEP * 5 : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) {
      cursor = cursor || [0.5, 0.5];
      cursor = [round(cursor[0] + moves[event.key][0]), round(cursor[1] + moves[event.key][1])];
      tell(fill(root.dataset.cursor, { x: percent(cursor[0]), y: percent(cursor[1]) }));
      paint();
    } else if (event.key === "Enter" || event.key === " ") {
      cursor = cursor || [0.5, 0.5];
      addCorner([...cursor]);
    } else if (event.key === "Backspace") undo();
    else if (event.key === "Escape") draw(null);
    else return;
    event.preventDefault();
  }

  // the list -------------------------------------------------------------------------------------

  const percent = (share) => String(Math.round(share * 10000) / 100);
  const inNumbers = (corners) => corners.map(([x, y]) => `${percent(x)}, ${percent(y)}`).join("\n");

  function fromNumbers(text) {
    const lines = text.split("\n").filter((line) => line.trim());
    const corners = lines.map((line) => line.trim().split(/[\s,;]+/).map((part) => (part ? Number(part) / 100 : NaN)));
    const good = corners.every((pair) => pair.length === 2 && pair.every((v) => v >= 0 && v <= 1));
    return good ? corners.map(([x, y]) => [round(x), round(y)]) : null;
  }

  function choose(area) {
    chosen = area;
    for (const item of root.querySelectorAll(".area")) item.classList.toggle("chosen", item.area === area);
    paint();
  }

  function draw(area) {
    drawing = Boolean(area);
    cursor = null;
    choose(area || chosen);
    for (const button of root.querySelectorAll('[data-do="draw"]'))
      button.setAttribute("aria-pressed", String(drawing && button.closest(".area").area === area));
    if (drawing) surface.focus({ preventScroll: true });
  }

  function build() {
    for (const list of kinds) {
      const home = root.querySelector(`[data-list="${list}"]`);
      home.replaceChildren();
      for (const area of drawn[list]) home.append(item(list, area));
      root.querySelector(`[data-none="${list}"]`).hidden = drawn[list].length > 0;
    }
    root.querySelector('[data-field="closed_hours"]').value = drawn.closed_hours;
    show();
  }

  function item(list, area) {
    const made = root.querySelector(`template[data-item="${list}"]`).content.firstElementChild.cloneNode(true);
    made.area = area;
    for (const field of made.querySelectorAll("[data-field]")) {
      const name = field.dataset.field;
      if (name !== "corners") field.value = area[name] ?? "";
      field.addEventListener("focus", () => choose(area));
      field.addEventListener("input", () => read(area, field));
    }
    const acts = { draw: () => draw(drawing && chosen === area ? null : area), undo: () => undo(area), delete: () => remove(list, area) };
    for (const button of made.querySelectorAll("[data-do]")) button.addEventListener("click", acts[button.dataset.do]);
    return made;
  }

  function read(area, field) {
    const name = field.dataset.field;
    if (name === "corners") {
      const corners = fromNumbers(field.value);
      field.setCustomValidity(corners ? "" : root.dataset.unread);
      if (corners) area.corners = corners;
    } else if (name === "budget_per_day") area[name] = field.value === "" ? null : Number(field.value);
    else area[name] = field.value;
    if (name === "kind" && area.kind !== "watch") area.budget_per_day = null;
    show(field);
  }

  // Brings names, numbers and the drawing in line; not the field that somebody is typing in.
  function show(typed = null) {
    for (const made of root.querySelectorAll(".area")) {
      made.querySelector("legend").textContent = made.area.name;
      const numbers = made.querySelector('[data-field="corners"]');
      if (numbers !== typed) {
        numbers.value = inNumbers(made.area.corners);
        numbers.setCustomValidity("");
      }
      for (const only of made.querySelectorAll("[data-only]")) {
        only.hidden = only.dataset.only !== made.area.kind;
        if (only.hidden) only.querySelector("input").value = "";
      }
    }
    paint();
  }

  function add(list) {
    const base = root.dataset[list === "masks" ? "mask" : "zone"];
    const taken = new Set(drawn[list].map((area) => area.name));
    let number = 1;
    while (taken.has(fill(base, { number }))) number += 1;
    const area = { name: fill(base, { number }), corners: [] };
    if (list === "zones") Object.assign(area, { kind: "ignore", budget_per_day: null, hours: "" });
    drawn[list].push(area);
    build();
    draw(area);
  }

  function remove(list, area) {
    drawn[list] = drawn[list].filter((other) => other !== area);
    if (chosen === area) {
      drawing = false;
      chosen = null;
    }
    build();
    root.querySelector(`[data-do="new-${list.slice(0, -1)}"]`).focus();
  }

  // saving ---------------------------------------------------------------------------------------

  async function save(confirmed = false) {
    const wrong = root.querySelector(".area :invalid");
    if (wrong) {
      wrong.reportValidity();
      return;
    }
    drawn.closed_hours = root.querySelector('[data-field="closed_hours"]').value;
    draw(null);
    const answer = await fetch(root.dataset.post, {
      method: "POST",
      headers: { "X-CSRF-Token": document.body.dataset.csrf || "", "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ ...drawn, seen, confirmed }),
    }).catch((error) => ({ ok: false, json: async () => ({ error: error.message }) }));
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) saved(said);
    else if (said.confirm) dialog.showModal();
    else tell(answer.status === 409 ? root.dataset.conflict : fill(root.dataset.failed, { why: said.error || answer.status }), true);
  }

  function saved(said) {
    ({ seen } = said);
    drawn = { masks: said.masks, zones: said.zones, closed_hours: said.closed_hours };
    chosen = null;
    build();
    document.getElementById("unlearnt").hidden = !said.unlearnt;
    const lines = [root.dataset.saved];
    if (said.hides_more) lines.push(root.dataset.hides);
    if (said.shows_more) lines.push(root.dataset.shows);
    tell(lines.join(" "));
    if (picture) picture.src = `${root.dataset.still}?behind=${seen}`;
  }

  const acts = {
    "new-mask": () => add("masks"),
    "new-zone": () => add("zones"),
    undo: () => undo(),
    save: () => save(),
    confirm: () => (dialog.close(), save(true)),
    cancel: () => dialog.close(),
  };
  for (const button of root.querySelectorAll("[data-do]"))
    if (!button.closest(".area")) button.addEventListener("click", acts[button.dataset.do]);

  function fit() {
    if (picture && picture.naturalWidth) width = (HEIGHT * picture.naturalWidth) / picture.naturalHeight;
    paint();
  }
  // The newest footage may be gone from its folder: then there is an empty picture to draw on.
  function withoutPicture() {
    picture.hidden = true;
    root.querySelector(".drawing .nothing").hidden = false;
  }

  if (picture) {
    picture.addEventListener("load", fit);
    picture.addEventListener("error", withoutPicture);
    window.addEventListener("resize", paint);
    if (picture.complete && !picture.naturalWidth) withoutPicture();
  }
  build();
  fit();
})();
