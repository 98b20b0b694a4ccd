// dx[start + k * step] = dy[k] along every axis, zero where the slice took nothing: the gradient of a slice.
//
// Threads: one for each element of dx as it lies in memory, padding too. An ELEMENT is a number, or four that lie side by
// side in dx and dy; then everything along the innermost axis counts fours.
// dx's memory is described by its axes in memory order (size$D, outermost first, padded sizes) with, for each, where the
// slice starts and how it steps (start$D, step$D), and how long dy is and lies (length$D, stride$D). STEPPED: some step is
// not 1. Steps are below 2^20. dy is zero in padding lanes, so fours that straddle its end are right.
//#include "lib/linear-id.wgsl"
//#include "lib/divide.wgsl"
struct Params {
  count: u32,
//#for D 0 RANK
  size$D: u32, start$D: i32, step$D: i32, length$D: i32, stride$D: i32,
//#endfor
}
@group(0) @binding(0) var<storage, read> dy: array<ELEMENT>;
@group(0) @binding(1) var<storage, read_write> dx: array<ELEMENT>;
@group(0) @binding(2) var<uniform> params: Params;
//#element

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  var rest = i;
  var source = 0;
  var taken = true;
//#for D 0 RANK
  let past${RANK-1-D} = i32(rest % params.size${RANK-1-D}) - params.start${RANK-1-D};
  rest /= params.size${RANK-1-D};
//#if STEPPED
  let k${RANK-1-D} = i32(divide(u32(max(past${RANK-1-D}, 0)), u32(params.step${RANK-1-D})));
  taken = taken && k${RANK-1-D} * params.step${RANK-1-D} == past${RANK-1-D};
//#else
  let k${RANK-1-D} = past${RANK-1-D};
//#endif
  taken = taken && past${RANK-1-D} >= 0 && k${RANK-1-D} < params.length${RANK-1-D};
  source += k${RANK-1-D} * params.stride${RANK-1-D};
//#endfor
  var v = ELEMENT();
  if (taken) { v = dy[source]; }
  dx[i] = v;
}
