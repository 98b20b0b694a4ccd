// Where the places of a resized axis read: place o at (a * o + b) / den elements of x, not below 0, in whole numbers, so that
// weights are exact. NEAREST: the element at or before it; otherwise a blend of that one and the next.
//
// Declares `params` at binding 0. Assumes sizes below 2^15, so that a * o + b < 2^31.
//#include "lib/image.wgsl"
struct Params {
  // Threads; elements along the channels.
  count: u32, lanes: u32,
  h: i32, w: i32, oh: i32, ow: i32,
  row_a: i32, row_b: i32, row_den: i32,
  column_a: i32, column_b: i32, column_den: i32,
}
@group(0) @binding(0) var<uniform> params: Params;

struct Axis { size: i32, places: i32, a: i32, b: i32, den: i32 }

fn rows() -> Axis { return Axis(params.h, params.oh, params.row_a, params.row_b, params.row_den); }

fn columns() -> Axis { return Axis(params.w, params.ow, params.column_a, params.column_b, params.column_den); }

// Elements low and high with the weight of high.
struct Blend { low: i32, high: i32, weight: f32 }

fn blend(o: i32, axis: Axis) -> Blend {
  let scaled = max(axis.a * o + axis.b, 0);
  let low = min(scaled / axis.den, axis.size - 1);
  return Blend(low, min(low + 1, axis.size - 1), f32(scaled - low * axis.den) / f32(axis.den));
}
