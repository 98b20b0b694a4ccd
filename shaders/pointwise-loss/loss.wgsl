// Losses of elements, their sum, and their gradient, element by element as they lie in memory.
//
// Threads: vec4s in a loop over the grid; then a tree in each workgroup of SIZE. FUSED: one workgroup gives the loss,
// otherwise each leaves its sum in `partials` (finish.wgsl). NONE: every loss is written, nothing is summed.
// Layouts: any, the same for x, target, dx and losses; padding (lanes from `channels` on, of `padded`) is written as zero.
// The slots hold loss(x, t, p) and slope(x, t, p). Weights broadcast by their strides w$D and p$D along the axes of memory.
//#include "lib/math.wgsl"
//#include "lib/tree.wgsl"
struct Params {
  count: u32, channels: u32, padded: u32,
  // The gradient and the sum are multiplied by it.
  scale: f32,
//#for D 0 RANK
  size$D: u32, w$D: u32, p$D: u32,
//#endfor
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> wanted: array<vec4f>;
//#if GRAD
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
//#endif
//#if NONE
@group(0) @binding(4) var<storage, read_write> losses: array<vec4f>;
//#elif FUSED
@group(0) @binding(4) var<storage, read_write> total: array<f32>;
//#else
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;
//#endif
//#if WEIGHTED
@group(0) @binding(5) var<storage, read> weight: array<f32>;
//#endif
//#if POSITIVE
@group(0) @binding(6) var<storage, read> pos_weight: array<f32>;
//#endif

// log(v), at least -100, for v >= 0.
fn clamped_log(v: f32) -> f32 {
  return select(-100.0, max(log(v), -100.0), v > 0.0);
}

//#loss

//#slope

// Places of an element's weight and positive weight.
fn weight_places(i: u32) -> vec2u {
  var rest = i;
  var at = vec2u();
//#for D 0 RANK
  at += (rest % params.size${RANK-1-D}) * vec2u(params.w${RANK-1-D}, params.p${RANK-1-D});
  rest /= params.size${RANK-1-D};
//#endfor
  return at;
}

// (loss, slope) of element i; zero in padding and behind the end.
fn element(i: u32, v: f32, t: f32) -> vec2f {
  if (i >= params.count || i % params.padded >= params.channels) { return vec2f(); }
  var factor = 1.0;
  var p = 1.0;
//#if RANK!=0
  let at = weight_places(i);
//#endif
//#if WEIGHTED
  factor = weight[at.x];
//#endif
//#if POSITIVE
  p = pos_weight[at.y];
//#endif
  return factor * vec2f(loss(v, t, p), slope(v, t, p));
}

//#if !NONE
var<workgroup> tree: array<f32, SIZE>;

fn tree_sum(li: u32, value: f32) -> f32 {
  tree[li] = value;
  for (var width = tree_half((params.count + 3u) / 4u, SIZE); width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li < width) { tree[li] += tree[li + width]; }
  }
  return tree[0];
}
//#endif

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  var sum = 0.0;
  for (var i = wg.x * u32(SIZE) + li; 4u * i < params.count; i += groups.x * u32(SIZE)) {
    let v = x[i];
    let t = wanted[i];
    let a = element(4u * i, v.x, t.x);
    let b = element(4u * i + 1u, v.y, t.y);
    let c = element(4u * i + 2u, v.z, t.z);
    let d = element(4u * i + 3u, v.w, t.w);
//#if GRAD
    dx[i] = params.scale * vec4f(a.y, b.y, c.y, d.y);
//#endif
//#if NONE
    losses[i] = vec4f(a.x, b.x, c.x, d.x);
//#else
    sum += (a.x + b.x) + (c.x + d.x);
//#endif
  }
//#if !NONE
  let all = tree_sum(li, sum);
//#if FUSED
  if (li == 0u) { total[0] = all * params.scale; }
//#else
  if (li == 0u) { partials[wg.x] = all; }
//#endif
//#endif
}
