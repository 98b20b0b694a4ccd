/** The digit with an explanation over it, as pixels. Pure. */

/** Orange of Okabe and Ito: told apart from the digit's greys by everybody. */
const HEAT = [230, 159, 0] as const;
const STRONGEST = 0.85;

/** RGBA of a digit, white on black; where `map` (0 to 1) is high, orange covers it. */
export function overlay(digit: Uint8Array, map: Float32Array | null): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * digit.length);
  for (const [i, grey] of digit.entries()) {
    const share = STRONGEST * Math.min(1, Math.max(0, map?.[i] ?? 0));
    // Ink under the heat stays visible: it is brighter there.
    const light = 0.55 + 0.45 * (grey / 255);
    pixels.set([...HEAT.map((c) => grey * (1 - share) + c * light * share), 255], 4 * i);
  }
  return pixels;
}
