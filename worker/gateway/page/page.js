// Sends one image and draws what comes back. Text from the answer is only ever set as text.
"use strict";

const byId = (id) => document.getElementById(id);
const say = (text) => { byId("state").textContent = text; };
const COLOURS = { face: "#e4572e", logo: "#17bebb", object: "#ffc914" };

async function recognize(file) {
  say(`${file.name}: sent`);
  const headers = { "content-type": file.type || "image/*" };
  const key = byId("key").value.trim();
  if (key) headers["x-goog-api-key"] = key;
  const response = await fetch("/v1/recognize", { method: "POST", headers, body: file });
  const answer = await response.json();
  if (!response.ok) {
    say(`${answer.reason}: ${answer.detail}`);
    return;
  }
  const image = answer.images[0];
  if (image.status === "pending") {
    say(`not done yet: job ${answer.id}`);
    return;
  }
  say(image.error ? `${image.error.reason}: ${image.error.message}` : `${file.name}: done in ${image.timings_ms.total} ms`);
  const found = listed(image);
  table(found);
  await draw(file, found);
}

function listed(image) {
  const attributes = (face) => Object.entries(face.attributes).map(([name, it]) => `${name} ${it.value}`).join(", ");
  return [
    ...image.faces.map((it) => ({ kind: "face", name: attributes(it) || "face", ...it })),
    ...image.logos.map((it) => ({ kind: "logo", name: it.brand, ...it })),
    ...image.objects.map((it) => ({ ...it, kind: "object" })),
    ...image.labels.map((it) => ({ kind: it.kind, name: [it.name, ...it.parents].join(" › "), score: it.score })),
  ];
}

function table(found) {
  const body = byId("found").querySelector("tbody");
  body.replaceChildren(...found.map((it) => {
    const row = document.createElement("tr");
    for (const text of [it.name, it.kind, it.score.toFixed(2)]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  }));
  byId("found").hidden = found.length === 0;
}

async function draw(file, found) {
  const picture = await createImageBitmap(file);
  const canvas = byId("picture");
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.hidden = false;
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const size = Math.max(12, picture.width / 50);
  pen.font = `${size}px sans-serif`;
  pen.lineWidth = Math.max(2, picture.width / 300);
  for (const { bounds, kind, name } of found) {
    if (!bounds) continue;
    const [x, y] = [bounds.left * picture.width, bounds.top * picture.height];
    pen.strokeStyle = pen.fillStyle = COLOURS[kind];
    pen.strokeRect(x, y, bounds.width * picture.width, bounds.height * picture.height);
    pen.fillText(name, x, Math.max(size, y - 4));
  }
}

function take(files) {
  if (files.length > 0) recognize(files[0]).catch((error) => say(String(error)));
}

byId("ask").addEventListener("submit", (event) => event.preventDefault());
byId("file").addEventListener("change", (event) => take(event.target.files));
const drop = byId("drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  take(event.dataTransfer.files);
});
