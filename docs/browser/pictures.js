// Pictures from files and cameras, and their pixels.

const SMALLEST = 24; // side in pixels: the margin of the networks needs as many

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
  if (!navigator.mediaDevices) throw new Error("a page has a camera only over https, or from localhost");
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

// Return `picture` as RGBA bytes with a longer side of at most `side`; with `square`, its centre as a square of that side.
export function pixels(picture, side, square = false) {
  const whole = [picture.videoWidth || picture.width, picture.videoHeight || picture.height];
  const crop = square ? whole.map(() => Math.min(...whole)) : whole;
  const share = Math.min(1, side / Math.max(...whole));
  const size = square ? [side, side] : whole.map((length) => Math.round(length * share));
  if (Math.min(...size) < SMALLEST) throw new Error(`${size.join("x")} px is too small; at least ${SMALLEST} a side`);
  const canvas = new OffscreenCanvas(...size).getContext("2d");
  canvas.imageSmoothingQuality = "high";
  const corner = whole.map((length, axis) => (length - crop[axis]) / 2);
  canvas.drawImage(picture, ...corner, ...crop, 0, 0, ...size);
  return canvas.getImageData(0, 0, ...size);
}
