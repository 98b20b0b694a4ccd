// What the kernels of software adapters rely on: a workgroup of SG threads is one subgroup of SG lanes, numbered alike.
//
// Threads: SG. Each mixes what it finds into one number (a store costs the driver's compiler more than all the rest);
// src/gpu/self-test.ts knows what that must be.
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
  var mix = lane;
  mix = mix * 31u + size;
  mix = mix * 31u + all;
  mix = mix * 31u + subgroupMin(v);
  mix = mix * 31u + subgroupMax(v);
  mix = mix * 31u + subgroupAdd(v);
  mix = mix * 31u + quadSwapX(v);
  mix = mix * 31u + quadSwapY(v);
  mix = mix * 31u + subgroupShuffleXor(v, 1u);
  mix = mix * 31u + subgroupShuffleXor(v, 2u);
  y[li] = mix;
}
