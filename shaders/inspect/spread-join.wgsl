// results[base ...] = (count, mean, standard deviation, least, largest) of a tensor from the parts of its chunks (spread.wgsl).
// Two parts are joined as Chan, Golub and LeVeque (1979) do, in a fixed order.
//
// Threads: a workgroup of 64 for each tensor (first part, parts, base in results); they stride over its parts.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> partials: array<vec4f>;
@group(0) @binding(1) var<storage, read> tensors: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> results: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

const LARGEST = 3.4028234e38;

// (count, mean, squares, 0), (least, largest)
struct Part { spread: vec4f, ends: vec2f }

var<workgroup> joined: array<Part, 64>;

fn join_parts(a: Part, b: Part) -> Part {
  let n = a.spread.x + b.spread.x;
  let share = b.spread.x / max(n, 1.0);
  let d = b.spread.y - a.spread.y;
  let squares = a.spread.z + b.spread.z + d * d * a.spread.x * share;
  let ends = vec2f(min(a.ends.x, b.ends.x), max(a.ends.y, b.ends.y));
  return Part(vec4f(n, a.spread.y + d * share, squares, 0.0), ends);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let t = linear_group(wg, workgroups);
  var tensor = vec4u();
  if (t < params.count) { tensor = tensors[t]; }
  var own = Part(vec4f(), vec2f(LARGEST, -LARGEST));
  for (var k = li; k < tensor.y; k += 64u) {
    let at = 2u * (tensor.x + k);
    own = join_parts(own, Part(partials[at], partials[at + 1u].xy));
  }
  joined[li] = own;
  for (var width = tree_half(tensor.y, 64u); width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (li < width) { joined[li] = join_parts(joined[li], joined[li + width]); }
  }
  if (li == 0u && t < params.count) {
    let all = joined[0];
    results[tensor.z] = all.spread.x;
    results[tensor.z + 1u] = all.spread.y;
    results[tensor.z + 2u] = sqrt(all.spread.z / max(all.spread.x, 1.0));
    results[tensor.z + 3u] = all.ends.x;
    results[tensor.z + 4u] = all.ends.y;
  }
}
