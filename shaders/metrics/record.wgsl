// ring[step.slot] = (loss, correct, samples, 0): what a step leaves behind, to be read some steps later.
//
// Threads: one in all.
//#include "lib/step.wgsl"
struct Params { samples: f32 }
@group(0) @binding(0) var<storage, read> loss: array<f32>;
//#if CORRECT
@group(0) @binding(1) var<storage, read> correct: array<f32>;
//#endif
@group(0) @binding(2) var<storage, read_write> ring: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
@group(0) @binding(4) var<uniform> step: Step;

@compute @workgroup_size(1)
fn main() {
  var hits = 0.0;
//#if CORRECT
  hits = correct[0];
//#endif
  ring[step.slot] = vec4f(loss[0], hits, params.samples, 0.0);
}
