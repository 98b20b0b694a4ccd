// Rows of a plain tensor, [rows, length]: statistics are a row's own, weight and bias belong to a place in the row.
// VEC: four elements at a time, for lengths that are a multiple of 4. `length` counts such elements.
//
// Threads: LANES for each row, of a workgroup of SIZE.
//#include "lib/linear-id.wgsl"
//#include "channel-norm/tree.wgsl"
struct Params { rows: u32, length: u32, count: f32, eps: f32 }
@group(0) @binding(0) var<uniform> params: Params;

//#if VEC
alias T = vec4f;
fn sum_of(v: T) -> f32 { return dot(v, vec4f(1.0)); }
//#else
alias T = f32;
fn sum_of(v: T) -> f32 { return v; }
//#endif

struct Row { index: u32, base: u32, lane: u32, exists: bool }

// A thread without a row repeats the last one, so that all threads reach the sums.
fn row_of(group: u32, li: u32) -> Row {
  let index = group * u32(SIZE / LANES) + li / u32(LANES);
  let row = min(index, params.rows - 1u);
  return Row(row, row * params.length, li % u32(LANES), index < params.rows);
}
