// y = epilogue(a b + bias), a tile of BM x BN of y a workgroup, in slabs of BK of k that go through workgroup memory; each
// thread keeps TM x TN sums in registers. For GPUs.
//
// Threads: THREADS = BM/TM x BN/TN; workgroups: one for each tile, part of k and batch, columns first. A thread's rows are
// TM/4 runs of 4, BM/TM * 4 apart, its columns likewise, so that neighbours read neighbouring vec4s of workgroup memory.
// Both slabs lie k-major as vec4 of rows (columns), one vec4 of padding behind each k against bank conflicts.
// Layouts: plain. A_ALONG_K: a is [m, k], else [k, m]; B_ALONG_N: b is [k, n], else [n, k]. A_VEC (B_VEC, Y_VEC): read
// (written) as vec4 along rows (columns), which are multiples of 4; else element by element, neighbours in memory by
// neighbouring threads. Edges are clamped; behind the end of k a counts as zero. SPLIT: writes the sum over a part of k,
// without bias and epilogue, for sum-splits.wgsl. SUMS: see sums.wgsl; of a as [k, m] or b as [k, n].
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
@group(0) @binding(4) var<storage, read> bias: array<f32>;
//#endif

const A_PITCH = BM / 4 + 1;
const B_PITCH = BN / 4 + 1;
const ROW_THREADS = BM / TM;
const COL_THREADS = BN / TN;
const THREADS = ROW_THREADS * COL_THREADS;
const LANES = vec4u(0u, 1u, 2u, 3u);
var<workgroup> a_slab: array<vec4f, BK * A_PITCH>;
var<workgroup> b_slab: array<vec4f, BK * B_PITCH>;

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
fn finish(v: vec4f, at: u32) -> vec4f {
//#if OPERAND
//#if Y_VEC
  let s = operand[at / 4u];
//#else
  let s = vec4f(operand[at], operand[at + 1u], operand[at + 2u], operand[at + 3u]);
//#endif
//#else
  let s = vec4f();
//#endif
  return vec4f(epilogue(v.x, s.x), epilogue(v.y, s.y), epilogue(v.z, s.z), epilogue(v.w, s.w));
}
//#endif

//#include "matmul/sums.wgsl"

// a's rows row..row+3 at q; `start` is where the matrix begins.
fn load_a(start: u32, row: u32, q: u32) -> vec4f {
  let inside = min(q, params.k - 1u);
//#if A_VEC
  let v = a[(start + inside * params.m + min(row, params.m - 4u)) / 4u];
//#else
  let at = start + min(vec4u(row) + LANES, vec4u(params.m - 1u)) * params.a_row + inside * params.a_k;
  let v = vec4f(a[at.x], a[at.y], a[at.z], a[at.w]);
//#endif
  return select(vec4f(), v, q < params.k);
}

// b's columns col..col+3 at q.
fn load_b(start: u32, col: u32, q: u32) -> vec4f {
  let inside = min(q, params.k - 1u);
//#if B_VEC
  return b[(start + inside * params.n + min(col, params.n - 4u)) / 4u];
//#else
  let at = start + min(vec4u(col) + LANES, vec4u(params.n - 1u)) * params.b_col + inside * params.b_k;
  return vec4f(b[at.x], b[at.y], b[at.z], b[at.w]);
//#endif
}

fn put(out: u32, row: u32, col: u32, sum: vec4f) {
  if (row >= params.m || col >= params.n) { return; }
  let at = out + row * params.n + col;
//#if SPLIT
  let v = sum;
//#else
//#if BIAS
  let cols = min(vec4u(col) + LANES, vec4u(params.n - 1u));
  let s = sum + vec4f(bias[cols.x], bias[cols.y], bias[cols.z], bias[cols.w]);
//#else
  let s = sum;
//#endif
  let v = finish(s, at);
//#endif
//#if Y_VEC
  y[at / 4u] = v;
//#else
//#for J 0 4
  if (col + ${J}u < params.n) { y[at + ${J}u] = v[$J]; }
//#endfor
//#endif
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let tiles_n = (params.n + ${BN-1}u) / ${BN}u;
  let tiles_m = (params.m + ${BM-1}u) / ${BM}u;
  var index = linear_group(wg, groups);
  let first_column = index % tiles_n == 0u;
  let col0 = (index % tiles_n) * ${BN}u;
  index /= tiles_n;
  let row0 = (index % tiles_m) * ${BM}u;
  index /= tiles_m;
  let part = index % params.splits;
  let z = index / params.splits;
  if (z >= params.batches) { return; } // the same for the whole workgroup
  let start = batch_offsets(z);
  let ty = li / u32(COL_THREADS);
  let tx = li % u32(COL_THREADS);

  var acc: array<vec4f, TM * TN / 4>;
//#if SUMS!=none
  // Of the rows (columns) that the thread loads, always the same.
  var sum = vec4f();
//#endif
  let end = min(params.k, (part + 1u) * params.split_k);
  for (var q0 = part * params.split_k; q0 < end; q0 += u32(BK)) {
//#for I 0 BM*BK*TM*TN/(4*BM*BN)
    {
      let e = ${I}u * u32(THREADS) + li;
//#if A_ALONG_K
      let q = e % u32(BK);
      let r = e / u32(BK);
//#else
      let q = e / u32(BM / 4);
      let r = e % u32(BM / 4);
//#endif
      let v = load_a(start.x, row0 + 4u * r, q0 + q);
      a_slab[q * u32(A_PITCH) + r] = v;
//#if SUMS==a
      sum += v;
//#endif
    }
//#endfor
//#for I 0 BN*BK*TM*TN/(4*BM*BN)
    {
      let e = ${I}u * u32(THREADS) + li;
//#if B_ALONG_N
      let q = e / u32(BN / 4);
      let c = e % u32(BN / 4);
//#else
      let q = e % u32(BK);
      let c = e / u32(BK);
//#endif
      let v = load_b(start.y, col0 + 4u * c, q0 + q);
      b_slab[q * u32(B_PITCH) + c] = v;
//#if SUMS==b
      sum += select(vec4f(), v, q0 + q < params.k);
//#endif
    }
//#endfor
    workgroupBarrier();
    for (var q = 0u; q < u32(BK); q++) {
//#for I 0 TM/4
      let a$I = a_slab[q * u32(A_PITCH) + ${I}u * u32(ROW_THREADS) + ty];
//#endfor
//#for J 0 TN/4
      let b$J = b_slab[q * u32(B_PITCH) + ${J}u * u32(COL_THREADS) + tx];
//#endfor
//#for I 0 TM
//#for J 0 TN/4
      acc[${I*(TN/4)+J}] = fma(vec4f(a${I/4}[${I%4}]), b$J, acc[${I*(TN/4)+J}]);
//#endfor
//#endfor
    }
    workgroupBarrier();
  }

//#if SUMS==a
  a_slab[li] = sum;
  workgroupBarrier();
  if (first_column && li < ${BM/4}u) {
    for (var i = 1u; i < u32(THREADS / (BM / 4)); i++) { sum += a_slab[i * ${BM/4}u + li]; }
    put_sums(part, row0 + 4u * li, sum);
  }
//#elif SUMS==b
  b_slab[li] = sum;
  workgroupBarrier();
  if (row0 == 0u && li < ${BN/4}u) {
    for (var i = 1u; i < u32(THREADS / (BN / 4)); i++) { sum += b_slab[i * ${BN/4}u + li]; }
    put_sums(part, col0 + 4u * li, sum);
  }
//#endif
  let out = part * params.split_size + z * params.m * params.n;
//#for I 0 TM
//#for J 0 TN/4
  put(out, row0 + 4u * (${I/4}u * u32(ROW_THREADS) + ty) + ${I%4}u, col0 + 4u * (${J}u * u32(COL_THREADS) + tx), acc[${I*(TN/4)+J}]);
//#endfor
//#endfor
}
