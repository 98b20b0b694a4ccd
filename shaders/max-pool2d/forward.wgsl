// Max pooling: epilogue(maximum of each window) and where it is. The first maximum in row-major order wins; padding is not read.
//
// Threads: one for each element of y (four channels, or one) as it lies in memory. Layouts: x, indices nhwc; y: lib/pool-store.wgsl.
// Y, INDICES, CODES: which outputs are wanted. indices: position in the H*W plane, 0 in padding lanes. codes: number
// ky * kw + kx of the tap that won, a byte for each channel, [n, oh, ow, lanes]. Every window reads a tap at least.
// UNROLLED: for KH x KW taps without branches: where windows are CLIPPED, taps beside the plane are moved to the nearest
// one that is in the window, which changes neither the maximum nor which tap is the first to have it.
//#include "lib/linear-id.wgsl"
//#include "lib/pool-window.wgsl"
@group(0) @binding(1) var<storage, read> x: array<T>;
//#if Y
//#include "lib/math.wgsl"
//#include "lib/pool-store.wgsl"

//#epilogue

fn finish(v: T) -> T {
//#if VEC
  return vec4f(epilogue(v.x, 0.0), epilogue(v.y, 0.0), epilogue(v.z, 0.0), epilogue(v.w, 0.0));
//#else
  return epilogue(v, 0.0);
//#endif
}
//#endif
//#if INDICES
@group(0) @binding(3) var<storage, read_write> indices: array<U>;
//#endif
//#if CODES
@group(0) @binding(4) var<storage, read_write> codes: array<u32>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i, params.oh, params.ow);
  let rows = rows_of(at.row);
  let columns = columns_of(at.column);
  let row_step = params.dh * params.w * i32(params.lanes);
  let step = params.dw * i32(params.lanes);
  let origin = x_index(at.n, rows.start, columns.start, at.lane);
  var best = x[origin + rows.first * row_step + columns.first * step];
  var won = U(u32(rows.first * params.kw + columns.first));
//#if UNROLLED
//#for K 0 KH
//#if CLIPPED
  let ky$K = clamp($K, rows.first, rows.end - 1);
//#else
  const ky$K = $K;
//#endif
//#endfor
//#for K 0 KW
//#if CLIPPED
  let kx$K = clamp($K, columns.first, columns.end - 1);
//#else
  const kx$K = $K;
//#endif
//#endfor
//#for Y 0 KH
//#for X 0 KW
  let v${KW*Y+X} = x[origin + ky$Y * row_step + kx$X * step];
  won = select(won, U(u32(ky$Y * KW + kx$X)), v${KW*Y+X} > best);
  best = max(best, v${KW*Y+X});
//#endfor
//#endfor
//#else
  for (var ky = rows.first; ky < rows.end; ky++) {
    for (var kx = columns.first; kx < columns.end; kx++) {
      let v = x[origin + ky * row_step + kx * step];
      won = select(won, U(u32(ky * params.kw + kx)), v > best);
      best = max(best, v);
    }
  }
//#endif
//#if Y
  store_y(i, at, finish(best));
//#endif
//#if INDICES
  let kw = u32(params.kw);
  let row = U(u32(rows.start)) + won / U(kw) * U(u32(params.dh));
  let column = U(u32(columns.start)) + won % U(kw) * U(u32(params.dw));
  let index = row * U(u32(params.w)) + column;
//#if VEC
  indices[i] = select(U(), index, 4u * u32(at.lane) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.channels));
//#else
  indices[i] = index;
//#endif
//#endif
//#if CODES
//#if VEC
  codes[i] = won.x | (won.y << 8u) | (won.z << 16u) | (won.w << 24u);
//#else
  codes[i] = won;
//#endif
//#endif
}
