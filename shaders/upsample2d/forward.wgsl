// Images resized to oh x ow by the nearest element or by bilinear blending.
//
// Threads: one for each element of y. Layouts: x, y nhwc, VEC: four channels an element.
//#include "lib/linear-id.wgsl"
//#include "upsample2d/params.wgsl"
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;

fn x_at(at: Place, row: i32, column: i32) -> T {
  return x[index_of(at.n, row, column, at.lane, params.lanes, vec2i(params.h, params.w))];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i, params.lanes, vec2i(params.oh, params.ow));
  let row = blend(at.row, rows());
  let column = blend(at.column, columns());
//#if NEAREST
  y[i] = x_at(at, row.low, column.low);
//#else
  let above = x_at(at, row.low, column.low) * (1.0 - column.weight) + x_at(at, row.low, column.high) * column.weight;
  let below = x_at(at, row.high, column.low) * (1.0 - column.weight) + x_at(at, row.high, column.high) * column.weight;
  y[i] = above * (1.0 - row.weight) + below * row.weight;
//#endif
}
