/** A recording from the microphone of this machine, as WebM or MP4, whatever the browser makes. */

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && window.MediaRecorder);

/** Start; returns a function that stops and gives the file and its name. */
export async function record() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  recorder.start(1000);
  return () =>
    new Promise((resolve) => {
      recorder.addEventListener("stop", () => {
        stream.getTracks().forEach((track) => track.stop());
        const ending = recorder.mimeType.includes("mp4") ? "m4a" : "webm";
        const name = `recording ${new Date().toISOString().slice(0, 19).replace(/:/g, "-")}.${ending}`;
        resolve({ file: new Blob(parts, { type: recorder.mimeType }), name });
      });
      recorder.stop();
    });
}
