// Average pooling: the sum of each window over its divisor (divisor.wgsl). Each line is summed on its own: the rounding
// error of a large window grows with its height plus its width.
//
// Threads: one for each element of y (four channels, or one) as it lies in memory. Layouts: x nhwc; y: lib/pool-store.wgsl. Dilation is 1.
// UNROLLED: for KH x KW taps without branches: where windows are CLIPPED, a tap beside the plane reads the
// nearest one in it and counts as zero.
//#include "lib/linear-id.wgsl"
//#include "lib/pool-window.wgsl"
//#include "avg-pool2d/divisor.wgsl"
@group(0) @binding(1) var<storage, read> x: array<T>;
//#include "lib/pool-store.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i, params.oh, params.ow);
  let rows = rows_of(at.row);
  let columns = columns_of(at.column);
  let step = i32(params.lanes);
  let row_step = params.w * step;
  let origin = x_index(at.n, rows.start, columns.start, at.lane);
  var sum = T();
//#if UNROLLED
//#if CLIPPED
//#for K 0 KH
  let ky$K = clamp($K, rows.first, rows.end - 1);
//#endfor
//#for K 0 KW
  let kx$K = clamp($K, columns.first, columns.end - 1);
//#endfor
//#for Y 0 KH
//#for X 0 KW
  sum += select(T(), x[origin + ky$Y * row_step + kx$X * step], ky$Y == $Y && kx$X == $X);
//#endfor
//#endfor
//#else
//#for Y 0 KH
//#for X 0 KW
  sum += x[origin + $Y * row_step + $X * step];
//#endfor
//#endfor
//#endif
//#else
  for (var ky = rows.first; ky < rows.end; ky++) {
    var line = T();
    for (var kx = columns.first; kx < columns.end; kx++) { line += x[origin + ky * row_step + kx * step]; }
    sum += line;
  }
//#endif
  store_y(i, at, sum / divisor(at.row, at.column));
}
