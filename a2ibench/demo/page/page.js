const LONGEST_RECORDING = 30; // seconds
const at = (id) => document.getElementById(id);
const form = at("form");
let sound = null; // what will be drawn: { blob, name }
let recorder = null;
let drawing = false;

function fail(message) {
  at("error").textContent = message;
  at("error").hidden = !message;
}

// Pictures of another sound must not be taken for those of the one that was refused.
function refuse(message) {
  fail(message);
  at("player").pause();
  at("result").hidden = true;
  at("models").replaceChildren();
}

function ready() {
  at("draw").disabled = !sound || !form.querySelector("input[name=model]:checked");
}

// The button is not switched off meanwhile: it would lose the keyboard's focus.
function busy(is) {
  drawing = is;
  at("draw").setAttribute("aria-disabled", is);
  at("state").textContent = is ? "Drawing …" : "";
}

// The address of a sound for a player; the one before it is given back.
function play(player, blob) {
  if (player.src) URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(blob);
  player.hidden = false;
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function choose(blob, name) {
  fail("");
  const most = Number(form.dataset.bytes);
  sound = null;
  at("chosen").textContent = "";
  at("preview").hidden = true;
  if (!blob.size) {
    refuse(`${name} is empty (0 bytes).`);
  } else if (blob.size > most) {
    refuse(`${name} is larger than ${most / 2 ** 20} MiB.`);
  } else {
    sound = { blob, name };
    at("chosen").textContent = `${name}, ${size(blob.size)}`;
    play(at("preview"), blob);
  }
  ready();
}

// Not every browser plays what the server decodes.
at("preview").addEventListener("error", () => {
  at("preview").hidden = true;
  at("chosen").textContent += " (this browser cannot play it)";
});
at("player").addEventListener("error", () => {
  at("player").hidden = true;
});

at("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) choose(file, file.name);
});

// A file that misses the box must not take the page's place.
for (const kind of ["dragover", "drop"]) {
  window.addEventListener(kind, (event) => event.preventDefault());
}
for (const kind of ["dragenter", "dragover"]) {
  at("drop").addEventListener(kind, () => at("drop").classList.add("over"));
}
for (const kind of ["dragleave", "drop"]) {
  at("drop").addEventListener(kind, () => at("drop").classList.remove("over"));
}
at("drop").addEventListener("drop", (event) => {
  const [file] = event.dataTransfer.files;
  if (!file) return;
  at("file").value = "";
  choose(file, file.name);
});

async function record() {
  fail("");
  const button = at("record");
  button.disabled = true; // while permission is asked for, a second click must not begin again
  let stream;
  try {
    // As it sounds: what helps speech spoils a dog or a drum.
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    fail(`The microphone cannot be used: ${error.message}`);
    return;
  } finally {
    button.disabled = false;
  }
  const parts = [];
  const started = Date.now();
  recorder = new MediaRecorder(stream);
  const tick = setInterval(() => {
    const seconds = Math.floor((Date.now() - started) / 1000);
    at("record-hint").textContent = `${seconds} of at most ${LONGEST_RECORDING} s`;
    if (seconds >= LONGEST_RECORDING) recorder.stop();
  }, 250);
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  recorder.addEventListener("stop", () => {
    clearInterval(tick);
    stream.getTracks().forEach((track) => track.stop());
    button.textContent = "● Record";
    button.classList.remove("on");
    at("record-hint").textContent = "";
    at("file").value = "";
    choose(new Blob(parts, { type: recorder.mimeType }), "recording");
    recorder = null;
  }, { once: true });
  recorder.start();
  button.textContent = "■ Stop";
  button.classList.add("on");
}

at("record").addEventListener("click", () => {
  if (recorder) recorder.stop();
  else record();
});
if (!(window.MediaRecorder && navigator.mediaDevices)) {
  at("record").disabled = true;
  at("record-hint").textContent = window.isSecureContext
    ? "This browser cannot record."
    : "Recording needs this page at localhost or over https.";
}

form.addEventListener("change", ready);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (drawing) return;
  const asked = sound;
  const query = new URLSearchParams(new FormData(form).getAll("model").map((i) => ["model", i]));
  query.set("n", at("count").value);
  query.set("volume", at("volume").value);
  query.set("seed", at("seed").value);
  fail("");
  busy(true);
  let response, answer;
  try {
    const headers = { "Content-Type": "application/octet-stream" };
    response = await fetch(`/draw?${query}`, { method: "POST", headers, body: asked.blob });
    answer = await response.json();
  } catch {
    refuse("The server does not answer; is a2ibench demo still running, and the file still there?");
    return;
  } finally {
    busy(false);
  }
  if (response.ok) show(answer, asked);
  else refuse(`${answer.error.charAt(0).toUpperCase()}${answer.error.slice(1)}.`);
});

function show(answer, { blob, name }) {
  const { seconds, rate, curve, spectrogram } = answer.sound;
  const length = `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const drawn = answer.models.filter((model) => model.pictures);
  const count = drawn.reduce((sum, model) => sum + model.pictures.length, 0);
  at("result-title").textContent =
    `${count} picture${count === 1 ? "" : "s"} for ${name}: ${length} at ${rate} Hz`;
  play(at("player"), blob);
  const reach = Math.max(1, ...curve.flat().map(Math.abs));
  const y = (value) => (50 - (48 * value) / reach).toFixed(2);
  const x = (i) => ((800 * (i + 0.5)) / curve.length).toFixed(2);
  at("curve").querySelector("path").setAttribute(
    "d",
    curve.map(([low, high], i) => `${i ? "L" : "M"}${x(i)} ${y(low)}L${x(i)} ${y(high)}`).join(""),
  );
  at("spectrogram").src = spectrogram;
  at("spectrogram").alt = `Mel spectrogram of ${length}`;
  at("to").textContent = length;
  compare(answer.models);
  at("result").hidden = false;
  at("result-title").focus();
}

// One method below another, and its budgets side by side; alone, methods stand side by side.
function compare(models) {
  const methods = [...new Set(models.map((model) => model.method))];
  const budgets = [...new Set(models.map((model) => model.budget))].sort((a, b) => a - b);
  const several = budgets.length > 1;
  at("models").classList.toggle("several", several);
  at("models").style.setProperty("--budgets", budgets.length);
  const boxes = models.map(column);
  boxes.forEach((box, i) => {
    if (!several) return;
    box.style.gridRow = methods.indexOf(models[i].method) + 1;
    box.style.gridColumn = budgets.indexOf(models[i].budget) + 1;
  });
  at("models").replaceChildren(...boxes);
}

function column(model) {
  const box = document.createElement("section");
  box.className = "model";
  box.append(text("h3", model.name));
  const pictures = document.createElement("div");
  pictures.className = "pictures";
  (model.pictures ?? []).forEach((uri, i) => {
    const image = document.createElement("img");
    image.src = uri;
    image.alt = `Picture ${i + 1} of ${model.pictures.length} by ${model.name}`;
    pictures.append(image);
  });
  box.append(pictures);
  if (model.error) box.append(text("p", model.error));
  for (const note of model.notes ?? []) box.append(text("p", note, "soft"));
  return box;
}

function text(kind, content, name = "") {
  const element = document.createElement(kind);
  element.textContent = content;
  element.className = name;
  return element;
}

ready();
