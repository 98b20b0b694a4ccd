// trusts[p] = |w| / |u| of parameter p from the squares of its chunks; 1 where either norm is 0.
//
// Threads: a workgroup of 64 for each parameter; they stride over its chunks (first, count), then add up in a fixed order.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> partials: array<vec2f>;
@group(0) @binding(1) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> trusts: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let p = linear_group(wg, workgroups);
  var range = vec2u();
  if (p < params.count) { range = ranges[p]; }
  var sum = vec2f();
  for (var k = li; k < range.y; k += 64u) { sum += partials[range.x + k]; }
  sums[li] = sum;
  for (var width = tree_half(range.y, 64u); width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (li < width) { sums[li] += sums[li + width]; }
  }
  if (li == 0u && p < params.count) {
    let squares = sums[0];
    trusts[p] = select(1.0, sqrt(squares.x) / sqrt(squares.y), squares.x > 0.0 && squares.y > 0.0);
  }
}
