// The samples of a batch, and what the kernels of augment-images know. Sample r is position step.first + r of the epoch,
// shuffled with step.shuffle if SHUFFLE, as in gather-batch/images.wgsl.
//#include "lib/shuffle.wgsl"
//#include "lib/step.wgsl"
struct Params {
  count: u32, batch: u32, samples: u32, half_bits: u32, h: u32, w: u32, run: u32, runs: u32,
  mean0: f32, mean1: f32, mean2: f32, mean3: f32, scale0: f32, scale1: f32, scale2: f32, scale3: f32,
  fill0: f32, fill1: f32, fill2: f32, fill3: f32, grey0: f32, grey1: f32, grey2: f32, grey3: f32, erase_value: f32,
//#fields
}
@group(0) @binding(8) var<uniform> params: Params;
@group(0) @binding(9) var<uniform> step: Step;

fn sample_of(r: u32) -> u32 {
  let position = min(step.first + r, params.samples - 1u);
//#if SHUFFLE
  return shuffled(position, params.samples, params.half_bits, step.shuffle);
//#else
  return position;
//#endif
}
