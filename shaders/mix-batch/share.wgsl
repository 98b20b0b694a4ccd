// How much each sample keeps of itself; the rest is of the sample before (of the last one, for the first).
// MIX==mixup: step.mix0 is the share as a float. MIX==cutmix: step.mix0 and mix1 are the columns and rows of a box, first
// and end in the lower and upper half; the share is what lies outside of it.
//#include "lib/step.wgsl"
struct Params { count: u32, batch: u32, each: u32, run: u32, runs: u32, w: u32, h: u32 }
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;

fn share() -> f32 {
//#if MIX==mixup
  return bitcast<f32>(step.mix0);
//#else
  let columns = (step.mix0 >> 16u) - (step.mix0 & 0xffffu);
  let rows = (step.mix1 >> 16u) - (step.mix1 & 0xffffu);
  return 1.0 - f32(columns * rows) / f32(params.w * params.h);
//#endif
}

fn partner(r: u32) -> u32 {
  return select(r, params.batch, r == 0u) - 1u;
}
