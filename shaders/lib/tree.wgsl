// Half of the threads that a tree over a workgroup of `size` threads begins with, where only the first `used` of them may
// hold something: the width of its first level, the next ones are halves of it. 0 where one thread has it all.
//
// `used` should come from the parameters: a compiler that knows the width unrolls the tree, barriers and all, and takes up
// to three times as long.
fn tree_half(used: u32, size: u32) -> u32 {
  let count = min(used, size);
  return select(0u, 1u << firstLeadingBit(max(count, 2u) - 1u), count > 1u);
}
