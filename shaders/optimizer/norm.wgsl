// partials[base + c] = the sum of |g| (NORM 1), of g^2 (2) or the largest |g| (0: infinity) over chunk c of the gradients.
//
// Threads: a workgroup of 64 for each chunk (first vec4, elements, parameter); they stride over its vec4s, then join their
// results in a fixed order. Lanes behind the last element do not count.
//#include "lib/linear-id.wgsl"
struct Params { count: u32, partial_base: u32 }
@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read> chunks: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

//#include "optimizer/norm-join.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let c = linear_group(wg, workgroups);
  var chunk = vec4u();
  if (c < params.count) { chunk = chunks[c]; }
  var own = 0.0;
  for (var k = li; k < (chunk.y + 3u) / 4u; k += 64u) {
    let used = vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) < vec4u(chunk.y);
    let g = abs(select(vec4f(), gradients[chunk.x + k], used));
//#if NORM==2
    own += dot(g, g);
//#elif NORM==1
    own += dot(g, vec4f(1.0));
//#else
    own = max(own, max(max(g.x, g.y), max(g.z, g.w)));
//#endif
  }
  let joined = join_all(own, li, (chunk.y + 3u) / 4u);
  if (li == 0u && c < params.count) { partials[params.partial_base + c] = joined; }
}
