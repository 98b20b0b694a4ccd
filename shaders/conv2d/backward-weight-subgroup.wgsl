// dweight = sum over pixels of x * dy, dbias = sum of dy, for software adapters: matrix product of (tap, input channel) and
// output channels.
//
// Threads: one subgroup of SG lanes a workgroup. A row is 4 input channels of one tap; each lane has one and sums its
// products with O4 vec4s of output channels in acc: a vec4 of input channels for each output channel. Four output pixels
// a step: a lane gathers its row's x for each and its share of their 4 x O4 vec4s of dy, which broadcasts hand to all.
// y: blocks of output channels in each group. z: parts of the pixels, `share` (a multiple of 4) in each, which
// add-splits.wgsl adds. Layouts: x, dy nhwc; dweight hwio. Channels of a group in memory are multiples of 4.
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
alias Sum = vec4f;
//#include "conv2d/sums.wgsl"

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let c4 = params.cs / 4u;
  let o4 = params.os / 4u;
  let i4 = params.is / 4u;
  let span = o4 / params.groups;
  let blocks = (span + ${O4-1}u) / ${O4}u;
  let group = wg.y / blocks;
  let rows = params.kh * params.kw * i4;
  let row = wg.x * ${SG}u + lane;
  let c = group * i4 + row % i4;
  let left = row / i4 % params.kw * params.dx - params.left;
  let top = row / i4 / params.kw * params.dy - params.top;
  let block = group * span + wg.y % blocks * ${O4}u;
  let block_end = (group + 1u) * span;
//#for J 0 (4*O4+SG-1)/SG
  let pixel$J = (${SG*J}u + lane) / ${O4}u;
  let from$J = pixel$J * o4 + min(block + (${SG*J}u + lane) % ${O4}u, block_end - 1u);
//#if DBIAS!=none
  var bias$J = vec4f();
//#endif
//#endfor
//#for O 0 4*O4
  var acc$O = vec4f();
//#endfor
  let start = wg.z * params.share;
  let end = min(start + params.share, params.n * params.oh * params.ow);
  var ox = start % params.ow;
  var oy = start / params.ow % params.oh;
  var image = start / params.ow / params.oh * params.h;
  for (var p = start; p < end; p += 4u) {
//#for J 0 (4*O4+SG-1)/SG
    let d$J = select(vec4f(), dy[p * o4 + from$J], p + pixel$J < end);
//#if DBIAS!=none
    bias$J += d$J;
//#endif
//#endfor
//#for T 0 4
    let iy$T = oy * params.sy + top;
    let ix$T = ox * params.sx + left;
    let inside$T = iy$T < params.h && ix$T < params.w;
    let v$T = select(vec4f(), x[((image + iy$T) * params.w + ix$T) * c4 + c], inside$T);
    ox += 1u;
    let row_ends$T = ox == params.ow;
    ox = select(ox, 0u, row_ends$T);
    oy += select(0u, 1u, row_ends$T);
    let image_ends$T = oy == params.oh;
    oy = select(oy, 0u, image_ends$T);
    image += select(0u, params.h, image_ends$T);
//#endfor
    let v = mat4x4f(v0, v1, v2, v3);
//#for O 0 O4
    let g$O = transpose(mat4x4f(
//#for T 0 4
      subgroupBroadcast(d${(T*O4+O)/SG}, ${(T*O4+O)%SG}u),
//#endfor
    ));
//#for K 0 4
    acc${4*O+K} += v * g$O[$K];
//#endfor
//#endfor
  }
//#if DBIAS!=none
//#for J 0 (O4+SG-1)/SG
  var sum$J = vec4f();
//#endfor
//#for O 0 O4
//#for T 0 4
  sum${O/SG} += select(vec4f(), subgroupBroadcast(bias${(T*O4+O)/SG}, ${(T*O4+O)%SG}u), lane == ${O%SG}u);
//#endfor
//#endfor
//#for J 0 (O4+SG-1)/SG
  if (wg.x == 0u && ${SG*J}u + lane < min(${O4}u, block_end - block)) { put_bias(wg.z, block + ${SG*J}u + lane, sum$J); }
//#endfor
//#endif
  if (row >= rows) { return; }
  // STORED vec4s of output channels at a time, then the others move up; of these, one input channel after the other, from o
  // and not from 0 on, or the driver would unroll the loop: stores compile slowly.
  for (var o = block; o < min(block + ${O4}u, block_end); o += ${STORED}u) {
    for (var k = o; k < o + 4u; k++) {
      let to = row * params.os + (k - o) * o4 + o;
      put_weight(wg.z, to, vec4f(acc0[k - o], acc1[k - o], acc2[k - o], acc3[k - o]));
//#for O 1 STORED
      if (o + $Ou < block_end) {
        put_weight(wg.z, to + $Ou, vec4f(acc${4*O}[k - o], acc${4*O+1}[k - o], acc${4*O+2}[k - o], acc${4*O+3}[k - o]));
      }
//#endfor
    }
//#for O 4*STORED 4*O4
    acc${O-4*STORED} = acc$O;
//#endfor
  }
}
