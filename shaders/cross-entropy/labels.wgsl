// Targets given as labels, one a row: the share of a class is its weight, times `hot` at the label, plus `cold`.
// A label outside 0..classes-1 reads the nearest class; one that equals ignore_index asks for nothing.
@group(0) @binding(1) var<storage, read> labels: array<i32>;
//#if WEIGHTED
@group(0) @binding(2) var<storage, read> weight: array<f32>;
//#endif

struct Wanted { label: u32, kept: f32 }

fn class_weight(c: u32) -> f32 {
//#if WEIGHTED
  return weight[c];
//#else
  return 1.0;
//#endif
}

fn wanted(row: u32) -> Wanted {
  let label = labels[row];
  return Wanted(u32(clamp(label, 0, i32(params.classes) - 1)), select(1.0, 0.0, label == params.ignore_index));
}

fn share(w: Wanted, c: u32) -> f32 {
  return w.kept * class_weight(c) * (select(0.0, params.hot, c == w.label) + params.cold);
}

// What the row counts in a weighted mean.
fn row_weight(w: Wanted) -> f32 {
  return w.kept * class_weight(w.label);
}
