// partials[base + c] = (sum of w^2, sum of u^2) over chunk c of a parameter, where u is the update that the slot `direction`
// makes of the gradient g and the optimizer's slots m0, m1, ..., which it changes.
//
// Threads: a workgroup of 64 for each chunk (first vec4, elements, parameter); they stride over its vec4s, then add up in a
// fixed order. Lanes behind the last element do not count.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
//#include "lib/step.wgsl"
//#include "optimizer/gradient.wgsl"
@group(0) @binding(7) var<storage, read> chunks: array<vec4u>;
@group(0) @binding(8) var<storage, read_write> partials: array<vec2f>;
//#for S 0 SLOTS
@group(0) @binding(${9+S}) var<storage, read_write> slot$S: array<vec4f>;
//#endfor

var<workgroup> sums: array<vec2f, 64>;

// (w, w), (u, u) of one vec4.
fn squares(i: u32, used: vec4<bool>) -> vec2f {
  let group = group_of(i);
  let weight_decay = group.weight_decay;
  var w = parameters[i];
  var g = gradient_at(i, w, group.l1);
  var u = vec4f();
//#for S 0 SLOTS
  var m$S = slot$S[i];
//#endfor
//#direction
//#for S 0 SLOTS
  slot$S[i] = m$S;
//#endfor
  w = select(vec4f(), w, used);
  u = select(vec4f(), u, used);
  return vec2f(dot(w, w), dot(u, u));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let c = linear_group(wg, workgroups);
  var chunk = vec4u();
  if (c < params.count) { chunk = chunks[c]; }
  var sum = vec2f();
  for (var k = li; k < (chunk.y + 3u) / 4u; k += 64u) {
    sum += squares(chunk.x + k, vec4u(4u * k) + vec4u(0u, 1u, 2u, 3u) < vec4u(chunk.y));
  }
  sums[li] = sum;
  for (var width = tree_half((chunk.y + 3u) / 4u, 64u); width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (li < width) { sums[li] += sums[li + width]; }
  }
  if (li == 0u && c < params.count) { partials[params.partial_base + c] = sums[0]; }
}
