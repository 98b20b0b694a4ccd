enable subgroups;
diagnostic(off, subgroup_uniformity);
// y = epilogue(a b + bias), a tile of TM x 4 SG of y in the registers of one subgroup, no workgroup memory: for software
// adapters, where a load costs ten times a multiplication but a broadcast next to nothing.
//
// Threads: one workgroup of SG (the fixed subgroup size) for each tile, part of k and batch, columns first. A lane owns 4
// columns of the tile and loads b for them; a's TM x 4 values of a step are spread over the lanes and broadcast.
// Layouts: plain. Each operand is read along the index that is contiguous: A_ALONG_K: a is [m, k], else [k, m];
// B_ALONG_N: b is [k, n], else [n, k]; Y_ALONG_N: y is [m, n], else [n, m] (then the bias belongs to the rows).
// A_VEC, B_VEC, Y_VEC: that index is a multiple of 4 long, else elements are loaded one by one. Edges are clamped; behind
// the end of k (TAIL: k is no multiple of 4) a counts as zero. SPLIT: writes the sum over a part of k, without bias and
// epilogue, for sum-splits.wgsl. CHANNELS: see lib/by-channel.wgsl; channels are the columns of y. SUMS: see sums.wgsl; of a as
// [k, m], or of b as [k, n].
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "matmul/problem.wgsl"
//#if A_VEC
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
//#else
@group(0) @binding(0) var<storage, read> a: array<f32>;
//#endif
//#if B_VEC
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
//#else
@group(0) @binding(1) var<storage, read> b: array<f32>;
//#endif
//#if Y_VEC
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
//#else
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
//#endif
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#if !SPLIT
//#if OPERAND
//#if Y_VEC
@group(0) @binding(6) var<storage, read> operand: array<vec4f>;
//#else
@group(0) @binding(6) var<storage, read> operand: array<f32>;
//#endif
//#endif

//#epilogue

// The epilogue of four neighbours in y from element `at` on.
fn finish(v: vec4f, at: u32, p: ByChannel) -> vec4f {
//#if OPERAND
//#if Y_VEC
  let s = operand[at / 4u];
//#else
  let s = vec4f(operand[at], operand[at + 1u], operand[at + 2u], operand[at + 3u]);
//#endif
//#else
  let s = vec4f();
//#endif
//#if CHANNELS
  return vec4f(epilogue(v.x, s.x, p[0]), epilogue(v.y, s.y, p[1]), epilogue(v.z, s.z, p[2]), epilogue(v.w, s.w, p[3]));
//#else
  return vec4f(epilogue(v.x, s.x), epilogue(v.y, s.y), epilogue(v.z, s.z), epilogue(v.w, s.w));
//#endif
}
//#endif

//#include "lib/by-channel.wgsl"

//#include "matmul/sums.wgsl"

// Four neighbours in y from element `at` on; `left` of them exist.
fn put(at: u32, left: u32, sum: vec4f, p: ByChannel) {
//#if SPLIT
  let v = sum;
//#else
  let v = finish(sum, at, p);
//#endif
//#if Y_VEC
  y[at / 4u] = v;
//#else
  for (var i = at; i < at + min(left, 4u); i++) { y[i] = v[i - at]; }
//#endif
}

// Column i of v, with an index that is no constant.
fn one_of(v: mat4x4f, i: u32) -> vec4f {
  return select(select(v[0], v[1], i == 1u), select(v[2], v[3], i == 3u), i > 1u);
}

@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let m = params.m;
  let n = params.n;
  let k = params.k;
  let tiles_n = (n + ${4*SG-1}u) / ${4*SG}u;
  let tiles_m = (m + ${TM-1}u) / ${TM}u;
  var index = linear_group(wg, groups);
  let first_column = index % tiles_n == 0u;
  let col = (index % tiles_n) * ${4*SG}u + 4u * lane;
  index /= tiles_n;
  let row = (index % tiles_m) * ${TM}u;
  index /= tiles_m;
  let part = index % params.splits;
  let z = index / params.splits;
  if (z >= params.batches) { return; }
  let start = batch_offsets(z);

  // Where this lane's share of a begins.
//#for G 0 TM/SG
//#if A_ALONG_K
  let a_at$G = start.x + min(row + ${G*SG}u + lane, m - 1u) * k;
//#else
  let a_k$G = (${G*SG}u + lane) & 3u;
  let a_row$G = row + ((${G*SG}u + lane) >> 2u) * 4u;
//#if A_VEC
  let a_at$G = start.x + min(a_row$G, m - 4u);
//#else
  let a_at$G = start.x + min(vec4u(a_row$G) + vec4u(0u, 1u, 2u, 3u), vec4u(m - 1u));
//#endif
//#endif
//#endfor
  // Where this lane's columns of b begin.
//#if B_ALONG_N
//#if B_VEC
  let b_at = start.y + min(col, n - 4u);
//#else
  let b_at = start.y + min(vec4u(col) + vec4u(0u, 1u, 2u, 3u), vec4u(n - 1u));
//#endif
//#else
  let b_at = start.y + min(vec4u(col) + vec4u(0u, 1u, 2u, 3u), vec4u(n - 1u)) * k;
//#endif

  var acc: array<vec4f, TM>;
//#if SUMS==a
//#for G 0 TM/SG
  var sum$G = vec4f();
//#endfor
//#elif SUMS==b
  var sum = vec4f();
//#endif
  let end = min(k, (part + 1u) * params.split_k);
  for (var q = part * params.split_k; q < end; q += 4u) {
//#if TAIL
    let qs = min(vec4u(q) + vec4u(0u, 1u, 2u, 3u), vec4u(k - 1u));
//#else
    let qs = vec4u(q) + vec4u(0u, 1u, 2u, 3u);
//#endif
//#if B_ALONG_N
//#for J 0 4
//#if B_VEC
    let b$J = b[(b_at + qs[$J] * n) / 4u];
//#else
    let b$J = vec4f(b[b_at.x + qs[$J] * n], b[b_at.y + qs[$J] * n], b[b_at.z + qs[$J] * n], b[b_at.w + qs[$J] * n]);
//#endif
//#endfor
    let columns = mat4x4f(b0, b1, b2, b3);
//#if SUMS==b
    sum += columns * select(vec4f(), vec4f(1.0), vec4u(q) + vec4u(0u, 1u, 2u, 3u) < vec4u(k));
//#endif
//#else
//#for J 0 4
//#if B_VEC
    let b$J = b[(b_at[$J] + q) / 4u];
//#else
    let b$J = vec4f(b[b_at[$J] + qs.x], b[b_at[$J] + qs.y], b[b_at[$J] + qs.z], b[b_at[$J] + qs.w]);
//#endif
//#endfor
    let columns = transpose(mat4x4f(b0, b1, b2, b3));
//#endif

//#for G 0 TM/SG
//#if A_ALONG_K
//#if A_VEC
    let a$G = a[(a_at$G + q) / 4u];
//#else
    let a$G = select(vec4f(), vec4f(a[a_at$G + qs.x], a[a_at$G + qs.y], a[a_at$G + qs.z], a[a_at$G + qs.w]),
      vec4u(q) + vec4u(0u, 1u, 2u, 3u) < vec4u(k));
//#endif
//#else
//#if TAIL
    let a_q$G = min(q + a_k$G, k - 1u) * m;
//#else
    let a_q$G = (q + a_k$G) * m;
//#endif
//#if A_VEC
    let a_raw$G = a[(a_at$G + a_q$G) / 4u];
//#else
    let a_raw$G = vec4f(a[a_at$G.x + a_q$G], a[a_at$G.y + a_q$G], a[a_at$G.z + a_q$G], a[a_at$G.w + a_q$G]);
//#endif
//#if TAIL
    let a$G = select(vec4f(), a_raw$G, q + a_k$G < k);
//#else
    let a$G = a_raw$G;
//#endif
//#endif
//#if SUMS==a
    sum$G += a$G;
//#endif
//#endfor

//#if A_ALONG_K
//#for R 0 TM
    acc[$R] += columns * subgroupBroadcast(a${R/SG}, ${R%SG}u);
//#endfor
//#else
//#for R 0 TM/4
//#for J 0 4
    let a_${R}_$J = subgroupBroadcast(a${(4*R+J)/SG}, ${(4*R+J)%SG}u);
//#endfor
//#for J 0 4
    acc[${4*R+J}] += columns * vec4f(a_${R}_0[$J], a_${R}_1[$J], a_${R}_2[$J], a_${R}_3[$J]);
//#endfor
//#endfor
//#endif
  }

//#if SUMS==a
  // Four neighbouring lanes have loaded the same rows, for different k: they add up, and the first of them stores.
//#for G 0 TM/SG
  let pair$G = sum$G + quadSwapX(sum$G);
  sum$G = pair$G + quadSwapY(pair$G);
//#endfor
  if (first_column && (lane & 3u) == 0u) {
    for (var r = row + lane; r < row + ${TM}u; r += ${SG}u) {
      put_sums(part, r, sum0);
//#for G 1 TM/SG
      sum${G-1} = sum$G;
//#endfor
    }
  }
//#elif SUMS==b
  if (row == 0u) { put_sums(part, col, sum); }
//#endif
  let out = part * params.split_size + z * m * n;
  // Four rows at a time and one of these after the other, so that the text has one store: it compiles as slowly as a hundred
  // multiplications.
  let last_row = min(row + ${TM}u, m);
//#if Y_ALONG_N
  if (col >= n) { return; }
  // What lies behind the end of the bias is added to columns that are not stored.
//#if BIAS
  let extra = bias[col / 4u];
//#else
  let extra = vec4f();
//#endif
  let by = by_channel(col / 4u, n);
  for (var r = row; r < last_row; r += 4u) {
//#for J 0 4
    var v$J: vec4f;
//#endfor
    switch (r - row) / 4u {
//#for R 0 TM/4
      case ${R}u: {
//#for J 0 4
        v$J = acc[${4*R+J}];
//#endfor
      }
//#endfor
      default: {}
    }
    for (var i = r; i < min(r + 4u, last_row); i++) {
      put(out + i * n + col, n - col, one_of(mat4x4f(v0, v1, v2, v3), i & 3u) + extra, by);
    }
  }
//#else
  for (var r = row; r < last_row; r += 4u) {
//#if BIAS
    let extra = bias[r / 4u];
//#else
    let extra = vec4f();
//#endif
    let by = by_channel(r / 4u, m);
//#for J 0 4
    var v$J: vec4f;
//#endfor
    switch (r - row) / 4u {
//#for R 0 TM/4
      case ${R}u: {
//#for J 0 4
        v$J = acc[${4*R+J}];
//#endfor
      }
//#endfor
      default: {}
    }
    let block = transpose(mat4x4f(v0, v1, v2, v3));
    for (var j = col; j < min(col + 4u, n); j++) {
      put(out + j * m + r, m - r, one_of(block, j & 3u) + extra, by);
    }
  }
//#endif
}
