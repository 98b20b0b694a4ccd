// Loss and number of correct rows from the partial sums (loss, weight, correct) of the workgroups before.
//
// Threads: one workgroup of SIZE; each adds a strided share, then a tree.
//#include "cross-entropy/common.wgsl"
@group(0) @binding(1) var<storage, read> partials: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> correct: array<f32>;
//#if !NONE
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;
//#endif

@compute @workgroup_size(SIZE)
fn main(@builtin(local_invocation_index) li: u32) {
  var sums = vec4f();
  for (var i = li; i < params.part_count; i += u32(SIZE)) { sums += partials[i]; }
  let total = tree_sum(li, sums);
  if (li == 0u) {
    correct[0] = total.z;
//#if !NONE
    loss[0] = reduced_loss(total);
//#endif
  }
}
