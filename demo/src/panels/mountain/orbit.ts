/** Gestures and keys that move the camera. Pure. */
import type { View } from './protocol.ts';

export type Orbit = Pick<View, 'yaw' | 'pitch' | 'distance'>;

/** From where it is looked at first. */
export const HOME: Orbit = { yaw: 0.65, pitch: 0.52, distance: 4.3 };
export const ABOVE: Partial<Orbit> = { yaw: 0, pitch: 1.5 };
/** Aside of where the mountain is seen from straight: a corner in front shows depth. */
const ASIDE = 0.4;

const NEAREST = 2;
const FARTHEST = 9;
const TURN = 0.12;
const TILT = 0.09;
const ZOOM = 1.12;
/** Radians for each pixel of a drag. */
const DRAG = 0.008;

/** Within what the mountain looks right from: not from below, not from inside. */
export const clamped = ({ yaw, pitch, distance }: Orbit): Orbit => ({
  yaw: yaw % (2 * Math.PI),
  pitch: Math.min(1.5, Math.max(0.05, pitch)),
  distance: Math.min(FARTHEST, Math.max(NEAREST, distance)),
});

export const turned = (orbit: Orbit, yaw: number): Orbit => clamped({ ...orbit, yaw: orbit.yaw + yaw * TURN });
export const tilted = (orbit: Orbit, pitch: number): Orbit => clamped({ ...orbit, pitch: orbit.pitch + pitch * TILT });
export const zoomed = (orbit: Orbit, steps: number): Orbit =>
  clamped({ ...orbit, distance: orbit.distance / ZOOM ** steps });

export const dragged = (orbit: Orbit, dx: number, dy: number): Orbit =>
  clamped({ ...orbit, yaw: orbit.yaw - dx * DRAG, pitch: orbit.pitch + dy * DRAG });

/** Two fingers: `ratio` of their distances, now to before. */
export const pinched = (orbit: Orbit, ratio: number): Orbit => clamped({ ...orbit, distance: orbit.distance / ratio });

/** What a key does; null for a key that does nothing here. */
export function keyed(orbit: Orbit, key: string): Orbit | null {
  switch (key) {
    case 'ArrowLeft':
      return turned(orbit, -1);
    case 'ArrowRight':
      return turned(orbit, 1);
    case 'ArrowUp':
      return tilted(orbit, 1);
    case 'ArrowDown':
      return tilted(orbit, -1);
    case '+':
    case '=':
      return zoomed(orbit, 1);
    case '-':
      return zoomed(orbit, -1);
    default:
      return null;
  }
}

/** From the side where the surface is low, so that what is high hides nothing. Heights are row by row, some may be NaN. */
export function facing(heights: Float32Array): number {
  const side = Math.sqrt(heights.length);
  const finite = heights.filter((height) => Number.isFinite(height));
  const mean = finite.reduce((sum, height) => sum + height, 0) / Math.max(1, finite.length);
  let [x, z] = [0, 0];
  for (const [i, height] of heights.entries()) {
    if (!Number.isFinite(height)) continue;
    x += (height - mean) * ((i % side) / (side - 1) - 0.5);
    z += (height - mean) * (Math.floor(i / side) / (side - 1) - 0.5);
  }
  return x === 0 && z === 0 ? HOME.yaw : Math.atan2(-x, -z) + ASIDE;
}
