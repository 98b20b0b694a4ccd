// Targets given as a probability for each class: the share of a class is its weight times (hot * probability + cold).
@group(0) @binding(1) var<storage, read> probs: array<f32>;
//#if WEIGHTED
@group(0) @binding(2) var<storage, read> weight: array<f32>;
//#endif

struct Wanted { base: u32 }

fn wanted(row: u32) -> Wanted {
  return Wanted((row / params.pixels) * params.probs_sample + (row % params.pixels) * params.probs_pixel);
}

fn probability(w: Wanted, c: u32) -> f32 {
  return probs[w.base + c * params.probs_class];
}

fn share(w: Wanted, c: u32) -> f32 {
  let q = params.hot * probability(w, c) + params.cold;
//#if WEIGHTED
  return weight[c] * q;
//#else
  return q;
//#endif
}

// Every row counts alike.
fn row_weight(w: Wanted) -> f32 {
  return 1.0;
}
