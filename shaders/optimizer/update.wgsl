// One step of an optimizer over a whole arena of parameters: one dispatch for the model.
//
// Threads: one for each vec4; with LAYERWISE a workgroup for each chunk of a parameter (first vec4, elements, parameter).
// `w` is the parameter, `g` its gradient, m0, m1, ... the optimizer's slots, `trust` the factor of the parameter; the rule
// is the slot `update`, in vec4f, and its hyper-parameters are fields of Params. A rule keeps w = 0 where w = g = 0. The
// average of the weights (EMA) follows in the same breath.
//#include "lib/linear-id.wgsl"
//#include "lib/step.wgsl"
//#include "optimizer/gradient.wgsl"
//#if EMA
@group(0) @binding(6) var<storage, read_write> ema: array<vec4f>;
//#endif
//#if LAYERWISE
@group(0) @binding(7) var<storage, read> chunks: array<vec4u>;
@group(0) @binding(8) var<storage, read> trusts: array<f32>;
//#endif
//#for S 0 SLOTS
@group(0) @binding(${9+S}) var<storage, read_write> slot$S: array<vec4f>;
//#endfor

fn update(i: u32, trust: f32) {
  let group = group_of(i);
  let learning_rate = group.learning_rate;
  let weight_decay = group.weight_decay;
  var w = parameters[i];
  var g = gradient_at(i, w, group.l1);
//#for S 0 SLOTS
  var m$S = slot$S[i];
//#endfor
//#update
  parameters[i] = w;
//#for S 0 SLOTS
  slot$S[i] = m$S;
//#endfor
//#if EMA
  let average = ema[i];
  ema[i] = average + params.ema_rest * (w - average);
//#endif
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
//#if LAYERWISE
  let c = linear_group(wg, workgroups);
  if (c >= params.count) { return; }
  let chunk = chunks[c];
  for (var k = li; k < (chunk.y + 3u) / 4u; k += 64u) { update(chunk.x + k, trusts[chunk.z]); }
//#else
  let i = linear_group(wg, workgroups) * 64u + li;
  if (i >= params.count) { return; }
  update(i, 1.0);
//#endif
}
