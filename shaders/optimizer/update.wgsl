// One step of an optimizer over a whole arena of parameters: one dispatch for the model.
//
// Threads: one for each vec4. `w` is the parameter, `g` its gradient, m0, m1, ... the optimizer's slots; the rule is the
// slot `update`, in vec4f, and its hyper-parameters are fields of Params. Padding between parameters has w = g = 0 and a
// rule keeps it so.
//#include "lib/linear-id.wgsl"
//#include "lib/step.wgsl"
struct Params {
  count4: u32,
//#hyperparameters
}
@group(0) @binding(0) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;
//#for S 0 SLOTS
@group(0) @binding(${4+S}) var<storage, read_write> slot$S: array<vec4f>;
//#endfor

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count4) { return; }
  var w = parameters[i];
  var g = gradients[i];
//#for S 0 SLOTS
  var m$S = slot$S[i];
//#endfor
//#update
  parameters[i] = w;
//#for S 0 SLOTS
  slot$S[i] = m$S;
//#endfor
}
