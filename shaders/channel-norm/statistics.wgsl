// Mean and 1 / deviation of a column: those of the data ([2, samples, columns], zero in padding), or with RUNNING given
// ones of each channel, whose variance is turned over here.
//#if RUNNING
@group(0) @binding(1) var<storage, read> running_mean: array<T>;
@group(0) @binding(2) var<storage, read> running_var: array<T>;
fn mean_of(sample: u32, c: u32) -> T { return real(c, running_mean[c]); }
fn invstd_of(sample: u32, c: u32) -> T { return real(c, inverseSqrt(real(c, running_var[c]) + params.eps)); }
//#else
@group(0) @binding(1) var<storage, read> stats: array<T>;
fn mean_of(sample: u32, c: u32) -> T { return stats[sample * params.columns + c]; }
fn invstd_of(sample: u32, c: u32) -> T { return stats[(params.samples + sample) * params.columns + c]; }
//#endif
