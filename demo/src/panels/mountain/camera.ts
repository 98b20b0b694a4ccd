/** The camera that goes round the mountain: its matrix, and where points are on the picture. Imports wgpu-matrix. */
import { mat4, vec3, vec4 } from 'wgpu-matrix';
import { clamped, type Orbit } from './orbit.ts';

export type Point = readonly [number, number, number];

/** Height of the box that the surface is drawn in; its floor is 2 x 2. */
export const RELIEF = 0.95;

const VERTICAL_FIELD = 0.62;
/** Pictures that are narrower than this are looked at from farther away. */
const NARROW = 1.3;

export interface Camera {
  readonly matrix: Float32Array;
  readonly eye: Point;
}

export function cameraOf(orbit: Orbit, aspect: number): Camera {
  const { yaw, pitch, distance } = clamped(orbit);
  const far = distance * Math.max(1, NARROW / aspect);
  const middle = [0, 0.22 * RELIEF, 0];
  const eye: Point = [
    middle[0]! + far * Math.cos(pitch) * Math.sin(yaw),
    middle[1]! + far * Math.sin(pitch),
    middle[2]! + far * Math.cos(pitch) * Math.cos(yaw),
  ];
  const projection = mat4.perspective(VERTICAL_FIELD, aspect, 0.1, 60);
  const matrix = mat4.multiply(projection, mat4.lookAt(vec3.fromValues(...eye), middle, [0, 1, 0]));
  return { matrix, eye };
}

/** Shares of the picture's width and height, from its upper left corner. */
export function onPicture({ matrix }: Camera, [x, y, z]: Point): { readonly x: number; readonly y: number } {
  const clip = vec4.transformMat4([x, y, z, 1], matrix);
  return { x: 0.5 + clip[0]! / clip[3]! / 2, y: 0.5 - clip[1]! / clip[3]! / 2 };
}
