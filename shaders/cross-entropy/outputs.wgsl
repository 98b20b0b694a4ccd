// What the kernels that visit rows write. FUSED: they run as one workgroup and give the results; otherwise each workgroup
// leaves its sums in `partials`. The factor of the gradient: TOTAL==local sums the weights of all rows here, TOTAL==given
// adds up the partial sums of total.wgsl, TOTAL==none takes params.scale.
@group(0) @binding(3) var<storage, read> logits: array<f32>;
//#if GRAD
@group(0) @binding(4) var<storage, read_write> d_logits: array<f32>;
//#endif
//#if FUSED
@group(0) @binding(5) var<storage, read_write> correct: array<f32>;
@group(0) @binding(6) var<storage, read_write> loss: array<f32>;
//#else
@group(0) @binding(5) var<storage, read_write> partials: array<vec4f>;
//#if NONE
@group(0) @binding(6) var<storage, read_write> loss: array<f32>;
//#endif
//#endif
//#if TOTAL==given
@group(0) @binding(7) var<storage, read> totals: array<f32>;
//#endif

// What the gradient of a row is multiplied by. Called by all threads.
fn gradient_factor(li: u32) -> f32 {
//#if TOTAL==none
  return params.scale;
//#else
  var sum = 0.0;
//#if TOTAL==local
  for (var row = li; row < params.rows; row += u32(SIZE)) { sum += row_weight(wanted(row)); }
//#else
  for (var i = li; i < params.part_count; i += u32(SIZE)) { sum += totals[i]; }
//#endif
  let total = tree_sum(li, vec4f(sum, 0.0, 0.0, 0.0)).x;
  return select(0.0, 1.0 / total, total != 0.0);
//#endif
}

// Sums of the whole workgroup, by one thread.
fn write_sums(group: u32, total: vec4f) {
//#if FUSED
  correct[0] = total.z;
//#if !NONE
  loss[0] = reduced_loss(total);
//#endif
//#else
  partials[group] = total;
//#endif
}
