// Gradient of max pooling, any windows: dx = sum of dy over the windows whose maximum lies here, in row-major order.
//
// Threads: one for each element of dx (four channels, or one) as it lies in memory. Layouts: dx, dy, indices nhwc.
// CODES: where the maxima are is given as codes, else as indices (see forward.wgsl).
//#include "lib/linear-id.wgsl"
//#include "lib/pool-window.wgsl"
@group(0) @binding(1) var<storage, read> dy: array<T>;
//#if CODES
@group(0) @binding(2) var<storage, read> argmax: array<u32>;
//#else
@group(0) @binding(2) var<storage, read> argmax: array<U>;
//#endif
@group(0) @binding(3) var<storage, read_write> dx: array<T>;

fn won(cell: i32) -> U {
//#if !CODES
  return argmax[cell];
//#elif VEC
  return (vec4u(argmax[cell]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
//#else
  return argmax[cell];
//#endif
}

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
      let cell = y_index(at.n, oy, ox, at.lane);
//#if CODES
      let ky = row_tap(at.row, oy);
      let kx = column_tap(at.column, ox);
      let here = u32(select(-1, ky * params.kw + kx, min(ky, kx) >= 0));
//#else
      let here = u32(at.row * params.w + at.column);
//#endif
      sum += select(T(), dy[cell], won(cell) == U(here));
    }
  }
  dx[i] = sum;
}
