import type { Address } from "../connection.js";

/** Size of the picture and how often it changes. */
export const PICTURE = { width: 480, height: 270, framesPerSecond: 15 } as const;

/** The counter is drawn once more as a row of black and white cells, for programs. */
export const CODE = { bits: 24, checkBits: 8, cellWidth: 15, cellHeight: 30 } as const;

/** Which cells are white for a counter: its bits, highest first, then those of their check sum. */
export function counterCells(counter: number): boolean[] {
  const value = counter % 2 ** CODE.bits;
  const check = (value + (value >>> 8) + (value >>> 16)) & 0xff;
  return [...bitsOf(value, CODE.bits), ...bitsOf(check, CODE.checkBits)];
}

function bitsOf(value: number, count: number): boolean[] {
  return Array.from({ length: count }, (_, index) => ((value >>> (count - 1 - index)) & 1) === 1);
}

/** The colours tell from which side a picture came. */
const COLOURS: Readonly<Record<Address["side"], string>> = {
  relay: "hsl(215 60% 32%)",
  cloudflare: "hsl(25 80% 32%)",
};

/** Draws frame number `counter`: a moving bar, the time, the counter in digits and in cells. */
export function drawPattern(
  context: CanvasRenderingContext2D,
  counter: number,
  wallClock: number,
  { side, label }: { readonly side: Address["side"]; readonly label: string },
): void {
  const { width, height } = PICTURE;
  context.fillStyle = COLOURS[side];
  context.fillRect(0, 0, width, height);
  context.fillStyle = "rgb(255 255 255 / 35%)";
  context.fillRect(((counter * 6) % (width + 40)) - 40, 0, 40, height);
  context.fillStyle = "#fff";
  context.textAlign = "center";
  context.font = "bold 72px sans-serif";
  context.fillText(String(counter), width / 2, 130);
  context.font = "20px sans-serif";
  context.fillText(label, width / 2, 40);
  context.fillText(
    new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" }).format(wallClock),
    width / 2,
    175,
  );
  drawCells(context, counter);
}

function drawCells(context: CanvasRenderingContext2D, counter: number): void {
  const top = PICTURE.height - CODE.cellHeight;
  for (const [index, white] of counterCells(counter).entries()) {
    context.fillStyle = white ? "#fff" : "#000";
    context.fillRect(index * CODE.cellWidth, top, CODE.cellWidth, CODE.cellHeight);
  }
}
