// Joins the numbers of 64 threads, of which the first `used` hold some, in a fixed order: a sum, or the largest where NORM is 0.
//#include "lib/tree.wgsl"
var<workgroup> joined_parts: array<f32, 64>;

fn join_all(own: f32, li: u32, used: u32) -> f32 {
  joined_parts[li] = own;
  for (var width = tree_half(used, 64u); width > 0u; width >>= 1u) {
    workgroupBarrier();
    if (li < width) {
//#if NORM==0
      joined_parts[li] = max(joined_parts[li], joined_parts[li + width]);
//#else
      joined_parts[li] += joined_parts[li + width];
//#endif
    }
  }
  workgroupBarrier();
  return joined_parts[0];
}
