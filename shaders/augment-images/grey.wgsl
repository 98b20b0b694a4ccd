// Mean grey of each image after its map and its brightness: what the contrast is changed about. draws[4 r + 3].x
//
// Threads: a workgroup for each sample; each adds up pixels 64 apart, then a tree.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
//#include "augment-images/sample.wgsl"
//#include "augment-images/pixel.wgsl"
@group(0) @binding(1) var<storage, read_write> draws: array<vec4f>;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let r = min(linear_group(wg, groups), params.batch - 1u);
  let sample = sample_of(r);
  let brightness = draws[4u * r + 2u].z;
  let grey = vec4f(params.grey0, params.grey1, params.grey2, params.grey3);
  let plane = params.h * params.w;
  var sum = 0.0;
  for (var i = li; i < plane; i += 64u) {
    let v = pixel_at(sample, draws[4u * r], draws[4u * r + 1u], vec2f(f32(i % params.w), f32(i / params.w)));
    sum += dot(grey, clamp(v * brightness, vec4f(), vec4f(255.0)));
  }
  sums[li] = sum;
  workgroupBarrier();
  for (var half = tree_half(plane, 64u); half > 0u; half /= 2u) {
    if (li < half) { sums[li] += sums[li + half]; }
    workgroupBarrier();
  }
  if (li == 0u) { draws[4u * r + 3u].x = sums[0] / f32(plane); }
}
