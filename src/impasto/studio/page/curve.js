// The loss curve as a small plot. The vertical axis is logarithmic.

import { sharp, token } from "./dom.js";

export function drawCurve(canvas, points, total) {
  const { context, width, height } = sharp(canvas);
  const losses = points.map(([, loss]) => Math.log(Math.max(loss, 1e-12)));
  if (points.length < 2 || !width) return;
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const span = high - low || 1;
  const last = Math.max(total || 0, points.at(-1)[0]);
  const place = (index) => [
    2 + ((width - 4) * points[index][0]) / last,
    3 + ((height - 6) * (high - losses[index])) / span,
  ];
  context.beginPath();
  points.forEach((_, index) => context[index ? "lineTo" : "moveTo"](...place(index)));
  Object.assign(context, { strokeStyle: token("--accent"), lineWidth: 1.5, lineJoin: "round" });
  context.stroke();
  const [x, y] = place(points.length - 1);
  context.lineTo(x, height);
  context.lineTo(place(0)[0], height);
  context.closePath();
  Object.assign(context, { fillStyle: token("--accent"), globalAlpha: 0.1 });
  context.fill();
  context.globalAlpha = 1;
  context.beginPath();
  context.arc(x, y, 2.5, 0, 7);
  context.fill();
}
