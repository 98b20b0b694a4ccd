// y = epilogue(x * weight + bias): implicit matrix product of pixels and output channels in tiles of workgroup memory, for GPUs.
//
// Threads: THREADS = BM/TM x BN4/TN a workgroup, which computes BM pixels times BN4 vec4s of output channels in slabs of K4
// vec4s of (tap, input channel). A thread keeps TM x TN vec4s of sums: pixels BM/TM apart, vec4s BN4/TN apart.
// z: blocks of output channels in each group. Slabs as they are read: of x [pixel][K4] along input channels, with a vec4 more against bank
// conflicts, of the filter [4 K4][BN4] along output channels.
// Layouts: x, y nhwc; weight hwio; bias plain. Channels of a group in memory are multiples of 4.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif
var<workgroup> x_slab: array<vec4f, BM * (K4 + 1)>;
var<workgroup> w_slab: array<vec4f, 4 * K4 * BN4>;

//#epilogue

//#include "conv2d/store.wgsl"

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let c4 = params.cs / 4u;
  let o4 = params.os / 4u;
  let pixels = params.n * params.oh * params.ow;
  let tile = linear_group(wg, groups) * ${BM}u;
  let i4 = params.is / 4u;
  let span = o4 / params.groups;
  let blocks = (span + ${BN4-1}u) / ${BN4}u;
  let group = wg.z / blocks;
  let block = group * span + wg.z % blocks * ${BN4}u;
  let block_end = (group + 1u) * span;
  // What the thread loads: always the same place in a slab, so the same pixels.
  let lane = li % ${K4}u;
  let first = li / ${K4}u;
//#for J 0 BM*K4/THREADS
  let p$J = min(tile + first + ${J*THREADS/K4}u, pixels - 1u);
  let row$J = p$J / params.ow;
  let left$J = p$J % params.ow * params.sx - params.left;
  let top$J = row$J % params.oh * params.sy - params.top;
  let at$J = ((row$J / params.oh * params.h + top$J) * params.w + left$J) * c4 + group * i4;
//#endfor
  // What it computes.
  let m = li / ${BN4/TN}u;
  let n = li % ${BN4/TN}u;
//#for I 0 TM
//#for J 0 TN
  var acc${I}_${J} = bias_of(block + n + ${J*BN4/TN}u, params.o);
//#endfor
//#endfor
  let count = params.kh * params.kw * i4;
  for (var base = 0u; base < count; base += ${K4}u) {
    let k = base + lane;
    let tap = k / i4;
    let ty = tap / params.kw * params.dy;
    let tx = tap % params.kw * params.dx;
    let offset = (ty * params.w + tx) * c4 + k % i4;
//#for J 0 BM*K4/THREADS
    let inside$J = top$J + ty < params.h && left$J + tx < params.w && k < count;
    x_slab[(first + ${J*THREADS/K4}u) * ${K4+1}u + lane] = select(vec4f(), x[at$J + offset], inside$J);
//#endfor
//#for J 0 (4*K4*BN4+THREADS-1)/THREADS
    if (li < ${4*K4*BN4-J*THREADS}u) {
      let f = li + ${J*THREADS}u;
      let row = min(4u * base + f / ${BN4}u, 4u * count - 1u);
      w_slab[f] = weight[row * o4 + min(block + f % ${BN4}u, block_end - 1u)];
    }
//#endfor
    workgroupBarrier();
//#for K 0 K4
    {
//#for J 0 TN
      let w$J = mat4x4f(
//#for Q 0 4
        w_slab[${(4*K+Q)*BN4+J*BN4/TN}u + n],
//#endfor
      );
//#endfor
//#for I 0 TM
      let x$I = x_slab[(m + ${I*BM/TM}u) * ${K4+1}u + $Ku];
//#for J 0 TN
      acc${I}_${J} += w$J * x$I;
//#endfor
//#endfor
    }
//#endfor
    workgroupBarrier();
  }
//#for J 0 TN
  let by$J = by_channel(block + n + ${J*BN4/TN}u, params.o);
//#endfor
//#for I 0 TM
//#for J 0 TN
  {
    let p = tile + m + ${I*BM/TM}u;
    let o = block + n + ${J*BN4/TN}u;
    if (p < pixels && o < block_end) { let to = p * o4 + o; y[to] = finish(acc${I}_${J}, to, by$J); }
  }
//#endfor
//#endfor
}
