// partials[base + c] = the sums of squares of (gradient, weight before the update, update) over chunk c of a parameter.
//
// Threads: a workgroup of 64 for each chunk (first vec4, elements, parameter); they stride over its vec4s, then add up in a
// fixed order. Lanes behind the last element do not count.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
//#include "lib/step.wgsl"
struct Params { count: u32, partial_base: u32 }
@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> before: array<vec4f>;
@group(0) @binding(2) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read> chunks: array<vec4u>;
@group(0) @binding(4) var<storage, read_write> partials: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;
@group(0) @binding(6) var<uniform> step: Step;

var<workgroup> sums: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let c = linear_group(wg, workgroups);
  var chunk = vec4u();
  if (c < params.count) { chunk = chunks[c]; }
  var own = vec4f();
  for (var k = li; k < (chunk.y + 3u) / 4u; k += 64u) {
    let used = vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) < vec4u(chunk.y);
    let i = chunk.x + k;
    let g = select(vec4f(), gradients[i] * step.gradient_scale, used);
    let w = select(vec4f(), before[i], used);
    let u = select(vec4f(), parameters[i] - before[i], used);
    own += vec4f(dot(g, g), dot(w, w), dot(u, u), 0.0);
  }
  sums[li] = own;
  for (var width = tree_half((chunk.y + 3u) / 4u, 64u); width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (li < width) { sums[li] += sums[li + width]; }
  }
  if (li == 0u && c < params.count) { partials[params.partial_base + c] = sums[0]; }
}
