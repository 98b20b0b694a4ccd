// results[base + 4 p ...] = the norms of (gradient, weight before the update, update) of parameter p, from its chunks (norms.wgsl).
//
// Threads: a workgroup of 64 for each parameter; they stride over its chunks (first, count), then add up in a fixed order.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
struct Params { count: u32, result_base: u32 }
@group(0) @binding(0) var<storage, read> partials: array<vec4f>;
@group(0) @binding(1) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> results: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let p = linear_group(wg, workgroups);
  var range = vec2u();
  if (p < params.count) { range = ranges[p]; }
  var own = vec4f();
  for (var k = li; k < range.y; k += 64u) { own += partials[range.x + k]; }
  sums[li] = own;
  for (var width = tree_half(range.y, 64u); width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (li < width) { sums[li] += sums[li + width]; }
  }
  if (li == 0u && p < params.count) {
    let norms = sqrt(sums[0]);
    let at = params.result_base + 4u * p;
    results[at] = norms.x;
    results[at + 1u] = norms.y;
    results[at + 2u] = norms.z;
  }
}
