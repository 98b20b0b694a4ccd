// What the kernels of software adapters rely on: a workgroup of SG threads is one subgroup of SG lanes, numbered alike.
//
// Threads: SG. Each writes CHECKS numbers; src/gpu/self-test.ts knows what they must be.
enable subgroups;
@group(0) @binding(0) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(SG)
fn main(
  @builtin(local_invocation_index) li: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(subgroup_size) size: u32,
) {
  let v = 100u + li * li;
  // Each lane's number with a weight of its own: no two lanes can change places.
  var all = 0u;
//#for L 0 SG
  all += ${L+1}u * subgroupBroadcast(v, ${L}u);
//#endfor
  let to = li * u32(CHECKS);
  y[to] = lane;
  y[to + 1u] = size;
  y[to + 2u] = all;
  y[to + 3u] = subgroupMin(v);
  y[to + 4u] = subgroupMax(v);
  y[to + 5u] = quadSwapX(v);
  y[to + 6u] = quadSwapY(v);
  y[to + 7u] = subgroupShuffleXor(v, 1u);
  y[to + 8u] = subgroupShuffleXor(v, 2u);
}
