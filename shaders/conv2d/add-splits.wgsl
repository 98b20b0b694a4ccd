// dweight = sum of `splits` parts of `count` elements that lie one after another, always in the same order.
//
// Threads: one for each element.
//#include "lib/linear-id.wgsl"
struct Params { count: u32, splits: u32 }
@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let index = linear_group(wg, groups) * 64u + li;
  if (index >= params.count) { return; }
  var sum = 0.0;
  for (var part = 0u; part < params.splits; part++) { sum += parts[part * params.count + index]; }
  dweight[index] = sum;
}
