// y = epilogue(x * weight + bias) for images of a single channel, on software adapters (grey images: the first layer).
//
// Threads: one subgroup of SG lanes a workgroup. A lane runs along a row of output pixels, or one of `splits` parts of it,
// `share` pixels long, and sums O4 vec4s of output channels. It keeps a window of KH rows of x: the CARRY
// columns that the next pixel needs again stay, the others are gathered. The filter is held by the lanes together
// (broadcasts cost nothing). z: blocks of output channels.
// Layouts: x plain or nhwc, which is the same here; y nhwc, weight hwio, bias plain. groups = 1, channels of y in memory a
// multiple of 4. WINDOW: columns of x that a pixel sees, SX and DX: horizontal stride and dilation.
enable subgroups;
diagnostic(off, subgroup_uniformity);
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let o4 = params.os / 4u;
  let block = wg.z * ${O4}u;
//#for J 0 (KH*KW*O4+SG-1)/SG
  let w$J = weight[(${SG*J}u + lane) / ${O4}u * o4 + min(block + (${SG*J}u + lane) % ${O4}u, o4 - 1u)];
//#endfor
  let run = linear_group(wg, groups) * ${SG}u + lane;
  let row = run / params.splits;
  let image = row / params.oh * params.h;
  let start = run % params.splits * params.share;
  let end = select(0u, min(start + params.share, params.ow), row < params.n * params.oh);
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
    let ix = start * ${SX}u + i - params.left;
//#for KY 0 KH
//#for X 1 CARRY
    v${KY}_${X-1} = v${KY}_${X};
//#endfor
    v${KY}_${CARRY-1} = select(0.0, x[at$KY + ix], inside$KY && ix < params.w);
//#endfor
  }
//#endif
//#for J 0 (O4+SG-1)/SG
  let bias$J = bias_of(block + ${SG*J}u + lane, params.o);
//#endfor
//#for J 0 (O4+SG-1)/SG
  let by$J = by_channel(block + ${SG*J}u + lane, params.o);
//#endfor
  for (var i = 0u; i < params.share; i++) {
    let ox = start + i;
//#for X CARRY WINDOW
    let ix$X = ox * ${SX}u + $Xu - params.left;
//#for KY 0 KH
    let v${KY}_${X} = select(0.0, x[at$KY + ix$X], inside$KY && ix$X < params.w);
//#endfor
//#endfor
//#for O 0 O4
    var acc$O = subgroupBroadcast(bias${O/SG}, ${O%SG}u);
//#endfor
//#for KY 0 KH
//#for KX 0 KW
//#for O 0 O4
    acc$O += v${KY}_${KX*DX} * subgroupBroadcast(w${((KY*KW+KX)*O4+O)/SG}, ${((KY*KW+KX)*O4+O)%SG}u);
//#endfor
//#endfor
//#endfor
//#for O 0 O4
//#if CHANNELS
    let of$O = ByChannel(
//#for J 0 4
      subgroupBroadcast(by${O/SG}[$J], ${O%SG}u),
//#endfor
    );
//#else
    let of$O = ByChannel();
//#endif
//#endfor
    if (ox < end) {
      let to = (row * params.ow + ox) * o4 + block;
//#for O 0 O4
      if (block + $Ou < o4) { y[to + $Ou] = finish(acc$O, to + $Ou, of$O); }
//#endfor
    }
//#for X 0 CARRY
//#for KY 0 KH
    v${KY}_${X} = v${KY}_${X+SX};
//#endfor
//#endfor
  }
}
