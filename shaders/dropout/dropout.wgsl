// y = x / (1 - p) where the mask keeps it, else 0. The mask is not stored: word i of the random numbers of
// (step.seed, salt) decides, so that the backward pass, which is the same kernel over dy, finds the same mask.
//
// GROUPS: all elements of a channel of a sample (or of a sample) share a word: number `sample * channels + channel`, where
// an element e is of sample e / per_sample and channel e / inner % channels; without channels all are of channel 0.
//
// Threads: one for each vec4 as it lies in memory. Layouts: any, the same for both.
//#include "lib/linear-id.wgsl"
//#include "lib/philox.wgsl"
//#include "lib/step.wgsl"
struct Params { count4: u32, salt: u32, threshold: u32, scale: f32, per_sample: u32, inner: u32, channels: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;

//#if GROUPS
fn group_word(e: u32) -> u32 {
  let group = e / params.per_sample * params.channels + e / params.inner % params.channels;
  return philox(vec4u(group, 0u, params.salt, 1u), vec2u(step.seed, 0u)).x;
}
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count4) { return; }
//#if GROUPS
  let e = 4u * i;
  let random = vec4u(group_word(e), group_word(e + 1u), group_word(e + 2u), group_word(e + 3u));
//#else
  let random = philox(vec4u(i, 0u, params.salt, 0u), vec2u(step.seed, 0u));
//#endif
  y[i] = select(vec4f(), x[i] * params.scale, random >= vec4u(params.threshold));
}
