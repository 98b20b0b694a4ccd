// dweight = sum over pixels of x * dy, dbias = sum of dy, in tiles of workgroup memory, for GPUs: matrix product of (tap,
// input channel) and output channels.
//
// Threads: THREADS = BM4/TM x BN4/TN a workgroup, which computes 4 BM4 rows (tap, input channel) times BN4 vec4s of output
// channels in slabs of K pixels. A thread keeps 4 TM x TN vec4s of sums. y: blocks of output channels in each group. z:
// parts of the pixels, `share` in each, which add-splits.wgsl adds. Slabs: of x [pixel][BM4] along input channels, of dy
// [pixel][BN4]. Layouts: x, dy nhwc; dweight hwio. Channels of a group in memory are multiples of 4.
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
alias Sum = vec4f;
//#include "conv2d/sums.wgsl"
var<workgroup> x_slab: array<vec4f, K * BM4>;
var<workgroup> d_slab: array<vec4f, K * BN4>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let c4 = params.cs / 4u;
  let o4 = params.os / 4u;
  let i4 = params.is / 4u;
  let span = o4 / params.groups;
  let blocks = (span + ${BN4-1}u) / ${BN4}u;
  let group = wg.y / blocks;
  let rows = params.kh * params.kw * i4;
  let tile = wg.x * ${BM4}u;
  let block = group * span + wg.y % blocks * ${BN4}u;
  let block_end = (group + 1u) * span;
  // What the thread loads: always the same row, and the same output channels.
  let row = min(tile + li % ${BM4}u, rows - 1u);
  let c = group * i4 + row % i4;
  let left = row / i4 % params.kw * params.dx - params.left;
  let top = row / i4 / params.kw * params.dy - params.top;
  let column = min(block + li % ${BN4}u, block_end - 1u);
  let m = li / ${BN4/TN}u;
  let n = li % ${BN4/TN}u;
//#for I 0 4*TM
//#for J 0 TN
  var acc${I}_${J} = vec4f();
//#endfor
//#endfor
//#if DBIAS!=none
  var bias = vec4f();
//#endif
  let start = wg.z * params.share;
  let end = min(start + params.share, params.n * params.oh * params.ow);
  for (var base = start; base < end; base += ${K}u) {
//#for J 0 K*BM4/THREADS
    {
      let f = li / ${BM4}u + ${J*THREADS/BM4}u;
      let p = base + f;
      let iy = p / params.ow % params.oh * params.sy + top;
      let ix = p % params.ow * params.sx + left;
      let at = ((p / params.ow / params.oh * params.h + iy) * params.w + ix) * c4 + c;
      let inside = iy < params.h && ix < params.w && p < end;
      x_slab[f * ${BM4}u + li % ${BM4}u] = select(vec4f(), x[at], inside);
    }
//#endfor
//#for J 0 (K*BN4+THREADS-1)/THREADS
    if (li < ${K*BN4-J*THREADS}u) {
      let f = li / ${BN4}u + ${J*THREADS/BN4}u;
      let d = select(vec4f(), dy[(base + f) * o4 + column], base + f < end);
      d_slab[f * ${BN4}u + li % ${BN4}u] = d;
//#if DBIAS!=none
      bias += d;
//#endif
    }
//#endfor
    workgroupBarrier();
//#for Q 0 K
    {
//#for J 0 TN
      let d$J = d_slab[${Q*BN4+J*BN4/TN}u + n];
//#endfor
//#for I 0 TM
      let x$I = x_slab[${Q*BM4+I*BM4/TM}u + m];
//#for J 0 TN
//#for E 0 4
      acc${4*I+E}_${J} += x$I[$E] * d$J;
//#endfor
//#endfor
//#endfor
    }
//#endfor
    workgroupBarrier();
  }
//#if DBIAS!=none
  // Threads BN4 apart loaded the same channels.
  if (li < ${BIAS_LANES*BN4}u) { d_slab[li] = bias; }
  workgroupBarrier();
  if (wg.x == 0u && li < ${BN4}u && block + li < block_end) {
//#for J 1 BIAS_LANES
    bias += d_slab[li + ${J*BN4}u];
//#endfor
    put_bias(wg.z, block + li, bias);
  }
//#endif
//#for I 0 TM
//#for J 0 TN
  {
    let r = tile + m + ${I*BM4/TM}u;
    let o = block + n + ${J*BN4/TN}u;
    if (r < rows && o < block_end) {
      let at = r * params.os + o;
//#for E 0 4
      put_weight(wg.z, at + $Eu * o4, acc${4*I+E}_${J});
//#endfor
    }
  }
//#endfor
//#endfor
}
