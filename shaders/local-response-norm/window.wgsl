// Channels of one pixel in nhwc: four at a time (VEC), or the single one. The window of channel c is c - before .. c + after.
//
// Threads: one for each element, four channels or the single one.
//#include "lib/linear-id.wgsl"
struct Params {
  count: u32,
  // Elements of a pixel.
  columns: u32,
  before: i32, after: i32,
  // base = k + rate * sum of squares; rate = alpha / size.
  k: f32, rate: f32, beta: f32,
}
@group(0) @binding(0) var<uniform> params: Params;

//#if VEC
alias T = vec4f;
const WIDTH = 4;

// Those of the four terms of element j that lie between `below` channels before and `above` after each channel of element c.
fn in_window(c: i32, j: i32, terms: T, below: i32, above: i32) -> T {
  let distance = vec4i(4 * (j - c)) + vec4i(0, 1, 2, 3);
  var sums = T();
//#for O 0 4
  sums[$O] = dot(select(T(), terms, (distance >= vec4i($O - below)) & (distance <= vec4i($O + above))), T(1.0));
//#endfor
  return sums;
}
//#else
alias T = f32;
const WIDTH = 1;
fn in_window(c: i32, j: i32, terms: T, below: i32, above: i32) -> T { return terms; }
//#endif

// Elements that the window of element c touches: first .. last.
fn first_of(c: i32, below: i32) -> i32 { return max(0, c - (below + WIDTH - 1) / WIDTH); }
fn last_of(c: i32, above: i32) -> i32 { return min(i32(params.columns) - 1, c + (above + WIDTH - 1) / WIDTH); }
