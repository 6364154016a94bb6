// The plane of two codes: the mark follows the pointer or the arrow keys; value is [x, y], shares from the lower left.
const clip = (share) => Math.min(1, Math.max(0, share));
const place = (event) => {
  const box = element.querySelector("img").getBoundingClientRect();
  props.value = [clip((event.clientX - box.left) / box.width), clip(1 - (event.clientY - box.top) / box.height)];
};
let held = false;
element.addEventListener("pointerdown", (event) => {
  const plane = event.target.closest(".kg-plane");
  if (!plane || event.button) return;
  held = true;
  plane.setPointerCapture(event.pointerId);
  place(event);
});
element.addEventListener("pointermove", (event) => { if (held) place(event); });
for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, () => { held = false; });
const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
element.addEventListener("keydown", (event) => {
  if (!ways[event.key]) return;
  event.preventDefault();
  props.value = props.value.map((share, i) => clip(share + ways[event.key][i] / 50));
});
