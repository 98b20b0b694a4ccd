// What an epilogue knows of four channels (EpilogueRule.channels), a column for each: zero in padding. CHANNELS: so many
// values [c] that it is worked out from, by the epilogue's `prepare`.
//#if CHANNELS
alias ByChannel = mat4x4f;
//#for C 0 CHANNELS
@group(0) @binding(${8+C}) var<storage, read> c$C: array<vec4f>;
//#endfor

fn by_channel(c4: u32, channels: u32) -> ByChannel {
  let at = min(c4, (channels - 1u) / 4u);
  var values = mat4x4f();
//#for C 0 CHANNELS
  values[$C] = c$C[at];
//#endfor
  let c = transpose(values);
  let real = 4u * c4 + vec4u(0u, 1u, 2u, 3u) < vec4u(channels);
  return mat4x4f(
//#for J 0 4
    select(vec4f(), prepare(c[$J]), real[$J]),
//#endfor
  );
}
//#else
alias ByChannel = u32;
fn by_channel(c4: u32, channels: u32) -> ByChannel { return 0u; }
//#endif
