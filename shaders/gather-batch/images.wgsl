// x[r] = (image of sample r / 255 - mean) / deviation, for the samples of a batch; images as bytes, NCHW.
//
// Worked out as (byte - 255 mean) * scale, scale = 1 / (255 deviation), so that the bits are the host's (`normalize` of
// src/data/dataset.ts): a difference and then a product are rounded alike everywhere, a quotient is not.
//
// Threads: one for `run` units in a row, `runs` threads a sample. A unit is one pixel, or the four PIXELS whose bytes fill a
// word, which needs planes of a multiple of four; `plane` counts units. x is nhwc: FORM channels stores the channels of a
// pixel with their padding, which is written as zero; FORM quads four pixels of a single channel; FORM pixel one of them.
// 255 mean and scale are given for up to 4 channels.
// With TARGETS, the first threads of a sample also copy its target.
// Sample r of the batch is position step.first + r of the epoch, shuffled with step.shuffle if SHUFFLE.
//#include "lib/linear-id.wgsl"
//#include "lib/shuffle.wgsl"
//#include "lib/step.wgsl"
//#if FORM==pixel
alias T = f32;
//#else
alias T = vec4f;
//#endif
struct Params {
  count: u32, samples: u32, half_bits: u32, plane: u32, run: u32, runs: u32,
  mean0: f32, mean1: f32, mean2: f32, mean3: f32, scale0: f32, scale1: f32, scale2: f32, scale3: f32,
//#if TARGETS
  target_width: u32,
//#endif
}
@group(0) @binding(0) var<storage, read> images: array<u32>;
@group(0) @binding(1) var<storage, read_write> x: array<T>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;
//#if TARGETS
//#include "gather-batch/targets.wgsl"
//#endif

fn byte_of(word: u32, i: u32) -> f32 {
  return f32((word >> (8u * i)) & 255u);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let r = i / params.runs;
  let position = min(step.first + r, params.samples - 1u);
//#if SHUFFLE
  let sample = shuffled(position, params.samples, params.half_bits, step.shuffle);
//#else
  let sample = position;
//#endif
//#if TARGETS
  copy_target(r, sample, i % params.runs, params.runs);
//#endif
  let image = sample * CHANNELS * params.plane;
  let begin = (i % params.runs) * params.run;
  let end = min(begin + params.run, params.plane);
  for (var p = begin; p < end; p++) {
    let at = r * params.plane + p;
//#for C 0 CHANNELS
//#if PIXELS==4
    let word$C = images[image + $Cu * params.plane + p];
//#else
    let byte$C = image + $Cu * params.plane + p;
    let word$C = images[byte$C / 4u] >> (8u * (byte$C % 4u));
//#endif
//#endfor
//#if FORM==quads
    let bytes = vec4f(byte_of(word0, 0u), byte_of(word0, 1u), byte_of(word0, 2u), byte_of(word0, 3u));
    x[at] = (bytes - params.mean0) * params.scale0;
//#else
//#for I 0 PIXELS
    {
      var v = vec4f();
//#for C 0 CHANNELS
      v[$C] = (byte_of(word$C, $Iu) - params.mean$C) * params.scale$C;
//#endfor
//#if FORM==channels
      x[at * PIXELS + $Iu] = v;
//#else
      x[at] = v.x;
//#endif
    }
//#endfor
//#endif
  }
}
