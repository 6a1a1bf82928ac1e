// Wheel, drag, pinch and double click on the viewer.

export function followPointers(viewer, { pan, zoom, toggle }) {
  const pointers = new Map();
  const local = ({ clientX, clientY }) => {
    const { left, top } = viewer.getBoundingClientRect();
    return [clientX - left, clientY - top];
  };

  viewer.addEventListener(
    "wheel",
    (event) => {
      if (event.target.closest(".scrolls")) return;
      event.preventDefault();
      const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0015)), ...local(event));
    },
    { passive: false },
  );

  viewer.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button, a, input, .still")) return;
    pointers.set(event.pointerId, local(event));
    const drawing = viewer.classList.contains("editing") && pointers.size < 2 && event.button !== 1;
    if (!drawing) viewer.setPointerCapture(event.pointerId);
  });

  viewer.addEventListener("pointermove", (event) => {
    const old = pointers.get(event.pointerId);
    if (!old) return;
    const [x, y] = local(event);
    const drawing = viewer.classList.contains("editing") && pointers.size < 2 && !(event.buttons & 4);
    if (pointers.size === 1 && !drawing) pan(x - old[0], y - old[1]);
    if (pointers.size === 2) pinch(event.pointerId, old, [x, y]);
    pointers.set(event.pointerId, [x, y]);
  });

  function pinch(id, old, now) {
    const [, other] = [...pointers].find(([key]) => key !== id);
    const distance = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
    pan((now[0] - old[0]) / 2, (now[1] - old[1]) / 2);
    zoom(distance(now) / distance(old), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  for (const kind of ["pointerup", "pointercancel"]) {
    viewer.addEventListener(kind, (event) => pointers.delete(event.pointerId));
  }
  viewer.addEventListener("dblclick", (event) => {
    if (!event.target.closest("button, a, .still") && !viewer.classList.contains("editing")) toggle(...local(event));
  });
}
