// Gradient of average pooling: dx = sum of dy / divisor over the windows that read the element, in row-major order.
//
// Layouts: dx nhwc; dy: lib/pool-load.wgsl. Dilation is 1.
// Threads: one for each element of dx (four channels, or one) as it lies in memory; or, with BLOCKS, where no two windows
// overlap, one for each block of stride x stride elements, in which one window at most lies.
//#include "lib/linear-id.wgsl"
//#include "lib/pool-window.wgsl"
//#include "avg-pool2d/divisor.wgsl"
//#include "lib/pool-load.wgsl"
@group(0) @binding(2) var<storage, read_write> dx: array<T>;

//#if !BLOCKS
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i, params.h, params.w);
  let rows = row_cells(at.row);
  let columns = column_cells(at.column);
  var sum = T();
  for (var oy = rows.x; oy <= rows.y; oy++) {
    for (var ox = columns.x; ox <= columns.y; ox++) {
      sum += load_dy(at.n, oy, ox, at.lane) / divisor(oy, ox);
    }
  }
  dx[i] = sum;
}
//#else
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i, params.block_rows, params.block_columns);
  let top = at.row * params.sh - params.top;
  let left = at.column * params.sw - params.left;
  var d = T();
  if (at.row < params.oh && at.column < params.ow) {
    d = load_dy(at.n, at.row, at.column, at.lane) / divisor(at.row, at.column);
  }
  for (var y = max(top, 0); y < min(top + params.sh, params.h); y++) {
    for (var x = max(left, 0); x < min(left + params.sw, params.w); x++) {
      let inside = y - top < params.kh && x - left < params.kw;
      dx[x_index(at.n, y, x, at.lane)] = select(T(), d, inside);
    }
  }
}
//#endif
