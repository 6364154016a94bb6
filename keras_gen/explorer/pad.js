// A pad to draw on, which also takes a file. Its value is {src, name}: a data URL, or "size:N" of a file too large.
const MOST_BYTES = 20e6, WAIT = 150;
const canvas = element.querySelector("canvas"), colour = element.querySelector("input[type=color]");
const context = canvas.getContext("2d");
let last = null, sent = 0, index = 0, own = null;

const clear = () => { context.fillStyle = "black"; context.fillRect(0, 0, canvas.width, canvas.height); };
const paint = (src) => {
  if (!src || src.startsWith("size:")) return clear();
  const image = new Image();
  image.onload = () => {  // the middle, as the model will see it
    const scale = Math.max(canvas.width / image.width, canvas.height / image.height);
    const width = image.width * scale, height = image.height * scale;
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(image, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  };
  image.onerror = clear;  // the answer says what is wrong with it
  image.src = src;
};
const give = (src, name) => { own = src; props.value = { src, name }; };
const read = (file) => {
  if (!file) return;
  if (file.size > MOST_BYTES) return give(`size:${file.size}`, file.name);
  const reader = new FileReader();
  reader.onload = () => { give(reader.result, file.name); paint(reader.result); };
  reader.readAsDataURL(file);
};
const send = () => { sent = Date.now(); give(canvas.toDataURL(), "drawing.png"); };

const at = (event) => {
  const box = canvas.getBoundingClientRect();
  return [(event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height];
};
const stroke = (to) => {
  context.strokeStyle = colour ? colour.value : "white";
  context.lineWidth = Math.max(canvas.width, canvas.height) / 14;
  context.lineCap = "round";
  context.beginPath();
  context.moveTo(...last);
  context.lineTo(...to);
  context.stroke();
  last = to;
};
canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  last = at(event);
  stroke(last);
});
canvas.addEventListener("pointermove", (event) => {
  if (!last) return;
  stroke(at(event));
  if (Date.now() - sent > WAIT) send();
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, () => { if (last) { last = null; send(); } });
}
canvas.addEventListener("dragover", (event) => event.preventDefault());
canvas.addEventListener("drop", (event) => { event.preventDefault(); read(event.dataTransfer.files[0]); });
const file = element.querySelector("input[type=file]");
file.addEventListener("change", () => { read(file.files[0]); file.value = ""; });
element.querySelector(".kg-upload").addEventListener("click", () => file.click());
element.querySelector(".kg-clear").addEventListener("click", () => { clear(); send(); });
const another = element.querySelector(".kg-another");
if (another) another.addEventListener("click", () => { index += 1; trigger("example", { index }); });
watch("value", () => { if (props.value && props.value.src !== own) { own = props.value.src; paint(own); } });
clear();
if (props.value && props.value.src) { own = props.value.src; paint(own); }
