// Sums over LANES neighbouring threads of a workgroup of SIZE, the first `used` of which hold something; all of them get it.
// All threads call it together.
//#include "lib/tree.wgsl"
var<workgroup> tree: array<f32, SIZE>;

fn total(li: u32, v: f32, used: u32) -> f32 {
//#if LANES==1
  return v;
//#else
  workgroupBarrier();
  tree[li] = v;
  for (var width = tree_half(used, LANES); width > 0u; width /= 2u) {
    workgroupBarrier();
    if (li % u32(LANES) < width) { tree[li] += tree[li + width]; }
  }
  workgroupBarrier();
  return tree[li - li % u32(LANES)];
//#endif
}
