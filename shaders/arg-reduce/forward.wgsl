// The largest element of x over the reduced axes, how often it occurs and where it is first; with MIN the smallest.
//
// Threads: TREE: one workgroup of SIZE for each kept index; every thread takes a strided share, then a tree in workgroup
// memory. Else one thread for each kept index. Any order gives the same result.
// Kept axes (kept$D, row-major order of the results) and reduced axes (red$D) have a size and a stride in x; unused ones
// size 1. Y, TIES and INDICES: which results are wanted. An index counts the reduced elements in row-major order.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
struct Params {
  count: u32, reduced: u32,
//#for D 0 RANK
  kept$D: u32, kept_stride$D: u32, red$D: u32, red_stride$D: u32,
//#endfor
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
//#if Y
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//#endif
//#if TIES
@group(0) @binding(3) var<storage, read_write> ties: array<f32>;
//#endif
//#if INDICES
@group(0) @binding(4) var<storage, read_write> indices: array<i32>;
//#endif

struct Best { value: f32, ties: f32, index: i32 }

// Nothing seen yet: a count of 0 marks it, since WGSL may assume that there is no infinity to begin with.
fn better(a: Best, b: Best) -> Best {
  if (a.ties == 0.0) { return b; }
  if (b.ties == 0.0) { return a; }
  if (a.value == b.value) { return Best(a.value, a.ties + b.ties, min(a.index, b.index)); }
//#if MIN
  if (b.value < a.value) { return b; }
//#else
  if (b.value > a.value) { return b; }
//#endif
  return a;
}

fn kept_offset(i: u32) -> u32 {
  var rest = i;
  var offset = 0u;
//#for D 0 RANK
  offset += (rest % params.kept${RANK-1-D}) * params.kept_stride${RANK-1-D};
  rest /= params.kept${RANK-1-D};
//#endfor
  return offset;
}

fn reduced_offset(i: u32) -> u32 {
  var rest = i;
  var offset = 0u;
//#for D 0 RANK
  offset += (rest % params.red${RANK-1-D}) * params.red_stride${RANK-1-D};
  rest /= params.red${RANK-1-D};
//#endfor
  return offset;
}

fn best_of(i: u32, first: u32, step: u32) -> Best {
  let base = kept_offset(min(i, params.count - 1u));
  var best = Best(0.0, 0.0, 0);
  for (var r = first; r < params.reduced; r += step) {
    best = better(best, Best(x[base + reduced_offset(r)], 1.0, i32(r)));
  }
  return best;
}

fn store(i: u32, best: Best) {
//#if Y
  y[i] = best.value;
//#endif
//#if TIES
  ties[i] = best.ties;
//#endif
//#if INDICES
  indices[i] = best.index;
//#endif
}

//#if TREE
var<workgroup> partial: array<Best, SIZE>;

@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups);
  partial[li] = best_of(i, li, u32(SIZE));
  for (var width = tree_half(params.reduced, SIZE); width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li < width) { partial[li] = better(partial[li], partial[li + width]); }
  }
  if (li == 0u && i < params.count) { store(i, partial[0]); }
}
//#else
@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * u32(SIZE) + li;
  if (i >= params.count) { return; }
  store(i, best_of(i, 0u, 1u));
}
//#endif
