// The input channels that belong to output channels 4 q to 4 q + 3, of one pixel. Needs params, x.
fn x_of(pixel: u32, q: u32) -> vec4f {
//#if MULTIPLE
  let o = min(4u * q + vec4u(0u, 1u, 2u, 3u), vec4u(params.o - 1u));
  let at = pixel * params.cs + o / (params.o / params.groups);
  return vec4f(x[at.x], x[at.y], x[at.z], x[at.w]);
//#else
  return x[pixel * (params.cs / 4u) + q];
//#endif
}
