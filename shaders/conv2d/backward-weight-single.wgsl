// dweight = sum over pixels of x * dy, dbias = sum of dy, for images of a single channel, on software adapters (grey images: the first layer).
//
// Threads: SG lanes a workgroup, no two of which work together. A lane sums KH x KW taps times O4 vec4s of output channels
// over `share` rows (n, oy): one of `splits` parts, which add-splits.wgsl adds. It runs along the rows with a
// window of x as in forward-single.wgsl, so that a tap costs no gather of its own.
// SPREAD: dy is what arrives at a max pool of 2 x 2 results; codes (conv2d/pool.wgsl) say to which of them it goes.
// Layouts: x plain or nhwc, which is the same here; dy nhwc, dweight hwio. groups = 1, channels of dy in memory a multiple
// of 4.
//#include "lib/linear-id.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dweight: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if SPREAD
@group(0) @binding(5) var<storage, read> codes: array<u32>;
//#endif
alias Sum = vec4f;
//#include "conv2d/sums.wgsl"

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let o4 = params.os / 4u;
  let blocks = (o4 + ${O4-1}u) / ${O4}u;
  let run = linear_group(wg, groups) * ${SG}u + lane;
  let block = run % blocks * ${O4}u;
  let part = run / blocks;
  let rows = params.n * params.oh;
//#for T 0 KH*KW*O4
  var acc$T = vec4f();
//#endfor
//#if DBIAS!=none
//#for O 0 O4
  var bias$O = vec4f();
//#endfor
//#endif
  for (var r = 0u; r < params.share; r++) {
    let row = part * params.share + r;
    let image = row / params.oh * params.h;
//#for KY 0 KH
    let y$KY = row % params.oh * params.sy + $KYu * params.dy - params.top;
    let inside$KY = y$KY < params.h;
    let at$KY = (image + y$KY) * params.w;
//#for X 0 CARRY
    var v${KY}_${X} = 0.0;
//#endfor
//#endfor
//#if CARRY
    // The first columns, one by one: a loop that is not unrolled, because loads compile slowly.
    for (var i = 0u; i < (params.kw - 1u) * params.dx + 1u - params.sx; i++) {
      let ix = i - params.left;
//#for KY 0 KH
//#for X 1 CARRY
      v${KY}_${X-1} = v${KY}_${X};
//#endfor
      v${KY}_${CARRY-1} = select(0.0, x[at$KY + ix], inside$KY && ix < params.w);
//#endfor
    }
//#endif
//#if SPREAD
    let pooled_row = row / params.oh * (params.oh / 2u) + row % params.oh / 2u;
    let pooled = row < rows && row % params.oh / 2u < params.oh / 2u;
//#for O 0 O4
    var spread$O = vec4f();
    var won$O = vec4u();
//#endfor
//#endif
    for (var ox = 0u; ox < params.ow; ox++) {
//#if SPREAD
      if (ox % 2u == 0u) {
        let inside = pooled && ox / 2u < params.ow / 2u;
        let cell = (pooled_row * (params.ow / 2u) + ox / 2u) * o4;
//#for O 0 O4
        spread$O = select(vec4f(), dy[cell + min(block + $Ou, o4 - 1u)], inside);
        won$O = (vec4u(codes[cell + min(block + $Ou, o4 - 1u)]) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
//#endfor
      }
      let here = vec4u(row % params.oh % 2u * 2u + ox % 2u);
//#endif
//#for X CARRY WINDOW
      let ix$X = ox * ${SX}u + $Xu - params.left;
//#for KY 0 KH
      let v${KY}_${X} = select(0.0, x[at$KY + ix$X], inside$KY && ix$X < params.w);
//#endfor
//#endfor
//#for O 0 O4
//#if SPREAD
      let d$O = select(vec4f(), spread$O, won$O == here);
//#else
      let d$O = select(vec4f(), dy[(row * params.ow + ox) * o4 + min(block + $Ou, o4 - 1u)], row < rows);
//#endif
//#if DBIAS!=none
      bias$O += d$O;
//#endif
//#for KY 0 KH
//#for KX 0 KW
      acc${(KY*KW+KX)*O4+O} += v${KY}_${KX*DX} * d$O;
//#endfor
//#endfor
//#endfor
//#for X 0 CARRY
//#for KY 0 KH
      v${KY}_${X} = v${KY}_${X+SX};
//#endfor
//#endfor
    }
  }
  if (part >= params.splits) { return; }
  // Tap by tap of the first row, in which the others move up, then the next rows do: stores compile slowly.
  for (var ky = 0u; ky < params.kh; ky++) {
    for (var kx = 0u; kx < params.kw; kx++) {
//#for O 0 O4
      if (block + $Ou < o4) { put_weight(part, (ky * params.kw + kx) * o4 + block + $Ou, acc$O); }
//#endfor
//#for T O4 KW*O4
      acc${T-O4} = acc$T;
//#endfor
    }
//#for T KW*O4 KH*KW*O4
    acc${T-KW*O4} = acc$T;
//#endfor
  }
//#if DBIAS!=none
//#for O 0 O4
  if (block + $Ou < o4) { put_bias(part, block + $Ou, bias$O); }
//#endfor
//#endif
}
