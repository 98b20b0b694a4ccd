// The same as rows.wgsl for many classes: a workgroup of SIZE a row.
//
// Threads: a workgroup takes rows in a loop over the grid, its threads stride over the classes. Layouts: any, by strides.
//#include "lib/math.wgsl"
//#include "cross-entropy/common.wgsl"
//#if LABELS
//#include "cross-entropy/labels.wgsl"
//#else
//#include "cross-entropy-probs/probs.wgsl"
//#endif
//#include "cross-entropy/outputs.wgsl"

var<workgroup> bests: array<Best, SIZE>;

fn better(a: Best, b: Best) -> Best {
  if (b.value > a.value || (b.value == a.value && b.index < a.index)) { return b; }
  return a;
}

// The largest of all threads, the first of equal ones. Called by all of them.
fn tree_best(li: u32, value: Best) -> Best {
  bests[li] = value;
  for (var width = params.tree_half; width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li < width) { bests[li] = better(bests[li], bests[li + width]); }
  }
  return workgroupUniformLoad(&bests[0]);
}

const NOTHING = Best(-3.4028234e38, 0xffffffffu);

fn best_class(li: u32, base: u32) -> Best {
  var best = NOTHING;
  for (var c = li; c < params.classes; c += u32(SIZE)) {
    best = better(best, Best(logits[base + c * params.class_stride], c));
  }
  return tree_best(li, best);
}

fn is_correct(li: u32, w: Wanted, best: Best) -> f32 {
//#if LABELS
  return select(0.0, w.kept, best.index == w.label);
//#else
  var top = NOTHING;
  for (var c = li; c < params.classes; c += u32(SIZE)) { top = better(top, Best(probability(w, c), c)); }
  return select(0.0, 1.0, best.index == tree_best(li, top).index);
//#endif
}

// Loss, weight and correctness of a row; writes its gradient. Called by all threads, which get the same.
fn visit(li: u32, row: u32, factor: f32) -> vec4f {
  let base = row_offset(row);
  let w = wanted(row);
  let best = best_class(li, base);
  var mine = vec4f();
  for (var c = li; c < params.classes; c += u32(SIZE)) {
    let below = best.value - logits[base + c * params.class_stride];
    let q = share(w, c);
    mine += vec4f(select(exp(-below), 0.0, c == best.index), q, q * below, 0.0);
  }
  // Sum of the other exponentials, of the shares, of the shares times the distance to the largest logit.
  let sums = tree_sum(li, mine);
  let correct = is_correct(li, w, best);
//#if GRAD
  let given = factor * sums.y / (1.0 + sums.x);
  for (var c = li; c < params.padded; c += u32(SIZE)) {
    let at = base + c * params.class_stride;
    var d = 0.0;
    if (c < params.classes) { d = given * exp(logits[at] - best.value) - factor * share(w, c); }
    d_logits[at] = d;
  }
//#endif
  return vec4f(sums.z + sums.y * log1p_exact(sums.x), row_weight(w), correct, 0.0);
}

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let factor = gradient_factor(li);
  var total = vec4f();
  for (var row = wg.x; row < params.rows; row += groups.x) {
    let one = visit(li, row, factor);
//#if NONE
    if (li == 0u) { loss[row] = one.x; }
//#endif
    total += one;
  }
  if (li == 0u) { write_sums(wg.x, total); }
}
