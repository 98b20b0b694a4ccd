// What the kernels of the class losses share: parameters, where a row lies, sums over a workgroup of SIZE. ONE: a workgroup
// is one subgroup, which adds up without barriers.
//
// A row is one target: a sample, or a pixel of one. Row r is pixel r % pixels of sample r / pixels; its classes are
// class_stride apart. `padded` classes exist in memory, those from `classes` on are padding and hold zero.
// A target asks for a share q of each class (labels.wgsl, probs.wgsl): loss = sum of q * (log-sum-exp - x).
struct Params {
  rows: u32, pixels: u32, classes: u32, padded: u32,
  sample_stride: u32, pixel_stride: u32, class_stride: u32,
  // The gradient and the loss are multiplied by it, unless they are divided by the sum of weights (BY_WEIGHT).
  scale: f32,
  // Share of the wanted class, or of the given probabilities, and of every class: label smoothing.
  hot: f32, cold: f32,
//#if LABELS
  ignore_index: i32,
//#else
  probs_sample: u32, probs_pixel: u32, probs_class: u32,
//#endif
  // Partial sums there are: in `totals`, or in `partials`.
  part_count: u32,
  // SIZE / 2. Not a constant: a compiler that unrolls the tree, barriers and all, takes three times as long.
  tree_half: u32,
}
@group(0) @binding(0) var<uniform> params: Params;

struct Best { value: f32, index: u32 }

//#if !ONE
var<workgroup> tree: array<vec4f, SIZE>;
//#endif

// Sum over the workgroup: the same for all threads. Called by all of them.
fn tree_sum(li: u32, value: vec4f) -> vec4f {
//#if ONE
  return subgroupAdd(value);
//#else
  tree[li] = value;
  for (var width = params.tree_half; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li < width) { tree[li] += tree[li + width]; }
  }
  return workgroupUniformLoad(&tree[0]);
//#endif
}

fn row_offset(row: u32) -> u32 {
  return (row / params.pixels) * params.sample_stride + (row % params.pixels) * params.pixel_stride;
}

// The loss from the sums of all rows: (loss, weight, correct, unused). 0 where every target is ignored.
fn reduced_loss(sums: vec4f) -> f32 {
//#if BY_WEIGHT
  return select(0.0, sums.x / sums.y, sums.y != 0.0);
//#else
  return sums.x * params.scale;
//#endif
}
