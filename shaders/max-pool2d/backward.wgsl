// Gradient of max pooling: dx = epilogue(sum of dy over the windows whose maximum lies here, in row-major order).
//
// Layouts: dx, indices nhwc; dy: lib/pool-load.wgsl. CODES: where the maxima are is given as codes, else as indices (see forward.wgsl).
// Threads: one for each element of dx (four channels, or one) as it lies in memory; or, with BLOCKS, where no two windows
// overlap, one for each block of stride x stride elements, in which one window at most lies.
//#include "lib/linear-id.wgsl"
//#include "lib/pool-window.wgsl"
//#include "lib/math.wgsl"
//#include "lib/pool-load.wgsl"
//#if CODES
@group(0) @binding(2) var<storage, read> argmax: array<u32>;
//#else
@group(0) @binding(2) var<storage, read> argmax: array<U>;
//#endif
@group(0) @binding(3) var<storage, read_write> dx: array<T>;
//#if OPERAND
@group(0) @binding(4) var<storage, read> operand: array<T>;
//#endif

//#epilogue

fn finish(v: T, i: i32) -> T {
//#if OPERAND
  let s = operand[i];
//#else
  let s = T();
//#endif
//#if VEC
  return vec4f(epilogue(v.x, s.x), epilogue(v.y, s.y), epilogue(v.z, s.z), epilogue(v.w, s.w));
//#else
  return epilogue(v, s);
//#endif
}

fn won(cell: i32) -> U {
//#if !CODES
  return argmax[cell];
//#elif VEC
  return (vec4u(argmax[cell]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
//#else
  return argmax[cell];
//#endif
}

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
//#if CODES
    let ky = row_tap(at.row, oy);
//#endif
    for (var ox = columns.x; ox <= columns.y; ox++) {
      let cell = y_index(at.n, oy, ox, at.lane);
//#if CODES
      let kx = column_tap(at.column, ox);
      let here = u32(select(-1, ky * params.kw + kx, min(ky, kx) >= 0));
//#else
      let here = u32(at.row * params.w + at.column);
//#endif
      sum += select(T(), load_dy(at.n, oy, ox, at.lane), won(cell) == U(here));
    }
  }
  dx[i] = finish(sum, i32(i));
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
  var first = U();
  if (at.row < params.oh && at.column < params.ow) {
    let cell = y_index(at.n, at.row, at.column, at.lane);
    d = load_dy(at.n, at.row, at.column, at.lane);
    first = won(cell);
  }
  for (var y = max(top, 0); y < min(top + params.sh, params.h); y++) {
    for (var x = max(left, 0); x < min(left + params.sw, params.w); x++) {
//#if CODES
      let inside = y - top < params.kh && x - left < params.kw;
      let here = u32(select(-1, (y - top) * params.kw + x - left, inside));
//#else
      let here = u32(y * params.w + x);
//#endif
      let i = x_index(at.n, y, x, at.lane);
      dx[i] = finish(select(T(), d, first == U(here)), i32(i));
    }
  }
}
//#endif
