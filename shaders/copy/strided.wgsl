// y[index] = x[sum of index * stride + base]: expand (stride 0), transpose, slice and change of layout are all this copy.
//
// Threads: one for each element of y as it lies in memory, padding too, which is written as zero. An ELEMENT is a number,
// or four that lie side by side in x and y; then everything along the innermost axis counts fours. MASK: the last four
// of that axis are not all real.
// y's memory is described by its axes in memory order (size$D, outermost first, padded sizes) with, for each, the real
// size (real$D: beyond it is padding) and the stride in x (stride$D, may be 0 or negative).
//#include "lib/linear-id.wgsl"
struct Params {
  count: u32, base: i32,
//#for D 0 RANK
  size$D: u32, real$D: u32, stride$D: i32,
//#endfor
//#if MASK
  // Real numbers along the innermost axis.
  numbers: u32,
//#endif
}
@group(0) @binding(0) var<storage, read> x: array<ELEMENT>;
@group(0) @binding(1) var<storage, read_write> y: array<ELEMENT>;
@group(0) @binding(2) var<uniform> params: Params;
//#element

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  var rest = i;
  var source = params.base;
  var inside = true;
//#for D 0 RANK
  let at${RANK-1-D} = rest % params.size${RANK-1-D};
  rest /= params.size${RANK-1-D};
  source += i32(at${RANK-1-D}) * params.stride${RANK-1-D};
  inside = inside && at${RANK-1-D} < params.real${RANK-1-D};
//#endfor
  var v = ELEMENT();
  if (inside) { v = x[source]; }
//#if MASK
  let number = at${RANK-1} * 4u + vec4u(0u, 1u, 2u, 3u);
  v = select(ELEMENT(), v, number < vec4u(params.numbers));
//#endif
  y[i] = v;
}
