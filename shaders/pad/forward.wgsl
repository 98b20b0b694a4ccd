// Padding of images: y[n, row, column, c] = x[n, row - top, column - left, c], and outside of x a value (MODE constant), the
// nearest element (replicate) or the mirrored one (reflect: the edge itself is not repeated).
//
// Threads: one for each element of y. Layouts: x, y nhwc, VEC: four channels an element. FILL: `value` is not zero, padding
// lanes are. Assumes reflected positions to be within x.
//#include "lib/linear-id.wgsl"
//#include "pad/params.wgsl"
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;

// The index in x behind index `at` of an axis.
fn source(at: i32, size: i32) -> i32 {
//#if MODE==reflect
  let mirrored = abs(at);
  return select(mirrored, 2 * (size - 1) - mirrored, mirrored >= size);
//#else
  return clamp(at, 0, size - 1);
//#endif
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i, params.lanes, vec2i(params.oh, params.ow));
  let row = source(at.row - params.top, params.h);
  let column = source(at.column - params.left, params.w);
  var v = x[index_of(at.n, row, column, at.lane, params.lanes, vec2i(params.h, params.w))];
//#if MODE==constant
  // The clamp moved what lies outside.
  if (row != at.row - params.top || column != at.column - params.left) {
//#if FILL
//#if VEC
    let channel = vec4u(u32(at.lane) * 4u) + vec4u(0u, 1u, 2u, 3u);
    v = select(T(), T(params.value), channel < vec4u(params.channels));
//#else
    v = params.value;
//#endif
//#else
    v = T();
//#endif
  }
//#endif
  y[i] = v;
}
