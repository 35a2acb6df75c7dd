import { SOUND } from "./audio-publisher.js";

const HERTZ = 440;
const VOLUME = 0.2;
/** It beeps, so that one hears it go on: this part of each second. */
const BEEP_SHARE = 0.25;

/** One frame of a beeping tone, continuous from frame to frame. */
export function toneFrame(frame: number): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(SOUND.samplesPerFrame);
  for (let index = 0; index < samples.length; index++) {
    const seconds = (frame * SOUND.samplesPerFrame + index) / SOUND.sampleRate;
    const on = seconds % 1 < BEEP_SHARE;
    samples[index] = on ? VOLUME * Math.sin(2 * Math.PI * HERTZ * seconds) : 0;
  }
  return samples;
}
