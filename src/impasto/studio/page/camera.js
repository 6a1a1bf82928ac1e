// A photo from the camera.

import { dialog } from "./dialog.js";
import { h } from "./dom.js";
import { complain, guarded } from "./say.js";
import { text } from "./strings.js";

async function stream() {
  if (!navigator.mediaDevices) throw new Error(text.camera.insecure);
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, height: { ideal: 1080 } } });
  } catch (error) {
    throw new Error(text.camera[error.name] ?? text.camera.failed);
  }
}

async function snap(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  return new File([blob], text.camera.file, { type: "image/jpeg" });
}

// Open the camera in a dialog; `work` takes the file of the photo.
export const openCamera = guarded(async (work) => {
  const video = h("video", { playsInline: true, muted: true, "aria-label": text.camera.live });
  const shoot = h("button.main#shoot", { type: "button", disabled: true }, text.camera.shoot);
  let source;
  const box = dialog("camera", text.camera.title, () => [video, h("div.row.centre", {}, shoot)], {
    wide: true,
    closed: () => source?.getTracks().forEach((track) => track.stop()),
  });
  shoot.addEventListener(
    "click",
    guarded(async () => {
      const file = await snap(video);
      box.close();
      work(file);
    }),
  );
  try {
    source = await stream();
    if (!box.open) return source.getTracks().forEach((track) => track.stop());
    video.srcObject = source;
    await video.play();
    shoot.disabled = false;
  } catch (error) {
    complain(error);
  }
  return undefined;
});
