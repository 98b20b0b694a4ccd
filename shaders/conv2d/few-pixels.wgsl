// The R x WIDE pixels of x that T results from ox on see together: each lane gathers its share, s0, s1, ... are known to all.
// Needs ox and, for each gather, right$J, at$J and inside$J: column and start of the row in x, and whether that is in the image.
//#for J 0 (R*WIDE+SG-1)/SG
      let ix$J = ox * ${SX}u + right$J;
      let v$J = select(vec4f(), x[at$J + ix$J], inside$J && ix$J < params.w);
//#endfor
//#for S 0 R*WIDE
      let s$S = subgroupBroadcast(v${S/SG}, ${S%SG}u);
//#endfor
