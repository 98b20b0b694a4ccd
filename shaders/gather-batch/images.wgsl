// x[r] = (image of sample r / 255 - mean) / deviation, for the samples of a batch; images as bytes, NCHW.
//
// Worked out as (byte - 255 mean) * scale, scale = 1 / (255 deviation), so that the bits are the host's (`normalize` of
// src/data/dataset.ts): a difference and then a product are rounded alike everywhere, a quotient is not.
//
// Threads: one for each element of x as it lies in memory (nhwc; padding channels are written as zero).
// Sample r of the batch is position step.first + r of the epoch, shuffled with step.shuffle if SHUFFLE.
// 255 mean and scale are given for up to 4 channels.
//#include "lib/linear-id.wgsl"
//#include "lib/shuffle.wgsl"
//#include "lib/step.wgsl"
struct Params {
  count: u32, samples: u32, half_bits: u32, c: u32, h: u32, w: u32, padded: u32,
  mean0: f32, mean1: f32, mean2: f32, mean3: f32, scale0: f32, scale1: f32, scale2: f32, scale3: f32,
}
@group(0) @binding(0) var<storage, read> images: array<u32>;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let c = i % params.padded;
  let pixel = i / params.padded;
  let plane = params.h * params.w;
  let position = min(step.first + pixel / plane, params.samples - 1u);
//#if SHUFFLE
  let sample = shuffled(position, params.samples, params.half_bits, step.shuffle);
//#else
  let sample = position;
//#endif
  let at = (sample * params.c + min(c, params.c - 1u)) * plane + pixel % plane;
  let byte = (images[at / 4u] >> (8u * (at % 4u))) & 255u;
  let mean = vec4f(params.mean0, params.mean1, params.mean2, params.mean3)[min(c, 3u)];
  let scale = vec4f(params.scale0, params.scale1, params.scale2, params.scale3)[min(c, 3u)];
  x[i] = select(0.0, (f32(byte) - mean) * scale, c < params.c);
}
