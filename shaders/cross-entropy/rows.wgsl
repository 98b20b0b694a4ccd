// Softmax, cross-entropy, gradient, sum of losses and number of correct rows: a thread a row.
//
// Threads: rows in a loop over the grid; then a tree in each workgroup. With FUSED (one workgroup) that is the whole op.
// Layouts: any, by strides. NORMALIZED: the logits are log-probabilities already (nllLoss), nothing is counted as correct.
// The log-sum-exp is max + log1p(sum of the other exponentials), so a small loss keeps its digits.
//#if ONE
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#endif
//#include "lib/math.wgsl"
//#include "cross-entropy/common.wgsl"
//#if LABELS
//#include "cross-entropy/labels.wgsl"
//#else
//#include "cross-entropy-probs/probs.wgsl"
//#endif
//#include "cross-entropy/outputs.wgsl"

//#if !NORMALIZED
fn best_class(base: u32) -> Best {
  var best = Best(logits[base], 0u);
  for (var c = 1u; c < params.classes; c++) {
    let x = logits[base + c * params.class_stride];
    if (x > best.value) { best = Best(x, c); }
  }
  return best;
}

fn is_correct(w: Wanted, best: Best) -> f32 {
//#if LABELS
  return select(0.0, w.kept, best.index == w.label);
//#else
  var top = Best(probability(w, 0u), 0u);
  for (var c = 1u; c < params.classes; c++) {
    let p = probability(w, c);
    if (p > top.value) { top = Best(p, c); }
  }
  return select(0.0, 1.0, best.index == top.index);
//#endif
}
//#endif

// Loss, weight and correctness of a row; writes its gradient.
fn visit(row: u32, factor: f32) -> vec4f {
  let base = row_offset(row);
  let w = wanted(row);
  var loss = 0.0;
//#if NORMALIZED
  for (var c = 0u; c < params.classes; c++) { loss -= share(w, c) * logits[base + c * params.class_stride]; }
  let correct = 0.0;
//#else
  let best = best_class(base);
  var rest = 0.0;
  var asked = 0.0;
  for (var c = 0u; c < params.classes; c++) {
    let below = best.value - logits[base + c * params.class_stride];
    let q = share(w, c);
    rest += select(exp(-below), 0.0, c == best.index);
    asked += q;
    loss += q * below;
  }
  loss += asked * log1p_exact(rest);
  let correct = is_correct(w, best);
  let given = factor * asked / (1.0 + rest);
//#endif
//#if GRAD
  for (var c = 0u; c < params.classes; c++) {
    let at = base + c * params.class_stride;
//#if NORMALIZED
    d_logits[at] = -factor * share(w, c);
//#else
    d_logits[at] = given * exp(logits[at] - best.value) - factor * share(w, c);
//#endif
  }
  for (var c = params.classes; c < params.padded; c++) { d_logits[base + c * params.class_stride] = 0.0; }
//#endif
  return vec4f(loss, row_weight(w), correct, 0.0);
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let factor = gradient_factor(li);
  var sums = vec4f();
  for (var row = wg.x * u32(SIZE) + li; row < params.rows; row += groups.x * u32(SIZE)) {
    let one = visit(row, factor);
//#if NONE
    loss[row] = one.x;
//#endif
    sums += one;
  }
  let total = tree_sum(li, sums);
  if (li == 0u) { write_sums(wg.x, total); }
}
