// Reviewing: play, step, look at the heat map, give a verdict, and have the next one there at once.
"use strict";

const root = document.getElementById("review");
const told = document.getElementById("told");
const csrf = document.body.dataset.csrf || "";
const FRAME_SECONDS = 1 / 15; // clips have at most 15 frames a second
const SLOW = 0.25;
const queue = root.dataset.waiting.split(" ").filter(Boolean);
const ready = new Map(); // alert id -> {html, clip}: fetched before it is asked for
let last = null; // the alert of the latest verdict, for undo
let busy = false;

const current = () => root.querySelector(".case");
const currentId = () => current().dataset.alert;
const video = () => current().querySelector("video");

function tell(text, bad = false) {
  told.textContent = text;
  told.hidden = !text;
  told.classList.toggle("bad", bad);
}

function showLeft() {
  const left = document.getElementById("left");
  if (left) left.textContent = root.dataset.left.replace("{count}", queue.length + (root.dataset.cut ? "+" : ""));
}

// heat map -------------------------------------------------------------------------------------

// The picture is grey where nothing is strange. Its colours alone are laid over the clip.
function drawHeat(canvas) {
  if (canvas.dataset.drawn) return;
  const picture = new Image();
  picture.onload = () => {
    canvas.width = picture.naturalWidth;
    canvas.height = picture.naturalHeight;
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(picture, 0, 0);
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
    const data = pixels.data;
    for (let at = 0; at < data.length; at += 4) {
      const low = Math.min(data[at], data[at + 1], data[at + 2]);
      const high = Math.max(data[at], data[at + 1], data[at + 2]);
      data[at + 3] = Math.min(220, Math.max(0, (high - low - 12) * 2));
    }
    pen.putImageData(pixels, 0, 0);
    canvas.dataset.drawn = "yes";
  };
  picture.src = canvas.dataset.src;
}

function toggleHeat() {
  const canvas = current().querySelector("canvas.heat");
  if (!canvas) return;
  canvas.hidden = !canvas.hidden;
  press("heat", !canvas.hidden);
  if (!canvas.hidden) drawHeat(canvas);
}

// clip -----------------------------------------------------------------------------------------

function press(what, on) {
  const button = current().querySelector(`button[data-do="${what}"]`);
  if (button) button.setAttribute("aria-pressed", String(on));
}

function step(frames) {
  const film = video();
  if (!film) return;
  film.pause();
  film.currentTime = Math.max(0, Math.min(film.duration || 0, film.currentTime + frames * FRAME_SECONDS));
}

function toggleSlow() {
  const film = video();
  if (!film) return;
  film.playbackRate = film.playbackRate === 1 ? SLOW : 1;
  press("slow", film.playbackRate !== 1);
}

function togglePlay() {
  const film = video();
  if (film) film.paused ? film.play() : film.pause();
}

// verdicts -------------------------------------------------------------------------------------

async function ask(method, address, body) {
  const answer = await fetch(address, {
    method,
    headers: { "X-CSRF-Token": csrf, "Content-Type": "application/json", Accept: "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.error || String(answer.status));
  return said;
}

async function judge(verdict) {
  if (busy || !current().querySelector("form.verdict")) return;
  busy = true;
  const id = currentId();
  const note = current().querySelector("input[name=note]").value;
  let saved = false;
  try {
    await ask("POST", `/api/v1/alerts/${id}/reviews`, { verdict, note, after: current().dataset.latest });
    saved = true;
    last = id;
    tell("");
    const place = queue.indexOf(id);
    if (place >= 0) queue.splice(place, 1);
    const asked = !root.dataset.queue || queue.length || (await refill());
    showLeft();
    if (root.dataset.queue && queue.length) await show(queue[Math.min(place < 0 ? 0 : place, queue.length - 1)]);
    else {
      await show(id, true);
      if (root.dataset.queue && asked) tell(root.dataset.done);
    }
  } catch (error) {
    tell((saved ? root.dataset.unshown : root.dataset.failed).replace("{why}", error.message), true);
  } finally {
    busy = false;
  }
}

// The page holds the first of a long queue, and more may have come since: "all" is said only when
// the server has said so.
async function refill() {
  try {
    queue.push(...(await ask("GET", `/api/v1/queue?camera=${encodeURIComponent(root.dataset.queue)}`)));
    root.dataset.cut = "";
    return true;
  } catch {
    return false; // the verdict is saved all the same
  }
}

async function undo() {
  const id = last || currentId();
  try {
    await ask("DELETE", `/api/v1/alerts/${id}/reviews/latest`);
    last = null;
    if (root.dataset.queue && !queue.includes(id)) queue.unshift(id);
    ready.delete(id);
    showLeft();
    await show(id, true);
    tell(root.dataset.undone);
  } catch (error) {
    tell(root.dataset.failed.replace("{why}", error.message), true);
  }
}

async function unquiet(button) {
  const id = currentId();
  try {
    await ask("DELETE", `/api/v1/patterns/${button.dataset.pattern}`);
    ready.clear();
    await show(id, true);
    tell(root.dataset.unquieted);
  } catch (error) {
    tell(root.dataset.failed.replace("{why}", error.message), true);
  }
}

// the next one ---------------------------------------------------------------------------------

async function fetchCase(id) {
  const answer = await fetch(`/alerts/${id}?part=true`);
  if (answer.redirected) location.reload(); // to the form to log in: the session has ended
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  const html = await answer.text();
  const clip = await fetch(`/media/${id}/clip`).then((found) => (found.ok ? found.blob() : null));
  return { html, clip };
}

function fetchAhead() {
  const place = queue.indexOf(currentId());
  const next = queue[place + 1] || queue[0];
  if (next && next !== currentId() && !ready.has(next)) {
    ready.set(next, fetchCase(next).catch(() => null));
  }
}

async function show(id, fresh = false) {
  const found = fresh ? null : await ready.get(id);
  ready.delete(id);
  const { html, clip } = found || (await fetchCase(id));
  const old = video();
  if (old && old.src.startsWith("blob:")) URL.revokeObjectURL(old.src);
  document.getElementById("case").innerHTML = html;
  htmx.process(current()); // the form of holds
  const film = video();
  if (film && clip) film.src = URL.createObjectURL(clip);
  const address = root.dataset.queue ? `/alerts/${id}?queue=${encodeURIComponent(root.dataset.queue)}` : `/alerts/${id}`;
  history.replaceState(null, "", address);
  begin();
}

function move(by) {
  if (!queue.length) return;
  const place = queue.indexOf(currentId());
  const next = queue[(place + by + queue.length) % queue.length];
  if (next && next !== currentId()) show(next).catch((error) => tell(error.message, true));
}

// keys and buttons -----------------------------------------------------------------------------

const DEEDS = {
  play: togglePlay, back: () => step(-1), forward: () => step(1), slow: toggleSlow, heat: toggleHeat, undo, unquiet,
};
const KEYS = {
  1: () => judge("anomaly"), 2: () => judge("known_harmless"), 3: () => judge("false_alarm"),
  u: undo, n: () => move(1), p: () => move(-1), " ": togglePlay, ",": () => step(-1), ".": () => step(1),
  s: toggleSlow, h: toggleHeat,
};

root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.verdict) judge(button.dataset.verdict);
  else if (DEEDS[button.dataset.do]) DEEDS[button.dataset.do](button);
});
root.addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  const pressed = event.key === " " && event.target.closest("button, a, summary");
  if (typing || pressed || event.ctrlKey || event.metaKey || event.altKey) return;
  const deed = KEYS[event.key.toLowerCase()];
  if (deed) {
    event.preventDefault();
    deed();
  }
});

function begin() {
  const film = video();
  const clock = current().querySelector(".clock");
  if (film && clock) film.addEventListener("timeupdate", () => { clock.textContent = `${film.currentTime.toFixed(2)} s`; });
  showLeft();
  fetchAhead();
}

begin();
