// Rows for softmax, in memory order: `outer` blocks of `padded` slices of `inner` elements; a row takes one element of each
// slice. Slices from `length` on are padding; so are rows whose place in the innermost axis (`lanes` of `padded_lanes`) is.
// WIDE: a workgroup of SIZE works on a row, otherwise each thread on one of its own.
//#include "lib/linear-id.wgsl"
//#include "lib/tree.wgsl"
struct Params { rows: u32, inner: u32, length: u32, padded: u32, lanes: u32, padded_lanes: u32 }
@group(0) @binding(0) var<uniform> params: Params;

struct Row {
  base: u32,
  // The elements first, first + step, ... of the row are this thread's.
  first: u32, step: u32,
  // Real elements, and elements in memory; both 0 for a thread without a row.
  length: u32, padded: u32,
}

fn row_of(group: u32, li: u32) -> Row {
//#if WIDE
  let r = group;
  let first = li;
  let step = u32(SIZE);
//#else
  let r = group * u32(SIZE) + li;
  let first = 0u;
  let step = 1u;
//#endif
  let exists = r < params.rows;
  let real = exists && (r % params.inner) % params.padded_lanes < params.lanes;
  let base = (r / params.inner) * params.padded * params.inner + r % params.inner;
  return Row(base, first, step, select(0u, params.length, real), select(0u, params.padded, exists));
}

//#if WIDE
var<workgroup> tree: array<vec2f, SIZE>;
//#endif

// The largest of the threads of a row. Called by all of them, as the sum is.
fn row_max(li: u32, value: f32) -> f32 {
//#if WIDE
  tree[li].x = value;
  for (var width = tree_half(params.length, SIZE); width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li < width) { tree[li].x = max(tree[li].x, tree[li + width].x); }
  }
  return workgroupUniformLoad(&tree[0]).x;
//#else
  return value;
//#endif
}

fn row_sum(li: u32, value: vec2f) -> vec2f {
//#if WIDE
  tree[li] = value;
  for (var width = tree_half(params.length, SIZE); width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li < width) { tree[li] += tree[li + width]; }
  }
  return workgroupUniformLoad(&tree[0]);
//#else
  return value;
//#endif
}
