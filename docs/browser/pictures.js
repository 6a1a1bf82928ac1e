// Where pictures come from: files and cameras; and their pixels.

const SMALLEST = 24;

const REFUSALS = {
  NotAllowedError: "the camera was refused; the browser's settings for this page allow it",
  NotFoundError: "no camera was found",
  NotReadableError: "the camera is in use by another program",
};

export async function bitmap(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is no picture that this browser can read`);
  }
}

export async function openCamera(video) {
  if (!navigator.mediaDevices) throw new Error("cameras are only for pages from https or from this very machine");
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  } catch (error) {
    throw new Error(REFUSALS[error.name] ?? `no camera: ${error.message}`);
  }
  await video.play();
}

export function closeCamera(video) {
  for (const track of video.srcObject.getTracks()) track.stop();
}

// What `picture` shows as RGBA bytes: its longer side at most `side`, or, `square`, its middle, a square of that side.
export function pixels(picture, side, square = false) {
  const whole = [picture.videoWidth || picture.width, picture.videoHeight || picture.height];
  const taken = square ? whole.map(() => Math.min(...whole)) : whole;
  const share = Math.min(1, side / Math.max(...whole));
  const size = square ? [side, side] : whole.map((length) => Math.round(length * share));
  if (Math.min(...size) < SMALLEST) throw new Error(`${size.join("x")} px is too small; at least ${SMALLEST} a side`);
  const paper = new OffscreenCanvas(...size).getContext("2d");
  paper.imageSmoothingQuality = "high";
  const corner = whole.map((length, axis) => (length - taken[axis]) / 2);
  paper.drawImage(picture, ...corner, ...taken, 0, 0, ...size);
  return paper.getImageData(0, 0, ...size);
}
