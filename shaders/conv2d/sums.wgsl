// Where the weight gradient's kernels put their sums. Each part of the pixels has its own, one after another, which
// add-splits.wgsl adds: those of the weight [kh, kw, is, os] and, if DBIAS==parts, those of the bias [os] behind them.
// DBIAS==own: a single part, the bias has its own buffer; DBIAS==none: there is no bias. Needs params, dweight and
// `alias Sum` for its elements, of WIDTH channels.
//#if DBIAS==own
@group(0) @binding(4) var<storage, read_write> dbias: array<Sum>;
//#endif

fn weight_size() -> u32 { return params.kh * params.kw * params.is * params.os / ${WIDTH}u; }

fn put_weight(part: u32, index: u32, sum: Sum) {
//#if DBIAS==parts
  dweight[part * (weight_size() + params.os / ${WIDTH}u) + index] = sum;
//#else
  dweight[part * weight_size() + index] = sum;
//#endif
}

//#if DBIAS!=none
fn put_bias(part: u32, index: u32, sum: Sum) {
//#if DBIAS==parts
  dweight[part * (weight_size() + params.os / ${WIDTH}u) + weight_size() + index] = sum;
//#else
  dbias[index] = sum;
//#endif
}
//#endif
