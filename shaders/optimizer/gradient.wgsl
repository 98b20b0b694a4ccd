// What the kernels of optimizers share: arenas, the table of parameter groups, and the gradient as the rule sees it:
// scaled, clipped, with the L1 penalty. Includers give CLIP (none, value, norm) and the slot `hyperparameters`.
//
// A group is a range of the arena; `end4` counts vec4s from the start of the first shard, `base4` is where this one starts.
// Padding between parameters has w = g = 0.
struct Params {
  // vec4s to be updated, or chunks of parameters.
  count: u32,
  base4: u32,
  groups: u32,
  // Where the results of this shard's chunks begin.
  partial_base: u32,
  clip: f32,
  ema_rest: f32,
//#hyperparameters
}
struct Group { end4: u32, learning_rate: f32, weight_decay: f32, l1: f32 }
@group(0) @binding(0) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;
@group(0) @binding(4) var<uniform> groups: array<Group, MOST_GROUPS>;
//#if CLIP==norm
// (norm, factor, 0, 0)
@group(0) @binding(5) var<storage, read> norm: array<vec4f>;
//#endif

fn group_of(i: u32) -> Group {
  var at = 0u;
  while (at + 1u < params.groups && i + params.base4 >= groups[at].end4) { at++; }
  return groups[at];
}

fn gradient_at(i: u32, w: vec4f, l1: f32) -> vec4f {
  var g = gradients[i] * step.gradient_scale;
//#if CLIP==norm
  g *= norm[0].y;
//#elif CLIP==value
  g = clamp(g, vec4f(-params.clip), vec4f(params.clip));
//#endif
  return g + l1 * sign(w);
}
