// Where an element of a broadcast result finds its operands. The result's axes in memory order: size$D, outermost first, padded
// sizes; real$D: beyond it is padding; a$D, b$D, c$D: strides of up to three operands along them, 0 where broadcast.
struct Params {
  count: u32,
//#for D 0 RANK
  size$D: u32, real$D: u32, a$D: u32, b$D: u32, c$D: u32,
//#endfor
}

struct Place { a: u32, b: u32, c: u32, inside: bool }

fn place_of(i: u32) -> Place {
  var rest = i;
  var at = vec3u();
  var inside = true;
//#for D 0 RANK
  let at${RANK-1-D} = rest % params.size${RANK-1-D};
  rest /= params.size${RANK-1-D};
  at += at${RANK-1-D} * vec3u(params.a${RANK-1-D}, params.b${RANK-1-D}, params.c${RANK-1-D});
  inside = inside && at${RANK-1-D} < params.real${RANK-1-D};
//#endfor
  return Place(at.x, at.y, at.z, inside);
}
